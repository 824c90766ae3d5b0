/** A pending timer. */
export interface Timer {
  /** Forgets the timer; harmless when it already fired. */
  cancel(): void;
}

/**
 * Time, as the server's outer ring hands it in. State machines do not hold a clock: they take times as
 * arguments.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970; may jump. Only for times that people or txns record. */
  wallMs(): number;
  /** Milliseconds that never go back, from an arbitrary origin; for every deadline and latency. */
  monotonicMs(): number;
  /** Calls `fire` once, not before `delayMs` have passed. */
  setTimer(delayMs: number, fire: () => void): Timer;
  /** Calls `run` after the input that is ready now has been taken, once per call: the end of the turn. */
  endOfTurn(run: () => void): void;
}
