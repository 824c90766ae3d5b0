import type { ClientAddress, Membership } from "../quorum/membership.ts";

export type { ClientAddress, EnsembleAddress, EnsembleServer, Membership } from "../quorum/membership.ts";

/** What the txn log and the snapshots do. Names in parentheses are the keys of zoo.cfg. */
export interface StorageConfig {
  /** Directory with `myid` and the snapshots' `version-2` (`dataDir`). */
  readonly dataDir: string;
  /** Directory with the logs' `version-2` (`dataLogDir`); equal to `dataDir` unless configured. */
  readonly dataLogDir: string;
  /** Make `version-2` where it is missing (`datadir.autocreate`). */
  readonly createDirectories: boolean;
  /** Start an empty database where there is none (`db.autocreate`). */
  readonly createDatabase: boolean;
  /** Txns between two snapshots, at least 2; the real number is drawn between half of it and all (`snapCount`). */
  readonly snapshotEveryTxns: number;
  /** Log bytes between two snapshots, drawn likewise; undefined is no limit (`snapSizeLimitInKb`). */
  readonly snapshotEveryBytes: number | undefined;
  /** Bytes after which a new log file is begun; undefined is no limit (`txnLogSizeLimitInKb`). */
  readonly logFileBytesMax: number | undefined;
  /** Bytes by which a log file is extended ahead of its end; 0 is not at all (`preAllocSize`). */
  readonly logPreallocateBytes: number;
  /** Sync the log before a txn is acknowledged (`forceSync`). */
  readonly forceSync: boolean;
  /** A longer sync is warned of, ms (`fsync.warningthresholdms`). */
  readonly syncWarningMs: number;
  /** How snapshots are written (`snapshot.compression.method`); all are read. */
  readonly snapshotCompression: "none" | "gzip" | "snappy";
  /** Logs without a snapshot are replayed from nothing, to upgrade from 3.4 (`snapshot.trust.empty`). */
  readonly trustEmptySnapshot: boolean;
  /** Write the last processed zxid into snapshots (`serializeLastProcessedZxid.enabled`). */
  readonly serializeLastProcessedZxid: boolean;
  /** Committed txns kept in memory for learners that lag, at least 500 (`commitLogCount`). */
  readonly committedTxnsKept: number;
  /** Learners are served from the log while it is below this part of the snapshot's size; negative never (`snapshotSizeFactor`). */
  readonly snapshotSizeFactor: number;
  /** When old files are removed; undefined is never (`autopurge.*`). */
  readonly purge: PurgeConfig | undefined;
}

/** How old snapshots and logs are removed. */
export interface PurgeConfig {
  /** Snapshots kept, at least 3 (`autopurge.snapRetainCount`). */
  readonly keepSnapshots: number;
  /** Time between two purges, ms (`autopurge.purgeInterval`). */
  readonly everyMs: number;
}

/** How long writes may be gathered before one sync. */
export interface GroupCommitConfig {
  /** Longest wait from a txn's append to its sync, ms; 0 syncs as soon as nothing more waits (`flushDelay`). */
  readonly flushDelayMs: number;
  /** Longest wait for one more txn, ms (`maxWriteQueuePollTime`). */
  readonly queuePollMs: number;
  /** Txns after which a sync begins at once (`maxBatchSize`). */
  readonly batchTxnsMax: number;
}

/** What clients may send and hold. */
export interface ClientLimitsConfig {
  /** Bytes of one frame (`jute.maxbuffer`). */
  readonly frameBytesMax: number;
  /** Bytes of one field of a record that is read back, and of a txn: a frame and `jute.maxbuffer.extrasize`. */
  readonly fieldBytesMax: number;
  /** Connections from one address; 0 is no limit (`maxClientCnxns`). */
  readonly connectionsPerAddressMax: number;
  /** Connections together; 0 is no limit (`maxCnxns`). */
  readonly connectionsMax: number;
  /**
   * Requests in the pipeline of this server; clients are not read while there are more (`globalOutstandingLimit`, which
   * Apache's servers of an ensemble divide by the voters less one; with a part of it fewer writes would share each sync).
   */
  readonly outstandingRequestsMax: number;
  /** Bytes from which a request counts as large; undefined is never (`largeRequestThreshold`). */
  readonly largeRequestBytes: number | undefined;
  /** Bytes of all large requests in the pipeline together; more are refused (`largeRequestMaxBytes`). */
  readonly largeRequestsBytesMax: number;
  /** A connection without a session is closed after it, ms (`nio.sessionlessCnxnTimeout`). */
  readonly sessionlessConnectionMs: number;
}

