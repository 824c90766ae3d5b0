/** Latencies up to this many µs keep their own bucket each; above, buckets grow to 3% of their value. */
const exactMax = 64;
const latencyMaxUs = 2 ** 30;

/** Counts latencies in buckets at most 3% wide; recording one allocates nothing. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(32 * 27);
  #total = 0;
  #maxUs = 0;

  /** @param latencyUs Microseconds; a fraction is dropped, and more than 17 minutes counts as that. */
  record(latencyUs: number): void {
    const value = Math.min(latencyUs, latencyMaxUs) | 0;
    if (value > this.#maxUs) this.#maxUs = value;
    const exponent = 26 - Math.clz32(value | (exactMax - 1));
    this.#counts[exponent * 32 + (value >>> exponent)]++;
    this.#total++;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#maxUs = 0;
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

  /** The longest one, exact to the microsecond. */
  get maxMs(): number {
    return this.#maxUs / 1000;
  }
}

function upperEdgeUs(index: number): number {
  if (index < exactMax) return index;
  const exponent = (index >> 5) - 1;
  return (index - exponent * 32 + 1) * 2 ** exponent - 1;
}
