/** The report of `npm run bench:apache`. */
import type { CaseResult } from "../by_turns.ts";
import { countText, megabytes, numberText, spreadText, tableText } from "../markdown.ts";
import { type Surroundings, surroundingsText } from "../rig.ts";
import type { Side } from "../sides.ts";
import type { Spread } from "../statistics.ts";
import type { EnsembleFigures } from "./ensemble.ts";
import { type LargeTree, restMs, type WriterLatency } from "./large_tree.ts";
import type { Contestant } from "./standalone.ts";
import {
  belowRow,
  ensembleRows,
  failoverRows,
  memoryRow,
  standaloneRows,
  type TargetRow,
  targetsText,
} from "./targets.ts";

/** What is measured of one server. */
export interface StandaloneFigures {
  /** Where server and generator ran. */
  readonly cores: string;
  readonly startMs: Record<Side, Spread>;
  readonly idleBytes: Record<Side, number>;
  readonly shellMs: Spread;
  readonly loads: readonly CaseResult<Contestant>[];
  readonly large: Record<Side, LargeTree>;
}

/** What is measured of three. */
export interface ThreeFigures extends EnsembleFigures {
  readonly cores: string;
  readonly startMs: Record<Side, Spread>;
  readonly failoverMs: Record<Side, Spread>;
}

/** Everything. */
export interface Report {
  readonly event: "bench:apache";
  readonly surroundings: Surroundings;
  /** Apache's version and its Java's. */
  readonly apache: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly roundMs: number;
  readonly binaryBytes: number;
  readonly standalone: StandaloneFigures | null;
  readonly three: ThreeFigures | null;
  readonly targets: readonly TargetRow[];
}

/** The rows of what was measured, in the order of the design. */
export function targetsOf({ standalone, three }: Pick<Report, "standalone" | "three">): TargetRow[] {
  return [
    ...(standalone === null ? [] : standaloneRows(standalone.loads)),
    ...(three === null ? [] : [...ensembleRows(three.loads), ...failoverRows(three.failoverMs)]),
    ...(standalone === null ? [] : [belowRow("one server: start to ready", "ms", standalone.startMs, 60)]),
    ...(three === null ? [] : [belowRow("three servers: nothing to ready", "ms", three.startMs, 500)]),
    ...(standalone === null ? [] : [
      memoryRow("RSS idle", standalone.idleBytes, 80),
      memoryRow(`RSS with ${countText(standalone.large.zoon.znodes)} znodes of 100 bytes`, {
        zoon: standalone.large.zoon.rssBytes,
        apache: standalone.large.apache.rssBytes,
      }, 280),
      belowRow("zoon shell ls /, whole process", "ms", { zoon: standalone.shellMs, apache: null }, 60),
    ]),
  ];
}

/** The report in Markdown. */
export function reportText(report: Report): string {
  const { standalone, three, targets, surroundings } = report;
  const parts = [
    surroundingsText(surroundings, [report.apache]) +
    (report.quick ? "\n**A quick run**: short rounds and few of them." : ""),
    targetsText(targets),
    `Medians (least to most) of ${report.rounds} rounds of ${
      report.roundMs / 1000
    } s; ratios are those of each pair of ` +
    `rounds. ${targets.filter(({ met }) => met).length} of ${targets.length} targets are met.`,
  ];
  if (standalone !== null) {
    parts.push(
      `### One server\n\n50 connections; ${standalone.cores}.`,
      loadsText(standalone.loads),
      ...ceilingText(standalone.loads),
      singlesText(standalone, report.binaryBytes),
    );
  }
  if (three !== null) {
    parts.push(
      `### Three servers\n\n48 connections, 16 to each server; ${three.cores}, so CPU time of all of them together is what ` +
        "limits these figures.",
      loadsText(three.loads),
      `After it a server of Zoon has ${
        spreadText(megabytesOf(three.rssBytes.zoon))
      } MB resident, one of Apache ` +
        `${spreadText(megabytesOf(three.rssBytes.apache))} MB.`,
    );
  }
  return parts.join("\n\n");
}

