/** How long no write was acknowledged anywhere, and after which fault. */

/** Upper edges of the histogram's buckets, in ms. */
const edges = [100, 200, 500, 1000, 2000, 5000, 10_000, Infinity];
/** Shorter ones are the clients' own pace. */
const gapMsMin = 50;

/** One time without acknowledged writes. */
export interface Gap {
  readonly fault: string;
  readonly ms: number;
}

/** See the head of this file. */
export class GapMeter {
  readonly gaps: Gap[] = [];
  #lastMs: number | null = null;
  #fault = "";
  #beganMs = 0;
  /** Longest gap since the fault began. */
  #worstMs = 0;

  /** A write was acknowledged. */
  acknowledge(nowMs: number): void {
    this.#worstMs = Math.max(this.#worstMs, this.#openMs(nowMs));
    this.#lastMs = nowMs;
  }

  /** A fault begins: gaps are its from now on, also one that began before. */
  begin(fault: string, nowMs: number): void {
    this.#fault = fault;
    this.#beganMs = nowMs;
    this.#worstMs = 0;
  }

  /** The load ends. */
  pause(): void {
    this.#lastMs = null;
  }

  /** When the last write was acknowledged; null for none since the load began. */
  get lastMs(): number | null {
    return this.#lastMs;
  }

  /** The fault is over. @returns Its longest gap in ms, one that still goes on included. */
  end(nowMs: number): number {
    const ms = Math.max(this.#worstMs, this.#openMs(nowMs));
    this.gaps.push({ fault: this.#fault, ms });
    this.#worstMs = 0;
    return ms;
  }

  /** Counts by length, as `<100 ms: 12`; faults that clients hardly felt are in the first. */
  histogram(): Record<string, number> {
    const counts: Record<string, number> = {};
    let low = 0;
    for (const edge of edges) {
      const name = edge === Infinity ? `≥${low} ms` : `<${edge} ms`;
      counts[name] = this.gaps.filter(({ ms }) => ms >= low && ms < edge).length;
      low = edge;
    }
    return counts;
  }

  /** Per fault how often, and the median and longest gap in ms. */
  byFault(): Record<string, { count: number; medianMs: number; maxMs: number }> {
    const table: Record<string, { count: number; medianMs: number; maxMs: number }> = {};
    for (const fault of new Set(this.gaps.map((gap) => gap.fault))) {
      const lengths = this.gaps.filter((gap) => gap.fault === fault).map(({ ms }) => ms).sort((a, b) =>
        a - b
      );
      table[fault] = {
        count: lengths.length,
        medianMs: Math.round(lengths[lengths.length >> 1]),
        maxMs: Math.round(lengths.at(-1)!),
      };
    }
    return table;
  }

  #openMs(nowMs: number): number {
    return this.#lastMs === null ? 0 : nowMs - Math.max(this.#lastMs, this.#beganMs);
  }

  /** Whether a gap was long enough to be seen. */
  static isSeen(ms: number): boolean {
    return ms >= gapMsMin;
  }
}
