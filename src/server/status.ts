import type { ServerMetrics } from "../admin/metrics.ts";
import type {
  ConfigStatus,
  ConnectionExpirySet,
  ConnectionStatus,
  EnsembleConfigStatus,
  EnsembleStatus,
  ProcessStatus,
  QuotaStatus,
  ServerMode,
  SessionExpirySet,
  StatusView,
  WatchCounts,
} from "../admin/status_view.ts";
import type { Clock } from "../base/clock.ts";
import type { SessionId } from "../protocol/session_id.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { SessionTracker } from "../session/session_tracker.ts";
import type { Connection } from "./connection.ts";
import type { Replica } from "./replica.ts";

/** What a {@link ReplicaStatus} looks at. */
export interface ReplicaStatusParts {
  readonly replica: Replica;
  readonly metrics: ServerMetrics;
  readonly clock: Clock;
  readonly process: ProcessStatus;
  readonly config: ConfigStatus;
  /** How long a connection may go without a session, in ms. */
  readonly sessionlessConnectionMs: number;
  directoryBytes(directory: string): number;
  /** The port that clients connect to, once it is open. */
  boundPort(): number | undefined;
  /** Undefined when standalone. */
  ensembleStatus(): EnsembleStatus | undefined;
  ensembleConfig(): EnsembleConfigStatus | undefined;
}

/** Sessionless connections are shown in groups of this many ms (NIOServerCnxnFactory's expiry queue). */
const connectionExpiryStepMs = 10_000;

/** A server as four-letter words see it. */
export class ReplicaStatus implements StatusView {
  readonly process: ProcessStatus;
  readonly #parts: ReplicaStatusParts;
  readonly #startedMs: number;

  constructor(parts: ReplicaStatusParts) {
    this.#parts = parts;
    this.process = parts.process;
    this.#startedMs = parts.clock.monotonicMs();
  }

  get serving(): boolean {
    return this.#parts.replica.role !== null;
  }

  get mode(): ServerMode {
    return this.#parts.replica.role?.mode ?? "standalone";
  }

  get ensemble(): EnsembleStatus | undefined {
    return this.#parts.ensembleStatus();
  }

  get config(): ConfigStatus {
    const { config, boundPort, ensembleConfig } = this.#parts;
    return { ...config, clientPort: boundPort() ?? config.clientPort, ensemble: ensembleConfig() };
  }

  get metrics(): ServerMetrics {
    const { metrics, replica } = this.#parts;
    metrics.digestMismatches.value = replica.tree.digestMismatches;
    return metrics;
  }

  get uptimeMs(): number {
    return this.#parts.clock.monotonicMs() - this.#startedMs;
  }

  get lastZxid(): Zxid {
    return this.#parts.replica.tree.lastProcessedZxid;
  }

  get outstandingRequests(): number {
    return this.#parts.replica.waitingCount;
  }

  get znodeCount(): number {
    return this.#parts.replica.tree.store.size;
  }

  get ephemeralCount(): number {
    return this.#parts.replica.tree.ephemerals.count;
  }

  get approximateDataBytes(): number {
    return this.#parts.replica.tree.store.approximateBytes;
  }

  get watchCount(): number {
    return this.#parts.replica.watches.watchCount;
  }

  get globalSessionCount(): number {
    return this.#parts.replica.tree.sessions.size;
  }

  get localSessionCount(): number {
    return this.#parts.replica.localSessions.size;
  }

  get connectionCount(): number {
    return this.#parts.replica.connections.size;
  }

  *connections(): Iterable<ConnectionStatus> {
    for (const connection of this.#parts.replica.connections.all()) yield statusOf(connection);
  }

  *sessionExpirySets(): Iterable<SessionExpirySet> {
    yield* this.#expirySets(this.#parts.replica.sessions);
  }

  localSessionExpirySets(): Iterable<SessionExpirySet> | undefined {
    const { replica: { localSessions, isReadOnly } } = this.#parts;
    return localSessions.areEnabled || isReadOnly ? this.#expirySets(localSessions) : undefined;
  }

  globalSessions(): Iterable<readonly [sessionId: SessionId, timeoutMs: number]> {
    return this.#parts.replica.tree.sessions;
  }

  *#expirySets(sessions: Pick<SessionTracker, "sets">): Iterable<SessionExpirySet> {
    const { clock } = this.#parts;
    const offsetMs = clock.wallMs() - clock.monotonicMs();
    const sets = [...sessions.sets()].sort(([one], [other]) => one - other);
    for (const [expiresMs, sessionIds] of sets) yield { expiresAtMs: expiresMs + offsetMs, sessionIds };
  }

