import { writeErr } from "../_output.ts";

/** Exit code after Ctrl-C, as shells have it: 128 and the signal's number. */
export const interruptedExit = 130;

/** Turns the first SIGINT, SIGTERM or SIGHUP into a signal for the run, and ends the process at the second. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  /** Said when the process ends before it could clean up. */
  #leftover: () => string = () => "";

  constructor() {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, this.#onSignal);
  }

  /** Aborted once a signal came. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops the run as a signal does. */
  stop(): void {
    this.#controller.abort();
  }

  /** Sets what would be left behind, as a sentence; "" for nothing. */
  leftover(text: () => string): void {
    this.#leftover = text;
  }

  /** Signals do what they always do again. */
  [Symbol.dispose](): void {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(name, this.#onSignal);
  }

  readonly #onSignal = () => {
    if (this.signal.aborted) {
      const text = this.#leftover();
      if (text !== "") writeErr(`zoon: ${text}\n`);
      process.exit(interruptedExit);
    }
    this.#controller.abort();
  };
}
