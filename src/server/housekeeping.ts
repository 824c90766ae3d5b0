import type { Clock, Timer } from "../base/clock.ts";

/** Longest time between two rounds, in ms: what has to happen on time must not wait longer than this. */
const roundMsMax = 1000;

/** Work that has to be looked at again and again, each at its own pace. */
export interface Chore {
  /** Least time between two calls, in ms. */
  readonly everyMs: number;
  /** @param lateMs How much later than due this is: long after the process, or its machine, stood still. */
  run(nowMs: number, lateMs: number): void;
}

/** Runs a server's chores on one timer: expiring sessions, reaping containers, purging files. */
export class Housekeeping {
  readonly #clock: Clock;
  readonly #chores: { readonly chore: Chore; dueMs: number }[];
  #timer: Timer | null = null;

  constructor(clock: Clock, chores: readonly Chore[]) {
    this.#clock = clock;
    const nowMs = clock.monotonicMs();
    this.#chores = chores.map((chore) => ({ chore, dueMs: nowMs + chore.everyMs }));
    this.#arm(nowMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(nowMs: number): void {
    const nextMs = Math.min(...this.#chores.map((entry) => entry.dueMs), nowMs + roundMsMax);
    this.#timer = this.#clock.setTimer(Math.max(1, nextMs - nowMs), () => this.#round());
  }

  #round(): void {
    if (this.#timer === null) return;
    const nowMs = this.#clock.monotonicMs();
    for (const entry of this.#chores) {
      if (entry.dueMs > nowMs) continue;
      const lateMs = nowMs - entry.dueMs;
      entry.dueMs = nowMs + entry.chore.everyMs;
      entry.chore.run(nowMs, lateMs);
    }
    // A chore may have stopped the server.
    if (this.#timer !== null) this.#arm(nowMs);
  }
}
