import type { AdminActions } from "../admin/status_view.ts";
import { enabledFourLetterWords, FourLetterSettings } from "../admin/four_letter_words.ts";
import { ServerMetrics } from "../admin/metrics.ts";
import type { EnsembleConfigStatus, EnsembleStatus } from "../admin/status_view.ts";
import type { Disk, DiskError } from "../base/disk.ts";
import type { Logger } from "../base/log.ts";
import type { Listener, PortSharing } from "../base/network.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { Access } from "../pipeline/auth/access.ts";
import type { AuthProvider } from "../pipeline/auth/auth_provider.ts";
import { DigestAuth } from "../pipeline/auth/digest_auth.ts";
import { IpAuth } from "../pipeline/auth/ip_auth.ts";
import { Preparation } from "../pipeline/preparation.ts";
import type { OwnerRules } from "../protocol/create_mode.ts";
import { type Zxid, zxidToHex } from "../protocol/zxid.ts";
import type { ClientAddress } from "../quorum/membership.ts";
import { SessionIds, type SessionIdShare } from "../session/session_ids.ts";
import type { DataDirs } from "../storage/data_dirs.ts";
import { joinPath } from "../storage/file_names.ts";
import type { Recovered } from "../storage/recovery.ts";
import { DataTree } from "../tree/data_tree.ts";
import { WatchManager } from "../watch/watch_manager.ts";
import { Database, type DatabaseParts, type DatabaseUser } from "./database.ts";
import { type Chore, Housekeeping } from "./housekeeping.ts";
import { Crowd } from "./crowd.ts";
import { Reaper } from "./reaper.ts";
import { Replica } from "./replica.ts";
import type { ServerWorld } from "./server.ts";
import { ReplicaStatus } from "./status.ts";
import { WatchMeter } from "./watch_meter.ts";
import { WorkerHub } from "./workers/worker_hub.ts";
import { mainSessionIds } from "./workers/worker_limits.ts";

/** What a server adds to the parts that every server has. */
export interface ServerCoreOptions {
  readonly config: ServerConfig;
  readonly world: ServerWorld;
  readonly dirs: DataDirs;
  /** Top byte of its session ids. */
  readonly serverId: number;
  /** Which ids, when other processes of this server give out some. */
  readonly sessionIdShare?: SessionIdShare;
  /** Other processes of this server listen on the client port, too. */
  readonly portSharing?: PortSharing;
  /** What keeps its state; a {@link Database} on the world's disk unless given. */
  makeDatabase?(parts: DatabaseParts, user: DatabaseUser): Database;
  /** Hears of the log; the hub itself when standalone. */
  databaseUser(replica: Replica): DatabaseUser;
  /** For four-letter words; undefined when standalone. */
  ensembleStatus(): EnsembleStatus | undefined;
  ensembleConfig(): EnsembleConfigStatus | undefined;
  /** The process cannot go on. */
  onFatal(error: Error): void;
}

/** How often sessions are looked at, at least; a tick when that is shorter. */
const sessionCheckMsMax = 500;
const reaperCheckMs = 100;
const crowdCheckMs = 100;

/** The parts that every server has, alone or in an ensemble, and how they hang together. */
export class ServerCore {
  readonly config: ServerConfig;
  readonly world: ServerWorld;
  readonly metrics = new ServerMetrics();
  readonly tree: DataTree;
  readonly access: Access;
  readonly database: Database;
  readonly replica: Replica;
  /** Hears of every change of the tree: the watches. */
  readonly events: WatchMeter;
  address: string | undefined;
  port: number | undefined;
  readonly #options: ServerCoreOptions;
  readonly #ownerRules: OwnerRules;
  #listener: Listener | null = null;
  #workers: WorkerHub | undefined = undefined;
  #housekeeping: Housekeeping | null = null;

