import { LatencyHistogram } from "./latency_histogram.ts";
import { isWrite, type OperationName, operationNames } from "./operations.ts";
import { longestShared } from "./silences.ts";
import type { Tick, WorkerEnd } from "./tick.ts";

/** From this share of a core on, the generator may have been the limit. */
const saturatedShare = 0.9;

/** What became of one operation. */
export interface OperationOutcome {
  readonly operation: OperationName;
  readonly latencies: LatencyHistogram;
  /** By the name of the error. */
  readonly errors: ReadonlyMap<string, number>;
}

/** What happened in one second. */
export interface Second {
  /** 1 for the first. */
  readonly second: number;
  readonly done: number;
  readonly errors: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** All that the workers of a round measured, put together. */
export class Outcome {
  readonly #operations = new Map<
    OperationName,
    { operation: OperationName; latencies: LatencyHistogram; errors: Map<string, number> }
  >();
  /** Done requests by fifth of a second. */
  readonly #done: number[] = [];
  readonly #tickMs: number;
  #ends: readonly WorkerEnd[] = [];

  /** @param tickMs Grain of the rate over time. */
  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /** Adds what a worker told. */
  add({ atMs, operations }: Tick): void {
    const place = Math.max(0, Math.round(atMs / this.#tickMs) - 1);
    for (const { operation, latencies, errors } of operations) {
      let sum = this.#operations.get(operation);
      if (sum === undefined) {
        sum = { operation, latencies: new LatencyHistogram(), errors: new Map() };
        this.#operations.set(operation, sum);
      }
      sum.latencies.add(latencies);
      for (const [name, count] of Object.entries(errors)) {
        sum.errors.set(name, (sum.errors.get(name) ?? 0) + count);
      }
      while (this.#done.length <= place) this.#done.push(0);
      for (let at = 1; at < latencies.buckets.length; at += 2) this.#done[place] += latencies.buckets[at];
    }
  }

  /** Adds what all workers told at their ends. */
  finish(ends: readonly WorkerEnd[]): void {
    this.#ends = ends;
  }

  /** In the order of the operations' names. */
  get operations(): readonly OperationOutcome[] {
    return operationNames.flatMap((name) => this.#operations.get(name) ?? []);
  }

  /** All latencies of some operations together. */
  latencies(of: (operation: OperationName) => boolean = () => true): LatencyHistogram {
    const all = new LatencyHistogram();
    for (const { operation, latencies } of this.operations) if (of(operation)) all.add(latencies.counts());
    return all;
  }

  /** Requests that were not done, whatever the reason. */
  get failed(): number {
    let sum = 0;
    for (const { errors } of this.operations) for (const count of errors.values()) sum += count;
    return sum;
  }

  /** Length of the measured time. */
  get measuredMs(): number {
    return Math.max(0, ...this.#ends.map((end) => end.measuredMs));
  }

  /** Done requests per second. */
  rateOf(latencies: LatencyHistogram): number {
    return this.measuredMs === 0 ? 0 : latencies.total * 1000 / this.measuredMs;
  }

  /** Done requests per second, over time, in steps of the grain; the last one may be shorter. */
  get rates(): readonly number[] {
    const lastMs = this.measuredMs - (this.#done.length - 1) * this.#tickMs;
    return this.#done.map((count, at) => {
      const stepMs = at === this.#done.length - 1 && lastMs > 0
        ? Math.min(lastMs, this.#tickMs)
        : this.#tickMs;
      return count * 1000 / Math.max(stepMs, this.#tickMs / 4);
    });
  }

  /** CPU time per time of the busiest worker. */
  get generatorCpu(): number {
    return Math.max(0, ...this.#ends.map((end) => end.cpuShare));
  }

  /** Whether a worker, and not the servers, may have been the limit. */
  get saturated(): boolean {
    return this.generatorCpu >= saturatedShare;
  }

  /** Connections that broke. */
  get lost(): number {
    return this.#ends.reduce((sum, end) => sum + end.lost, 0);
  }

  /** Why it ended before its time; null when it did not. */
  get problem(): string | null {
    return this.#ends.find(({ problem }) => problem !== null)?.problem ?? null;
  }

  /** The longest time without a done request, of all connections taken together. */
  get longestSilenceMs(): number {
    return longestShared(this.#ends.flatMap(({ silences }) => silences === null ? [] : [silences]));
  }

  /** The same for writes; null where there were none. */
  get longestWriteSilenceMs(): number | null {
    const silences = this.#ends.flatMap(({ writeSilences }) => writeSilences === null ? [] : [writeSilences]);
    return silences.length === 0 ? null : longestShared(silences);
  }

  /** The longest time without a done request of each connection, shortest first. */
  get silencesMs(): readonly number[] {
    return this.#ends.flatMap(({ silencesMs }) => silencesMs).sort((a, b) => a - b);
  }
}

/** Whether an operation changes anything, for {@linkcode Outcome.latencies}. */
export const writesOnly = isWrite;

/** Puts what workers tell together by whole seconds. */
export class Seconds {
  readonly #tell: (second: Second) => void;
  #second = 1;
  #latencies = new LatencyHistogram();
  #errors = 0;

  constructor(tell: (second: Second) => void) {
    this.#tell = tell;
  }

  add({ atMs, operations }: Tick): void {
    // A tick that comes a little late is of the second in which its work was done.
    while (atMs > this.#second * 1000 + 150) this.flush();
    for (const { latencies, errors } of operations) {
      this.#latencies.add(latencies);
      for (const count of Object.values(errors)) this.#errors += count;
    }
  }

  /** Tells the present second as it is. */
  flush(): void {
    this.#tell({
      second: this.#second++,
      done: this.#latencies.total,
      errors: this.#errors,
      p99Ms: this.#latencies.quantileMs(0.99),
      maxMs: this.#latencies.maxMs,
    });
    this.#latencies.reset();
    this.#errors = 0;
  }

  /** Tells the last second, if it has anything. */
  end(): void {
    if (this.#latencies.total > 0 || this.#errors > 0) this.flush();
  }
}
