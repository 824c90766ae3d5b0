#!/usr/bin/env bun
/**
 * `npm run chaos`: an ensemble of real processes that are killed, paused and cut off under load, and a judgement of
 * everything its clients were told.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ChaosNetwork } from "../test/chaos/chaos_network.ts";
import { type ChaosReport, ChaosRun } from "../test/chaos/chaos_run.ts";
import { faults } from "../test/chaos/faults.ts";
import {
  enterNamespace,
  isInNamespace,
  namespaceCommand,
  NamespaceNetwork,
} from "../test/chaos/namespace_network.ts";
import { LoopbackNetwork } from "../test/chaos/loopback_network.ts";
import { ProxyNetwork } from "../test/chaos/proxy_network.ts";
import { SmallDisk } from "../test/chaos/small_disk.ts";
import { saturate, type SaturationReport } from "../test/chaos/saturation_run.ts";
import { binary } from "./build.ts";

const help = `Usage: npm run chaos [-- flags]

Runs dist/zoon as an ensemble of real processes, kills, stops, pauses and cuts them off under load, and checks
what clients were told: no acknowledged write lost, none done twice, one order of writes, sessions that never go
back, watches before data, ephemerals with their sessions, equal trees in the end, and that all serve again.

  --minutes M      how long faults rage, healing and checking not counted (default 2)
  --seed N         draws faults and load; time is real, so a run is alike but never the same (default drawn)
  --servers N      3 to 7 (default 3)
  --observers K    how many of them observe; at least 3 must vote (default 0)
  --workers N      processes of each server (default 1)
  --network KIND   namespaces (Linux, own network per server), proxy (anywhere), or auto (default)
  --tick MS        tickTime (default 400, 2000 with --saturate); initLimit is 10 and syncLimit 5, as in Apache's sample zoo.cfg
  --clients N      default 6
  --round S        seconds of faults between two judgements (default 45)
  --faults WORDS   only faults whose name holds one of the words, comma-separated
  --saturate       no faults: more load than the machine can take, and no election may come of it; tickTime is
                   2000 then
  --apache         Apache ZooKeeper 3.8 instead of Zoon
  --binary FILE    default dist/zoon
  --json           print the report as JSON at the end; progress goes to stderr
  --keep           keep data and logs also when all is well

Faults: ${faults.map(({ name }) => name).join(", ")}

Example: npm run chaos -- --minutes 30 --seed 7`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string" },
    servers: { type: "string", default: "3" },
    observers: { type: "string", default: "0" },
    workers: { type: "string", default: "1" },
    network: { type: "string", default: "auto" },
    tick: { type: "string" },
    clients: { type: "string", default: "6" },
    round: { type: "string", default: "45" },
    faults: { type: "string", default: "" },
    saturate: { type: "boolean", default: false },
    apache: { type: "boolean", default: false },
    binary: { type: "string", default: binary },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
/** Whose disk is filled. */
const smallDiskServer = 1;
const flavor = values.apache ? "apache" : "zoon";
const minutes = Number(values.minutes);
const servers = Number(values.servers);
const observers = Number(values.observers);
const workers = Number(values.workers);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const tickMs = Number(values.tick ?? (values.saturate ? 2000 : 400));
const clients = Number(values.clients);
const roundMs = Number(values.round) * 1000;
const usable = minutes > 0 && servers >= 3 && servers <= 7 && Number.isSafeInteger(servers) &&
  Number.isSafeInteger(workers) && workers >= 1 && !(values.apache && workers > 1) &&
  Number.isSafeInteger(observers) && observers >= 0 && servers - observers >= 3 &&
  Number.isSafeInteger(seed) && tickMs >= 50 && clients >= 1 && roundMs >= 1000 &&
  ["auto", "namespaces", "proxy"].includes(values.network);
if (values.help || !usable) {
  (values.help ? console.log : console.error)(help);
  process.exit(values.help ? 0 : 2);
}
if (!values.apache && !existsSync(values.binary)) {
  console.error(`There is no executable at ${values.binary}; run "npm run build" first`);
  process.exit(2);
}

const unshare = values.saturate || values.network === "proxy" || isInNamespace() ? null : namespaceCommand();
if (unshare !== null) {
  enterNamespace(unshare);
} else if (values.network === "namespaces" && !values.saturate && !isInNamespace()) {
  console.error("Network namespaces are not permitted here (Linux, root or unprivileged user namespaces)");
  process.exit(2);
} else {
  process.exit(await play());
}

async function play(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), "zoon-chaos-"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
  // A build meanwhile must not change what runs.
  const own = join(dir, "zoon");
  if (!values.apache) {
    copyFileSync(values.binary, own);
    // An executable is as old as its last build: what is judged here has to be told apart from what lies in src/.
    say(spawnSync(own, ["--version"], { encoding: "utf8" }).stdout.trim());
  }
  const good = values.saturate ? await playLoad(dir, own) : await playFaults(dir, own);
  if (good && !values.keep) rmSync(dir, { recursive: true, force: true });
  else say(`data and logs are kept in ${dir}`);
  return good ? 0 : 1;
}

