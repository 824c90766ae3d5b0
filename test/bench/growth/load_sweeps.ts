/** One server while the load on it grows: connections, requests in flight, bytes of data. */
import { countText } from "../markdown.ts";
import { startStandalone, stopStandalone } from "../sides.ts";
import { type GrowthSetting, measureStep, type Step, type Sweep, targetOf, tryStep } from "./sweep.ts";

/** Files that a process opens besides its connections. */
const filesBeside = 200;

/** A limit that keeps a step from being measured; null for none. */
export function whyNot(connections: number, { filesMax }: Pick<GrowthSetting, "filesMax">): string | null {
  if (connections + filesBeside <= filesMax) return null;
  return `${countText(connections)} connections, as a process may open ${filesMax} files only (ulimit -Hn)`;
}

/** Closed loop. */
export async function byConnections(setting: GrowthSetting): Promise<Sweep> {
  const server = await startStandalone(setting.rig, "zoon", { cores: setting.cores.server });
  const target = await targetOf({ servers: [server], pids: [server.pid] });
  const steps: Step[] = [];
  const left: string[] = [];
  for (const connections of [10, 100, 1000, 10_000]) {
    const reason = whyNot(connections, setting);
    const at = countText(connections);
    if (reason !== null) left.push(reason);
    else {
      await tryStep(setting, at, left, async () => {
        steps.push(await measureStep(setting, at, target, { connections }));
      });
    }
  }
  await stopStandalone(server);
  return { by: "connections", what: "One request in flight on each.", steps, left };
}

/** 50 connections. */
export async function byInFlight(setting: GrowthSetting): Promise<Sweep> {
  const server = await startStandalone(setting.rig, "zoon", { cores: setting.cores.server });
  const target = await targetOf({ servers: [server], pids: [server.pid] });
  const steps: Step[] = [];
  const left: string[] = [];
  for (const inFlight of [1, 2, 4, 8, 16, 32, 64, 128]) {
    await tryStep(setting, `${inFlight} in flight`, left, async () => {
      steps.push(await measureStep(setting, String(inFlight), target, { inFlight }));
    });
  }
  await stopStandalone(server);
  return { by: "in flight", what: "50 connections.", steps, left };
}

/** 20 connections in a closed loop, 100 znodes. */
export async function byValueBytes(setting: GrowthSetting): Promise<Sweep> {
  const server = await startStandalone(setting.rig, "zoon", { cores: setting.cores.server });
  const steps: Step[] = [];
  const left: string[] = [];
  const sizes: [string, number][] = [
    ["0 B", 0],
    ["100 B", 100],
    ["1 KiB", 1024],
    ["10 KiB", 10 * 1024],
    ["100 KiB", 100 * 1024],
    ["512 KiB", 512 * 1024],
  ];
  for (const [at, valueBytes] of sizes) {
    const words = { valueBytes, keyCount: 100, connections: 20 };
    await tryStep(setting, at, left, async () => {
      const target = await targetOf({ servers: [server], pids: [server.pid] }, words);
      steps.push(await measureStep(setting, at, target, words));
    });
  }
  await stopStandalone(server);
  return {
    by: "value size",
    what: "20 connections, one request in flight on each, of 100 znodes.",
    steps,
    left,
  };
}
