import { resolve } from "node:path";
import type { Logger } from "../base/log.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { type RunningServer, type ServerWorld, startServer } from "../server/server.ts";
import { PagedZnodeStore } from "../tree/paged_znode_store.ts";
import { BunNetwork } from "./bun_network.ts";
import { nodeDisk } from "./node_disk.ts";
import { packerFor } from "./packers.ts";
import { processIdentity } from "./process_identity.ts";
import { processStatus } from "./process_info.ts";
import type { WorkerOrders } from "./serve_workers.ts";
import { SystemClock } from "./system_clock.ts";
import { systemHasher } from "./system_hasher.ts";
import { systemRandom } from "./system_random.ts";
import { ThreadScheduling } from "./thread_scheduling.ts";

export type { RunningServer } from "../server/server.ts";

/** Processes that a server has beside this one. */
export interface WorkersOptions {
  readonly count: number;
  /** The words that start one. */
  readonly command: readonly string[];
  readonly logLevel: WorkerOrders["logLevel"];
  readonly logFormat: WorkerOrders["logFormat"];
}

/**
 * Starts a server on this machine: its disk, its network, its clock; with `workers` in several processes. Throws as
 * {@link startServer} does.
 */
export async function serve(
  config: ServerConfig,
  logger: Logger,
  workers?: WorkersOptions,
): Promise<RunningServer> {
  const world: ServerWorld = {
    ...machine(logger),
    network: new BunNetwork({ keepAlive: config.clientTcpKeepAlive }),
    absolutePath: (path) => resolve(path),
  };
  if (workers === undefined || workers.count === 0) return startServer(config, world);
  // What starts processes and talks to them is loaded only where it is wanted, for a start's sake.
  const { encodeOrders } = await import("./serve_workers.ts");
  const { listenPrivately, makePrivateSocket } = await import("./worker_door.ts");
  const { WorkerProcesses } = await import("./worker_processes.ts");
  const { path: socketPath, remove } = makePrivateSocket();
  const { command, count, logLevel, logFormat } = workers;
  const { version } = processStatus;
  const processes = new WorkerProcesses({
    command,
    count,
    logger,
    ordersFor: (index) => encodeOrders({ version, index, socketPath, config, logLevel, logFormat }),
  });
  try {
    const server = await startServer(config, {
      ...world,
      workers: {
        listen: (accept) => Promise.resolve(listenPrivately(socketPath, accept)),
        onSilent: (index) => processes.kill(index),
      },
    });
    processes.start();
    const stop = server.stop.bind(server);
    server.stop = async () => {
      await processes.stop();
      await stop();
      remove();
    };
    return server;
  } catch (error) {
    remove();
    throw error;
  }
}

/** What every process of a server finds on this machine. */
export function machine(logger: Logger): Omit<ServerWorld, "network" | "absolutePath"> {
  const random = systemRandom();
  return {
    clock: new SystemClock(),
    disk: nodeDisk,
    hasher: systemHasher,
    random,
    scheduling: new ThreadScheduling(),
    logger,
    process: processStatus,
    lockHolder: processIdentity,
    makeStore: (ownerRules) => new PagedZnodeStore({ ownerRules, random }),
    packerFor,
  };
}
