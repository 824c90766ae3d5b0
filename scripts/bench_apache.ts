#!/usr/bin/env bun
/**
 * `npm run bench:apache`: Zoon beside Apache ZooKeeper 3.8 on this machine, both standalone with synced logs.
 *
 * Both servers run all the time, so that the JVM is warm, and are loaded by turns. On Linux the servers have
 * core 0 and the load generator core 1. Other work on the machine disturbs rates and latencies; CPU time per
 * request much less.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json";
import type { LoadReport } from "../test/bench/load.ts";
import {
  fourLetterWord,
  freePort,
  type RunningServer,
  startApache,
  startZoon,
  zoonBinary,
} from "../test/interop/apache_server.ts";

const help = `Usage: npm run bench:apache [-- flags]

  --rounds N    rounds of the throughput table (default 5)
  --quick       3 short rounds, fewer starts, 10^5 znodes instead of 10^6
  --dir DIR     parent of the data directories (default ${tmpdir()}); it should be on a real disk
  --json        print one JSON object instead of tables

Takes dist/zoon as it is. Ends by itself after 8 minutes at the latest.`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    dir: { type: "string", default: tmpdir() },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const { quick } = values;
const rounds = Number(values.rounds ?? (quick ? 3 : 5));
if (values.help || !Number.isSafeInteger(rounds) || rounds < 1) {
  (values.help ? console.log : console.error)(help);
  process.exit(values.help ? 0 : 2);
}

const timeMaxMs = 8 * 60_000;
/** On a machine so busy that the rounds take until then, no further one is begun: the rest needs its time. */
const roundsEndMs = 3 * 60_000;
const connections = 50;
const roundMs = quick ? 1000 : 2000;
const warmUpMs = quick ? 300 : 500;
const znodes = quick ? 100_000 : 1_000_000;
const zoonStarts = quick ? 5 : 20;
const apacheStarts = quick ? 1 : 3;
const shellRuns = quick ? 5 : 20;
/** What zkServer.sh gives Apache unless told otherwise. */
const apacheHeapMb = 1000;
/** Without a snapshot before the one during which the latency is measured; warm-up and preparation included. */
const quietMs = warmUpMs + 1000;
const readyTimeoutMs = 120_000;
const loadSource = resolve(import.meta.dir, "../test/bench/load.ts");
const responderSource = resolve(import.meta.dir, "../test/bench/canned_responder.ts");

type Side = "zoon" | "apache";
const sides: readonly Side[] = ["zoon", "apache"];

/** How each server's log tells that a snapshot is done, and how long it took. */
const snapshotDone: Record<Side, RegExp> = {
  zoon: /A snapshot is written .*\bms=(\d+)/g,
  apache: /Snapshot taken in (\d+) ms/g,
};

/** Several measurements of one thing. */
interface Spread {
  median: number;
  min: number;
  max: number;
}

/** One kind of load on one server; rates per second, latencies in ms, CPU in µs of the server per request. */
interface LoadRow {
  op: string;
  inFlight: number;
  server: Side | "canned responder";
  opsPerSecond: Spread;
  p50Ms: Spread;
  p99Ms: Spread;
  cpuUsPerOp: Spread | null;
  generatorCpu: Spread;
}

/** Latencies of a writer with one request in flight, in ms. */
interface WriterLatency {
  writes: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** What is measured of each server once. */
interface Single {
  rssIdleMb: number;
  rssLoadedMb: number;
  createsPerSecond: number;
  createCpuUsPerOp: number | null;
  startMs: Spread;
  restartLoadedMs: number;
  snapshotMs: number;
  before: WriterLatency;
  during: WriterLatency;
}

/** Everything that is printed. */
interface Report {
  date: string;
  machine: string;
  versions: string;
  pinned: boolean;
  syncMs: Spread;
  loadAverageBefore: number;
  loadAverageAfter: number;
  rounds: number;
  roundMs: number;
  znodes: number;
  loads: LoadRow[];
  single: Record<Side, Single>;
  shellLsMs: Spread;
  binaryMb: number;
}

const scratch = mkdtempSync(join(values.dir, "zoon-bench-"));
const children = new Set<ChildProcess>();
const servers = new Set<RunningServer>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const { pid } of servers) process.kill(pid, "SIGKILL");
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
setTimeout(() => {
  console.error(`not done after ${timeMaxMs / 60_000} minutes; given up`);
  process.exit(1);
}, timeMaxMs);

