import { plain } from "../_style.ts";
import { type Column, tableLines } from "../_table.ts";
import { grouped } from "../shell/progress.ts";
import type { OperationName } from "./operations.ts";
import type { Outcome } from "./outcome.ts";
import { milliseconds, type TextOptions } from "./report_text.ts";

/** The middle of some values, and how far they spread. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One figure of one operation on both clusters, over all rounds. */
export interface Figure {
  readonly one: Spread;
  readonly other: Spread;
  /** The first cluster's by the second's, round by round. */
  readonly ratio: Spread;
}

/** Two clusters under the same load. */
export interface OperationComparison {
  readonly operation: OperationName | "all";
  readonly opsPerSecond: Figure;
  readonly p50Ms: Figure;
  readonly p99Ms: Figure;
}

/**
 * Compares the rounds of two clusters in pairs, so that what slows the machine for a while slows both.
 *
 * @returns Null when there is no whole pair of rounds with anything done.
 */
export function compare(
  one: readonly Outcome[],
  other: readonly Outcome[],
): readonly OperationComparison[] | null {
  const pairs = one.slice(0, other.length).map((outcome, round) => [outcome, other[round]] as const)
    .filter((pair) => pair.every((outcome) => outcome.latencies().total > 0));
  if (pairs.length === 0) return null;
  const names = pairs[0][0].operations.map(({ operation }) => operation);
  const rows: (OperationName | "all")[] = names.length > 1 ? [...names, "all"] : names;
  return rows.map((operation) => {
    const figure = (read: (outcome: Outcome) => number): Figure => {
      const values = pairs.map((pair) => pair.map(read));
      return {
        one: spreadOf(values.map(([value]) => value)),
        other: spreadOf(values.map(([, value]) => value)),
        ratio: spreadOf(values.map(([first, second]) => second === 0 ? 0 : first / second)),
      };
    };
    const latencies = (outcome: Outcome) =>
      outcome.latencies((each) => operation === "all" || each === operation);
    return {
      operation,
      opsPerSecond: figure((outcome) => outcome.rateOf(latencies(outcome))),
      p50Ms: figure((outcome) => latencies(outcome).quantileMs(0.5)),
      p99Ms: figure((outcome) => latencies(outcome).quantileMs(0.99)),
    };
  });
}

/** @param values At least one. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

const columns: readonly Column[] = [
  { title: "operation" },
  { title: "figure" },
  { title: "A", right: true },
  { title: "B", right: true },
  { title: "A : B", right: true },
  { title: "least to most" },
];

/** A table of medians and ratios. */
export function comparisonLines(
  comparison: readonly OperationComparison[],
  { paint = plain, width = Infinity }: TextOptions = {},
): string[] {
  const rate = (value: number) => grouped(Math.round(value));
  const rows = comparison.flatMap(({ operation, opsPerSecond, p50Ms, p99Ms }) => [
    rowOf(operation, "ops/s", opsPerSecond, rate),
    rowOf("", "p50 ms", p50Ms, milliseconds),
    rowOf("", "p99 ms", p99Ms, milliseconds),
  ]);
  return tableLines(columns, rows, { paint, width });
}

function rowOf(
  operation: string,
  name: string,
  { one, other, ratio }: Figure,
  show: (value: number) => string,
): string[] {
  const spread = `${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}`;
  return [operation, name, show(one.median), show(other.median), ratio.median.toFixed(2), spread];
}
