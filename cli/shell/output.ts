import { writeSync } from "node:fs";
import type { Writable } from "node:stream";

/** Bytes that go out without the runtime's stream: fewer than any pipe holds, so that they never block for long. */
const directBytesMax = 4096;

/**
 * Results on their way to a file, a pipe or a terminal. Writers wait until what they gave is taken, so a slow
 * reader slows the command, heartbeats go on meanwhile, and nothing is cut when the process ends after the last
 * write. The runtime's stream takes longer to load than most commands take to run, so it is opened only for
 * more than a few lines.
 */
export class Output {
  readonly #descriptor: number | null;
  readonly #openStream: () => Writable;
  readonly #brokenListeners: (() => void)[] = [];
  #stream: Writable | null = null;
  #directBytesLeft = directBytesMax;
  #broken = false;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param descriptor Where the first bytes go; null sends all through the stream.
   * @param openStream Gives the stream for the rest.
   */
  constructor(descriptor: number | null, openStream: () => Writable) {
    this.#descriptor = descriptor;
    this.#openStream = openStream;
  }

  /** Whether nobody reads any more, as with `| head`. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Calls `listener` once the reader has gone. */
  onBroken(listener: () => void): void {
    this.#brokenListeners.push(listener);
  }

  /** Takes its place in the output at once; resolves when written. Never rejects. */
  write(text: string): Promise<void> {
    if (this.#broken || text === "") return Promise.resolve();
    const rest = this.#writeDirectly(text);
    if (rest === null || this.#broken) return Promise.resolve();
    const stream = this.#stream ??= this.#open();
    this.#last = new Promise((done) => {
      stream.write(rest, (error) => {
        if (error !== null && error !== undefined) this.#break();
        done();
      });
    });
    return this.#last;
  }

  /** Resolves when all has been written. */
  flushed(): Promise<void> {
    return this.#last;
  }

  /** @returns What could not be written so; null when all was. */
  #writeDirectly(text: string): Uint8Array | string | null {
    if (this.#descriptor === null || this.#stream !== null || text.length > this.#directBytesLeft) {
      return text;
    }
    let rest = new TextEncoder().encode(text);
    this.#directBytesLeft -= rest.length;
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#descriptor, rest));
      return null;
    } catch (error) {
      // EAGAIN: somebody made the pipe non-blocking, and the stream knows how to wait for it.
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return rest;
      this.#break();
      return null;
    }
  }

  #open(): Writable {
    const stream = this.#openStream();
    stream.on("error", () => this.#break());
    return stream;
  }

  #break(): void {
    if (this.#broken) return;
    this.#broken = true;
    for (const listener of this.#brokenListeners) listener();
  }
}

/** Where a shell writes: results to one, everything else to the other. */
export interface Streams {
  readonly out: Output;
  readonly err: Output;
}