let roundsDone = 0;
const pinned = cpus().length > 1 && spawnSync("taskset", ["-c", "0", "true"]).status === 0;
// A build meanwhile must not change what is measured.
const binary = join(scratch, "zoon");

try {
  copyFileSync(zoonBinary, binary);
  const report = await measureAll();
  console.log(values.json ? JSON.stringify(report, null, 2) : tables(report));
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function measureAll(): Promise<Report> {
  const loadAverageBefore = loadavg()[0];
  const syncMs = measureSync();
  const loads = await measureCeiling();

  say("start-to-ready and shell");
  const startMs: Record<Side, Spread> = {
    zoon: await measureStarts("zoon", zoonStarts),
    apache: await measureStarts("apache", apacheStarts),
  };
  const both = { zoon: await start("zoon"), apache: await start("apache") };
  const shellLsMs = await measureShell(both.zoon);
  await Bun.sleep(1000);
  const idle = { zoon: rssMb(both.zoon.pid), apache: rssMb(both.apache.pid) };
  const version = /version: ([\d.]+)/.exec(await fourLetterWord(both.apache, "srvr"))?.[1] ?? "unknown";

  loads.push(...await measureLoads(both));
  await stop(both.zoon);
  await stop(both.apache);

  const single = {} as Record<Side, Single>;
  for (const side of sides) {
    single[side] = { rssIdleMb: idle[side], startMs: startMs[side], ...await measureLarge(side) };
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} cores (${cpus()[0].model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    versions:
      `Zoon ${manifest.version} on Bun ${Bun.version}; Apache ZooKeeper ${version} on ${javaVersion()}`,
    pinned,
    syncMs,
    loadAverageBefore,
    loadAverageAfter: loadavg()[0],
    rounds: roundsDone,
    roundMs,
    znodes,
    loads,
    single,
    shellLsMs,
    binaryMb: statSync(binary).size / 1e6,
  };
}

/** What generator, kernel and runtime could do at most. */
async function measureCeiling(): Promise<LoadRow[]> {
  say("the generator against a canned responder");
  const responder = pinnedSpawn(0, process.execPath, [responderSource]);
  const target = { port: Number((await firstLine(responder, 10_000)).trim()), pid: responder.pid! };
  const rows: LoadRow[] = [];
  for (const inFlight of [1, 32]) {
    const reports = [await load(target, ["--op", "get", "--in-flight", String(inFlight)])];
    rows.push(rowOf("get", inFlight, "canned responder", reports));
  }
  await end(responder);
  return rows;
}

async function measureLoads(both: Record<Side, RunningServer>): Promise<LoadRow[]> {
  const cases = ["get", "set"].flatMap((op) => [1, 32].map((inFlight) => ({ op, inFlight })));
  const reports = new Map<string, LoadReport[]>();
  for (const side of sides) {
    say(`warming up ${side}`);
    for (const op of ["get", "set"]) {
      await load(both[side], ["--op", op, "--in-flight", "32", "--duration-ms", String(2 * roundMs)]);
    }
  }
  for (let round = 0; round < rounds && (round === 0 || performance.now() < roundsEndMs); round++) {
    roundsDone++;
    say(`round ${round + 1} of ${rounds}, load average ${loadavg()[0].toFixed(1)}`);
    for (const { op, inFlight } of cases) {
      // Who goes first alternates.
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const key = `${op} ${inFlight} ${side}`;
        const report = await load(both[side], ["--op", op, "--in-flight", String(inFlight)]);
        reports.set(key, [...reports.get(key) ?? [], report]);
      }
    }
  }
  return cases.flatMap(({ op, inFlight }) =>
    sides.map((side) => rowOf(op, inFlight, side, reports.get(`${op} ${inFlight} ${side}`)!))
  );
}

function rowOf(op: string, inFlight: number, server: LoadRow["server"], reports: LoadReport[]): LoadRow {
  const cpu = reports.map((report) => cpuUsPerOp(report)).filter((used) => used !== null);
  return {
    op,
    inFlight,
    server,
    opsPerSecond: spreadOf(reports.map((report) => report.opsPerSecond)),
    p50Ms: spreadOf(reports.map((report) => report.p50Ms)),
    p99Ms: spreadOf(reports.map((report) => report.p99Ms)),
    cpuUsPerOp: cpu.length === 0 ? null : spreadOf(cpu),
    generatorCpu: spreadOf(reports.map((report) => report.generatorCpu)),
  };
}

function cpuUsPerOp({ serverCpu, seconds, replies }: LoadReport): number | null {
  return serverCpu === null ? null : serverCpu * seconds * 1e6 / replies;
}

/** Memory, restart and snapshots with many znodes. */
async function measureLarge(side: Side): Promise<Omit<Single, "rssIdleMb" | "startMs">> {
  say(`${side} with ${znodes} znodes`);
  const dataDir = mkdtempSync(join(scratch, `${side}-`));
  const first = await start(side, dataDir);
  const fill = await load(first, ["--op", "create", "--count", String(znodes), "--in-flight", "32"], 240_000);
  await Bun.sleep(2000);
  const rssLoadedMb = rssMb(first.pid);
  const writer = ["--op", "set", "--connections", "1", "--in-flight", "1"];
  const probe = await load(first, writer);
  await stop(first);

  // A roll comes after half of snapCount to all of it: not before the writer's preparation (some 1000 txns,
  // those that meet an existing znode included), its warm-up and 2 s of its writes.
  const snapCount = 2 * Math.round(1100 + (warmUpMs / 1000 + 2) * probe.opsPerSecond);
  const beganMs = performance.now();
  const second = await start(side, dataDir, { snapCount: String(snapCount) });
  const restartLoadedMs = performance.now() - beganMs;
  const { snapshotMs, before, during } = await measureSnapshot(side, second, writer);
  await stop(second);
  return {
    rssLoadedMb,
    createsPerSecond: fill.opsPerSecond,
    createCpuUsPerOp: cpuUsPerOp(fill),
    restartLoadedMs,
    snapshotMs,
    before,
    during,
  };
}

async function measureSnapshot(side: Side, server: RunningServer, writer: string[]) {
  const done = () => [...server.log().matchAll(snapshotDone[side])];
  let seen = done().length;
  const child = spawnLoad(server, [...writer, "--samples", "--duration-ms", "60000"]);
  const output = outputOf(child, 75_000);
  let ended = false;
  output.catch(() => {}).finally(() => ended = true);
  // A server may take one more because it has just started: only one behind a quiet time counts.
  let quietFromMs = epochMs();
  let beganMs = 0;
  let doneMs = 0;
  while (!ended && beganMs < quietFromMs + quietMs) {
    await Bun.sleep(5);
    const snapshots = done();
    if (snapshots.length === seen) continue;
    seen = snapshots.length;
    if (doneMs > 0) quietFromMs = doneMs;
    doneMs = epochMs();
    beganMs = doneMs - Number(snapshots[seen - 1][1]);
  }
  await Bun.sleep(500);
  child.kill("SIGTERM");
  const report = JSON.parse(await output) as LoadReport;
  if (beganMs < quietFromMs + quietMs) {
    throw new Error(
      `${side} took no snapshot during ${report.replies} writes:\n${server.log().slice(-1000)}`,
    );
  }
  const snapshotMs = doneMs - beganMs;
  const latencies = (from: number, to: number) =>
    latencyOf(report.samples!.filter(([at, ms]) => at >= from && at - ms <= to).map(([, ms]) => ms));
  // Some 20 ms are left out before it: when it ended is known only as often as the log is looked at.
  const before = latencies(quietFromMs, beganMs - 20);
  const during = latencies(beganMs, doneMs);
  if (before.writes === 0 || during.writes === 0) {
    throw new Error(`${side}: ${before.writes} writes before its snapshot and ${during.writes} during it`);
  }
  return { snapshotMs, before, during };
}

function latencyOf(latenciesMs: number[]): WriterLatency {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { writes: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) ?? 0 };
}

