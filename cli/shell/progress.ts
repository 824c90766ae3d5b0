/** One line on a terminal that is rewritten in place while work goes on. */
export class Progress {
  readonly #write: ((text: string) => void) | null;
  readonly #now: () => number;
  #nextAtMs: number;
  #shown = false;
  #ended = false;

  /**
   * @param write Where the line goes; null shows nothing.
   * @param now Milliseconds that never go back.
   */
  constructor(write: ((text: string) => void) | null, now: () => number) {
    this.#write = write;
    this.#now = now;
    // Work that is done before anyone could read the line shows none.
    this.#nextAtMs = now() + 200;
  }

  /** Shows the line, some ten times a second at most. */
  update(line: () => string): void {
    if (this.#write === null || this.#ended || this.#now() < this.#nextAtMs) return;
    this.#nextAtMs = this.#now() + 100;
    this.#shown = true;
    this.#write(`\r\x1b[K${line()}`);
  }

  /** Wipes the line. */
  done(): void {
    if (this.#shown) this.#write?.("\r\x1b[K");
    this.#shown = false;
  }

  /** Wipes the line for good: the command may still wind down, but nobody waits for it. */
  end(): void {
    this.done();
    this.#ended = true;
  }
}

/** @returns `12,345`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
