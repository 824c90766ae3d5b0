/** The targets that Zoon is held to beside Apache ZooKeeper 3.8, and whether they are met. */
import type { CaseResult } from "../by_turns.ts";
import { countText, megabytes, numberText, spreadText, tableText } from "../markdown.ts";
import type { Side } from "../sides.ts";
import { ratiosOf, type Spread, spreadOf } from "../statistics.ts";

/** What a figure has to be. */
export type Aim =
  /** So many times Apache's rate, in the median of the rounds. */
  | { readonly kind: "times"; readonly atLeast: number }
  /** Less than this, whatever Apache's is. */
  | { readonly kind: "below"; readonly value: number };

/** A line of the table. */
export interface TargetRow {
  readonly measure: string;
  readonly unit: string;
  readonly zoon: Spread;
  /** Null where Apache has no such thing. */
  readonly apache: Spread | null;
  /** Zoon : Apache; of rates by rounds, else of the medians. */
  readonly ratio: Spread | null;
  /** Of rates: Apache's CPU time per request : Zoon's, of the medians. Other work on the machine disturbs it least. */
  readonly cpuRatio: number | null;
  readonly aim: Aim;
  readonly met: boolean;
}

/** A rate that has to be so many times Apache's. */
export function rateRow(
  measure: string,
  name: string,
  loads: readonly CaseResult[],
  atLeast: number,
): TargetRow {
  const of = (side: Side) => {
    const found = loads.find((each) => each.case === name && each.contender === side);
    if (found === undefined) throw new Error(`"${name}" was not measured on ${side}`);
    return found;
  };
  const [zoon, apache] = [of("zoon"), of("apache")];
  const ratio = spreadOf(ratiosOf(zoon.rates, apache.rates));
  return {
    measure,
    unit: "/s",
    zoon: zoon.opsPerSecond,
    apache: apache.opsPerSecond,
    ratio,
    cpuRatio: zoon.cpuUsPerOp === null || apache.cpuUsPerOp === null
      ? null
      : apache.cpuUsPerOp.median / zoon.cpuUsPerOp.median,
    aim: { kind: "times", atLeast },
    met: ratio.median >= atLeast,
  };
}

/** A figure that has to stay below a value. */
export function belowRow(
  measure: string,
  unit: string,
  { zoon, apache }: { readonly zoon: Spread | number; readonly apache: Spread | number | null },
  value: number,
): TargetRow {
  const ours = asSpread(zoon);
  const theirs = apache === null ? null : asSpread(apache);
  return {
    measure,
    unit,
    zoon: ours,
    apache: theirs,
    ratio: theirs === null ? null : asSpread(ours.median / theirs.median),
    cpuRatio: null,
    aim: { kind: "below", value },
    met: ours.median < value,
  };
}

/** The table. */
export function targetsText(rows: readonly TargetRow[]): string {
  const head = ["measure", "Zoon", "Apache", "ratio", "by CPU time", "target", ""];
  return tableText(
    head,
    rows.map(({ measure, unit, zoon, apache, ratio, cpuRatio, aim, met }) => [
      unit === "/s" ? `${measure}, /s` : `${measure}, ${unit}`,
      spreadText(zoon),
      apache === null ? "-" : spreadText(apache),
      ratio === null ? "-" : `${spreadText(ratio)}×`,
      cpuRatio === null ? "-" : `${numberText(cpuRatio)}×`,
      aim.kind === "times" ? `≥ ${aim.atLeast}×` : `< ${countText(aim.value)} ${unit}`,
      met ? "met" : "**MISSED**",
    ]),
  );
}

/** Rows of the standalone shape. */
export function standaloneRows(loads: readonly CaseResult[]): TargetRow[] {
  const row = (name: string, atLeast: number) => rateRow(`one server: ${name}`, name, loads, atLeast);
  return [
    row("gets, 32 in flight", 8),
    row("gets, closed loop", 1.8),
    row("sets, 32 in flight", 4),
    row("sets, closed loop", 1.5),
  ];
}

/** Rows of three servers. */
export function ensembleRows(loads: readonly CaseResult[]): TargetRow[] {
  const row = (name: string, atLeast: number) => rateRow(`three servers: ${name}`, name, loads, atLeast);
  return [
    row("gets, 32 in flight", 6),
    row("gets, closed loop", 3),
    row("sets, 32 in flight", 5),
    row("sets, closed loop", 3),
    row("10:1 mix, 8 in flight", 5),
  ];
}

/** Rows of the leader's end. */
export function failoverRows({ zoon, apache }: Record<Side, Spread>): TargetRow[] {
  const kill = "leader killed to the next acknowledged write";
  return [
    belowRow(`${kill}, median`, "ms", { zoon, apache }, 100),
    belowRow(`${kill}, worst`, "ms", { zoon: zoon.max, apache: apache.max }, 200),
  ];
}

/** A row of memory, given in bytes. */
export function memoryRow(measure: string, bytes: Record<Side, number>, megabytesBelow: number): TargetRow {
  const both = { zoon: megabytes(bytes.zoon), apache: megabytes(bytes.apache) };
  return belowRow(measure, "MB", both, megabytesBelow);
}

function asSpread(value: Spread | number): Spread {
  return typeof value === "number" ? { median: value, min: value, max: value } : value;
}
