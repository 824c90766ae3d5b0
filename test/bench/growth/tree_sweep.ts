/** One server while its tree grows, and what a znode costs in memory. */
import { countText } from "../markdown.ts";
import { rssBytesOf } from "../processes.ts";
import { startStandalone, stopStandalone } from "../sides.ts";
import { slopeOf } from "../statistics.ts";
import { type GrowthSetting, measureColdStep, type Step, type Sweep, targetOf, tryStep } from "./sweep.ts";

/** Memory at each size of something. */
export interface MemorySlope {
  /** As `znode`. */
  readonly of: string;
  readonly points: readonly { readonly count: number; readonly rssBytes: number }[];
  /** By least squares. */
  readonly bytesEach: number;
}

/** Puts points of memory together; one alone has no slope. */
export function memorySlope(
  of: string,
  points: readonly { readonly count: number; readonly rssBytes: number }[],
): MemorySlope | null {
  if (points.length < 2) return null;
  return { of, points, bytesEach: slopeOf(points.map(({ count, rssBytes }) => ({ x: count, y: rssBytes }))) };
}

/** Before the look at the memory: what was used for filling is given back. */
const restMs = 4_000;

/** 50 connections, 8 in flight, any of the znodes. A server of its own for each size. */
export async function byTreeSize(
  setting: GrowthSetting,
): Promise<{ sweep: Sweep; memory: MemorySlope | null }> {
  const { rig, cores, quick } = setting;
  const steps: Step[] = [];
  const left: string[] = [];
  const points: { count: number; rssBytes: number }[] = [];
  for (const keyCount of quick ? [1000, 10_000, 100_000] : [1000, 10_000, 100_000, 1_000_000]) {
    const server = await startStandalone(rig, "zoon", { cores: cores.server });
    const at = countText(keyCount);
    await tryStep(setting, `${at} znodes`, left, async () => {
      const target = await targetOf({ servers: [server], pids: [server.pid] }, { keyCount });
      await Bun.sleep(restMs);
      points.push({ count: keyCount, rssBytes: rssBytesOf(server.pid) ?? NaN });
      steps.push(await measureColdStep(setting, at, target, { keyCount, inFlight: 8 }));
    });
    await stopStandalone(server);
  }
  return {
    sweep: {
      by: "znodes",
      what: "50 connections, 8 in flight, of any of the znodes (100 bytes).",
      steps,
      left,
    },
    memory: memorySlope("znode of 100 bytes", points),
  };
}