  *connectionExpirySets(): Iterable<ConnectionExpirySet> {
    const { replica, clock, sessionlessConnectionMs } = this.#parts;
    const offsetMs = clock.wallMs() - clock.monotonicMs();
    const sets = new Map<number, ConnectionStatus[]>();
    for (const connection of replica.connections.all()) {
      const heardMs = Math.max(connection.openedMs, connection.stats.lastResponseAtMs);
      const dueMs = heardMs + (connection.session?.timeoutMs ?? sessionlessConnectionMs);
      const roundMs = (Math.floor(dueMs / connectionExpiryStepMs) + 1) * connectionExpiryStepMs;
      const set = sets.get(roundMs);
      if (set === undefined) sets.set(roundMs, [statusOf(connection)]);
      else set.push(statusOf(connection));
    }
    for (const [dueMs, connections] of [...sets].sort(([one], [other]) => one - other)) {
      yield { expiresAtMs: dueMs + offsetMs, connections };
    }
  }

  *ephemeralsBySession(): Iterable<readonly [owner: SessionId, paths: Iterable<string>]> {
    const { ephemerals } = this.#parts.replica.tree;
    for (const session of ephemerals.sessions()) yield [session, ephemerals.of(session)];
  }

  dataWatchCounts(): WatchCounts {
    const { watches } = this.#parts.replica;
    return {
      connections: watches.dataWatcherCount,
      paths: watches.dataPathCount,
      watches: watches.dataWatchCount,
    };
  }

  *dataWatchesBySession(): Iterable<readonly [sessionId: SessionId, paths: Iterable<string>]> {
    for (const [watcher, paths] of this.#parts.replica.watches.byWatcher()) {
      yield [(watcher as Connection).sessionId, paths];
    }
  }

  *dataWatchesByPath(): Iterable<readonly [path: string, sessionIds: Iterable<SessionId>]> {
    for (const [path, watchers] of this.#parts.replica.watches.byPath()) {
      yield [path, [...watchers].map((watcher) => (watcher as Connection).sessionId)];
    }
  }

  *quotas(): Iterable<QuotaStatus> {
    for (const { path, limits, usage } of this.#parts.replica.tree.quotas.list()) {
      yield {
        namespace: path.split("/")[1],
        countLimit: Number(limits.count),
        bytesLimit: Number(limits.bytes),
        countUsage: Number(usage.count),
        bytesUsage: Number(usage.bytes),
      };
    }
  }

  *digestHistory(): Iterable<readonly [zxid: Zxid, digest: bigint]> {
    for (const { zxid, digest } of this.#parts.replica.tree.digestAudit.history) {
      yield [zxid, BigInt.asUintN(64, digest)];
    }
  }

  snapshotDirBytes(): number {
    return this.#parts.directoryBytes(this.config.snapshotDir);
  }

  logDirBytes(): number {
    return this.#parts.directoryBytes(this.config.logDir);
  }
}

function statusOf(connection: Connection): ConnectionStatus {
  const { stats, socket } = connection;
  return {
    remoteAddress: socket.remoteAddress,
    remotePort: socket.remotePort,
    reading: connection.reading,
    queued: connection.waitingCount,
    received: stats.received,
    sent: stats.sent,
    sessionId: connection.sessionId,
    sessionTimeoutMs: stats.timeoutMs,
    establishedAtMs: stats.establishedAtMs,
    lastOp: stats.lastOp,
    lastXid: stats.lastXid,
    lastZxid: stats.lastZxid,
    lastResponseAtMs: stats.lastResponseAtMs,
    lastLatencyMs: stats.lastLatencyMs,
    minLatencyMs: stats.minLatencyMs === Infinity ? 0 : stats.minLatencyMs,
    avgLatencyMs: stats.avgLatencyMs,
    maxLatencyMs: stats.maxLatencyMs,
  };
}
