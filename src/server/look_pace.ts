/** After its disk failed a server waits so long before it looks again, ms: nothing changes that quickly. */
const diskRetryMs = 1000;
/** An office that served for so long, ms, was not in vain; and the longest wait after many that were. */
const lastingMs = 1000;
const fruitlessMsMax = 1000;

/**
 * How long a server waits between two offices: not at all as a rule, since every millisecond is an outage, but an
 * office that never lasts must not be sought as fast as the machine can.
 */
export class LookPace {
  /** Since when clients are served; Infinity while none are. */
  #servingSinceMs = Infinity;
  #notBeforeMs = 0;
  /** Offices one after another that came to nothing. */
  #fruitless = 0;

  onServing(nowMs: number): void {
    this.#servingSinceMs = nowMs;
  }

  onDiskFailed(nowMs: number): void {
    this.#notBeforeMs = nowMs + diskRetryMs;
  }

  /** An office is over. @returns How long to wait before the next election, in ms. */
  onOfficeOver(nowMs: number): number {
    this.#fruitless = nowMs - this.#servingSinceMs >= lastingMs ? 0 : this.#fruitless + 1;
    this.#servingSinceMs = Infinity;
    const fruitlessMs = this.#fruitless <= 2 ? 0 : Math.min(fruitlessMsMax, 5 * 2 ** this.#fruitless);
    return Math.max(0, this.#notBeforeMs - nowMs, fruitlessMs);
  }
}
