import type { ConfigEntry } from "./entries.ts";

/** Where the defaults below are said to come from. */
const where = "default";

/** What holds without a zoo.cfg: a standalone server that only this machine reaches, and its data beside it. */
export const entriesWithoutFile: readonly ConfigEntry[] = [
  { key: "dataDir", value: "./zoon-data", where },
  { key: "clientPort", value: "2181", where },
  { key: "clientPortAddress", value: "127.0.0.1", where },
];

/**
 * Values of keys that are not given. They are Apache 3.9's but for two, where Apache waits for the operator to find
 * out: old files are purged, and TTL znodes exist.
 */
export const defaults = {
  tickMs: 3000,
  minSessionTimeoutTicks: 2,
  maxSessionTimeoutTicks: 20,
  connectionsPerAddressMax: 60,
  purgeKeepSnapshots: 3,
  purgeEveryMs: 3_600_000,
  snapshotEveryTxns: 100_000,
  snapshotEveryKb: 4_194_304,
  logPreallocateKb: 65_536,
  committedTxnsKept: 500,
  snapshotSizeFactor: 0.33,
  syncWarningMs: 1000,
  batchTxnsMax: 1000,
  frameBytesMax: 0xfffff,
  outstandingRequestsMax: 1000,
  largeRequestsBytesMax: 104_857_600,
  sessionlessConnectionMs: 10_000,
  containerCheckMs: 60_000,
  containerDeletionsPerMinute: 10_000,
  electionConnectMs: 5000,
  notificationMsMin: 200,
  notificationMsMax: 60_000,
  electionBindAttempts: 3,
  /** Apache's leader never gives out the last one, either. */
  zxidCounterMax: 0xfffffffe,
  leaderRedialMs: 100,
  concurrentSnapshotSyncs: 10,
  concurrentDiffSyncs: 100,
  observerElectionMs: 200,
} as const;
