/** Latencies up to this many µs keep their own bucket each; above, buckets grow to 3% of their value. */
const exactMax = 64;
const latencyMaxUs = 2 ** 30;

/** What a histogram holds, as JSON between processes. */
export interface LatencyCounts {
  /** Number and count of each bucket that is not empty, one after the other. */
  readonly buckets: readonly number[];
  readonly maxUs: number;
  readonly sumUs: number;
  readonly sumOfSquaresUs: number;
}

/** Counts latencies in buckets at most 3% wide; recording one allocates nothing. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(32 * 27);
  #total = 0;
  #maxUs = 0;
  #sumUs = 0;
  #sumOfSquaresUs = 0;

  /** @param latencyUs Microseconds; a fraction is dropped, and more than 17 minutes counts as that. */
  record(latencyUs: number): void {
    const value = latencyUs > 0 ? Math.min(latencyUs, latencyMaxUs) | 0 : 0;
    if (value > this.#maxUs) this.#maxUs = value;
    const exponent = 26 - Math.clz32(value | (exactMax - 1));
    this.#counts[exponent * 32 + (value >>> exponent)]++;
    this.#total++;
    this.#sumUs += value;
    this.#sumOfSquaresUs += value * value;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#maxUs = 0;
    this.#sumUs = 0;
    this.#sumOfSquaresUs = 0;
  }

  /** Adds all that another one counted. */
  add({ buckets, maxUs, sumUs, sumOfSquaresUs }: LatencyCounts): void {
    for (let at = 0; at + 1 < buckets.length; at += 2) {
      this.#counts[buckets[at]] += buckets[at + 1];
      this.#total += buckets[at + 1];
    }
    this.#maxUs = Math.max(this.#maxUs, maxUs);
    this.#sumUs += sumUs;
    this.#sumOfSquaresUs += sumOfSquaresUs;
  }

  /** All that was counted, for {@link add}. */
  counts(): LatencyCounts {
    const buckets: number[] = [];
    this.#counts.forEach((count, index) => {
      if (count > 0) buckets.push(index, count);
    });
    return { buckets, maxUs: this.#maxUs, sumUs: this.#sumUs, sumOfSquaresUs: this.#sumOfSquaresUs };
  }

  /** Milliseconds that this part (0 to 1) of the latencies did not exceed; 0 when there are none. */
  quantileMs(part: number): number {
    let left = Math.ceil(this.#total * part);
    if (left === 0) return 0;
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index];
      if (left <= 0) return Math.min(upperEdgeUs(index), this.#maxUs) / 1000;
    }
    return this.maxMs;
  }

  /**
   * How many latencies were longer than one of these many µs and no longer than the next; the last edge is open. A
   * bucket counts as its longest.
   */
  countsBetween(edgesUs: readonly number[]): number[] {
    const result = edgesUs.map(() => 0);
    this.#counts.forEach((count, index) => {
      if (count === 0) return;
      const us = upperEdgeUs(index);
      let place = edgesUs.length - 1;
      while (place > 0 && us <= edgesUs[place]) place--;
      result[place] += count;
    });
    return result;
  }

  /** How many were counted. */
  get total(): number {
    return this.#total;
  }

  /** The longest one, exact to the microsecond. */
  get maxMs(): number {
    return this.#maxUs / 1000;
  }

  /** The average; 0 when there are none. */
  get meanMs(): number {
    return this.#total === 0 ? 0 : this.#sumUs / this.#total / 1000;
  }

  /** How far they are from the average; 0 when there are none. */
  get deviationMs(): number {
    if (this.#total === 0) return 0;
    const mean = this.#sumUs / this.#total;
    return Math.sqrt(Math.max(0, this.#sumOfSquaresUs / this.#total - mean * mean)) / 1000;
  }
}

function upperEdgeUs(index: number): number {
  if (index < exactMax) return index;
  const exponent = (index >> 5) - 1;
  return (index - exponent * 32 + 1) * 2 ** exponent - 1;
}
