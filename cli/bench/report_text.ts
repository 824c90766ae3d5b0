import { type Paint, plain } from "../_style.ts";
import { type Column, tableLines } from "../_table.ts";
import { grouped } from "../shell/progress.ts";
import type { LatencyHistogram } from "./latency_histogram.ts";
import type { OperationOutcome, Outcome } from "./outcome.ts";

/** How a report looks. */
export interface TextOptions {
  readonly paint?: Paint;
  /** Columns of the terminal; none outside of one. */
  readonly width?: number;
}

const columns: readonly Column[] = [
  { title: "operation" },
  { title: "ops/s", right: true },
  { title: "p50 ms", right: true },
  { title: "p90 ms", right: true, expendable: 1 },
  { title: "p99 ms", right: true },
  { title: "p99.9 ms", right: true, expendable: 2 },
  { title: "max ms", right: true },
  { title: "errors" },
];

/** The percentiles of the table. */
export const percentiles = [0.5, 0.9, 0.99, 0.999] as const;

/** The table, the histogram, the rate over time and what else is to be said, one line each. */
export function outcomeLines(
  outcome: Outcome,
  { paint = plain, width = Infinity }: TextOptions = {},
): string[] {
  const { operations } = outcome;
  if (operations.length === 0) return ["Nothing was measured."];
  const rows = operations.map((each) => rowOf(outcome, each.operation, each.latencies, each.errors, paint));
  if (operations.length > 1) {
    rows.push(rowOf(outcome, "all", outcome.latencies(), allErrors(operations), paint));
  }
  return [
    ...tableLines(columns, rows, { paint, width }),
    "",
    ...histogramLines(outcome.latencies(), Math.min(width, 80)),
    "",
    `${paint("dim", "rate")}  ${sparkline(outcome.rates, Math.min(60, Math.max(10, width - 40)))}  ` +
    rangeText(outcome.rates),
    ...remarks(outcome).map((text) => paint("yellow", text)),
  ];
}

function rowOf(
  outcome: Outcome,
  name: string,
  latencies: LatencyHistogram,
  errors: ReadonlyMap<string, number>,
  paint: Paint,
) {
  const [p50, p90, p99, p999] = percentiles.map((part) => milliseconds(latencies.quantileMs(part)));
  const rate = grouped(Math.round(outcome.rateOf(latencies)));
  const errorText = errorsText(errors);
  return [name, rate, p50, p90, p99, p999, milliseconds(latencies.maxMs), {
    text: errorText === "" ? "-" : errorText,
    style: errorText === "" ? "dim" as const : "red" as const,
  }].map((cell) =>
    typeof cell === "string" && paint !== plain && name === "all"
      ? { text: cell, style: "bold" as const }
      : cell
  );
}

function allErrors(operations: readonly OperationOutcome[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const { errors } of operations) {
    for (const [name, count] of errors) all.set(name, (all.get(name) ?? 0) + count);
  }
  return all;
}

/** As `CONNECTIONLOSS 3, NONODE 1`, the most frequent first. */
export function errorsText(errors: ReadonlyMap<string, number>): string {
  return [...errors].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${grouped(count)}`).join(
    ", ",
  );
}

/** Three digits that count. */
export function milliseconds(ms: number): string {
  if (ms < 10) return ms.toFixed(2);
  return ms < 100 ? ms.toFixed(1) : String(Math.round(ms));
}

/** Bars for the latencies, between powers of two, from the first to the last that has any. */
export function histogramLines(latencies: LatencyHistogram, width: number): string[] {
  const edges = [0, ...Array.from({ length: 24 }, (_, power) => 64 * 2 ** power)];
  const counts = latencies.countsBetween(edges);
  const first = counts.findIndex((count) => count > 0);
  if (first === -1) return [];
  const last = counts.findLastIndex((count) => count > 0);
  const most = Math.max(...counts);
  const room = Math.max(10, width - 34);
  const lines: string[] = [];
  for (let place = first; place <= last; place++) {
    const label = place === counts.length - 1
      ? `> ${edgeText(edges[place])}`
      : `<= ${edgeText(edges[place + 1])}`;
    const share = counts[place] / latencies.total;
    lines.push(
      `${label.padStart(12)}  ${bar(counts[place] / most, room)}  ${
        (share * 100).toFixed(share < 0.001 ? 3 : 1)
      }%`,
    );
  }
  return lines;
}

function edgeText(us: number): string {
  return us < 1000
    ? `${us} µs`
    : us < 1_000_000
    ? `${Number((us / 1000).toPrecision(3))} ms`
    : `${Number((us / 1e6).toPrecision(3))} s`;
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar that fills a part (0 to 1) of its room, with blanks behind it. */
export function bar(part: number, room: number): string {
  const steps = Math.round(part * room * 8);
  const text = "█".repeat(Math.floor(steps / 8)) + eighths[steps % 8];
  return (part > 0 && text === "" ? eighths[1] : text).padEnd(room);
}

const sparks = "▁▂▃▄▅▆▇█";

/** One character for each step of time, as high as its value; steps are put together where there are too many. */
export function sparkline(values: readonly number[], width: number): string {
  const merged = Math.max(1, Math.ceil(values.length / width));
  const shown: number[] = [];
  for (let at = 0; at < values.length; at += merged) {
    const group = values.slice(at, at + merged);
    shown.push(group.reduce((sum, value) => sum + value, 0) / group.length);
  }
  const most = Math.max(...shown, 1);
  return shown.map((value) => sparks[Math.min(sparks.length - 1, Math.floor(value / most * sparks.length))])
    .join("");
}

function rangeText(rates: readonly number[]): string {
  return `${grouped(Math.round(Math.min(...rates)))} to ${grouped(Math.round(Math.max(...rates)))}/s`;
}

/** What else a reader has to know of the figures. */
export function remarks(outcome: Outcome): string[] {
  const lines: string[] = [];
  if (outcome.problem !== null) lines.push(`It ended before its time: ${outcome.problem}.`);
  if (outcome.saturated) {
    lines.push(
      `The generator used ${
        outcome.generatorCpu.toFixed(2)
      } of a core: it may have been the limit, not the servers. ` +
        "Try more --workers.",
    );
  }
  if (outcome.lost > 0) {
    lines.push(`${grouped(outcome.lost)} connections were lost and made anew.`);
  }
  return lines;
}
