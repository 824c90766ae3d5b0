import type { AdminActions, ProcessStatus } from "../admin/status_view.ts";
import { enabledFourLetterWords, FourLetterSettings } from "../admin/four_letter_words.ts";
import { ServerMetrics } from "../admin/metrics.ts";
import type { Clock } from "../base/clock.ts";
import type { Disk, DiskError } from "../base/disk.ts";
import type { Hasher } from "../base/hash.ts";
import type { Logger } from "../base/log.ts";
import type { Listener, Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { Access } from "../pipeline/auth/access.ts";
import type { AuthProvider } from "../pipeline/auth/auth_provider.ts";
import { DigestAuth } from "../pipeline/auth/digest_auth.ts";
import { IpAuth } from "../pipeline/auth/ip_auth.ts";
import { Preparation } from "../pipeline/preparation.ts";
import type { OwnerRules } from "../protocol/create_mode.ts";
import { type Zxid, zxidToHex } from "../protocol/zxid.ts";
import { Majority } from "../quorum/majority.ts";
import { SessionIds } from "../session/session_ids.ts";
import { SessionTracker } from "../session/session_tracker.ts";
import { type DataDirs, openDataDirs } from "../storage/data_dirs.ts";
import { type DataLock, lockDataDirs, type LockHolder } from "../storage/data_lock.ts";
import { type Compression, joinPath } from "../storage/file_names.ts";
import { LogWriter } from "../storage/log_writer.ts";
import { recover, type Recovered } from "../storage/recovery.ts";
import { RollPolicy } from "../storage/roll_policy.ts";
import type { SnapshotPacker } from "../storage/snapshot_writer.ts";
import { DataTree } from "../tree/data_tree.ts";
import type { ZnodeStore } from "../tree/znode_store.ts";
import { WatchManager } from "../watch/watch_manager.ts";
import { Leader } from "../zab/leader.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Reaper } from "./reaper.ts";
import { Replica } from "./replica.ts";
import { LeaderRole } from "./roles/leader.ts";
import { SnapshotKeeper } from "./snapshot_keeper.ts";
import { ReplicaStatus } from "./status.ts";
import { WatchMeter } from "./watch_meter.ts";
import { SyncPacer } from "./sync_pacer.ts";

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
  /** @returns The path from the root of the file system, as operators are shown it. */
  absolutePath(path: string): string;
  /** Makes the store that znodes live in. */
  makeStore(rules: OwnerRules): ZnodeStore;
  /** @returns What packs snapshots of that kind; null for plain ones. */
  packerFor(compression: Compression): SnapshotPacker | null;
}

/** A server that serves. */
export interface RunningServer {
  readonly mode: "standalone";
  /** Where clients connect; undefined when no client port is configured. */
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** Newest zxid it began with. */
  readonly zxid: Zxid;
  /** Resolves, never rejects, when it can no longer do its work and the process must end. */
  readonly failed: Promise<Error>;
  /** Turns clients away, syncs what is written, and lets go of ports and files. */
  stop(): Promise<void>;
}

/** A standalone server's number: what the top byte of its session ids says. */
const standaloneId = 1;
/** How often sessions are looked at, at least; a tick when that is shorter. */
const sessionCheckMsMax = 500;
const reaperCheckMs = 100;

/**
 * Starts a standalone server: an ensemble of one, which leads.
 *
 * @throws {DataDirectoryError} If its directories cannot be used or belong to a running server.
 * @throws {RecoveryError | CorruptLogError} If its data cannot be brought back.
 * @throws {ListenError} If its port cannot be opened.
 * @throws {DiskError} If a file cannot be read or the first snapshot not written.
 */
export async function startServer(config: ServerConfig, world: ServerWorld): Promise<RunningServer> {
  const { disk, logger } = world;
  const { storage } = config;
  const dirs = openDataDirs({
    disk,
    dataDir: storage.dataDir,
    dataLogDir: storage.dataLogDir,
    create: storage.createDirectories,
  });
  const lock = lockDataDirs(disk, [storage.dataDir, storage.dataLogDir], world.lockHolder);
  try {
    const server = new StandaloneServer(config, world, dirs, lock);
    await server.listen();
    return server;
  } catch (error) {
    lock.release();
    logger.debug("Starting failed", { error: (error as Error).message });
    throw error;
  }
}

