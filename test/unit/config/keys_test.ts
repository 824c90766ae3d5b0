import { describe, expect, test } from "bun:test";
import { type KnownKey, knownKeyOf, knownKeys, type KnownValues } from "../../../src/config/keys.ts";
import type { ValueType } from "../../../src/config/values.ts";
import { refusal } from "./_load.ts";

/** For every key: texts that are taken, with what they mean, and texts that are not. */
type Cases = {
  [K in KnownKey]: {
    good: ReadonlyArray<readonly [text: string, value: KnownValues[K]]>;
    bad: readonly string[];
  };
};

const flagCase = {
  good: [["true", true], ["FALSE", false], ["True", true]],
  bad: ["yes", "1", "", "truee"],
} as const;
const yesNoCase = { good: [["yes", true], ["no", false]], bad: ["true", "No", ""] } as const;
const textCase = { good: [["anything", "anything"], ["", ""]], bad: [] } as const;
const portCase = {
  good: [["0", 0], ["2181", 2181], ["65535", 65535]],
  bad: ["-1", "65536", "x", "0x10", ""],
} as const;
/** Decimal only, any size an int has. */
const wholeCase = {
  good: [["7", 7], ["+7", 7], ["007", 7]],
  bad: ["", "7s", "0x10", "1.5", "2147483648"],
} as const;
/** As Integer.decode. */
const decodedCase = {
  good: [["16", 16], ["0x10", 16], ["#10", 16], ["020", 16], ["+16", 16]],
  bad: ["", "16 KB", "1e3", "0xg", "4294967296"],
} as const;
const notNegative = { good: decodedCase.good, bad: [...decodedCase.bad, "-2"] } as const;
const positive = { good: decodedCase.good, bad: [...decodedCase.bad, "0", "-1"] } as const;
const fractionCase = {
  good: [["0.5", 0.5], ["1", 1], [".25", 0.25]],
  bad: ["", "half", "1.1", "1e-3"],
} as const;

