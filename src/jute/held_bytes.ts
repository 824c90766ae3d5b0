const empty = new Uint8Array(0);

/** Bytes of a stream that wait for the rest of their piece: a frame, or a packet. */
export class HeldBytes {
  /** They are `bytes[start, end)`. */
  bytes: Uint8Array = empty;
  start = 0;
  end = 0;
  readonly #keepBytes: number;

  /** @param keepBytes A buffer larger than this is given back once it is empty. */
  constructor(keepBytes: number) {
    this.#keepBytes = keepBytes;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Adds `chunk[from, …)`, by copy. */
  add(chunk: Uint8Array, from: number): void {
    const more = chunk.length - from;
    const held = this.end - this.start;
    if (this.end + more > this.bytes.length) {
      // Moved down only when at least as much room is won, else doubled: a byte is copied once or twice in all.
      const fits = held + more <= this.bytes.length && this.start >= held;
      const target = fits ? this.bytes : new Uint8Array(nextSize(2 * held + more));
      target.set(this.bytes.subarray(this.start, this.end));
      this.bytes = target;
      this.start = 0;
      this.end = held;
    }
    this.bytes.set(from === 0 ? chunk : chunk.subarray(from), this.end);
    this.end += more;
  }

  /** What comes before `start` is used up. */
  useUpTo(start: number): void {
    this.start = start;
    if (start < this.end) return;
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > this.#keepBytes) this.bytes = empty;
  }
}

function nextSize(bytes: number): number {
  let size = 4096;
  while (size < bytes) size *= 2;
  return size;
}
