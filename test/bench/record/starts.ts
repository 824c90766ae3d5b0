/** What a fresh server costs: its start, its memory, and the shortest word of the shell to it. */
import { rssBytesOf } from "../processes.ts";
import type { Rig } from "../rig.ts";
import { type Side, startEnsemble, startStandalone, stopStandalone } from "../sides.ts";
import { type Spread, spreadOf } from "../statistics.ts";

/** How often each is started. */
export interface StartCounts {
  readonly zoon: number;
  readonly apache: number;
}

const startMaxMs = 60_000;

/** One server, from its spawn: Zoon to its ready line, Apache to its first answer to `srvr` that names a mode. */
export async function measureStarts(rig: Rig, counts: StartCounts): Promise<Record<Side, Spread>> {
  const zoon = await repeated(counts.zoon, async () => {
    const dataDir = rig.directory("start");
    const beganMs = performance.now();
    const child = rig.spawn([rig.binary, "server", "--client-port", "0", "--data-dir", dataDir]);
    await rig.line(child, /^ready .*\n/m, startMaxMs);
    const ms = performance.now() - beganMs;
    await rig.end(child);
    return ms;
  });
  const apache = await repeated(counts.apache, async () => {
    const dataDir = rig.directory("start");
    const beganMs = performance.now();
    const server = await startStandalone(rig, "apache", { dataDir });
    const ms = performance.now() - beganMs;
    await stopStandalone(server);
    return ms;
  });
  return { zoon, apache };
}

/**
 * Three servers with empty disks, from nothing: Zoon's by `zoon ensemble` to its ready line, Apache's from the first
 * spawn until all three serve.
 */
export async function measureEnsembleStarts(rig: Rig, counts: StartCounts): Promise<Record<Side, Spread>> {
  const zoon = await repeated(counts.zoon, async () => {
    const words = [
      "ensemble",
      "3",
      "--base-port",
      "0",
      "--exit-with-parent",
      "--data-dir",
      rig.directory("ensemble"),
    ];
    const beganMs = performance.now();
    const child = rig.spawn([rig.binary, ...words]);
    await rig.line(child, /^ready\b.*\n/m, startMaxMs);
    const ms = performance.now() - beganMs;
    await rig.end(child);
    return ms;
  });
  const apache = await repeated(counts.apache, async () => {
    const ensemble = await startEnsemble(rig, "apache", { voters: 3 });
    await ensemble.close();
    return ensemble.startMs;
  });
  return { zoon, apache };
}

/** Resident bytes of a server that nobody has asked for anything but whether it serves. */
export async function measureIdle(rig: Rig): Promise<Record<Side, number>> {
  const idle = { zoon: 0, apache: 0 };
  for (const side of ["zoon", "apache"] as const) {
    const server = await startStandalone(rig, side);
    await Bun.sleep(2000);
    idle[side] = rssBytesOf(server.pid) ?? NaN;
    await stopStandalone(server);
  }
  return idle;
}

/** `zoon shell ls /`, from its spawn to its end. */
export async function measureShell(rig: Rig, count: number): Promise<Spread> {
  const server = await startStandalone(rig, "zoon");
  const spread = await repeated(count, async () => {
    const beganMs = performance.now();
    const listed = await rig.output([rig.binary, "shell", "-s", server.address, "ls", "/"], 10_000);
    const ms = performance.now() - beganMs;
    if (!listed.includes("zookeeper")) throw new Error(`zoon shell ls / printed ${JSON.stringify(listed)}`);
    return ms;
  });
  await stopStandalone(server);
  return spread;
}

async function repeated(count: number, measure: () => Promise<number>): Promise<Spread> {
  const all: number[] = [];
  for (let run = 0; run < count; run++) all.push(await measure());
  return spreadOf(all);
}