/** Who is let in, and who may do what. */
export interface AuthConfig {
  /** Every ACL permits everything (`skipACL`). */
  readonly skipAcl: boolean;
  /** `super:<base64 SHA-1>`; undefined leaves no super user (`DigestAuthenticationProvider.superDigest`). */
  readonly superDigest: string | undefined;
  /** Whether scheme `digest` exists (`DigestAuthenticationProvider.enabled`). */
  readonly digestEnabled: boolean;
  /** A session must authenticate by one of these before its first request; undefined asks nothing (`enforce.auth.*`). */
  readonly enforcedSchemes: readonly string[] | undefined;
}

/** What znodes there are and what is checked of them. */
export interface TreeConfig {
  /**
   * TTL znodes exist (`extendedTypesEnabled`). Alone on unless switched off; in an ensemble off unless switched on, as
   * with Apache, whose servers may be among it.
   */
  readonly extendedTypes: boolean;
  /** Read TTL owners the way 3.5.3 wrote them (`emulate353TTLNodes`). */
  readonly emulate353Ttl: boolean;
  /** Hard quotas refuse (`enforceQuota`). */
  readonly enforceQuota: boolean;
  /** A learner checks ACLs before it forwards a write (`enableEagerACLCheck`). */
  readonly eagerAclCheck: boolean;
  /** Keep the tree's digest and compare it on replay (`digest.enabled`). */
  readonly digest: boolean;
  /** A closeSession txn names the ephemerals it deletes (`closeSessionTxn.enabled`). */
  readonly closeSessionTxn: boolean;
  readonly containers: ContainerConfig;
}

/** How empty containers and expired TTL znodes are looked for. */
export interface ContainerConfig {
  /** Time between two looks, ms (`znode.container.checkIntervalMs`). */
  readonly checkEveryMs: number;
  /** Deletions in one minute (`znode.container.maxPerMinute`). */
  readonly deletionsPerMinuteMax: number;
  /** A container that never had a child is deleted after it, ms; 0 is never (`znode.container.maxNeverUsedIntervalMs`). */
  readonly neverUsedMs: number;
}

