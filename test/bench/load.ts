#!/usr/bin/env bun
/**
 * Load on one server from one process: N connections with K requests in flight each, over raw sockets.
 * Prints one JSON object, a {@linkcode LoadReport}.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { LatencyHistogram } from "../../cli/bench/latency_histogram.ts";
import { LoadConnection } from "./load_connection.ts";
import { type Workload, type WorkloadName, workloadNames, workloadOf } from "./workloads.ts";

/** What a run came to. */
export interface LoadReport {
  op: WorkloadName;
  connections: number;
  inFlight: number;
  /** Replies in the measured time. */
  replies: number;
  /** Length of the measured time. */
  seconds: number;
  opsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** CPU time of this process per second; near 1 means that the generator was the limit. */
  generatorCpu: number;
  /** CPU time of the server per second, over all its threads; null without --server-pid. */
  serverCpu: number | null;
  /** With --samples: when each request was answered, in ms of the epoch, and its latency in ms. */
  samples?: [number, number][];
}

const help = `Usage: bun test/bench/load.ts --port PORT [flags]

  --host HOST          default 127.0.0.1
  --op OP              ${workloadNames.join(", ")} (default get)
  --connections N      default 50
  --in-flight K        requests in flight on each connection (default 1)
  --warm-up-ms MS      not measured (default 1000)
  --duration-ms MS     measured (default 5000); SIGTERM ends it early
  --count N            measure N creates from the first to the last, instead of a time
  --seed N             default drawn
  --server-pid PID     report the CPU time of this process too
  --samples            report every latency

Example: bun test/bench/load.ts --port 2181 --op set --in-flight 32`;

/** A reply that does not come for this long fails the run. */
const silenceMaxMs = 30_000;
/** What a timed run of creates cannot use up. */
const createsMax = 9_999_999;

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string" },
    op: { type: "string", default: "get" },
    connections: { type: "string", default: "50" },
    "in-flight": { type: "string", default: "1" },
    "warm-up-ms": { type: "string", default: "1000" },
    "duration-ms": { type: "string", default: "5000" },
    count: { type: "string" },
    seed: { type: "string" },
    "server-pid": { type: "string" },
    samples: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const op = values.op as WorkloadName;
if (values.help || values.port === undefined || !workloadNames.includes(op)) {
  (values.help ? console.log : console.error)(help);
  process.exit(values.help ? 0 : 2);
}
const connectionCount = whole("connections");
const inFlight = whole("in-flight");
const port = whole("port");
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : whole("seed");
const count = values.count === undefined ? null : whole("count");
const serverPid = values["server-pid"] === undefined ? null : whole("server-pid");

let stopAsked: () => void = () => process.exit(130);
process.on("SIGTERM", () => stopAsked());
process.on("SIGINT", () => process.exit(130));

try {
  const report = await run();
  await Bun.write(Bun.stdout, `${JSON.stringify(report)}\n`);
  process.exit(0);
} catch (error) {
  console.error(`load: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

async function run(): Promise<LoadReport> {
  const { before, workload } = workloadOf(op, seed, count ?? createsMax);
  const histogram = new LatencyHistogram();
  const samples: [number, number][] = [];
  let repliesEver = 0;
  let replies = 0;

  // What is prepared may depend on what was prepared before it.
  const first = await LoadConnection.open(values.host, port, 100);
  for (const step of before) await drive([first], step, () => repliesEver++, new Promise(() => {}));
  first.close();

  const connections: LoadConnection[] = [];
  for (let index = 0; index < connectionCount; index++) {
    connections.push(await LoadConnection.open(values.host, port, inFlight));
  }
  let startMs = performance.now();
  let startCpu = cpuTimes();
  const warmedUp = count === null ? Bun.sleep(whole("warm-up-ms")) : Promise.resolve();
  const timeUp = warmedUp.then(() => {
    histogram.reset();
    samples.length = 0;
    replies = 0;
    startMs = performance.now();
    startCpu = cpuTimes();
    return new Promise<void>((resolve) => {
      stopAsked = resolve;
      if (count === null) setTimeout(resolve, whole("duration-ms"));
    });
  });
  let endMs = 0;
  let endCpu = startCpu;
  const takeEnd = () => {
    if (endMs !== 0) return;
    endMs = performance.now();
    endCpu = cpuTimes();
  };
  timeUp.then(takeEnd);
  await drive(connections, workload, (sentMs, answeredMs) => {
    repliesEver++;
    if (endMs !== 0) return;
    replies++;
    histogram.record((answeredMs - sentMs) * 1000);
    if (values.samples) samples.push([performance.timeOrigin + answeredMs, answeredMs - sentMs]);
  }, timeUp);
  takeEnd();
  for (const connection of connections) connection.close();

  const seconds = (endMs - startMs) / 1000;
  return {
    op,
    connections: connectionCount,
    inFlight,
    replies,
    seconds,
    opsPerSecond: replies / seconds,
    p50Ms: histogram.quantileMs(0.5),
    p99Ms: histogram.quantileMs(0.99),
    maxMs: histogram.maxMs,
    generatorCpu: (endCpu.own - startCpu.own) / seconds,
    serverCpu: endCpu.server === null ? null : (endCpu.server - startCpu.server!) / seconds,
    ...(values.samples ? { samples } : {}),
  };
}

/** Runs a workload over the connections until it has no more, or the time is up. */
function drive(
  connections: LoadConnection[],
  workload: Workload,
  onReply: (sentMs: number, answeredMs: number) => void,
  timeUp: Promise<void>,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = workload.count;
  let busy = connections.length;
  let answered = 0;
  let answeredAtLook = -1;
  const silence = setInterval(() => {
    if (answered === answeredAtLook) reject(new Error(`no reply in ${silenceMaxMs} ms`));
    answeredAtLook = answered;
  }, silenceMaxMs);
  timeUp.then(() => left = 0);
  const observer = {
    onReply(sentMs: number, answeredMs: number) {
      answered++;
      onReply(sentMs, answeredMs);
    },
    mayGoOn: () => left > 0 && left-- > 0,
    onIdle() {
      if (--busy === 0) resolve();
    },
    onFailure: reject,
  };
  for (const connection of connections) connection.run(workload, observer);
  return promise.finally(() => clearInterval(silence));
}

/** CPU seconds used so far. */
function cpuTimes(): { own: number; server: number | null } {
  const { user, system } = process.cpuUsage();
  return { own: (user + system) / 1e6, server: serverPid === null ? null : cpuSecondsOf(serverPid) };
}

/** Linux counts in ticks of 10 ms; null where there is no /proc. */
function cpuSecondsOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The program's name, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}

function whole(name: Exclude<keyof typeof values, "samples" | "help">): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} is a whole number`);
  process.exit(2);
}
