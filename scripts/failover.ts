#!/usr/bin/env bun
/**
 * `npm run bench:failover`: from kill -9 of the leader to the next acknowledged write, Zoon beside Apache ZooKeeper
 * 3.8, ensembles of three with the timing of Apache's sample zoo.cfg, by turns on one machine.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { drive, loadOf, prepare, sourceWorker } from "../test/bench/engine.ts";
import { medianOf } from "../test/bench/statistics.ts";
import { Cluster, type Flavor } from "../test/chaos/cluster.ts";
import { type Failover, FailoverRun, type LogSteps } from "../test/chaos/failover_run.ts";
import { LoopbackNetwork } from "../test/chaos/loopback_network.ts";
import { binary } from "./build.ts";

const help = `Usage: npm run bench:failover [-- flags]

Kills the leader of an ensemble of three under closed-loop writes and measures the time until the next write is
acknowledged by a survivor; then the killed server comes back and it is done again. Zoon and Apache ZooKeeper 3.8
take turns. tickTime is 2000, initLimit 10, syncLimit 5.

  --kills N       per side (default 20)
  --only SIDE     zoon or apache
  --znodes N      of 100 bytes that each ensemble holds meanwhile (default 0)
  --binary FILE   default dist/zoon
  --dir DIR       parent of the data directories (default ${tmpdir()}); it should be on a real disk
  --json          print the report as JSON; progress goes to stderr
  --keep          keep data and logs

Exits with 1 when Zoon misses its target: median below 100 ms and the worst below 200 ms.`;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "20" },
    only: { type: "string" },
    znodes: { type: "string", default: "0" },
    binary: { type: "string", default: binary },
    dir: { type: "string", default: tmpdir() },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const kills = Number(values.kills);
const znodes = Number(values.znodes);
const sides = (["zoon", "apache"] as const).filter((side) =>
  values.only === undefined || values.only === side
);
if (
  values.help || !Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(znodes) ||
  sides.length === 0
) {
  (values.help ? console.log : console.error)(help);
  process.exit(values.help ? 0 : 2);
}
if (sides.includes("zoon") && !existsSync(values.binary)) {
  console.error(`There is no executable at ${values.binary}; run "npm run build" first`);
  process.exit(2);
}

const medianTargetMs = 100;
const worstTargetMs = 200;
/** Writes go on for so long before each kill, in ms. */
const warmUpMs = 700;

const logSteps: Record<Flavor, LogSteps> = {
  zoon: {
    timeOf: (line) => isoTime(line),
    steps: [
      ["looking", /Now looking for a leader/],
      ["elected", /A leader is elected/],
      ["leading", /Now leading/],
      ["following", /Now following/],
    ],
  },
  apache: {
    timeOf: (line) => clockTime(line),
    steps: [
      ["looking", /PeerState set to LOOKING|- LOOKING$/],
      ["elected", /LEADER ELECTION TOOK/],
      ["leading", /Have quorum of supporters/],
    ],
  },
};

/** What is measured of a kill, with its name in the table. */
const measures: readonly (readonly [string, (one: Failover) => number])[] = [
  ["next write on a survivor", (one) => one.survivorMs],
  ["probe that was on the leader", (one) => one.orphanMs],
  ["plain client that was on the leader", (one) => one.clientMs],
];

const scratch = mkdtempSync(join(values.dir, "zoon-failover-"));
process.on("exit", () => {
  if (!values.keep) rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));

try {
  process.exit(await measure());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (values.keep) console.error(`data and logs are kept in ${scratch}`);
  process.exit(1);
}