/** What a server that is one of several adds. */
export interface EnsembleConfig {
  /** The newest configuration that is known to be committed. */
  readonly membership: Membership;
  /**
   * A newer configuration that was proposed before the server stopped, from `<zoo.cfg>.dynamic.next`: until it is known
   * whether it was committed, quorums of both are needed. Undefined when there is none.
   */
  readonly lastSeen: Membership | undefined;
  /** Dynamic file the membership came from (`dynamicConfigFile`). */
  readonly dynamicFile: string | undefined;
  /**
   * The zoo.cfg, as an absolute path, whose membership this is and beside which it is kept when it changes; undefined
   * when the membership came from flags: then changes are kept in memory alone.
   */
  readonly keptBeside: string | undefined;
  /** The membership may be changed, and is versioned and kept in dynamic files (`reconfigEnabled`). */
  readonly reconfigEnabled: boolean;
  /** A change may not leave fewer than two voters (`standaloneEnabled`). */
  readonly standaloneEnabled: boolean;
  /** New sessions live in their server alone (`localSessionsEnabled`). */
  readonly localSessions: boolean;
  /** A local session becomes a global one when it makes its first ephemeral (`localSessionsUpgradingEnabled`). */
  readonly localSessionsUpgrade: boolean;
  /** Servers may have several addresses, all of which are tried (`multiAddress.enabled`). */
  readonly multiAddress: boolean;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  /**
   * Ticks a learner tries to reach its leader (`connectToLearnerMasterLimit`). Unless told the smaller one of both limits:
   * a leader that has vanished since it was elected need not be waited for as one that has much to send. Apache's
   * servers wait `initLimit`.
   */
  readonly connectLimitTicks: number;
  /** Listen on every address for other servers (`quorumListenOnAllIPs`). */
  readonly listenOnAllAddresses: boolean;
  /** An observer logs to its disk (`syncEnabled`). */
  readonly observerSync: boolean;
  /** The leader serves clients too (`leaderServes`). */
  readonly leaderServes: boolean;
  /** Time to open an election connection, ms (`cnxTimeout`). */
  readonly electionConnectMs: number;
  /** Least and greatest time between two notifications while looking, ms (`fastleader.*NotificationInterval`). */
  readonly notificationMsMin: number;
  readonly notificationMsMax: number;
  /** Time for a server that opened an election connection to name itself, ms (`quorumCnxnTimeoutMs`). */
  readonly electionHandshakeMs: number;
  /** Wait of a learner before it dials its leader again, ms (`leaderConnectDelayDuringRetryMs`). */
  readonly leaderRedialMs: number;
  /**
   * A leader that waits for followers gives up when a voter looks again after it, ms; undefined waits `initLimit`
   * (`leader.maxTimeToWaitForEpoch`).
   */
  readonly epochWaitMs: number | undefined;
  /**
   * The newest counter of an epoch's zxids: when a leader has given it out it gives up its office, for the next does not
   * fit into 32 bits (ZOOKEEPER-1277). No key sets it.
   */
  readonly zxidCounterMax: number;
  /** Attempts to bind the election port; 0 is forever (`electionPortBindRetry`). */
  readonly electionBindAttempts: number;
  /** Learners that may be sent a snapshot, or differences, at once (`leader.maxConcurrent*Syncs`). */
  readonly concurrentSnapshotSyncsMax: number;
  readonly concurrentDiffSyncsMax: number;
  /** Wait before an observer connects again, and before it looks for a leader, ms (`observer.*DelayMs`). */
  readonly observerReconnectMs: number;
  readonly observerElectionMs: number;
  /** Keep-alive probes between servers (`tcpKeepAlive`). */
  readonly tcpKeepAlive: boolean;
}

/**
 * All that a server is told at its start, checked and with its defaults filled in. Made from a zoo.cfg, from flags
 * or from both by `loadServerConfig`.
 */
export interface ServerConfig {
  /** Path of the zoo.cfg; undefined without one. */
  readonly configFile: string | undefined;
  /** From `myid` or `--id`; undefined when there is none, which only an ensemble minds. */
  readonly serverId: number | undefined;
  /** Undefined serves no clients, which Apache allows too (`clientPort`, `clientPortAddress`, or the server's own line). */
  readonly client: ClientAddress | undefined;
  /** Connections the system may hold before they are accepted; -1 is its default (`clientPortListenBacklog`). */
  readonly listenBacklog: number;
  /** Keep-alive probes to clients (`clientTcpKeepAlive`). */
  readonly clientTcpKeepAlive: boolean;
  /** Unit of all timeouts, ms (`tickTime`). */
  readonly tickMs: number;
  /** The window of granted session timeouts, ms; 2 and 20 ticks unless configured. */
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly storage: StorageConfig;
  readonly groupCommit: GroupCommitConfig;
  readonly limits: ClientLimitsConfig;
  readonly auth: AuthConfig;
  readonly tree: TreeConfig;
  /** `4lw.commands.whitelist` as written; undefined when not configured. */
  readonly fourLetterWhitelist: string | undefined;
  /** Serve reads while cut off from the ensemble (`readonlymode.enabled`). */
  readonly readOnlyMode: boolean;
  /** Undefined runs standalone. */
  readonly ensemble: EnsembleConfig | undefined;
}
