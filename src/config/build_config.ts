import type { LogFields, LogLevel } from "../base/log.ts";
import { ConfigError, type ConfigProblem } from "./config_error.ts";
import { defaults } from "./defaults.ts";
import type { ConfigEntry } from "./entries.ts";
import type { KnownKey, KnownValues } from "./keys.ts";
import type {
  AuthConfig,
  ClientAddress,
  ClientLimitsConfig,
  EnsembleConfig,
  EnsembleServer,
  GroupCommitConfig,
  Membership,
  PurgeConfig,
  ServerConfig,
  StorageConfig,
  TreeConfig,
} from "./server_config.ts";
import { parseServerList } from "./server_list.ts";

/** Something about a configuration that an operator should hear, though the server starts. */
export interface ConfigNotice {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Checked values and where they came from. */
export interface ConfigParts {
  readonly file: string | undefined;
  readonly values: KnownValues;
  readonly whereOf: ReadonlyMap<KnownKey, ConfigEntry>;
  /** Entries that may hold the server list, and its version. */
  readonly serverList: { readonly entries: Iterable<ConfigEntry>; readonly version: number };
  /** The zoo.cfg beside which a changed membership is kept. */
  readonly keptBeside: string | undefined;
  /** The configuration that was proposed last, if a file holds one. */
  readonly lastSeen: Membership | undefined;
  readonly serverId: number | undefined;
  /** What is worth saying is added here. */
  readonly notices: ConfigNotice[];
}

/**
 * Checks values against each other and fills in what was not given.
 *
 * @throws {ConfigError} With all that is wrong.
 */
export function buildServerConfig(parts: ConfigParts): ServerConfig {
  const { values } = parts;
  const problems: ConfigProblem[] = [];
  checkPairs(parts, problems);

  const { membership, problems: listProblems } = parseServerList(parts.serverList.entries, {
    version: parts.serverList.version,
    multiAddress: values["multiAddress.enabled"] ?? false,
  });
  problems.push(...listProblems);
  if (problems.length > 0) throw new ConfigError(problems);

  const tickMs = values.tickTime ?? defaults.tickMs;
  const ensemble = buildEnsemble(parts, membership, tickMs, problems);
  const client = clientAddress(parts, membership, problems);
  const minSessionTimeoutMs = timeoutOr(values.minSessionTimeout, tickMs * defaults.minSessionTimeoutTicks);
  const maxSessionTimeoutMs = timeoutOr(values.maxSessionTimeout, tickMs * defaults.maxSessionTimeoutTicks);
  if (minSessionTimeoutMs > maxSessionTimeoutMs) {
    const rule =
      `makes the least session timeout (${minSessionTimeoutMs} ms) greater than the greatest (${maxSessionTimeoutMs} ms)`;
    problems.push({ ...entryOf(parts, "minSessionTimeout", "maxSessionTimeout", "tickTime"), rule });
  }
  const auth = buildAuth(parts, problems);
  const storage = buildStorage(parts);
  if (problems.length > 0) throw new ConfigError(problems);

  return {
    configFile: parts.file,
    serverId: parts.serverId,
    client,
    listenBacklog: values.clientPortListenBacklog ?? -1,
    clientTcpKeepAlive: values.clientTcpKeepAlive ?? false,
    tickMs,
    minSessionTimeoutMs,
    maxSessionTimeoutMs,
    storage,
    groupCommit: buildGroupCommit(values),
    limits: buildLimits(values),
    auth,
    tree: buildTree(values, ensemble !== undefined),
    fourLetterWhitelist: values["4lw.commands.whitelist"],
    readOnlyMode: values["readonlymode.enabled"] ?? false,
    ensemble,
  };
}

/** Keys that need another. */
function checkPairs(parts: ConfigParts, problems: ConfigProblem[]): void {
  const { values } = parts;
  if (values.dataDir === undefined) {
    problems.push({
      where: parts.file ?? "flags",
      key: "dataDir",
      rule: "is not set: add a line such as dataDir=/var/lib/zookeeper",
    });
  }
  if (values.clientPortAddress !== undefined && values.clientPort === undefined) {
    problems.push({ ...entryOf(parts, "clientPortAddress"), rule: "is set but clientPort is not set" });
  }
  if (values.secureClientPortAddress !== undefined && values.secureClientPort === undefined) {
    problems.push({
      ...entryOf(parts, "secureClientPortAddress"),
      rule: "is set but secureClientPort is not set",
    });
  }
  const learnerSasl = values["quorum.auth.learnerRequireSasl"] ?? false;
  const serverSasl = values["quorum.auth.serverRequireSasl"] ?? false;
  if (serverSasl && !learnerSasl) {
    const rule = "needs quorum.auth.learnerRequireSasl=true";
    problems.push({ ...entryOf(parts, "quorum.auth.serverRequireSasl"), rule });
  }
  if ((serverSasl || learnerSasl) && values["quorum.auth.enableSasl"] !== true) {
    const rule = "needs quorum.auth.enableSasl=true";
    problems.push({
      ...entryOf(parts, serverSasl ? "quorum.auth.serverRequireSasl" : "quorum.auth.learnerRequireSasl"),
      rule,
    });
  }
}

function timeoutOr(given: number | undefined, otherwise: number): number {
  return given === undefined || given === -1 ? otherwise : given;
}

/** @returns The first of the keys that was given, for a message; the file when none was. */
function entryOf(parts: ConfigParts, ...keys: KnownKey[]): { where: string; key?: string; value?: string } {
  for (const key of keys) {
    const entry = parts.whereOf.get(key);
    if (entry !== undefined) return entry;
  }
  return { where: parts.file ?? "flags" };
}

/** @returns undefined when the server is to run alone. */
function buildEnsemble(
  parts: ConfigParts,
  membership: Membership,
  tickMs: number,
  problems: ConfigProblem[],
): EnsembleConfig | undefined {
  const { values, notices } = parts;
  const standaloneEnabled = values.standaloneEnabled ?? true;
  const voters = membership.servers.filter((server) => !server.observer).length;
  const observers = membership.servers.length - voters;
  if (voters === 0) {
    if (!standaloneEnabled) {
      problems.push({
        ...entryOf(parts, "standaloneEnabled"),
        rule: "needs at least one server.N line of a participant",
      });
    } else if (observers > 0) {
      problems.push({ where: listPlace(parts), rule: "observers need participants: add server.N lines" });
    }
    return undefined;
  }
  if (voters === 1 && standaloneEnabled) {
    if (observers > 0) {
      problems.push({
        where: listPlace(parts),
        rule: "observers need a quorum: add participants, or standaloneEnabled=false",
      });
    }
    notices.push({
      level: "warn",
      message: "Only one server is listed: running standalone",
      fields: { server: membership.servers[0].id },
    });
    return undefined;
  }

  if (voters === 2) notices.push(notice("Two servers tolerate no failure; have at least three"));
  else if (voters > 2 && voters % 2 === 0) {
    notices.push(notice("An odd number of servers tolerates as many failures"));
  }
  const file = parts.file ?? "flags";
  if ((values.initLimit ?? 0) === 0) problems.push(missing(file, "initLimit", "10"));
  if ((values.syncLimit ?? 0) === 0) problems.push(missing(file, "syncLimit", "5"));
  checkServerId(parts, membership, problems);

  const initLimitTicks = values.initLimit ?? 0;
  const syncLimitTicks = values.syncLimit ?? 0;
  return {
    membership,
    lastSeen: newerLastSeen(parts, membership),
    dynamicFile: values.dynamicConfigFile,
    keptBeside: parts.keptBeside,
    reconfigEnabled: values.reconfigEnabled ?? false,
    standaloneEnabled,
    localSessions: values.localSessionsEnabled ?? false,
    localSessionsUpgrade: values.localSessionsUpgradingEnabled ?? false,
    multiAddress: values["multiAddress.enabled"] ?? false,
    initLimitTicks,
    syncLimitTicks,
    connectLimitTicks: values.connectToLearnerMasterLimit || Math.min(initLimitTicks, syncLimitTicks),
    listenOnAllAddresses: values.quorumListenOnAllIPs ?? false,
    observerSync: values.syncEnabled ?? true,
    leaderServes: values.leaderServes ?? true,
    electionConnectMs: values.cnxTimeout ?? defaults.electionConnectMs,
    electionHandshakeMs: positiveOr(values.quorumCnxnTimeoutMs, tickMs * syncLimitTicks),
    leaderRedialMs: values.leaderConnectDelayDuringRetryMs ?? defaults.leaderRedialMs,
    epochWaitMs: notNegative(values["leader.maxTimeToWaitForEpoch"]),
    notificationMsMin: values["fastleader.minNotificationInterval"] ?? defaults.notificationMsMin,
    notificationMsMax: values["fastleader.maxNotificationInterval"] ?? defaults.notificationMsMax,
    zxidCounterMax: defaults.zxidCounterMax,
    electionBindAttempts: values.electionPortBindRetry ?? defaults.electionBindAttempts,
    concurrentSnapshotSyncsMax: values["leader.maxConcurrentSnapSyncs"] ?? defaults.concurrentSnapshotSyncs,
    concurrentDiffSyncsMax: values["leader.maxConcurrentDiffSyncs"] ?? defaults.concurrentDiffSyncs,
    observerReconnectMs: values["observer.reconnectDelayMs"] ?? 0,
    observerElectionMs: values["observer.election.DelayMs"] ?? defaults.observerElectionMs,
    tcpKeepAlive: values.tcpKeepAlive ?? false,
  };
}

/** What was proposed counts only while it is newer, and only where memberships can change at all. */
function newerLastSeen({ lastSeen, values }: ConfigParts, membership: Membership): Membership | undefined {
  if (lastSeen === undefined || values.reconfigEnabled !== true) return undefined;
  return lastSeen.version > membership.version ? lastSeen : undefined;
}

function positiveOr(given: number | undefined, otherwise: number): number {
  return given !== undefined && given > 0 ? given : otherwise;
}

function notNegative(given: number | undefined): number | undefined {
  return given !== undefined && given >= 0 ? given : undefined;
}

/** What this server is; a proposed membership that lets it in may need it before it is committed. */
function ownOf(parts: ConfigParts, membership: Membership): EnsembleServer | undefined {
  const lists = (server: EnsembleServer) => server.id === parts.serverId;
  return membership.servers.find(lists) ?? newerLastSeen(parts, membership)?.servers.find(lists);
}

function checkServerId(parts: ConfigParts, membership: Membership, problems: ConfigProblem[]): void {
  const { serverId, values } = parts;
  const ids = membership.servers.map((server) => server.id).join(", ");
  if (serverId === undefined) {
    const rule = `is missing: write this server's id (${ids}) into it, or give --id`;
    problems.push({ where: `${values.dataDir}/myid`, rule });
    return;
  }
  const own = ownOf(parts, membership);
  if (own === undefined) {
    const wrong = `my id ${serverId} is not among the servers ${ids}`;
    const right = membership.version > 0
      // A reconfiguration wrote this list.
      ? `to take a removed server in again, add its server.${serverId} line here, start it, and "reconfig -add" it`
      : `add its server.${serverId} line, or give it another id`;
    problems.push({ where: listPlace(parts), rule: `${wrong}: ${right}` });
  } else if (values.peerType !== undefined && (values.peerType === "observer") !== own.observer) {
    const role = own.observer ? "observer" : "participant";
    parts.notices.push(
      notice("The server list decides, and peerType does not match it", { id: serverId, role }),
    );
  }
}

function listPlace(parts: ConfigParts): string {
  return parts.values.dynamicConfigFile ?? parts.file ?? "flags";
}

function missing(where: string, key: string, example: string): ConfigProblem {
  return { where, key, rule: `is not set, which an ensemble needs: add a line such as ${key}=${example}` };
}

function notice(message: string, fields: LogFields = {}): ConfigNotice {
  return { level: "warn", message, fields };
}

/** Own server line over clientPort, when they agree (QuorumPeerConfig.setupClientPort). */
function clientAddress(
  parts: ConfigParts,
  membership: Membership,
  problems: ConfigProblem[],
): ClientAddress | undefined {
  const { values, serverId } = parts;
  const fromKeys = values.clientPort === undefined
    ? undefined
    : { host: values.clientPortAddress ?? "", port: values.clientPort };
  const fromList = ownOf(parts, membership)?.client;
  if (fromList === undefined || fromKeys === undefined) return fromList ?? fromKeys;
  if (parts.whereOf.get("clientPort")?.override) return fromKeys;
  if (fromKeys.port !== fromList.port || (!isAnyAddress(fromKeys.host) && fromKeys.host !== fromList.host)) {
    const listed = `${fromList.host}:${fromList.port}`;
    const rule = `disagrees with the client address of server.${serverId}, which is ${listed}`;
    problems.push({ ...entryOf(parts, "clientPort"), rule });
  }
  return fromList;
}

function isAnyAddress(host: string): boolean {
  return host === "" || host === "0.0.0.0" || host === "::";
}

function buildStorage(parts: ConfigParts): StorageConfig {
  const { values, notices } = parts;
  const dataDir = values.dataDir ?? "";
  const dataLogDir = values.dataLogDir ?? dataDir;
  for (const directory of new Set([dataDir, dataLogDir])) {
    if (isRelative(directory)) {
      notices.push(
        notice("A relative path; write ./ before it to say that it is meant", { path: directory }),
      );
    }
  }
  const snapshotEveryKb = values.snapSizeLimitInKb ?? defaults.snapshotEveryKb;
  const logFileKb = values.txnLogSizeLimitInKb ?? -1;
  return {
    dataDir,
    dataLogDir,
    createDirectories: values["datadir.autocreate"] ?? true,
    createDatabase: values["db.autocreate"] ?? true,
    snapshotEveryTxns: raised(parts, "snapCount", values.snapCount ?? defaults.snapshotEveryTxns, 2),
    snapshotEveryBytes: snapshotEveryKb > 0 ? snapshotEveryKb * 1024 : undefined,
    logFileBytesMax: logFileKb > 0 ? logFileKb * 1024 : undefined,
    logPreallocateBytes: Math.max(0, values.preAllocSize ?? defaults.logPreallocateKb) * 1024,
    forceSync: values.forceSync ?? true,
    syncWarningMs: values["fsync.warningthresholdms"] ?? defaults.syncWarningMs,
    snapshotCompression: values["snapshot.compression.method"] ?? "none",
    trustEmptySnapshot: values["snapshot.trust.empty"] ?? false,
    serializeLastProcessedZxid: values["serializeLastProcessedZxid.enabled"] ?? true,
    committedTxnsKept: raised(
      parts,
      "commitLogCount",
      values.commitLogCount ?? defaults.committedTxnsKept,
      500,
    ),
    snapshotSizeFactor: values.snapshotSizeFactor ?? defaults.snapshotSizeFactor,
    purge: buildPurge(parts),
  };
}

/** As VerifyingFileFactory: what begins with `./` is meant to be relative. */
function isRelative(path: string): boolean {
  return !/^(?:\/|\.\/|\.\\|[A-Za-z]:[\\/])/.test(path);
}

/** Apache raises some values that are too small to their minimum, and says so. */
function raised(parts: ConfigParts, key: KnownKey, value: number, minimum: number): number {
  if (value >= minimum) return value;
  parts.notices.push(notice("A value is too small; the minimum is used", { key, value, minimum }));
  return minimum;
}

function buildPurge(parts: ConfigParts): PurgeConfig | undefined {
  const { values } = parts;
  const everyMs = values["autopurge.purgeInterval"] ?? defaults.purgeEveryMs;
  const kept = values["autopurge.snapRetainCount"] ?? defaults.purgeKeepSnapshots;
  const keepSnapshots = raised(parts, "autopurge.snapRetainCount", kept, defaults.purgeKeepSnapshots);
  return everyMs <= 0 ? undefined : { keepSnapshots, everyMs };
}

function buildGroupCommit(values: KnownValues): GroupCommitConfig {
  const flushDelayMs = values.flushDelay ?? 0;
  return {
    flushDelayMs,
    queuePollMs: values.maxWriteQueuePollTime ?? Math.floor(flushDelayMs / 3),
    batchTxnsMax: values.maxBatchSize ?? defaults.batchTxnsMax,
  };
}

function buildLimits(values: KnownValues): ClientLimitsConfig {
  const frameBytesMax = values["jute.maxbuffer"] ?? defaults.frameBytesMax;
  const largeRequestBytes = values.largeRequestThreshold ?? -1;
  return {
    frameBytesMax,
    fieldBytesMax: frameBytesMax + Math.max(1024, values["jute.maxbuffer.extrasize"] ?? frameBytesMax),
    connectionsPerAddressMax: Math.max(0, values.maxClientCnxns ?? defaults.connectionsPerAddressMax),
    connectionsMax: Math.max(0, values.maxCnxns ?? 0),
    outstandingRequestsMax: values.globalOutstandingLimit ?? defaults.outstandingRequestsMax,
    largeRequestBytes: largeRequestBytes > 0 ? largeRequestBytes : undefined,
    largeRequestsBytesMax: values.largeRequestMaxBytes ?? defaults.largeRequestsBytesMax,
    sessionlessConnectionMs: values["nio.sessionlessCnxnTimeout"] ?? defaults.sessionlessConnectionMs,
  };
}

/** Schemes with a provider (ProviderRegistry); `ip` holds for every connection. */
const enforceableSchemes: ReadonlySet<string> = new Set(["digest", "ip"]);

function buildAuth(parts: ConfigParts, problems: ConfigProblem[]): AuthConfig {
  const { values } = parts;
  const digestEnabled = values["DigestAuthenticationProvider.enabled"] ?? true;
  let enforcedSchemes: string[] | undefined;
  if (values["enforce.auth.enabled"] === true) {
    enforcedSchemes = (values["enforce.auth.schemes"] ?? "").split(",").map((scheme) => scheme.trim());
    const missingScheme = enforcedSchemes.find((scheme) =>
      !enforceableSchemes.has(scheme) || (scheme === "digest" && !digestEnabled)
    );
    if (missingScheme !== undefined) {
      const rule = missingScheme === ""
        ? "needs enforce.auth.schemes, such as digest"
        : `asks for scheme ${missingScheme}, which is not available`;
      problems.push({ ...entryOf(parts, "enforce.auth.schemes", "enforce.auth.enabled"), rule });
    }
  }
  return {
    skipAcl: values.skipACL ?? false,
    superDigest: values["DigestAuthenticationProvider.superDigest"],
    digestEnabled,
    enforcedSchemes,
  };
}

function buildTree(values: KnownValues, isEnsemble: boolean): TreeConfig {
  return {
    // Servers of an ensemble must agree on it, and Apache's have it off unless they are told.
    extendedTypes: values.extendedTypesEnabled ?? !isEnsemble,
    emulate353Ttl: values.emulate353TTLNodes ?? false,
    enforceQuota: values.enforceQuota ?? false,
    eagerAclCheck: values.enableEagerACLCheck ?? false,
    digest: values["digest.enabled"] ?? true,
    closeSessionTxn: values["closeSessionTxn.enabled"] ?? true,
    containers: {
      checkEveryMs: values["znode.container.checkIntervalMs"] ?? defaults.containerCheckMs,
      deletionsPerMinuteMax: values["znode.container.maxPerMinute"] ?? defaults.containerDeletionsPerMinute,
      neverUsedMs: values["znode.container.maxNeverUsedIntervalMs"] ?? 0,
    },
  };
}