  constructor(options: ServerCoreOptions) {
    this.#options = options;
    const { config, world, dirs } = options;
    const { clock, disk, logger, random, trace } = world;
    this.config = config;
    this.world = world;
    this.#ownerRules = {
      extendedTypes: config.tree.extendedTypes,
      emulate353Ttl: config.tree.emulate353Ttl,
    };
    this.tree = new DataTree({
      store: world.makeStore(this.#ownerRules),
      ownerRules: this.#ownerRules,
      digestEnabled: config.tree.digest,
      logger,
    });
    const watches = new WatchManager();
    this.events = new WatchMeter(watches, this.metrics);
    this.access = new Access(authProviders(config, world), config.auth.skipAcl);
    this.replica = new Replica({
      config,
      clock,
      logger,
      tree: this.tree,
      watches,
      sessionIds: new SessionIds(
        options.serverId,
        clock.wallMs(),
        options.sessionIdShare ?? (world.workers === undefined ? undefined : mainSessionIds),
      ),
      access: this.access,
      metrics: this.metrics,
      flushLog: () => this.database.onTurnEnd(),
      onFatal: options.onFatal,
    });
    const makeDatabase = options.makeDatabase ?? ((parts, user) => new Database(parts, user));
    this.database = makeDatabase({
      config,
      disk,
      dirs,
      tree: this.tree,
      logger,
      clock,
      random,
      metrics: this.metrics,
      trace,
      packerFor: (compression) => world.packerFor(compression),
    }, options.databaseUser(this.replica));
    this.#showStatus();
    if (world.workers === undefined) return;
    this.#workers = this.replica.workers = new WorkerHub({
      door: world.workers,
      replica: this.replica,
      tree: this.tree,
      committedLog: this.database.committedLog,
      clock,
      logger,
      tickMs: config.tickMs,
    });
  }

  /** Brings the state back from the disk. @throws {RecoveryError | CorruptLogError | DiskError} */
  load(beforeFirstSnapshot?: () => void): Recovered {
    const recovered = this.database.load(beforeFirstSnapshot);
    recordStart(recovered, this.metrics, this.world.logger);
    return recovered;
  }

  /** What makes txns of requests, from the txn after `lastZxid` on: for who leads. */
  makePreparation(lastZxid: Zxid): Preparation {
    const { tree } = this.config;
    return new Preparation(this.tree, this.access, {
      ownerRules: this.#ownerRules,
      enforceQuota: tree.enforceQuota,
      closeSessionTxn: tree.closeSessionTxn,
      entryBytesMax: this.config.limits.fieldBytesMax,
    }, lastZxid);
  }

  /** Begins what has to be done again and again. */
  keepHouse(recovered: Recovered): void {
    const { config, world: { clock }, database: { snapshots }, replica } = this;
    const { purge } = config.storage;
    const reaper = new Reaper(this.tree, config.tree.containers, replica, clock.monotonicMs());
    if (purge !== undefined) snapshots.purge(purge.keepSnapshots);
    snapshots.takeAfterReplay(recovered.txnsReplayed, config.storage.snapshotEveryTxns);
    this.#housekeeping = new Housekeeping(clock, [
      { everyMs: Math.min(config.tickMs, sessionCheckMsMax), run: (_nowMs, lateMs) => replica.tick(lateMs) },
      {
        everyMs: reaperCheckMs,
        run: (now) => {
          if (replica.leads) reaper.tick(now, clock.wallMs());
        },
      },
      ...(purge === undefined
        ? []
        : [{ everyMs: purge.everyMs, run: () => snapshots.purge(purge.keepSnapshots) }]),
      ...this.watchCrowd(),
    ]);
  }

  /** @returns What tells the scheduler of crowds again and again, where there is one to be told. */
  watchCrowd(): Chore[] {
    const { config, metrics, world: { scheduling } } = this;
    if (scheduling === undefined) return [];
    const crowd = new Crowd(scheduling, config.ensemble !== undefined);
    return [{
      everyMs: crowdCheckMs,
      run: (_nowMs, lateMs) => {
        const served = { requests: metrics.packetsReceived.value, txns: metrics.txnsQueuedForLog.value };
        crowd.look(served, crowdCheckMs + lateMs);
      },
    }];
  }

  /**
   * Opens the client port, if there is one, in the place of one that is open already, whose connections stay.
   *
   * @throws {ListenError} Then an old port stays open, unless the new address has its number.
   */
  async listen(client: ClientAddress | undefined): Promise<void> {
    if (client === undefined) return;
    const before = this.#listener;
    const keepsPort = before?.port === client.port;
    if (keepsPort) before.close();
    // A port that it had already, its workers have still.
    const ofMain = keepsPort ? "joins" : "first";
    this.#listener = await this.world.network.listen(
      client.host,
      client.port,
      (socket) => this.replica.accept(socket),
      this.#options.portSharing ?? (this.#workers === undefined ? undefined : ofMain),
    );
    this.address = client.host === "" ? "0.0.0.0" : client.host;
    this.port = this.#listener.port;
    if (before !== null && before.port !== this.port) before.close();
    if (this.#workers === undefined) return;
    if (!this.#workers.isOpen) await this.#workers.open();
    this.#workers.serveAt(client.host, this.port);
  }

  /** Takes no more clients, until {@link listen}; those it has, stay. */
  closePort(): void {
    this.#listener?.close();
    this.#listener = null;
  }

  /** Takes no more clients and does no more chores: the process is about to end. */
  closeDoors(): void {
    this.closePort();
    this.#housekeeping?.stop();
  }

  /** Syncs what is written and drops the clients. */
  stop(): void {
    this.closeDoors();
    this.database.close();
    this.replica.stop();
  }

  #showStatus(): void {
    const { config, world, replica, metrics } = this;
    const { dirs, ensembleConfig, ensembleStatus } = this.#options;
    const { disk, clock } = world;
    const status = new ReplicaStatus({
      replica,
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
      ensembleStatus,
      ensembleConfig,
    });
    const words = enabledFourLetterWords(config.fourLetterWhitelist, config.readOnlyMode);
    replica.showStatus(status, new FourLetterSettings(words, resetsOf(replica)));
  }
}

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
