/** What came out of a chunk of bytes: handle one frame; say whether to go on. */
export interface FrameHandler {
  /**
   * One whole frame: `bytes[start, end)`, its length prefix taken off. Must not keep `bytes`.
   *
   * @returns False to stop: later frames stay in the splitter until {@link FrameSplitter.resume}.
   */
  onFrame(bytes: Uint8Array, start: number, end: number): boolean;
  /** A length that is negative or too large; nothing sensible follows. */
  onBadLength(length: number): void;
}

/**
 * Cuts a stream into frames of `int32 length + payload`. Frames that lie whole in a chunk are handed out in
 * place; only a frame cut by a chunk's end, and what comes after a stop, is copied.
 */
export class FrameSplitter {
  readonly #frameBytesMax: number;
  #held: Uint8Array = empty;
  #heldStart = 0;
  #heldEnd = 0;
  /** A handler said stop, and nobody resume. */
  #stopped = false;
  #splitting = false;
  #broken = false;

  /** @param frameBytesMax Largest payload accepted, in bytes. */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes that wait for the rest of their frame or for {@link resume}. */
  get heldBytes(): number {
    return this.#heldEnd - this.#heldStart;
  }

  /** Takes the next chunk and hands out every frame that it completes; not to be called by a handler. */
  push(chunk: Uint8Array, handler: FrameHandler): void {
    if (this.#broken) return;
    if (!this.#stopped && this.#heldEnd === this.#heldStart) {
      const rest = this.#split(chunk, 0, chunk.length, handler);
      if (rest < chunk.length && !this.#broken) this.#hold(chunk, rest);
      return;
    }
    this.#hold(chunk, 0);
    if (!this.#stopped) this.#splitHeld(handler);
  }

  /**
   * Hands out what was held back since a handler said stop. Called by a handler, it does nothing: what that
   * returns decides.
   */
  resume(handler: FrameHandler): void {
    if (this.#splitting) return;
    this.#stopped = false;
    this.#splitHeld(handler);
  }

  #splitHeld(handler: FrameHandler): void {
    if (this.#broken || this.#heldEnd === this.#heldStart) return;
    const rest = this.#split(this.#held, this.#heldStart, this.#heldEnd, handler);
    if (this.#broken || rest === this.#heldEnd) {
      this.#heldStart = 0;
      this.#heldEnd = 0;
      if (this.#held.length > keepBytes) this.#held = empty;
    } else {
      this.#heldStart = rest;
    }
  }

  /** @returns Where the bytes begin that were not handed out. */
  #split(bytes: Uint8Array, start: number, end: number, handler: FrameHandler): number {
    this.#splitting = true;
    let at = start;
    while (end - at >= 4) {
      const length = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
      if (length < 0 || length > this.#frameBytesMax) {
        this.#broken = true;
        handler.onBadLength(length);
        at = end;
        break;
      }
      const frameEnd = at + 4 + length;
      if (frameEnd > end) break;
      const frameStart = at + 4;
      at = frameEnd;
      if (!handler.onFrame(bytes, frameStart, frameEnd)) {
        this.#stopped = true;
        break;
      }
    }
    this.#splitting = false;
    return at;
  }

  #hold(chunk: Uint8Array, from: number): void {
    const more = chunk.length - from;
    const held = this.#heldEnd - this.#heldStart;
    if (this.#heldEnd + more > this.#held.length) {
      // Moved down only when at least as much room is won, else doubled: a byte is copied once or twice in all.
      const fits = held + more <= this.#held.length && this.#heldStart >= held;
      const target = fits ? this.#held : new Uint8Array(nextSize(2 * held + more));
      target.set(this.#held.subarray(this.#heldStart, this.#heldEnd));
      this.#held = target;
      this.#heldStart = 0;
      this.#heldEnd = held;
    }
    this.#held.set(from === 0 ? chunk : chunk.subarray(from), this.#heldEnd);
    this.#heldEnd += more;
  }
}

const empty = new Uint8Array(0);
/** A buffer grown beyond this by one large frame is given back once it is empty. */
const keepBytes = 64 * 1024;

function nextSize(bytes: number): number {
  let size = 4096;
  while (size < bytes) size *= 2;
  return size;
}
