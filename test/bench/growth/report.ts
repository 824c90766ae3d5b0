/** The report of `npm run bench:growth`. */
import { countText, numberText, tableText } from "../markdown.ts";
import { type Surroundings, surroundingsText } from "../rig.ts";
import { type Churn, churnText } from "./churn.ts";
import { type SessionFigures, sessionsText } from "./sessions.ts";
import { generatorLimit, type Sweep, sweepText, worstTail } from "./sweep.ts";
import type { MemorySlope } from "./tree_sweep.ts";
import { type FanOut, fanOutText } from "./watches.ts";

/** Everything that was measured; parts that were not are missing. */
export interface GrowthReport {
  readonly event: "bench:growth";
  readonly surroundings: Surroundings;
  readonly quick: boolean;
  readonly cores: string;
  readonly sweeps: readonly Sweep[];
  readonly churn: Churn | null;
  readonly memory: readonly MemorySlope[];
  readonly fanOut: FanOut | null;
  readonly sessions: SessionFigures | null;
}

/** The report in Markdown. */
export function growthText(report: GrowthReport): string {
  const { sweeps, churn, memory, fanOut, sessions } = report;
  const parts = [
    surroundingsText(report.surroundings, []) +
    (report.quick ? "\n**A quick run**: short measurements and fewer steps." : ""),
    `Zoon alone, ${report.cores} unless told. Gets, sets and ten gets to one set (the mix), of 1000 znodes of 100 bytes ` +
    `unless told; CPU is that of the servers for each request. \\* marks where the generator used ${generatorLimit} of ` +
    "a core or more, and may have been the limit.",
    ...sweeps.map(sweepText),
  ];
  if (sweeps.length > 0) {
    const { ratio, where } = worstTail(sweeps);
    parts.push(`Of all these p99.9 is at most ${numberText(ratio)} times p99 (${where}).`);
  }
  if (churn !== null) parts.push(churnText(churn));
  if (memory.length > 0) parts.push(memoryText(memory));
  if (sessions !== null) parts.push(sessionsText(sessions));
  if (fanOut !== null) parts.push(fanOutText(fanOut));
  return parts.join("\n\n");
}

function memoryText(memory: readonly MemorySlope[]): string {
  return [
    "**Memory.** Resident bytes that one more costs: the slope of the line through all points.",
    tableText(
      ["one more", "bytes", "measured at"],
      memory.map(({ of, points, bytesEach }) => [
        of,
        countText(bytesEach),
        points.map(({ count, rssBytes }) => `${countText(count)}: ${numberText(rssBytes / 1e6)} MB`).join(
          "; ",
        ),
      ]),
    ),
  ].join("\n\n");
}
