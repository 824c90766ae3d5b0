/** Servers to be measured: Zoon and Apache ZooKeeper 3.8 with the same zoo.cfg, alone or as an ensemble. */
import { join } from "node:path";
import type { ServerAddress } from "../../src/client/connection_string.ts";
import { Cluster } from "../chaos/cluster.ts";
import { LoopbackNetwork } from "../chaos/loopback_network.ts";
import { freePort, type RunningServer, startApache, startZoon } from "../interop/apache_server.ts";
import { movePid } from "./processes.ts";
import type { Rig } from "./rig.ts";

/** Whose server. */
export type Side = "zoon" | "apache";

/** What zkServer.sh gives Apache unless told otherwise. */
export const apacheHeapMb = 1000;
/** As Apache's sample zoo.cfg has them. */
const timing = { tickTime: "2000", initLimit: "10", syncLimit: "5" };
const readyTimeoutMs = 120_000;

/** Settings of one server. */
export interface StandaloneOptions {
  readonly dataDir?: string;
  readonly cfg?: Record<string, string>;
  /** Of `zoon server`. */
  readonly flags?: readonly string[];
  /** The words before its command; it is moved there once it serves. */
  readonly cores?: readonly string[];
}

/** Starts a standalone server and waits until it serves. */
export async function startStandalone(
  rig: Rig,
  side: Side,
  told: StandaloneOptions = {},
): Promise<RunningServer> {
  const { dataDir = rig.directory(side), cfg, flags = [], cores = [] } = told;
  const options = { cfg, dataDir, clientPort: await freePort(), readyTimeoutMs };
  const server = side === "zoon"
    ? await startZoon({ ...options, binary: rig.binary, flags: [...flags] })
    : await startApache({ ...options, version: "3.8", heapMb: apacheHeapMb });
  movePid(server.pid, cores);
  return server;
}

/** Stops a server in order, or at once where that takes too long. */
export async function stopStandalone(server: RunningServer): Promise<void> {
  const ended = await Promise.race([server.stop().then(() => true), Bun.sleep(20_000).then(() => false)]);
  if (!ended) await server.kill();
}

/** An ensemble on loopback. */
export interface RunningEnsemble {
  readonly servers: readonly ServerAddress[];
  readonly pids: readonly number[];
  /** From the first spawn until all served under a leader. */
  readonly startMs: number;
  close(): Promise<void>;
}

/** How large. */
export interface EnsembleOptions {
  readonly voters: number;
  readonly observers?: number;
  readonly cfg?: Record<string, string>;
}

/** Starts an ensemble with empty disks and waits until all of it serves. */
export async function startEnsemble(rig: Rig, side: Side, told: EnsembleOptions): Promise<RunningEnsemble> {
  const { voters, observers = 0, cfg } = told;
  const size = voters + observers;
  const network = await LoopbackNetwork.open(size);
  let dead: string | null = null;
  const cluster = new Cluster({
    flavor: side,
    size,
    observers,
    dir: rig.directory(`${side}-ensemble`),
    binary: rig.binary,
    network,
    cfg: { ...timing, maxClientCnxns: "0", ...cfg },
    heapMb: apacheHeapMb,
    onDeath: (id, how) => dead = `server ${id} of ${side} ${how}; its log:\n${cluster.log(id).slice(-2000)}`,
  });
  const beganMs = performance.now();
  for (const id of cluster.ids) cluster.start(id);
  const missing = await cluster.settled(readyTimeoutMs);
  if (missing.length > 0 || dead !== null) {
    throw new Error(dead ?? `Servers ${missing} of ${side} do not serve within ${readyTimeoutMs} ms`);
  }
  return {
    servers: cluster.ids.map((id) => network.statusTarget(id)),
    pids: cluster.ids.map((id) => cluster.pid(id)!),
    startMs: performance.now() - beganMs,
    async close() {
      await cluster.close();
      if (dead !== null) throw new Error(dead);
    },
  };
}

/** Where a server's data lies. */
export function dataDirOf(server: RunningServer): string {
  return join(server.dataDir, "version-2");
}