async function playLoad(dir: string, own: string): Promise<boolean> {
  const network = await LoopbackNetwork.open(servers);
  say(`${servers} servers of ${flavor} under load for ${minutes} minutes, data in ${dir}`);
  const durationMs = minutes * 60_000;
  const report = await saturate({ flavor, servers, durationMs, tickMs, binary: own, network, dir, say });
  for (const trouble of report.troubles) say(`FAILED: ${trouble}`);
  console.log(values.json ? JSON.stringify(report, null, 2) : saturationSummary(report));
  return report.elections === 0 && report.modeChanges === 0 && report.troubles.length === 0;
}

async function playFaults(dir: string, own: string): Promise<boolean> {
  const network: ChaosNetwork = isInNamespace()
    ? await NamespaceNetwork.open(servers)
    : await ProxyNetwork.open(servers);
  const smallDisks = new Map<number, SmallDisk>();
  // Apache's server ends itself when its disk is full, which is no fault of the ensemble's.
  if (isInNamespace() && flavor === "zoon") {
    const disk = SmallDisk.mount(join(dir, String(smallDiskServer)));
    if (disk !== null) smallDisks.set(smallDiskServer, disk);
  }
  say(
    `seed ${seed}: ${servers} servers of ${flavor}, ${network.kind}, ${minutes} minutes of faults, data in ${dir}`,
  );
  const words = values.faults.split(",").map((word) => word.trim()).filter((word) => word !== "");
  const run = new ChaosRun({
    flavor,
    servers,
    observers,
    seed,
    durationMs: minutes * 60_000,
    roundMs,
    tickMs,
    clients,
    binary: own,
    workers,
    network,
    smallDisks,
    dir,
    chosen: ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
    say,
  });
  const report = await run.run();
  await network.close();
  const good = report.failed === 0 && report.passed > 0;
  for (const [id, disk] of smallDisks) {
    if (!good || values.keep) disk.keep(join(dir, `${id}-kept`));
    disk.unmount();
  }
  console.log(values.json ? JSON.stringify(report, null, 2) : summary(report));
  return good;
}

function say(line: string): void {
  (values.json ? console.error : console.log)(line);
}

function saturationSummary(report: SaturationReport): string {
  const { median, min, max } = report.writesPerSecond;
  const failed =
    [report.elections, report.modeChanges, report.troubles.length].filter((count) => count > 0).length;
  return [
    "",
    `${report.minutes} minutes of ${report.flavor} under load: ${report.writes} writes (${median}/s, ${min} to ${max}), ` +
    `${report.reads} reads, slowest write ${Math.round(report.worstWriteMs)} ms`,
    `elections: ${report.elections}, changes of mode: ${report.modeChanges}, troubles: ${report.troubles.length}`,
    `${3 - failed} passed, ${failed} failed`,
  ].join("\n");
}

function summary(report: ChaosReport): string {
  const { operations, sessions } = report;
  const lines = [
    "",
    `${report.rounds} rounds, ${
      report.faultMinutes.toFixed(1)
    } minutes of faults on ${report.servers} servers ` +
    `(${report.flavor}, ${report.network}), seed ${report.seed}`,
    `operations: ${operations.ok} ok (${operations.writesAcknowledged} writes), ${operations.fail} refused, ` +
    `${operations.unknown} of unknown fate`,
    `sessions: ${sessions.opened} opened, ${sessions.closed} closed, ${sessions.expired} expired, ` +
    `${sessions.abandoned} abandoned`,
    `elections: ${report.elections}; all served again after ${report.healMs.median} ms in the median, ` +
    `${report.healMs.max} ms at most` +
    (report.flavor === "apache" ? `; stale syncs of old leaders: ${report.syncsExcused}` : ""),
    "",
    "fault                                     times  median gap  longest gap",
  ];
  for (const [name, { count, medianMs, maxMs }] of Object.entries(report.gapsByFault)) {
    lines.push(
      `${name.padEnd(42)}${String(count).padStart(5)}${`${medianMs} ms`.padStart(12)}${
        `${maxMs} ms`.padStart(13)
      }`,
    );
  }
  const gaps = Object.entries(report.gaps).map(([name, count]) => `${name}: ${count}`);
  lines.push("", `longest time without an acknowledged write per fault: ${gaps.join(", ")}`, "");
  for (const { round, property, message } of report.violations) {
    lines.push(`FAILED in round ${round}: ${property}: ${message}`);
  }
  lines.push(`${report.passed} passed, ${report.failed} failed`);
  return lines.join("\n");
}
