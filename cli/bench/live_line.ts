import { cut } from "../_table.ts";
import { grouped, Progress } from "../shell/progress.ts";
import { LatencyHistogram } from "./latency_histogram.ts";
import { bar, milliseconds } from "./report_text.ts";
import type { Tick } from "./tick.ts";

const barRoom = 20;
/** The rate and the percentile are those of this long. */
const recentMs = 1_000;

/** The line on a terminal that is rewritten while a load runs: how far it is, how quick, how late, what failed. */
export class LiveLine {
  readonly #progress: Progress;
  readonly #now: () => number;
  readonly #columns: () => number;
  #recent: { readonly tookAtMs: number; readonly tick: Tick }[] = [];
  #done = 0;
  #errors = 0;

  /** @param write Where the line goes; null shows nothing. */
  constructor(write: ((text: string) => void) | null, now: () => number, columns: () => number) {
    this.#progress = new Progress(write, now);
    this.#now = now;
    this.#columns = columns;
  }

  /** Shows some work that is not measured. */
  show(what: string, part: number): void {
    this.#progress.update(() => cut(`${what}  [${bar(part, barRoom)}]`, this.#columns() - 1));
  }

  /** A worker told something. */
  onTick(what: string, tick: Tick, { durationMs, ops }: { durationMs: number; ops: number | null }): void {
    const nowMs = this.#now();
    this.#recent.push({ tookAtMs: nowMs, tick });
    this.#recent = this.#recent.filter(({ tookAtMs }) => nowMs - tookAtMs < recentMs);
    for (const { latencies, errors } of tick.operations) {
      for (let at = 1; at < latencies.buckets.length; at += 2) this.#done += latencies.buckets[at];
      for (const count of Object.values(errors)) this.#errors += count;
    }
    const part = ops === null ? tick.atMs / durationMs : (this.#done + this.#errors) / ops;
    this.#progress.update(() => this.#line(what, Math.min(1, part), tick.atMs));
  }

  /** Another load begins. */
  reset(): void {
    this.#recent = [];
    this.#done = 0;
    this.#errors = 0;
  }

  /** Wipes the line. */
  end(): void {
    this.#progress.done();
  }

  #line(what: string, part: number, atMs: number): string {
    const recent = new LatencyHistogram();
    for (const { tick } of this.#recent) {
      for (const { latencies } of tick.operations) recent.add(latencies);
    }
    const seconds = Math.max(0.2, Math.min(recentMs, atMs) / 1000);
    const parts = [
      `${what}  [${bar(part, barRoom)}] ${String(Math.floor(part * 100)).padStart(3)}%`,
      `${grouped(Math.round(recent.total / seconds))}/s`,
      `p99 ${milliseconds(recent.quantileMs(0.99))} ms`,
    ];
    if (this.#errors > 0) parts.push(`${grouped(this.#errors)} errors`);
    return cut(parts.join("  "), this.#columns() - 1);
  }
}