/** Times from spawn to the first answer; Zoon says itself when it is ready. */
async function measureStarts(side: Side, count: number): Promise<Spread> {
  const times: number[] = [];
  for (let run = 0; run < count; run++) {
    const dataDir = mkdtempSync(join(scratch, "start-"));
    const beganMs = performance.now();
    if (side === "zoon") {
      const child = pinnedSpawn(0, binary, ["server", "--client-port", "0", "--data-dir", dataDir]);
      await firstLine(child, 10_000);
      times.push(performance.now() - beganMs);
      await end(child);
    } else {
      const server = await start(side, dataDir);
      times.push(performance.now() - beganMs);
      await stop(server);
    }
    rmSync(dataDir, { recursive: true });
  }
  return spreadOf(times);
}

async function measureShell(server: RunningServer): Promise<Spread> {
  const times: number[] = [];
  for (let run = 0; run < shellRuns; run++) {
    const beganMs = performance.now();
    const listed = await outputOf(pinnedSpawn(1, binary, ["shell", "-s", server.address, "ls", "/"]), 10_000);
    times.push(performance.now() - beganMs);
    if (!listed.includes("zookeeper")) throw new Error(`zoon shell ls / printed ${JSON.stringify(listed)}`);
  }
  return spreadOf(times);
}

