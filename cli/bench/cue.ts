/**
 * What the parts of one load tell each other while it runs: the first one all others, and each of those the first one.
 * Rounds are numbered, so that what is said of an earlier one is known to be late.
 */
export type Cue =
  /** The first part: all are to watch. */
  | { readonly kind: "watch"; readonly round: number }
  /** All connections of a part watch. */
  | { readonly kind: "watching"; readonly round: number }
  /** All connections of a part were told of the change, the last one at this time of {@link machineMs}. */
  | { readonly kind: "told"; readonly round: number; readonly atMs: number }
  /** A part could not do it. */
  | { readonly kind: "failed"; readonly round: number; readonly error: string }
  /** The first part: the run is over. */
  | { readonly kind: "over" };

/**
 * A time of `performance.now()` as all processes of this machine understand it. Their clocks begin with them, also that
 * of `process.hrtime` in Bun; the wall clock knows when that was.
 */
export function machineMs(nowMs: number): number {
  return performance.timeOrigin + nowMs;
}
