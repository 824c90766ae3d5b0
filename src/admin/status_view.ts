import type { SessionId } from "../protocol/session_id.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { ServerMetrics } from "./metrics.ts";

/** What a server does now, in the words of `srvr`. */
export type ServerMode = "standalone" | "leader" | "follower" | "observer" | "read-only";

/** One open client connection, with a session or not yet. Times as the server's clock has them. */
export interface ConnectionStatus {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** True while the server still reads from it: false once a four-letter word or a full queue stopped that. */
  readonly reading: boolean;
  /** Requests taken and not yet answered. */
  readonly queued: number;
  readonly received: number;
  readonly sent: number;
  /** 0n before the connect request was answered; then the rest has no meaning. */
  readonly sessionId: SessionId;
  readonly sessionTimeoutMs: number;
  /** Wall time in ms. */
  readonly establishedAtMs: number;
  /** Op code of the last request answered; undefined before the first. */
  readonly lastOp: number | undefined;
  /** xid of the last request answered; -1 before the first, and hidden while negative. */
  readonly lastXid: number;
  /** zxid told in the last reply; -1 before the first. */
  readonly lastZxid: Zxid;
  /** Monotonic ms of the last reply; 0 before the first. */
  readonly lastResponseAtMs: number;
  readonly lastLatencyMs: number;
  readonly minLatencyMs: number;
  readonly avgLatencyMs: number;
  readonly maxLatencyMs: number;
}

/** Sessions that expire together: the server forgets them when `expiresAtMs` (wall time) has passed. */
export interface SessionExpirySet {
  readonly expiresAtMs: number;
  readonly sessionIds: Iterable<SessionId>;
}

/** Connections that are closed together unless they are heard before `expiresAtMs` (wall time). */
export interface ConnectionExpirySet {
  readonly expiresAtMs: number;
  readonly connections: Iterable<ConnectionStatus>;
}

/** How much is watched: data watches only, as Apache's `wchs` counts. */
export interface WatchCounts {
  /** Connections with at least one watch. */
  readonly connections: number;
  readonly paths: number;
  readonly watches: number;
}

/** The settings `conf` shows. */
export interface ConfigStatus {
  /** -1 when there is none. */
  readonly clientPort: number;
  readonly secureClientPort: number;
  /** Absolute path of the directory with the snapshots, `version-2` included. */
  readonly snapshotDir: string;
  /** Absolute path of the directory with the txn logs, `version-2` included. */
  readonly logDir: string;
  readonly tickMs: number;
  readonly maxClientConnections: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** -1 when the system's default holds. */
  readonly listenBacklog: number;
  readonly serverId: number;
  /** Present in an ensemble. */
  readonly ensemble?: EnsembleConfigStatus;
}

/** What `conf` adds in an ensemble. */
export interface EnsembleConfigStatus {
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  readonly electionPort: number;
  readonly quorumPort: number;
  readonly observer: boolean;
  /** Text of the membership as `/zookeeper/config` has it: server lines, then `version=<hex>`, no newline at the end. */
  readonly membership: string;
}

/** Limits (the hard one where there are both; -1 is none) and use of one quota. */
export interface QuotaStatus {
  /** First part of the path that has the quota. */
  readonly namespace: string;
  readonly countLimit: number;
  readonly bytesLimit: number;
  readonly countUsage: number;
  readonly bytesUsage: number;
}

/** What `mntr` and `srvr` add on a leader. */
export interface LeaderStatus {
  readonly learners: number;
  readonly syncedFollowers: number;
  readonly syncedNonVotingFollowers: number;
  readonly syncedObservers: number;
  readonly pendingSyncs: number;
  readonly uptimeMs: number;
}

/** What `mntr` adds in an ensemble. */
export interface EnsembleStatus {
  /** Such as `following - broadcast`. */
  readonly peerState: string;
  readonly quorumSize: number;
  /** Only while leading. */
  readonly leader?: LeaderStatus;
}

/** What the process and its machine say of themselves; read anew at each use. */
export interface ProcessStatus {
  /** The full version text, as `fullVersion` of version.ts makes it. */
  readonly version: string;
  /** Lines of `envi` after `zookeeper.version`, in Apache's order and with its keys. */
  environment(): ReadonlyArray<readonly [key: string, value: string]>;
  /** Open file descriptors, or -1 when the system does not tell. */
  openFiles(): number;
  /** The most that may be open, or -1. */
  openFilesMax(): number;
}

/**
 * A server as its operator may look at it: what the four-letter words and later the HTTP commands read. Nothing
 * here changes the server, and nothing is held between two answers: each call tells what is true now.
 */
export interface StatusView {
  /** False while no tree is served: while starting, stopping or looking for a leader. Most words then say so. */
  readonly serving: boolean;
  readonly mode: ServerMode;
  readonly metrics: ServerMetrics;
  readonly config: ConfigStatus;
  readonly process: ProcessStatus;
  readonly ensemble: EnsembleStatus | undefined;
  /** Since the server started to serve. */
  readonly uptimeMs: number;
  /** The last zxid applied. */
  readonly lastZxid: Zxid;
  /** Requests in the pipeline, of all connections. */
  readonly outstandingRequests: number;

  /** Znodes, `/` and those under `/zookeeper` included. */
  readonly znodeCount: number;
  readonly ephemeralCount: number;
  /** Bytes of all paths and data. */
  readonly approximateDataBytes: number;
  /** Watches of every kind. */
  readonly watchCount: number;
  readonly globalSessionCount: number;
  readonly localSessionCount: number;
  /** Open client connections. */
  readonly connectionCount: number;

  connections(): Iterable<ConnectionStatus>;
  /** Global sessions by when they expire, in order of time: known to who leads or is alone only. */
  sessionExpirySets(): Iterable<SessionExpirySet>;
  /** In order of time; undefined where no session is local. */
  localSessionExpirySets(): Iterable<SessionExpirySet> | undefined;
  /** In no particular order. */
  globalSessions(): Iterable<readonly [sessionId: SessionId, timeoutMs: number]>;
  /** In order of time. */
  connectionExpirySets(): Iterable<ConnectionExpirySet>;
  /** Only sessions that own ephemerals. */
  ephemeralsBySession(): Iterable<readonly [owner: SessionId, paths: Iterable<string>]>;
  /** The three below tell of data watches only, as Apache does. */
  dataWatchCounts(): WatchCounts;
  dataWatchesBySession(): Iterable<readonly [sessionId: SessionId, paths: Iterable<string>]>;
  dataWatchesByPath(): Iterable<readonly [path: string, sessionIds: Iterable<SessionId>]>;
  quotas(): Iterable<QuotaStatus>;
  /** Tree digests at the zxids divisible by 128, oldest first; unsigned 64 bits. */
  digestHistory(): Iterable<readonly [zxid: Zxid, digest: bigint]>;
  /** Bytes of all files in the directory with the snapshots. */
  snapshotDirBytes(): number;
  /** Bytes of all files in the directory with the txn logs. */
  logDirBytes(): number;
}

/** The few things four-letter words change. */
export interface AdminActions {
  /** Zeroes the statistics of every connection (`crst`). */
  resetConnectionStats(): void;
}