const cases: Cases = {
  dataDir: { good: [["/data", "/data"]], bad: [""] },
  dataLogDir: { good: [["/log", "/log"]], bad: [""] },
  clientPort: portCase,
  clientPortAddress: { good: [["::1", "::1"]], bad: [""] },
  clientPortListenBacklog: { good: [["-1", -1], ["128", 128]], bad: ["-2", "x"] },
  tickTime: { good: [["2000", 2000]], bad: ["0", "-5", "2s", ""] },
  maxClientCnxns: { good: [["0", 0], ["60", 60], ["-1", -1]], bad: ["many"] },
  minSessionTimeout: { good: [["-1", -1], ["4000", 4000]], bad: ["-2", "4s"] },
  maxSessionTimeout: { good: [["-1", -1], ["40000", 40000]], bad: ["-2", "4s"] },
  initLimit: { good: [["10", 10]], bad: ["-1", "x"] },
  syncLimit: { good: [["5", 5]], bad: ["-1", "x"] },
  connectToLearnerMasterLimit: { good: [["5", 5]], bad: ["-1", "x"] },
  electionAlg: { good: [["3", 3]], bad: ["0", "1", "2", "x"] },
  peerType: { good: [["Observer", "observer"], ["participant", "participant"]], bad: ["leader", ""] },
  quorumListenOnAllIPs: flagCase,
  syncEnabled: flagCase,
  dynamicConfigFile: { good: [["a.dynamic", "a.dynamic"]], bad: [""] },
  standaloneEnabled: flagCase,
  reconfigEnabled: flagCase,
  "autopurge.snapRetainCount": wholeCase,
  "autopurge.purgeInterval": {
    good: [["0", 0], ["-1", -3_600_000], ["2", 7_200_000], ["90s", 90_000], ["500MS", 500], [
      "30m",
      1_800_000,
    ], [
      "1d",
      86_400_000,
    ]],
    bad: ["", "1w", "h", "1.5h"],
  },
  localSessionsEnabled: flagCase,
  localSessionsUpgradingEnabled: flagCase,
  secureClientPort: portCase,
  secureClientPortAddress: { good: [["h", "h"]], bad: [""] },
  observerMasterPort: portCase,
  sslQuorum: flagCase,
  portUnification: flagCase,
  sslQuorumReloadCertFiles: flagCase,
  "multiAddress.enabled": flagCase,
  "multiAddress.reachabilityCheckEnabled": flagCase,
  "multiAddress.reachabilityCheckTimeoutMs": { good: [["1000", 1000]], bad: ["0", "x"] },
  "quorum.auth.enableSasl": flagCase,
  "quorum.auth.learnerRequireSasl": flagCase,
  "quorum.auth.serverRequireSasl": flagCase,
  "quorum.cnxn.threads.size": wholeCase,
  "jvm.pause.monitor": flagCase,
  "jvm.pause.info-threshold.ms": wholeCase,
  "jvm.pause.warn-threshold.ms": wholeCase,
  "jvm.pause.sleep.time.ms": wholeCase,
  oraclePath: textCase,
  "4lw.commands.whitelist": { good: [["ruok, stat", "ruok, stat"], ["*", "*"]], bad: [] },
  snapCount: decodedCase,
  snapSizeLimitInKb: { good: [["-1", -1], ["0x400", 1024]], bad: ["-2", "4G"] },
  txnLogSizeLimitInKb: { good: [["-1", -1], ["1024", 1024]], bad: ["-2", "4G"] },
  preAllocSize: { good: [["-1", -1], ["65536", 65536]], bad: ["64M", "0x10"] },
  commitLogCount: wholeCase,
  snapshotSizeFactor: { good: [["-1", -1], ["0.33", 0.33]], bad: ["2", "x"] },
  forceSync: yesNoCase,
  "fsync.warningthresholdms": notNegative,
  "snapshot.compression.method": {
    good: [["", "none"], ["gz", "gzip"], ["GZ", "gzip"], ["snappy", "snappy"]],
    bad: ["gzip", "zstd"],
  },
  "snapshot.trust.empty": flagCase,
  "digest.enabled": flagCase,
  "serializeLastProcessedZxid.enabled": flagCase,
  "closeSessionTxn.enabled": flagCase,
  "db.autocreate": flagCase,
  "datadir.autocreate": flagCase,
  flushDelay: notNegative,
  maxWriteQueuePollTime: notNegative,
  maxBatchSize: positive,
  globalOutstandingLimit: positive,
  maxCnxns: decodedCase,
  leaderServes: yesNoCase,
  skipACL: yesNoCase,
  enforceQuota: flagCase,
  enableEagerACLCheck: flagCase,
  "audit.enable": flagCase,
  extendedTypesEnabled: flagCase,
  emulate353TTLNodes: flagCase,
  serverCnxnFactory: textCase,
  maxResponseCacheSize: decodedCase,
  maxGetChildrenResponseCacheSize: decodedCase,
  cnxTimeout: { good: [["5000", 5000]], bad: ["0", "x", "0x10"] },
  quorumCnxnTimeoutMs: { good: [["-1", -1]], bad: ["-2", "x"] },
  electionPortBindRetry: notNegative,
  "fastleader.minNotificationInterval": positive,
  "fastleader.maxNotificationInterval": positive,
  "leader.maxConcurrentSnapSyncs": positive,
  "leader.maxConcurrentDiffSyncs": positive,
  "leader.maxTimeToWaitForEpoch": { good: [["-1", -1]], bad: ["-2", "x"] },
  "observer.reconnectDelayMs": notNegative,
  "observer.election.DelayMs": notNegative,
  "observerMaster.sizeLimit": decodedCase,
  "learner.asyncSending": flagCase,
  "learner.closeSocketAsync": flagCase,
  "leader.closeSocketAsync": flagCase,
  "follower.skipLearnerRequestToNextProcessor": flagCase,
  forward_learner_requests_to_commit_processor_disabled: flagCase,
  leaderConnectDelayDuringRetryMs: notNegative,
  tcpKeepAlive: flagCase,
  clientTcpKeepAlive: flagCase,
  "nio.numSelectorThreads": decodedCase,
  "nio.numWorkerThreads": decodedCase,
  "nio.directBufferBytes": decodedCase,
  "nio.shutdownTimeout": decodedCase,
  "nio.sessionlessCnxnTimeout": positive,
  "commitProcessor.numWorkerThreads": decodedCase,
  "commitProcessor.maxReadBatchSize": decodedCase,
  "commitProcessor.maxCommitBatchSize": decodedCase,
  "commitProcessor.shutdownTimeout": decodedCase,
  request_throttle_max_requests: notNegative,
  request_throttle_stall_time: decodedCase,
  request_throttle_drop_stale: flagCase,
  request_stale_latency_check: flagCase,
  request_stale_connection_check: flagCase,
  throttled_op_wait_time: notNegative,
  connection_throttle_tokens: notNegative,
  connection_throttle_fill_time: decodedCase,
  connection_throttle_fill_count: decodedCase,
  connection_throttle_freeze_time: { good: [["-1", -1]], bad: ["x"] },
  connection_throttle_drop_increase: fractionCase,
  connection_throttle_drop_decrease: fractionCase,
  connection_throttle_decrease_ratio: fractionCase,
  connection_throttle_weight_enabled: flagCase,
  largeRequestMaxBytes: notNegative,
  largeRequestThreshold: { good: [["-1", -1], ["1000", 1000]], bad: ["-2", "x"] },
  "jute.maxbuffer": { good: [["0x100000", 1048576], ["500", 500]], bad: ["0", "1M"] },
  "jute.maxbuffer.extrasize": notNegative,
  watchManagerName: textCase,
  "enforce.auth.enabled": flagCase,
  "enforce.auth.schemes": textCase,
  sessionRequireClientSASLAuth: flagCase,
  "DigestAuthenticationProvider.superDigest": { good: [["super:x", "super:x"]], bad: [""] },
  "DigestAuthenticationProvider.enabled": flagCase,
  "DigestAuthenticationProvider.digestAlg": { good: [["SHA1", "SHA1"]], bad: [""] },
  "readonlymode.enabled": flagCase,
  "znode.container.checkIntervalMs": positive,
  "znode.container.maxPerMinute": positive,
  "znode.container.maxNeverUsedIntervalMs": notNegative,
  "admin.enableServer": flagCase,
  "admin.serverPort": { good: [["8080", 8080]], bad: ["65536", "-1", "x"] },
  "admin.serverAddress": textCase,
  "admin.idleTimeout": decodedCase,
  "admin.commandURL": textCase,
  "admin.portUnification": flagCase,
  "admin.forceHttps": flagCase,
  "admin.needClientAuth": flagCase,
  "admin.snapshot.enabled": flagCase,
  "admin.restore.enabled": flagCase,
  "admin.rateLimiterIntervalInMS": wholeCase,
};

describe("a key of zoo.cfg", () => {
  for (const [key, { good, bad }] of Object.entries(cases)) {
    test(`${key} takes what it should and nothing else`, () => {
      const type: ValueType<unknown> = knownKeys[key as KnownKey];
      for (const [text, value] of good) {
        expect(type.schema().safeParse(text)).toEqual({ success: true, data: value });
      }
      for (const text of bad) {
        const message = refusal({ cfg: `dataDir=/d\nclientPort=1\n${key}=${text}\n` });
        expect(message).toBe(`zoo.cfg:3: ${key}=${text} must be ${type.expected}`);
      }
    });
  }

  test("is known by its own name, and those of the JVM with zookeeper. before it too", () => {
    expect(knownKeyOf("snapCount")).toBe("snapCount");
    expect(knownKeyOf("zookeeper.snapCount")).toBeUndefined();
    expect(knownKeyOf("zookeeper.jute.maxbuffer")).toBe("jute.maxbuffer");
    expect(knownKeyOf("znode.container.maxPerMinute")).toBe("znode.container.maxPerMinute");
    expect(knownKeyOf("toString")).toBeUndefined();
  });
});
