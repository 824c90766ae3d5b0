/** How gets, sets and the 10:1 mix of them do while one thing grows. */
import { drive, type Load, loadOf, type LoadWords, type Measured, prepare, type Target } from "../engine.ts";
import { countText, numberText, tableText } from "../markdown.ts";
import type { Cores } from "../processes.ts";
import type { Rig } from "../rig.ts";

/** What all measurements of growth share. */
export interface GrowthSetting {
  readonly rig: Rig;
  readonly cores: Cores;
  /** What starts a worker where it belongs. */
  readonly worker: readonly string[];
  /** The same, anywhere. */
  readonly freeWorker: readonly string[];
  readonly quick: boolean;
  /** Files that one process may open. */
  readonly filesMax: number;
}

/** The loads that each step gets. */
export const growthMixes = { gets: "get", sets: "set", mix: "get=10,set=1" } as const;

/** Name of one of them. */
export type MixName = keyof typeof growthMixes;

/** What one load came to. */
export interface Point {
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly cpuUsPerOp: number | null;
  readonly generatorCpu: number;
}

/** One step of what grows. */
export interface Step {
  /** As `1,000` or `512 KiB`. */
  readonly at: string;
  readonly points: Readonly<Record<MixName, Point>>;
}

/** Everything of one thing that grows. */
export interface Sweep {
  /** As `connections`. */
  readonly by: string;
  /** What is the same at each step. */
  readonly what: string;
  readonly steps: readonly Step[];
  /** What was not measured, and why. */
  readonly left: readonly string[];
}

/** Length of one measurement, in ms. */
export function pointMs({ quick }: Pick<GrowthSetting, "quick">): number {
  return quick ? 500 : 1500;
}

/**
 * Does one step of what grows. One that fails is left out, with its reason, and does not take the others along: a machine
 * may be so busy that nothing is done in its time.
 */
export async function tryStep(
  { rig }: Pick<GrowthSetting, "rig">,
  at: string,
  left: string[],
  step: () => Promise<void>,
): Promise<void> {
  try {
    await step();
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    left.push(`${at} (${reason})`);
    rig.say(`  ${at} is left out: ${reason}`);
  }
}

/** Three loads on a target that has all they need. */
export async function measureStep(
  setting: GrowthSetting,
  at: string,
  target: Target,
  words: Omit<LoadWords, "mix">,
  worker: readonly string[] = setting.worker,
): Promise<Step> {
  const points = {} as Record<MixName, Point>;
  for (const name of Object.keys(growthMixes) as MixName[]) {
    const load = loadOf({ mix: growthMixes[name], warmUpMs: 300, durationMs: pointMs(setting), ...words });
    points[name] = pointOf(await drive(load, target, worker));
  }
  const told = Object.entries(points).map(([name, { opsPerSecond, p99Ms }]) =>
    `${name} ${Math.round(opsPerSecond)}/s p99 ${numberText(p99Ms)} ms`
  );
  setting.rig.say(`  ${at}: ${told.join(", ")}`);
  return { at, points };
}

/** Long enough that the runtime has compiled what the loads run, on servers that share two cores. */
const coldMs = 2500;

/** {@link measureStep} of a server that has just been started, whose usual speed is wanted: it gets the loads before. */
export async function measureColdStep(
  setting: GrowthSetting,
  at: string,
  target: Target,
  words: Omit<LoadWords, "mix">,
  worker: readonly string[] = setting.worker,
): Promise<Step> {
  const durationMs = setting.quick ? 500 : coldMs;
  for (const mix of Object.values(growthMixes)) {
    await drive(loadOf({ mix, warmUpMs: 0, durationMs, ...words }), target, worker);
  }
  return measureStep(setting, at, target, words, worker);
}

/** A target with keys of its own. */
export async function targetOf(
  { servers, pids }: Omit<Target, "root">,
  load: Partial<Omit<LoadWords, "mix">> = {},
): Promise<Target> {
  const needs: Load = loadOf({ mix: "get", ...load });
  return { servers, pids, root: await prepare(servers, needs) };
}

/** What is kept of a measurement. */
export function pointOf(
  { opsPerSecond, p50Ms, p99Ms, p999Ms, maxMs, cpuUsPerOp, generatorCpu }: Measured,
): Point {
  return { opsPerSecond, p50Ms, p99Ms, p999Ms, maxMs, cpuUsPerOp, generatorCpu };
}

/** The table of a sweep. */
export function sweepText({ by, what, steps, left }: Sweep): string {
  const head = [by];
  for (const name of Object.keys(growthMixes)) head.push(`${name}/s`, "p99 ms", "p99.9 ms", "CPU µs");
  const rows = steps.map(({ at, points }) => [
    at,
    ...Object.keys(growthMixes).flatMap((name) => {
      const { opsPerSecond, p99Ms, p999Ms, cpuUsPerOp, generatorCpu } = points[name as MixName];
      const mark = generatorCpu >= generatorLimit ? "\\*" : "";
      return [
        countText(opsPerSecond) + mark,
        numberText(p99Ms),
        numberText(p999Ms),
        cpuUsPerOp === null ? "-" : numberText(cpuUsPerOp),
      ];
    }),
  ]);
  return [
    `**By ${by}.** ${what}`,
    tableText(head, rows),
    ...leftText(left),
  ].join("\n\n");
}

/** What was left out, a paragraph for each. */
export function leftText(left: readonly string[]): string[] {
  return left.map((text) => `Left out: ${text}.`);
}

/** From this share of a core on the generator is marked as the limit. */
export const generatorLimit = 0.9;

/** The largest p99.9 : p99 of all loads of sweeps, and where that is. */
export function worstTail(sweeps: readonly Sweep[]): { readonly ratio: number; readonly where: string } {
  let worst = { ratio: 0, where: "nowhere" };
  for (const { by, steps } of sweeps) {
    for (const { at, points } of steps) {
      for (const [name, { p99Ms, p999Ms }] of Object.entries(points)) {
        if (p999Ms / p99Ms > worst.ratio) worst = { ratio: p999Ms / p99Ms, where: `${name}, ${by} ${at}` };
      }
    }
  }
  return worst;
}