class StandaloneServer implements RunningServer {
  readonly mode = "standalone";
  address: string | undefined;
  port: number | undefined;
  readonly zxid: Zxid;
  readonly failed: Promise<Error>;
  readonly #config: ServerConfig;
  readonly #world: ServerWorld;
  readonly #lock: DataLock;
  readonly #replica: Replica;
  readonly #log: LogWriter;
  readonly #snapshots: SnapshotKeeper;
  readonly #housekeeping: Housekeeping;
  #listener: Listener | null = null;
  #stopped = false;
  #fail!: (error: Error) => void;

  constructor(config: ServerConfig, world: ServerWorld, dirs: DataDirs, lock: DataLock) {
    const { clock, disk, logger, random } = world;
    this.#config = config;
    this.#world = world;
    this.#lock = lock;
    this.failed = new Promise((resolve) => this.#fail = resolve);

    const ownerRules: OwnerRules = {
      extendedTypes: config.tree.extendedTypes,
      emulate353Ttl: config.tree.emulate353Ttl,
    };
    const metrics = new ServerMetrics();
    const tree = new DataTree({
      store: world.makeStore(ownerRules),
      ownerRules,
      digestEnabled: config.tree.digest,
      logger,
    });
    const recovered = recover({
      disk,
      dirs,
      tree,
      logger,
      clock,
      trustEmptySnapshot: config.storage.trustEmptySnapshot,
      createDatabase: config.storage.createDatabase,
      fieldBytesMax: config.limits.frameBytesMax + config.limits.frameBytesExtra,
    });
    this.zxid = recovered.lastZxid;
    recordStart(recovered, metrics, logger);

    const nowMs = clock.monotonicMs();
    const sessions = new SessionTracker({ tickMs: config.tickMs });
    for (const [id, timeoutMs] of tree.sessions) sessions.add(id, timeoutMs, nowMs);
    const access = new Access(authProviders(config, world), config.auth.skipAcl);
    const watches = new WatchManager();
    const serverId = config.serverId ?? standaloneId;
    const replica = this.#replica = new Replica({
      config,
      clock,
      logger,
      tree,
      watches,
      sessions,
      sessionIds: new SessionIds(serverId, clock.wallMs()),
      access,
      metrics,
      flushLog: () => pacer.onTurnEnd(),
      onSnapshotWanted: () => this.#snapshots.take(),
      onFatal: (error) => this.#onFatal(error),
    });
    const log = this.#log = new LogWriter({
      disk,
      directory: dirs.logs,
      logger,
      clock,
      effects: replica,
      rollPolicy: new RollPolicy({
        snapCount: config.storage.snapshotEveryTxns,
        snapSizeLimitBytes: config.storage.snapshotEveryBytes ?? 0,
      }, random),
      syncMode: "blocking",
      preallocBytes: config.storage.logPreallocateBytes,
      forceSync: config.storage.forceSync,
      fileBytesLimit: config.storage.logFileBytesMax ?? 0,
      syncWarnMs: config.storage.syncWarningMs,
    });
    const pacer = new SyncPacer(log, metrics, clock, config.groupCommit);
    const compression = compressions[config.storage.snapshotCompression];
    this.#snapshots = new SnapshotKeeper({
      disk,
      dirs,
      tree,
      logger,
      clock,
      metrics,
      compression,
      packer: world.packerFor(compression),
      withLastZxid: config.storage.serializeLastProcessedZxid,
    });
    if (recovered.snapshotZxid === null) this.#snapshots.takeNow();

    const role = new LeaderRole({
      serverId,
      tree,
      events: new WatchMeter(watches, metrics),
      preparation: new Preparation(tree, access, {
        ownerRules,
        enforceQuota: config.tree.enforceQuota,
        closeSessionTxn: config.tree.closeSessionTxn,
      }, recovered.lastZxid),
      leader: new Leader(new Majority([serverId]), recovered.lastZxid),
      log: pacer,
      metrics,
      logger,
      host: replica,
    });
    const status = new ReplicaStatus({
      replica,
      sessions,
      metrics,
      clock,
      process: world.process,
      config: {
        clientPort: config.client?.port ?? -1,
        secureClientPort: -1,
        snapshotDir: world.absolutePath(dirs.snapshots),
        logDir: world.absolutePath(dirs.logs),
        tickMs: config.tickMs,
        maxClientConnections: config.limits.connectionsPerAddressMax,
        minSessionTimeoutMs: config.minSessionTimeoutMs,
        maxSessionTimeoutMs: config.maxSessionTimeoutMs,
        listenBacklog: config.listenBacklog,
        serverId: config.serverId ?? 0,
      },
      sessionlessConnectionMs: config.limits.sessionlessConnectionMs,
      directoryBytes: (directory) => directoryBytes(disk, directory),
      boundPort: () => this.port,
    });
    const words = enabledFourLetterWords(config.fourLetterWhitelist, config.readOnlyMode);
    replica.becomeServing(role, status, new FourLetterSettings(words, resetsOf(replica)));
    for (const orphan of recovered.orphans) {
      replica.closeSession(sessions.add(orphan, config.minSessionTimeoutMs, nowMs));
    }

    const reaper = new Reaper(tree, config.tree.containers, replica, nowMs);
    const { purge } = config.storage;
    if (purge !== undefined) this.#snapshots.purge(purge.keepSnapshots);
    this.#snapshots.takeAfterReplay(recovered.txnsReplayed, config.storage.snapshotEveryTxns);
    this.#housekeeping = new Housekeeping(clock, [
      { everyMs: Math.min(config.tickMs, sessionCheckMsMax), run: () => replica.tick() },
      { everyMs: reaperCheckMs, run: (now) => reaper.tick(now, clock.wallMs()) },
      ...(purge === undefined
        ? []
        : [{ everyMs: purge.everyMs, run: () => this.#snapshots.purge(purge.keepSnapshots) }]),
    ]);
  }

  /** Opens the client port. @throws {ListenError} After which the server is stopped. */
  async listen(): Promise<void> {
    const { client } = this.#config;
    if (client === undefined) return;
    try {
      this.#listener = await this.#world.network.listen(
        client.host,
        client.port,
        (socket) => this.#replica.accept(socket),
      );
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.address = client.host === "" ? "0.0.0.0" : client.host;
    this.port = this.#listener.port;
  }

  stop(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#stopped = true;
    this.#listener?.close();
    this.#housekeeping.stop();
    this.#snapshots.stop();
    this.#log.close();
    this.#replica.stop();
    this.#lock.release();
    return Promise.resolve();
  }

  #onFatal(error: Error): void {
    this.#listener?.close();
    this.#housekeeping.stop();
    this.#fail(error);
  }
}