/** One write of 512 bytes and its fdatasync, as a server does for a lone request. */
function measureSync(): Spread {
  const fd = openSync(join(scratch, "sync"), "w");
  const block = new Uint8Array(512);
  const times: number[] = [];
  writeSync(fd, new Uint8Array(256 * block.length), 0, 256 * block.length, 0);
  for (let index = 0; index < 200; index++) {
    const beganMs = performance.now();
    writeSync(fd, block, 0, block.length, index * block.length);
    fdatasyncSync(fd);
    times.push(performance.now() - beganMs);
  }
  closeSync(fd);
  return spreadOf(times);
}

async function start(
  side: Side,
  dataDir: string = mkdtempSync(join(scratch, `${side}-`)),
  cfg: Record<string, string> = {},
): Promise<RunningServer> {
  const options = { cfg, dataDir, clientPort: await freePort(), readyTimeoutMs };
  const server = side === "zoon"
    ? await startZoon({ ...options, binary })
    : await startApache({ ...options, version: "3.8", heapMb: apacheHeapMb });
  servers.add(server);
  server.exited.then(() => servers.delete(server));
  if (pinned) spawnSync("taskset", ["-acp", "0", String(server.pid)]);
  return server;
}

async function stop(server: RunningServer): Promise<void> {
  const ended = await Promise.race([server.stop().then(() => true), Bun.sleep(20_000).then(() => false)]);
  if (!ended) await server.kill();
}

async function load(
  server: { port: number; pid: number },
  args: string[],
  timeoutMs = 60_000,
): Promise<LoadReport> {
  return JSON.parse(await outputOf(spawnLoad(server, args), timeoutMs)) as LoadReport;
}

function spawnLoad({ port, pid }: { port: number; pid: number }, args: string[]): ChildProcess {
  const times = ["--warm-up-ms", String(warmUpMs), "--duration-ms", String(roundMs)];
  const all = ["--connections", String(connections), ...times, "--server-pid", String(pid), ...args];
  return pinnedSpawn(1, process.execPath, [loadSource, "--port", String(port), ...all]);
}

function pinnedSpawn(core: number, command: string, args: string[]): ChildProcess {
  const [first, ...rest] = pinned ? ["taskset", "-c", String(core), command, ...args] : [command, ...args];
  const child = spawn(first, rest, { stdio: ["ignore", "pipe", "pipe"], cwd: scratch });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** All a program prints; rejects when it fails or is not done in time. */
function outputOf(child: ChildProcess, timeoutMs: number): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  let out = "";
  let errors = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => out += text);
  child.stderr!.setEncoding("utf8").on("data", (text: string) => errors += text);
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    reject(new Error(`${child.spawnargs.join(" ")} is not done after ${timeoutMs} ms`));
  }, timeoutMs);
  child.once("error", reject);
  child.once("close", (code) => {
    if (code === 0) done(out);
    else reject(new Error(`${child.spawnargs.join(" ")} ended with ${code}:\n${errors}`));
  });
  return promise.finally(() => clearTimeout(timer));
}

