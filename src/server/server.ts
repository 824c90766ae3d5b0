import type { ProcessStatus, ServerMode } from "../admin/status_view.ts";
import type { Clock } from "../base/clock.ts";
import type { Disk } from "../base/disk.ts";
import type { Hasher } from "../base/hash.ts";
import type { Logger } from "../base/log.ts";
import type { Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import type { Scheduling } from "../base/scheduling.ts";
import type { Trace } from "../base/trace.ts";
import type { ServerConfig } from "../config/server_config.ts";
import type { OwnerRules } from "../protocol/create_mode.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { openDataDirs } from "../storage/data_dirs.ts";
import { lockDataDirs, type LockHolder } from "../storage/data_lock.ts";
import type { Compression } from "../storage/file_names.ts";
import type { SnapshotPacker } from "../storage/snapshot_writer.ts";
import type { ZnodeStore } from "../tree/znode_store.ts";
import { EnsembleServer } from "./ensemble_server.ts";
import { StandaloneServer } from "./standalone.ts";
import type { WorkerDoor } from "./workers/worker_hub.ts";

/** The world a server lives in: the machine's, or a simulation's. */
export interface ServerWorld {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly network: Network;
  readonly hasher: Hasher;
  readonly random: Random;
  readonly logger: Logger;
  readonly process: ProcessStatus;
  readonly lockHolder: LockHolder;
  /** Undefined where the thread that serves is not the system's to be told about. */
  readonly scheduling?: Scheduling;
  /** Where other processes of this server come in; undefined for a server of one process. */
  readonly workers?: WorkerDoor;
  /** Hears of what the server does, event by event. */
  readonly trace?: Trace;
  /** @returns The path from the root of the file system, as operators are shown it. */
  absolutePath(path: string): string;
  /** Makes the store that znodes live in. */
  makeStore(rules: OwnerRules): ZnodeStore;
  /** @returns What packs snapshots of that kind; null for plain ones. */
  packerFor(compression: Compression): SnapshotPacker | null;
}

/** A server that runs. */
export interface RunningServer {
  /** What it does at present. */
  readonly mode: ServerMode | "looking";
  /** Where clients connect; undefined when no client port is configured. */
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** Newest zxid it began with. */
  readonly zxid: Zxid;
  /** Resolves when it serves clients for the first time, with what it is then. */
  readonly serving: Promise<ServerMode>;
  /** Resolves, never rejects, when it can no longer do its work and the process must end. */
  readonly failed: Promise<Error>;
  /** Turns clients away, syncs what is written, and lets go of ports and files. */
  stop(): Promise<void>;
}

/**
 * Starts a server: alone, or as one of an ensemble, where it then looks for the others.
 *
 * @throws {DataDirectoryError} If its directories cannot be used or belong to a running server.
 * @throws {RecoveryError | CorruptLogError} If its data cannot be brought back.
 * @throws {ListenError} If one of its ports cannot be opened.
 * @throws {DiskError} If a file cannot be read or the first snapshot not written.
 */
export async function startServer(config: ServerConfig, world: ServerWorld): Promise<RunningServer> {
  const { disk, logger } = world;
  const { storage, ensemble } = config;
  const dirs = openDataDirs({
    disk,
    dataDir: storage.dataDir,
    dataLogDir: storage.dataLogDir,
    create: storage.createDirectories,
  });
  const lock = lockDataDirs(disk, [storage.dataDir, storage.dataLogDir], world.lockHolder);
  try {
    const server = ensemble === undefined
      ? new StandaloneServer(config, world, dirs)
      : new EnsembleServer(config, ensemble, world, dirs);
    await server.listen();
    const stop = server.stop.bind(server);
    server.stop = () => stop().finally(() => lock.release());
    return server;
  } catch (error) {
    lock.release();
    logger.debug("Starting failed", { error: (error as Error).message });
    throw error;
  }
}
