/** What several measurements of one thing come to. */

/** The middle of several measurements, and how far they went. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The median and the ends.
 *
 * @throws {RangeError} Of no numbers.
 */
export function spreadOf(numbers: readonly number[]): Spread {
  if (numbers.length === 0) throw new RangeError("A spread of no numbers");
  return { median: medianOf(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}

/** The middle one, or half way between the two in the middle; NaN of no numbers. */
export function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * One number for each pair that was measured in the same round: what disturbs a machine for a while weighs on both.
 *
 * @returns `ours[i] / theirs[i]`.
 */
export function ratiosOf(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.slice(0, theirs.length).map((value, round) => value / theirs[round]);
}

/**
 * How much y grows for one more of x, by least squares over all points.
 *
 * @throws {RangeError} When the points do not lie at two places at least.
 */
export function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  let both = 0;
  let square = 0;
  for (const { x, y } of points) {
    both += (x - meanX) * (y - meanY);
    square += (x - meanX) ** 2;
  }
  if (!(square > 0)) throw new RangeError("A slope needs points at two places");
  return both / square;
}