const compressions: Readonly<Record<ServerConfig["storage"]["snapshotCompression"], Compression>> = {
  none: "none",
  gzip: "gz",
  snappy: "snappy",
};

function authProviders(config: ServerConfig, { hasher }: ServerWorld): AuthProvider[] {
  const providers: AuthProvider[] = [new IpAuth()];
  if (config.auth.digestEnabled) {
    const superDigest = config.auth.superDigest ?? null;
    providers.push(new DigestAuth(hasher, { algorithm: "SHA1", superDigest }));
  }
  return providers;
}

function recordStart(recovered: Recovered, metrics: ServerMetrics, logger: Logger): void {
  metrics.databaseInitTime.record(recovered.snapshotMs + recovered.replayMs);
  metrics.startupSnapshotLoadTime.record(recovered.snapshotMs);
  metrics.startupTxnsLoadTime.record(recovered.replayMs);
  metrics.startupTxnsLoaded.record(recovered.txnsReplayed);
  logger.info("The database is loaded", {
    zxid: `0x${zxidToHex(recovered.lastZxid)}`,
    snapshot: recovered.snapshotZxid === null ? "none" : `0x${zxidToHex(recovered.snapshotZxid)}`,
    txnsReplayed: recovered.txnsReplayed,
    ms: Math.round(recovered.snapshotMs + recovered.replayMs),
  });
}

function resetsOf(replica: Replica): AdminActions {
  return {
    resetConnectionStats: () => {
      for (const connection of replica.connections.all()) connection.stats.reset();
    },
  };
}

function directoryBytes(disk: Disk, directory: string): number {
  let bytes = 0;
  for (const name of disk.list(directory)) {
    try {
      bytes += disk.sizeOf(joinPath(directory, name));
    } catch (error) {
      // A file that was purged meanwhile has no size.
      if ((error as DiskError).code !== "ENOENT") throw error;
    }
  }
  return bytes;
}
