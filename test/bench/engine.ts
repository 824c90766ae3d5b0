/**
 * Loads servers with the engine of `zoon bench`: one of its workers, a process of its own that may be pinned to a core,
 * does what a plan says.
 */
import { resolve } from "node:path";
import { BenchTree } from "../../cli/bench/bench_tree.ts";
import { tickMs } from "../../cli/bench/mix_load.ts";
import { parseMix } from "../../cli/bench/operations.ts";
import { Outcome } from "../../cli/bench/outcome.ts";
import { type BenchPlan, sharesOf } from "../../cli/bench/plan.ts";
import { RemoteLoad } from "../../cli/bench/remote_load.ts";
import type { Tick } from "../../cli/bench/tick.ts";
import { formatServer, type ServerAddress } from "../../src/client/connection_string.ts";
import { type CpuSeconds, cpuSecondsOf } from "./processes.ts";

/** The plan of a load but for where it goes; what is not told is as {@linkcode loadOf} has it. */
export type LoadWords = Partial<Omit<BenchPlan, "servers" | "root" | "mix" | "workers">> & {
  /** As `--mix` has it. */
  readonly mix: string;
  /** Bytes of data, always the same; 100 unless told. */
  readonly valueBytes?: number;
};

/** A plan without servers and root. */
export type Load = Omit<BenchPlan, "servers" | "root">;

/** A load of 50 connections with one request in flight each, of 1000 znodes of 100 bytes, for 2 s. */
export function loadOf({ mix: words, valueBytes = 100, ...told }: LoadWords): Load {
  const mix = parseMix(words);
  if (typeof mix === "string") throw new Error(mix);
  return {
    mix,
    valueBytesMin: valueBytes,
    valueBytesMax: valueBytes,
    keyCount: 1000,
    distribution: "uniform",
    depth: 1,
    connections: 50,
    inFlight: 1,
    warmUpMs: 500,
    durationMs: 2000,
    ops: null,
    rate: null,
    sessionTimeoutMs: 40_000,
    seed: 1,
    workers: 1,
    ...told,
  };
}

/** Who is loaded. */
export interface Target {
  readonly servers: readonly ServerAddress[];
  /** What {@linkcode prepare} made there. */
  readonly root: string;
  /** Processes whose CPU time is counted. */
  readonly pids: readonly number[];
}

/** What a load came to. */
export interface Measured {
  readonly outcome: Outcome;
  /** Done requests. */
  readonly count: number;
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** CPU time of the generator per time: near 1 it was the limit. */
  readonly generatorCpu: number;
  /** CPU time of the servers per time, all of them together; null where it cannot be known. */
  readonly serversCpu: number | null;
  /** The same in µs per done request. */
  readonly cpuUsPerOp: number | null;
  /** The kernel's part of it, 0 to 1. */
  readonly kernelPart: number | null;
}

/** Starts a worker from the sources. */
export const sourceWorker: readonly string[] = [
  process.execPath,
  resolve(import.meta.dir, "../../cli/main.ts"),
  "bench",
  "worker",
];

/** The worker of an executable. */
export function workerOf(binary: string): readonly string[] {
  return [binary, "bench", "worker"];
}

/**
 * Makes what loads need. @returns The root.
 *
 * @param path Of the root; drawn unless told.
 */
export async function prepare(
  servers: readonly ServerAddress[],
  load: Load,
  path = `/zoon-bench-${Math.floor(Math.random() * 2 ** 32).toString(16).padStart(8, "0")}`,
): Promise<string> {
  const hosts = servers.map(formatServer).join(",");
  const tree = await BenchTree.createAt(hosts, path, load.sessionTimeoutMs);
  await tree.fill(load, new AbortController().signal, () => {});
  return path;
}

/**
 * Runs a load to its end.
 *
 * @param command What starts the worker.
 * @param onTick Told a few times a second what was measured.
 * @throws {Error} When sessions cannot be had, a connection breaks, a request fails or none is done: such figures would
 *   be of something else.
 */
export async function drive(
  load: Load,
  { servers, root, pids }: Target,
  command: readonly string[],
  onTick: (tick: Tick) => void = () => {},
): Promise<Measured> {
  const plan: BenchPlan = { ...load, servers, root };
  const worker = new RemoteLoad(plan, sharesOf(plan)[0], command);
  const outcome = new Outcome(tickMs);
  try {
    await worker.connect();
    const running = worker.run((tick) => {
      outcome.add(tick);
      onTick(tick);
    });
    await Promise.race([Bun.sleep(plan.warmUpMs), running]);
    const begun = cpuSecondsOf(pids);
    const begunMs = performance.now();
    const end = await running;
    const ended = cpuSecondsOf(pids);
    const seconds = (performance.now() - begunMs) / 1000;
    outcome.finish([end]);
    return measuredOf(
      outcome,
      begun === null || ended === null ? null : {
        user: (ended.user - begun.user) / seconds,
        system: (ended.system - begun.system) / seconds,
      },
    );
  } finally {
    await worker.close();
  }
}

function measuredOf(outcome: Outcome, cpu: CpuSeconds | null): Measured {
  const all = outcome.latencies();
  const opsPerSecond = outcome.rateOf(all);
  const trouble = outcome.problem ??
    (outcome.lost > 0 ? `${outcome.lost} connections broke` : null) ??
    (outcome.failed > 0 ? `${outcome.failed} requests failed` : null) ??
    (all.total === 0 ? "no request was done" : null);
  if (trouble !== null) {
    const errors = outcome.operations.flatMap((each) =>
      [...each.errors].map(([name, count]) => `${name} ${count}`)
    );
    throw new Error(`A load came to nothing: ${trouble} ${errors.join(", ")}`.trim());
  }
  const serversCpu = cpu === null ? null : cpu.user + cpu.system;
  return {
    outcome,
    count: all.total,
    opsPerSecond,
    p50Ms: all.quantileMs(0.5),
    p99Ms: all.quantileMs(0.99),
    p999Ms: all.quantileMs(0.999),
    maxMs: all.maxMs,
    generatorCpu: outcome.generatorCpu,
    serversCpu,
    cpuUsPerOp: serversCpu === null ? null : serversCpu * 1e6 / opsPerSecond,
    kernelPart: cpu === null || serversCpu === 0 ? null : cpu.system / serversCpu!,
  };
}
