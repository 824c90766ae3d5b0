/** Largest prime below 2^16. */
const modulus = 65521;
/** Bytes after which the sums must be reduced so that both stay below 2^31. */
const reduceEvery = 3792;

/**
 * Adler32, the checksum of txn log entries and snapshots, over bytes fed in pieces (RFC 1950, section 8).
 *
 * Eight bytes a turn measured best of four shapes in Bun 1.4.5: about 1 GB/s, 0.2 us for an entry of 130 bytes.
 */
export class Adler32 {
  #low = 1;
  #high = 0;

  /** The checksum so far, unsigned. */
  get value(): number {
    return ((this.#high << 16) | this.#low) >>> 0;
  }

  /** Starts anew. */
  reset(): void {
    this.#low = 1;
    this.#high = 0;
  }

  /** Takes `bytes[start, end)`. */
  update(bytes: Uint8Array, start: number, end: number): void {
    let low = this.#low;
    let high = this.#high;
    let at = start;
    while (at < end) {
      const stop = Math.min(end, at + reduceEvery);
      for (const wide = stop - 7; at < wide; at += 8) {
        low += bytes[at];
        high += low;
        low += bytes[at + 1];
        high += low;
        low += bytes[at + 2];
        high += low;
        low += bytes[at + 3];
        high += low;
        low += bytes[at + 4];
        high += low;
        low += bytes[at + 5];
        high += low;
        low += bytes[at + 6];
        high += low;
        low += bytes[at + 7];
        high += low;
      }
      for (; at < stop; at++) {
        low += bytes[at];
        high += low;
      }
      low %= modulus;
      high %= modulus;
    }
    this.#low = low;
    this.#high = high;
  }
}

const single = new Adler32();

/** @returns Adler32 of `bytes[start, end)`, unsigned. */
export function adler32(bytes: Uint8Array, start: number, end: number): number {
  single.reset();
  single.update(bytes, start, end);
  return single.value;
}
