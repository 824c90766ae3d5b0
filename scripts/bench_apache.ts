#!/usr/bin/env bun
/**
 * `npm run bench:apache`: Zoon beside Apache ZooKeeper 3.8 on this machine, one server and three, with synced logs.
 *
 * Both sides run all the time, so that the JVM is warm, and are loaded by turns by the engine of `zoon bench`. Other work
 * on the machine disturbs rates and latencies; CPU time per request much less.
 */
import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { workerOf } from "../test/bench/engine.ts";
import { coresApart, coresShared } from "../test/bench/processes.ts";
import { measureEnsemble } from "../test/bench/record/ensemble.ts";
import { measureFailover } from "../test/bench/record/failover.ts";
import { measureLargeTree } from "../test/bench/record/large_tree.ts";
import {
  type Report,
  reportText,
  type StandaloneFigures,
  targetsOf,
  type ThreeFigures,
} from "../test/bench/record/report.ts";
import { measureStandalone } from "../test/bench/record/standalone.ts";
import {
  measureEnsembleStarts,
  measureIdle,
  measureShell,
  measureStarts,
} from "../test/bench/record/starts.ts";
import { javaVersion, Rig } from "../test/bench/rig.ts";
import { startStandalone, stopStandalone } from "../test/bench/sides.ts";
import { ensureApache, fourLetterWord } from "../test/interop/apache_server.ts";
import { publish } from "./bench_report.ts";
import { binary } from "./build.ts";

const help = `Usage: npm run bench:apache [-- flags]

Takes dist/zoon as it is, and Apache ZooKeeper 3.8 as Debian has it (packages zookeeper, libzookeeper-java,
libslf4j-java and a Java runtime; installed if this is root and they are missing). Prints the table of targets with
what was measured, and what stands behind it.

  --only SHAPE    standalone or ensemble
  --rounds N      of each load (default 5)
  --kills N       of leaders, per side (default 20)
  --quick         3 short rounds, fewer starts, 5 kills, 10^5 znodes instead of 10^6
  --binary FILE   default dist/zoon
  --dir DIR       parent of the data directories (default ${tmpdir()}); it should be on a real disk
  --json          print one JSON object; progress goes to stderr
  --write         put the report into BENCHMARKS.md, too; not with --only

Ends by itself after 25 minutes at the latest; a whole run takes about 12, a quick one 4.`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string" },
    kills: { type: "string" },
    quick: { type: "boolean", default: false },
    binary: { type: "string", default: binary },
    dir: { type: "string", default: tmpdir() },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const { quick, only } = values;
const rounds = Number(values.rounds ?? (quick ? 3 : 5));
const kills = Number(values.kills ?? (quick ? 5 : 20));
const usable = [rounds, kills].every((count) => Number.isSafeInteger(count) && count >= 1) &&
  (only === undefined || (["standalone", "ensemble"].includes(only) && !values.write));
if (values.help || !usable) {
  (values.help ? console.log : console.error)(help);
  process.exit(values.help ? 0 : 2);
}

const timeMaxMs = 25 * 60_000;
const roundMs = quick ? 1000 : 2000;
const warmUpMs = quick ? 300 : 500;
const znodes = quick ? 100_000 : 1_000_000;
const starts = quick ? { zoon: 5, apache: 1 } : { zoon: 20, apache: 3 };
const shellRuns = quick ? 5 : 20;

try {
  ensureApache("3.8");
  const rig = await Rig.open({ dir: values.dir, binary: values.binary, json: values.json, timeMaxMs });
  const report = await measure(rig);
  await publish(report, reportText(report), values);
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function measure(rig: Rig): Promise<Report> {
  const apache = await apacheVersion(rig);
  const standalone = only === "ensemble" ? null : await measureOne(rig);
  const three = only === "standalone" ? null : await measureThree(rig);
  return {
    event: "bench:apache",
    surroundings: await rig.surroundings(),
    apache,
    quick,
    rounds,
    roundMs,
    binaryBytes: statSync(rig.binary).size,
    standalone,
    three,
    targets: targetsOf({ standalone, three }),
  };
}

async function measureOne(rig: Rig): Promise<StandaloneFigures> {
  const cores = coresApart();
  const worker = [...cores.generator, ...workerOf(rig.binary)];
  rig.say("one server: starts, memory, shell");
  const startMs = await measureStarts(rig, starts);
  const idleBytes = await measureIdle(rig);
  const shellMs = await measureShell(rig, shellRuns);
  const loads = await measureStandalone(rig, cores, turns(rig, worker, timeMaxMs * 0.6));
  const large = {
    zoon: await measureLargeTree(rig, "zoon", { znodes, cores, worker }),
    apache: await measureLargeTree(rig, "apache", { znodes, cores, worker }),
  };
  return { cores: cores.text, startMs, idleBytes, shellMs, loads, large };
}

async function measureThree(rig: Rig): Promise<ThreeFigures> {
  const cores = coresShared();
  rig.say("three servers: starts");
  const startMs = await measureEnsembleStarts(rig, starts);
  const figures = await measureEnsemble(rig, turns(rig, workerOf(rig.binary), timeMaxMs * 0.25));
  const failoverMs = await measureFailover(rig, kills);
  return { cores: cores.text, startMs, ...figures, failoverMs };
}

/** @param neededMs What the rest of the run needs: on a machine so busy that less is left, no further round begins. */
function turns(rig: Rig, worker: readonly string[], neededMs: number) {
  return {
    rounds,
    roundMs,
    warmUpMs,
    worker,
    mayBegin: () => rig.leftMs > neededMs,
    say: (text: string) => rig.say(text),
  };
}

async function apacheVersion(rig: Rig): Promise<string> {
  const server = await startStandalone(rig, "apache");
  const version = /version: ([\d.]+)/.exec(await fourLetterWord(server, "srvr"))?.[1] ?? "3.8";
  await stopStandalone(server);
  return `Apache ZooKeeper ${version} on ${javaVersion()} with 1000 MB of heap and the serial collector`;
}