/** One line for each load and contender. */
function loadsText(loads: readonly CaseResult[]): string {
  const head = [
    "load",
    "server",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "server CPU µs/request",
    "of it kernel",
    "generator CPU",
  ];
  return tableText(
    head,
    loads.map((each) => [
      each.case,
      each.contender === "canned" ? "canned responder" : each.contender,
      spreadText(each.opsPerSecond),
      ...[each.p50Ms, each.p99Ms, each.p999Ms].map(({ median }) => numberText(median)),
      each.cpuUsPerOp === null ? "-" : spreadText(each.cpuUsPerOp),
      each.kernelPart === null ? "-" : `${Math.round(each.kernelPart.median * 100)}%`,
      numberText(each.generatorCpu.median),
    ]),
  );
}

/** Gets as a share of what a responder without a tree does. */
function ceilingText(loads: readonly CaseResult[]): string[] {
  const of = (name: string, contender: string) =>
    loads.find((each) => each.case === name && each.contender === contender);
  const shares = ["gets, 32 in flight", "gets, closed loop"].flatMap((name) => {
    const [zoon, canned] = [of(name, "zoon"), of(name, "canned")];
    if (zoon === undefined || canned === undefined) return [];
    const rate = zoon.opsPerSecond.median / canned.opsPerSecond.median;
    const cpu = zoon.cpuUsPerOp === null || canned.cpuUsPerOp === null
      ? ""
      : ` (its CPU time per request ${
        (zoon.cpuUsPerOp.median / canned.cpuUsPerOp.median).toFixed(2)
      } times that)`;
    return [`${name} ${Math.round(rate * 100)}%${cpu}`];
  });
  if (shares.length === 0) return [];
  return [
    `The canned responder answers at once from prepared bytes and keeps nothing: what machine, kernel and runtime allow. ` +
    `Zoon's share of its rate: ${shares.join("; ")}. Where the generator's CPU is near 1 it was the limit.`,
  ];
}

function singlesText({ large, startMs, idleBytes, shellMs }: StandaloneFigures, binaryBytes: number): string {
  const rows: string[][] = [];
  const compare = (name: string, pick: (side: Side) => number | null) => {
    const [ours, theirs] = [pick("zoon"), pick("apache")];
    if (ours === null || theirs === null) return;
    rows.push([name, numberText(ours), numberText(theirs), (ours / theirs).toFixed(2)]);
  };
  const many = `${countText(large.zoon.znodes)} znodes`;
  compare("start to ready, ms", (side) => startMs[side].median);
  compare("RSS idle, MB", (side) => megabytes(idleBytes[side]));
  compare(`creates/s of ${many}, 32 in flight`, (side) => large[side].createsPerSecond);
  compare("server CPU µs/create", (side) => large[side].cpuUsPerCreate);
  compare("RSS 1 s after the last of them, MB", (side) => megabytes(large[side].rssFilledBytes));
  compare(`RSS ${restMs / 1000} s later, MB`, (side) => megabytes(large[side].rssBytes));
  compare("start to ready with them, ms", (side) => large[side].restartMs);
  compare("RSS after that, MB", (side) => megabytes(large[side].rssRestartedBytes));
  compare("snapshot of them, ms", (side) => large[side].snapshot?.ms ?? null);
  for (const when of ["before", "during"] as const) {
    const name = `lone writer ${when} it`;
    const line = (what: string, pick: (writer: WriterLatency) => number) =>
      compare(`${name}, ${what}`, (side) => {
        const { snapshot } = large[side];
        return snapshot === null ? null : pick(snapshot[when]);
      });
    line("writes", (writer) => writer.writes);
    line("p50 ms", (writer) => writer.p50Ms);
    line("p99 ms", (writer) => writer.p99Ms);
    line("max ms", (writer) => writer.maxMs);
  }
  rows.push(
    ["zoon shell ls /, whole process, ms", spreadText(shellMs), "-", "-"],
    ["executable, MB", numberText(megabytes(binaryBytes)), "-", "-"],
  );
  return tableText(["figure", "Zoon", "Apache", "Zoon : Apache"], rows);
}

function megabytesOf({ median, min, max }: Spread): Spread {
  return { median: megabytes(median), min: megabytes(min), max: megabytes(max) };
}