function firstLine(child: ChildProcess, timeoutMs: number): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error(`${child.spawnfile} says nothing`)), timeoutMs);
  child.stderr!.resume();
  child.stdout!.setEncoding("utf8").once("data", done);
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`${child.spawnargs.join(" ")} ended with ${code}`)));
  return promise.finally(() => clearTimeout(timer));
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once("close", done));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(late);
}

function rssMb(pid: number): number {
  const kib = spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).stdout;
  return Number(kib) * 1024 / 1e6;
}

function javaVersion(): string {
  const { stderr } = spawnSync("java", ["-version"], { encoding: "utf8" });
  return `Java ${/version "([^"]+)"/.exec(stderr)?.[1] ?? "unknown"}`;
}

function spreadOf(all: number[]): Spread {
  const sorted = all.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1)! };
}

function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

function say(what: string): void {
  console.error(what);
}

/** Both tables, in Markdown. */
function tables(report: Report): string {
  const { single } = report;
  const lines = [
    `${report.date}; ${report.machine}; ${report.versions}.`,
    `${report.pinned ? "Server on core 0, generator on core 1" : "Not pinned to cores"}; load average ` +
    `${report.loadAverageBefore.toFixed(1)} before and ${
      report.loadAverageAfter.toFixed(1)
    } after; a write ` +
    `of 512 bytes and its fdatasync take ${number(report.syncMs.median)} ms.`,
    "",
    `${connections} connections, median (least to most) of ${report.rounds} rounds of ${roundMs / 1000} s.`,
    "",
    "| load | server | requests/s | p50 ms | p99 ms | server CPU µs/request | requests/s : Apache | CPU : Apache |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  for (const row of report.loads) {
    const apache = report.loads.find(({ op, inFlight, server }) =>
      op === row.op && inFlight === row.inFlight && server === "apache"
    )!;
    const cpu = row.cpuUsPerOp;
    lines.push(
      `| ${row.op}, ${row.inFlight} in flight | ${row.server} | ${range(row.opsPerSecond)} | ${
        range(row.p50Ms)
      } | ${range(row.p99Ms)} | ${cpu === null ? "-" : range(cpu)} | ${
        ratio(row.opsPerSecond.median, apache.opsPerSecond.median)
      } | ${cpu === null ? "-" : ratio(cpu.median, apache.cpuUsPerOp!.median)} |`,
    );
  }
  lines.push("", "| figure | Zoon | Apache | Zoon : Apache |", "| --- | --- | --- | --- |");
  const compare = (name: string, pick: (side: Single) => number) => {
    const [ours, theirs] = [pick(single.zoon), pick(single.apache)];
    lines.push(`| ${name} | ${number(ours)} | ${number(theirs)} | ${ratio(ours, theirs)} |`);
  };
  compare("start to ready, ms", ({ startMs }) => startMs.median);
  compare("RSS idle, MB", ({ rssIdleMb }) => rssIdleMb);
  compare(`RSS with ${znodes} znodes, MB`, ({ rssLoadedMb }) => rssLoadedMb);
  compare("creates/s, 32 in flight, while loading them", ({ createsPerSecond }) => createsPerSecond);
  if (single.zoon.createCpuUsPerOp !== null) {
    compare("server CPU µs/create", ({ createCpuUsPerOp }) => createCpuUsPerOp ?? 0);
  }
  compare("start to ready with them, ms", ({ restartLoadedMs }) => restartLoadedMs);
  compare("snapshot of them, ms", ({ snapshotMs }) => snapshotMs);
  for (const when of ["before", "during"] as const) {
    const name = `lone writer ${when === "before" ? "just before" : "during"} it`;
    compare(`${name}, writes`, (side) => side[when].writes);
    compare(`${name}, p50 ms`, (side) => side[when].p50Ms);
    compare(`${name}, p99 ms`, (side) => side[when].p99Ms);
    compare(`${name}, max ms`, (side) => side[when].maxMs);
  }
  lines.push(
    `| zoon shell ls /, whole process, ms | ${range(report.shellLsMs)} | - | - |`,
    `| executable, MB | ${number(report.binaryMb)} | - | - |`,
  );
  return lines.join("\n");
}

function range({ median, min, max }: Spread): string {
  return min === max ? number(median) : `${number(median)} (${number(min)} to ${number(max)})`;
}

function number(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function ratio(ours: number, theirs: number): string {
  return (ours / theirs).toFixed(2);
}
