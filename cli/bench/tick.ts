import { type LatencyCounts, LatencyHistogram } from "./latency_histogram.ts";
import { type OperationName, operationNames } from "./operations.ts";
import type { SilenceTimes } from "./silences.ts";

/** What happened to one operation during a while. */
export interface OperationTick {
  readonly operation: OperationName;
  readonly latencies: LatencyCounts;
  /** By the name of the error. */
  readonly errors: Readonly<Record<string, number>>;
}

/** What a worker measured since it last told. */
export interface Tick {
  /** From the start of the measured time to now, in ms. */
  readonly atMs: number;
  readonly operations: readonly OperationTick[];
}

/** What a worker tells at its end. */
export interface WorkerEnd {
  /** Length of the measured time. */
  readonly measuredMs: number;
  /** CPU time of the process per time, over all its threads; near 1 it was the limit itself. */
  readonly cpuShare: number;
  /** When no request of any of its connections was done; null when it did not look. */
  readonly silences: SilenceTimes | null;
  /** The same for writes only; null where the mix has none. */
  readonly writeSilences: SilenceTimes | null;
  /** The longest time without a done request, of each connection, shortest first. */
  readonly silencesMs: readonly number[];
  /** Connections that broke. */
  readonly lost: number;
  /** Why it ended before its time; null when it did not. */
  readonly problem: string | null;
}

/** Counts of the measured time, by operation. */
export class Counters {
  readonly #latencies = operationNames.map(() => new LatencyHistogram());
  readonly #errors = operationNames.map(() => new Map<string, number>());

  /** @param operation Its place among the operations' names. */
  done(operation: number, latencyMs: number): void {
    this.#latencies[operation].record(latencyMs * 1000);
  }

  failed(operation: number, name: string): void {
    const errors = this.#errors[operation];
    errors.set(name, (errors.get(name) ?? 0) + 1);
  }

  reset(): void {
    for (const latencies of this.#latencies) latencies.reset();
    for (const errors of this.#errors) errors.clear();
  }

  /** All since the last time, and forgets it. */
  take(atMs: number): Tick {
    const operations: OperationTick[] = [];
    operationNames.forEach((operation, index) => {
      const latencies = this.#latencies[index];
      const errors = this.#errors[index];
      if (latencies.total === 0 && errors.size === 0) return;
      operations.push({ operation, latencies: latencies.counts(), errors: Object.fromEntries(errors) });
      latencies.reset();
      errors.clear();
    });
    return { atMs, operations };
  }
}
