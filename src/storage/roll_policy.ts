import { type Random, randomBelow } from "../base/random.ts";

/** When a log has grown enough for a snapshot; the defaults are Apache's. */
export interface RollLimits {
  /** Txns (`snapCount`); below 2 it counts as 2. */
  readonly snapCount: number;
  /** Bytes of log, padding included (`snapSizeLimitInKb`); 0 or less turns it off. */
  readonly snapSizeLimitBytes: number;
}

/** Apache's defaults. */
export const defaultRollLimits: RollLimits = {
  snapCount: 100_000,
  snapSizeLimitBytes: 4 * 1024 * 1024 * 1024,
};

/**
 * Decides when to begin a new log file and a snapshot: between half the limit and the whole of it, at random,
 * so that the servers of an ensemble do not all snapshot at once (SyncRequestProcessor.shouldSnapshot).
 */
export class RollPolicy {
  readonly #snapCount: number;
  readonly #snapSizeLimitBytes: number;
  readonly #random: Random;
  #txnsMax = 0;
  #bytesMax = 0;

  constructor(limits: RollLimits, random: Random) {
    this.#snapCount = Math.max(2, limits.snapCount);
    this.#snapSizeLimitBytes = limits.snapSizeLimitBytes;
    this.#random = random;
    this.redraw();
  }

  /** Draws the random halves anew, as after every roll. */
  redraw(): void {
    const halfCount = Math.floor(this.#snapCount / 2);
    const halfBytes = Math.floor(this.#snapSizeLimitBytes / 2);
    this.#txnsMax = halfCount + randomBelow(this.#random, halfCount);
    this.#bytesMax = halfBytes > 0 ? halfBytes + randomBelow(this.#random, halfBytes) : Infinity;
  }

  /**
   * @param txns Txns logged since the last roll.
   * @param logBytes Length of the logs since the last roll, padding included.
   */
  isDue(txns: number, logBytes: number): boolean {
    return txns > this.#txnsMax || logBytes > this.#bytesMax;
  }

  /** @returns Whether half of the way to that is done, by the same measures. */
  isNear(txns: number, logBytes: number): boolean {
    return txns > this.#txnsMax / 2 || logBytes > this.#bytesMax / 2;
  }
}