async function measure(): Promise<number> {
  const own = join(scratch, "zoon");
  // A build meanwhile must not change what is measured.
  if (sides.includes("zoon")) copyFileSync(values.binary, own);
  const loadBefore = loadavg()[0];
  const runs = new Map<Flavor, FailoverRun>();
  const found = new Map<Flavor, Failover[]>(sides.map((side) => [side, []]));
  for (const side of sides) {
    say(`starting three servers of ${side}`);
    const network = await LoopbackNetwork.open(3);
    const cluster = new Cluster({
      flavor: side,
      size: 3,
      dir: join(scratch, `ensemble-${side}`),
      binary: own,
      network,
      cfg: { tickTime: "2000", initLimit: "10", syncLimit: "5" },
      onDeath(id, how) {
        throw new Error(`${side}: server ${id} ${how}; its log:\n${cluster.log(id).slice(-2000)}`);
      },
    });
    const run = new FailoverRun(cluster, network, logSteps[side]);
    await run.open();
    if (znodes > 0) {
      say(`loading ${znodes} znodes into ${side}`);
      const load = loadOf({ mix: "create", inFlight: 8, ops: znodes, warmUpMs: 0, keyCount: 1 });
      const servers = [network.statusTarget(1)];
      await drive(load, { servers, root: await prepare(servers, load), pids: [] }, sourceWorker);
    }
    runs.set(side, run);
  }
  for (let round = 1; round <= kills; round++) {
    // Who goes first alternates.
    for (const side of round % 2 === 0 ? sides.toReversed() : sides) {
      const one = await runs.get(side)!.kill(warmUpMs);
      found.get(side)!.push(one);
      const steps = Object.entries(one.steps).map(([name, ms]) => `${name} ${ms}`).join(", ");
      say(
        `${round}/${kills} ${side}: server ${one.killed} killed, next write after ${
          one.survivorMs.toFixed(0)
        } ms, ` +
          `from the leader's probe ${one.orphanMs.toFixed(0)}, from its client ${
            one.clientMs.toFixed(0)
          } (${steps})`,
      );
    }
  }
  for (const run of runs.values()) await run.close();

  const loadAfter = loadavg()[0];
  const machine = `${cpus().length} cores (${cpus()[0].model.trim()})`;
  if (values.json) {
    console.log(
      JSON.stringify({ machine, loadBefore, loadAfter, kills: Object.fromEntries(found) }, null, 2),
    );
  } else {
    console.log(table(found));
    console.log(
      `\n${machine}, load average ${loadBefore.toFixed(1)} before and ${loadAfter.toFixed(1)} after`,
    );
  }
  const zoon = found.get("zoon")?.map((one) => one.survivorMs);
  if (zoon === undefined) return 0;
  const met = medianOf(zoon) < medianTargetMs && Math.max(...zoon) < worstTargetMs;
  const words = `median < ${medianTargetMs} ms and worst < ${worstTargetMs} ms`;
  if (!values.json) console.log(`target ${words}: ${met ? "met" : "MISSED"}`);
  return met ? 0 : 1;
}

function table(found: ReadonlyMap<Flavor, readonly Failover[]>): string {
  const lines: string[] = [""];
  for (const [name, pick] of measures) {
    lines.push(`${name}, ms:`);
    for (const [side, list] of found) {
      const all = list.map(pick).sort((a, b) => a - b);
      lines.push(
        `  ${side.padEnd(7)} median ${medianOf(all).toFixed(0).padStart(5)}  min ${
          all[0].toFixed(0).padStart(5)
        }  ` +
          `max ${all.at(-1)!.toFixed(0).padStart(5)}  all ${all.map((ms) => ms.toFixed(0)).join(" ")}`,
      );
    }
    const [ours, theirs] = [found.get("zoon")?.map(pick), found.get("apache")?.map(pick)];
    if (ours !== undefined && theirs !== undefined) {
      lines.push(
        `  ratio   median ${(medianOf(ours) / medianOf(theirs)).toFixed(2).padStart(5)}` +
          `             max ${(Math.max(...ours) / Math.max(...theirs)).toFixed(2).padStart(5)}`,
      );
    }
  }
  for (const [side, list] of found) {
    const names = logSteps[side].steps.map(([name]) => name);
    const medians = names.map((name) => {
      const times = list.map((one) => one.steps[name]).filter((ms) => ms !== undefined);
      return times.length === 0 ? null : `${name} ${medianOf(times).toFixed(0)}`;
    }).filter((text) => text !== null);
    lines.push(`steps of ${side} by its logs, median ms from the kill: ${medians.join(", ")}`);
  }
  return lines.join("\n");
}

function isoTime(line: string): number | null {
  const found = /\d{4}-\d\d-\d\d[T ](\d\d):(\d\d):(\d\d)[.,](\d{3})/.exec(line);
  return found === null ? null : ofDay(found.slice(1).map(Number));
}

function clockTime(line: string): number | null {
  const found = /(\d\d):(\d\d):(\d\d)\.(\d{3})/.exec(line);
  return found === null ? null : ofDay(found.slice(1).map(Number));
}

function ofDay([hours, minutes, seconds, ms]: number[]): number {
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
}

function say(text: string): void {
  (values.json ? console.error : console.log)(text);
}
