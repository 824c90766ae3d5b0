import { HeldBytes } from "./held_bytes.ts";

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

/** Holds as much as most sockets bring at once. */
const intakeBytes = 64 * 1024;

/**
 * One buffer that many splitters look at their chunks in. Whoever reads numbers needs a DataView, and one of a chunk that
 * has just come costs 0.2 us, as much as all else about a small request; copying it to where a view is already costs
 * a tenth of that (Bun 1.4.5).
 */
export class ChunkIntake {
  readonly #bytes = new Uint8Array(intakeBytes);
  #isTaken = false;

  /** @returns Bytes that begin with the chunk's, to be given back; the chunk itself when it is too large, or they are lent. */
  take(chunk: Uint8Array): Uint8Array {
    if (this.#isTaken || chunk.length > intakeBytes) return chunk;
    this.#isTaken = true;
    this.#bytes.set(chunk);
    return this.#bytes;
  }

  /** What {@link take} gave is not looked at any more. */
  give(taken: Uint8Array): void {
    if (taken === this.#bytes) this.#isTaken = false;
  }
}

/**
 * Cuts a stream into frames of `int32 length + payload`. Frames that lie whole in a chunk are handed out in
 * place; only a frame cut by a chunk's end, and what comes after a stop, is copied.
 */
export class FrameSplitter {
  readonly #frameBytesMax: number;
  /** Nothing is kept: of many connections nearly all wait for their next frame to begin. */
  readonly #held = new HeldBytes(0);
  /** A handler said stop, and nobody resume. */
  #stopped = false;
  #splitting = false;
  #broken = false;
  readonly #intake: ChunkIntake | null;

  /**
   * @param frameBytesMax Largest payload accepted, in bytes.
   * @param intake Where chunks are handed out from; in place, unless given.
   */
  constructor(frameBytesMax: number, intake: ChunkIntake | null = null) {
    this.#frameBytesMax = frameBytesMax;
    this.#intake = intake;
  }

  /** Bytes that wait for the rest of their frame or for {@link resume}. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** Takes the next chunk and hands out every frame that it completes; not to be called by a handler. */
  push(chunk: Uint8Array, handler: FrameHandler): void {
    if (this.#broken) return;
    if (!this.#stopped && this.#held.length === 0) {
      const taken = this.#intake === null ? chunk : this.#intake.take(chunk);
      const rest = this.#split(taken, 0, chunk.length, handler);
      this.#intake?.give(taken);
      if (rest < chunk.length && !this.#broken) this.#held.add(chunk, rest);
      return;
    }
    this.#held.add(chunk, 0);
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
    const held = this.#held;
    if (this.#broken || held.length === 0) return;
    const rest = this.#split(held.bytes, held.start, held.end, handler);
    held.useUpTo(this.#broken ? held.end : rest);
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
}
