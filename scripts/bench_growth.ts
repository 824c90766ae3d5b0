#!/usr/bin/env bun
/**
 * `npm run bench:growth`: how the cost of a request grows with connections, requests in flight, bytes, znodes, watches
 * and servers; what a znode, a session and a watch cost in memory; and what a server does to latencies while it takes
 * snapshots and purges.
 */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { workerOf } from "../test/bench/engine.ts";
import { measureChurn } from "../test/bench/growth/churn.ts";
import { byServers } from "../test/bench/growth/ensemble_sweep.ts";
import { byConnections, byInFlight, byValueBytes } from "../test/bench/growth/load_sweeps.ts";
import { type GrowthReport, growthText } from "../test/bench/growth/report.ts";
import { idleSessions } from "../test/bench/growth/sessions.ts";
import type { GrowthSetting, Sweep } from "../test/bench/growth/sweep.ts";
import { byWorkers } from "../test/bench/growth/worker_sweep.ts";
import { byTreeSize, type MemorySlope } from "../test/bench/growth/tree_sweep.ts";
import { byWatches, fanOut } from "../test/bench/growth/watches.ts";
import { coresApart, raiseFilesMax } from "../test/bench/processes.ts";
import { Rig } from "../test/bench/rig.ts";
import { publish } from "./bench_report.ts";
import { binary } from "./build.ts";

const subjects = [
  "connections",
  "in-flight",
  "values",
  "znodes",
  "watches",
  "fan-out",
  "sessions",
  "churn",
  "servers",
  "workers",
];

const help = `Usage: npm run bench:growth [-- flags]

Takes dist/zoon as it is and loads it with the engine of "zoon bench".

  --only SUBJECTS   some of ${subjects.join(", ")}
  --quick           short measurements and fewer steps
  --binary FILE     default dist/zoon
  --dir DIR         parent of the data directories (default ${tmpdir()}); it should be on a real disk
  --json            print one JSON object; progress goes to stderr
  --write           put the report into BENCHMARKS.md, too; not with --only

10,000 connections need as many open files in one process: the limit is raised as far as the system allows, and a step
that does not fit is left out and named. Ends by itself after 20 minutes at the latest; a whole run takes about 8.`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    binary: { type: "string", default: binary },
    dir: { type: "string", default: tmpdir() },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const only = values.only?.split(",").map((word) => word.trim());
const usable = only === undefined || (only.every((word) => subjects.includes(word)) && !values.write);
if (values.help || !usable) {
  (values.help ? console.log : console.error)(help);
  process.exit(values.help ? 0 : 2);
}

const timeMaxMs = 20 * 60_000;

try {
  const rig = await Rig.open({ dir: values.dir, binary: values.binary, json: values.json, timeMaxMs });
  const report = await measure(rig);
  await publish(report, growthText(report), values);
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function measure(rig: Rig): Promise<GrowthReport> {
  const cores = coresApart();
  const setting: GrowthSetting = {
    rig,
    cores,
    worker: [...cores.generator, ...workerOf(rig.binary)],
    freeWorker: workerOf(rig.binary),
    quick: values.quick,
    filesMax: raiseFilesMax(),
  };
  const wanted = (subject: string) => {
    const told = only === undefined || only.includes(subject);
    if (told) rig.say(`by ${subject}`);
    return told;
  };
  const sweeps: Sweep[] = [];
  const memory: MemorySlope[] = [];
  const remember = (slope: MemorySlope | null | undefined) => {
    if (slope) memory.push(slope);
  };
  if (wanted("connections")) sweeps.push(await byConnections(setting));
  if (wanted("in-flight")) sweeps.push(await byInFlight(setting));
  if (wanted("values")) sweeps.push(await byValueBytes(setting));
  if (wanted("znodes")) {
    const found = await byTreeSize(setting);
    sweeps.push(found.sweep);
    remember(found.memory);
  }
  if (wanted("watches")) {
    const found = await byWatches(setting);
    sweeps.push(found.sweep);
    remember(found.memory);
  }
  if (wanted("servers")) sweeps.push(await byServers(setting));
  if (wanted("workers")) sweeps.push(await byWorkers(setting));
  const told = wanted("fan-out") ? await fanOut(setting) : null;
  const sessions = wanted("sessions") ? await idleSessions(setting) : null;
  remember(sessions?.memory);
  const churn = wanted("churn") ? await measureChurn(setting) : null;
  return {
    event: "bench:growth",
    surroundings: await rig.surroundings(),
    quick: values.quick,
    cores: cores.text,
    sweeps,
    churn,
    memory,
    fanOut: told,
    sessions,
  };
}
