import type { ServerMetrics } from "../admin/metrics.ts";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { type Disk, DiskError } from "../base/disk.ts";
import { limits } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Trace } from "../base/trace.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { type Zxid, zxidToHex } from "../protocol/zxid.ts";
import type { DataDirs } from "../storage/data_dirs.ts";
import { type EpochName, type Epochs, loadEpochs, writeEpoch } from "../storage/epoch_files.ts";
import { CorruptLogError } from "../storage/errors.ts";
import { type Compression, listDated } from "../storage/file_names.ts";
import { cutLogs, logBytesFrom, LogReader, syncLogs, truncateLogs } from "../storage/log_reader.ts";
import { type LogEffects, LogWriter } from "../storage/log_writer.ts";
import { recover, type Recovered } from "../storage/recovery.ts";
import { RollPolicy } from "../storage/roll_policy.ts";
import type { SnapshotPacker } from "../storage/snapshot_writer.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { CommittedLog, type LoggedEntry } from "../zab/committed_log.ts";
import type { HistoryReader } from "../zab/sync_plan.ts";
import { SnapshotKeeper } from "./snapshot_keeper.ts";
import { SyncPacer } from "./sync_pacer.ts";

/** Who appends to a {@link Database}, and hears what becomes of it. */
export type DatabaseUser = Pick<LogEffects, "onDurable" | "onRefused" | "onFatal">;

/** What a {@link Database} is made of. */
export interface DatabaseParts {
  readonly config: ServerConfig;
  readonly disk: Disk;
  readonly dirs: DataDirs;
  readonly tree: DataTree;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: ServerMetrics;
  readonly trace: Trace | undefined;
  packerFor(compression: Compression): SnapshotPacker | null;
}

const compressions: Readonly<Record<ServerConfig["storage"]["snapshotCompression"], Compression>> = {
  none: "none",
  gzip: "gz",
  snappy: "snappy",
};

/**
 * A server's state and its disk: the tree, the log that leads to it, snapshots, the epochs, and the newest committed
 * txns for learners that lag. Its server decides what goes in; here is what keeps memory and disk in step.
 */
export class Database implements LogEffects {
  readonly tree: DataTree;
  readonly snapshots: SnapshotKeeper;
  readonly committedLog: CommittedLog;
  readonly #parts: DatabaseParts;
  #log: LogWriter;
  #pacer: SyncPacer;
  readonly #user: DatabaseUser;
  #epochs: Epochs = { currentEpoch: 0, acceptedEpoch: 0 };
  /** What the log refused while {@link logNow} waited for it. */
  #refusal: DiskError | null = null;
  #failure: DiskError | null = null;
  /** What is on stable storage for certain. */
  #durable: Zxid = -1;

  /** @param user Hears of what becomes of appended txns, and of a disk that cannot be trusted any more. */
  constructor(parts: DatabaseParts, user: DatabaseUser) {
    this.#parts = parts;
    this.#user = user;
    const { config, disk, dirs, tree } = parts;
    const { storage } = config;
    this.tree = tree;
    const compression = compressions[storage.snapshotCompression];
    this.snapshots = new SnapshotKeeper({
      ...parts,
      disk,
      dirs,
      tree,
      compression,
      packer: parts.packerFor(compression),
      withLastZxid: storage.serializeLastProcessedZxid,
    });
    // Nobody follows a standalone server.
    const countMax = config.ensemble === undefined ? 0 : storage.committedTxnsKept;
    this.committedLog = new CommittedLog(countMax, limits.committedLogBytesMax);
    this.#log = this.#openLog();
    this.#pacer = this.#openPacer();
  }

  /** The epoch of the last leader this server was or followed. */
  get currentEpoch(): number {
    return this.#epochs.currentEpoch;
  }

  /** The newest epoch this server promised. */
  get acceptedEpoch(): number {
    return this.#epochs.acceptedEpoch;
  }

  /** True while something appended is neither durable nor refused. */
  get isLogBusy(): boolean {
    return this.#log.busy;
  }

  /** The disk failed: nothing is written any more, the server is stopping. */
  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /**
   * Brings the state back from the disk, and writes the first snapshot where there is none.
   *
   * @param beforeFirstSnapshot May put into the tree what no txn brings, such as the membership.
   * @throws {RecoveryError | CorruptLogError | DiskError}
   */
  load(beforeFirstSnapshot?: () => void): Recovered {
    const { config, disk, dirs, tree, logger, clock, trace } = this.#parts;
    const recovered = recover({
      disk,
      dirs,
      tree,
      logger,
      clock,
      trustEmptySnapshot: config.storage.trustEmptySnapshot,
      createDatabase: config.storage.createDatabase,
      fieldBytesMax: config.limits.fieldBytesMax,
      onSnapshot: (zxid) => this.committedLog.clear(zxid),
      onTxn: (zxid, bytes, start, end) => this.committedLog.append(zxid, bytes, start, end),
    });
    trace?.({ kind: "load", zxid: tree.lastProcessedZxid, from: "disk", digest: tree.digest });
    if (config.storage.forceSync) {
      syncLogs(disk, dirs.logs, recovered.snapshotZxid ?? 0);
      disk.syncDirectory(dirs.snapshots);
      trace?.({ kind: "durable", zxid: recovered.lastZxid });
    }
    this.#durable = recovered.lastZxid;
    if (recovered.snapshotZxid === null) {
      beforeFirstSnapshot?.();
      this.snapshots.takeNow();
    }
    return recovered;
  }

  /** Reads the epochs, or makes them from the newest zxid. @throws {RecoveryError | DiskError} */
  loadEpochs(): void {
    const { disk, dirs, tree, trace } = this.#parts;
    this.#epochs = loadEpochs(disk, dirs.snapshots, tree.lastProcessedZxid);
    trace?.({ kind: "acceptedEpoch", epoch: this.acceptedEpoch });
    trace?.({ kind: "currentEpoch", epoch: this.currentEpoch });
  }

  /** Makes an epoch durable before it returns. @throws {DiskError} Then nothing has changed. */
  saveEpoch(name: EpochName, epoch: number): void {
    const { disk, dirs, trace } = this.#parts;
    writeEpoch(disk, dirs.snapshots, name, epoch);
    this.#epochs = { ...this.#epochs, [name]: epoch };
    trace?.({ kind: name, epoch });
  }

  /** Takes the entry `bytes[start, end)` for the log, by copy. */
  append(bytes: Uint8Array, start: number, end: number, zxid: Zxid): void {
    this.#parts.trace?.({ kind: "log", zxid });
    this.#pacer.append(bytes, start, end, zxid);
  }

  /** The turn is over: what was appended is written and synced. */
  onTurnEnd(): void {
    this.#pacer.onTurnEnd();
  }

  /** Has everything appended written and synced as soon as the disk can. */
  flush(): void {
    this.#log.flush();
  }

  /**
   * Logs entries, durably, before it returns. Nothing else may be on its way to the log.
   *
   * @throws {DiskError} If the disk did not take them; none of them is in the log then.
   */
  logNow(entries: readonly LoggedEntry[]): void {
    assert(!this.#log.busy, "what is logged at once is logged alone");
    this.#refusal = null;
    const mode = this.#log.syncMode;
    this.#log.syncMode = "blocking";
    for (const { bytes, start, end, zxid } of entries) this.append(bytes, start, end, zxid);
    this.#log.flush();
    this.#log.syncMode = mode;
    const error = this.#failure ?? this.#refusal;
    if (error !== null) throw error;
  }

  /** Keeps a committed txn for learners that lag: its bytes must stay what they are until {@link forgottenUpTo} says so. */
  remember(entry: LoggedEntry): void {
    this.committedLog.appendKept(entry);
  }

  /** No learner that lags is sent a txn up to this one from memory any more. */
  get forgottenUpTo(): Zxid {
    return this.committedLog.base;
  }

  /**
   * Loads the tree again from the disk: what it holds beyond that is given up.
   *
   * @throws {RecoveryError | CorruptLogError | DiskError}
   */
  reload(): void {
    this.#quiesce();
    try {
      this.load();
    } finally {
      this.#reopen();
    }
  }

  /**
   * Cuts every txn behind `zxid` off the disk and loads the tree again.
   *
   * @returns False, with nothing changed, when the disk does not hold the state at `zxid`.
   * @throws {RecoveryError | CorruptLogError | DiskError}
   */
  truncate(zxid: Zxid): boolean {
    const { config, disk, dirs, logger, trace } = this.#parts;
    this.#quiesce();
    try {
      const isCut = truncateLogs({
        disk,
        logDirectory: dirs.logs,
        snapshotDirectory: dirs.snapshots,
        afterZxid: zxid,
        logger,
        entryBytesMax: config.limits.fieldBytesMax,
      });
      if (!isCut) return false;
      trace?.({ kind: "truncate", zxid });
      this.load();
      return true;
    } finally {
      this.#reopen();
    }
  }

  /** The tree is about to be filled by a leader: nothing may walk it meanwhile. */
  beginReceiving(): void {
    this.snapshots.stop();
  }

  /**
   * Puts the tree, which came from a leader, on the disk in place of everything that was there, durably. A crash
   * leaves the old state, perhaps without its end, which was never committed, or the new one.
   *
   * @throws {DiskError}
   */
  replaceByTree(): void {
    const { config, disk, dirs, tree, logger, trace } = this.#parts;
    this.#quiesce();
    const { lastProcessedZxid: zxid } = tree;
    try {
      // First what replay would put on top of the new tree: the leader does not have it, so it was never committed.
      cutLogs({
        disk,
        logDirectory: dirs.logs,
        afterZxid: zxid,
        logger,
        entryBytesMax: config.limits.fieldBytesMax,
      });
      this.snapshots.takeNow();
      // Then newer names, which a start would prefer; then logs that no snapshot is continued by any more; then the
      // snapshots that no log continues, and which would stand for this one if it got damaged.
      const others = listDated(disk, dirs.snapshots, "snapshot").filter((snapshot) => snapshot.zxid !== zxid);
      for (const snapshot of others.toReversed()) {
        if (snapshot.zxid > zxid) disk.remove(snapshot.path);
      }
      disk.syncDirectory(dirs.snapshots);
      for (const log of listDated(disk, dirs.logs, "log").toReversed()) disk.remove(log.path);
      disk.syncDirectory(dirs.logs);
      for (const snapshot of others) {
        if (snapshot.zxid < zxid) disk.remove(snapshot.path);
      }
      disk.syncDirectory(dirs.snapshots);
    } finally {
      this.#reopen();
    }
    trace?.({ kind: "durable", zxid });
    this.#durable = zxid;
    logger.info("The leader's snapshot is on the disk", { zxid: `0x${zxidToHex(zxid)}` });
    this.committedLog.clear(zxid);
  }

  /**
   * Opens the log for a learner that stands at `zxid`. Where a snapshot lies whose txn the log does not have, a leader
   * sent it: the log has a hole there. Reading over it fails, and what lies behind it follows that snapshot.
   *
   * @returns Null when there is so much to read that a snapshot is the shorter way, when the snapshots that could tell
   *   of a hole may be purged already, or when reading fails.
   */
  openHistory(zxid: Zxid): HistoryReader | null {
    const { config, disk, dirs, logger } = this.#parts;
    const { snapshotSizeFactor } = config.storage;
    if (snapshotSizeFactor < 0 || zxid < 0) return null;
    try {
      const snapshots = listDated(disk, dirs.snapshots, "snapshot");
      if (snapshots.length === 0 || snapshots[0].zxid > zxid) return null;
      const limit = disk.sizeOf(snapshots.at(-1)!.path) * snapshotSizeFactor;
      // Padding is no content: a young log is as long as an old one.
      if (limit > 0 && logBytesFrom(disk, dirs.logs, zxid) > limit + config.storage.logPreallocateBytes) {
        return null;
      }
      const reader = new LogReader({ disk, directory: dirs.logs, fromZxid: zxid, logger });
      return new LogHistory(reader, zxid, snapshots.map((snapshot) => snapshot.zxid), logger);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      logger.warn("The txn log cannot be read for a learner, which gets a snapshot", {
        error: error.message,
      });
      return null;
    }
  }

  /** Syncs what is written and lets go of the files. */
  close(): void {
    this.snapshots.stop();
    this.#log.close();
  }

  onDurable(lastZxid: Zxid): void {
    this.#parts.trace?.({ kind: "durable", zxid: lastZxid });
    this.#durable = lastZxid;
    this.#user.onDurable(lastZxid);
  }

  onRefused(firstZxid: Zxid, error: DiskError): void {
    this.#parts.trace?.({ kind: "refuse", zxid: firstZxid });
    this.#refusal = error;
    this.#user.onRefused(firstZxid, error);
  }

  onSnapshotWanted(): void {
    this.snapshots.take();
  }

  onFatal(error: DiskError): void {
    this.#failure = error;
    this.#cutUncertain();
    this.#user.onFatal(error);
  }

  /**
   * Takes out of the log what a failed sync may have left in the system's memory alone: the next start would read it,
   * its own sync would succeed over it, and nothing would ever bring it to the platter.
   */
  #cutUncertain(): void {
    const { disk, dirs, logger, config } = this.#parts;
    try {
      cutLogs({
        disk,
        logDirectory: dirs.logs,
        afterZxid: this.#durable,
        logger,
        entryBytesMax: config.limits.fieldBytesMax,
      });
    } catch (error) {
      if (!(error instanceof DiskError) && !(error instanceof CorruptLogError)) throw error;
      logger.error("What the failed disk may have lost could not be cut off the txn log", {
        error: error.message,
      });
    }
  }

  #quiesce(): void {
    assert(!this.#log.busy, "the log is at rest before the disk is changed behind its back");
    this.snapshots.stop();
    this.#log.close();
  }

  #reopen(): void {
    this.#log = this.#openLog();
    this.#pacer = this.#openPacer();
  }

  #openPacer(): SyncPacer {
    const { metrics, clock, config } = this.#parts;
    return new SyncPacer(this.#log, metrics, clock, config.groupCommit, config.ensemble === undefined);
  }

  #openLog(): LogWriter {
    const { config, disk, dirs, logger, clock, random } = this.#parts;
    const { storage } = config;
    return new LogWriter({
      disk,
      directory: dirs.logs,
      logger,
      clock,
      effects: this,
      rollPolicy: new RollPolicy({
        snapCount: storage.snapshotEveryTxns,
        snapSizeLimitBytes: storage.snapshotEveryBytes ?? 0,
      }, random),
      syncMode: "blocking",
      preallocBytes: storage.logPreallocateBytes,
      forceSync: storage.forceSync,
      fileBytesLimit: storage.logFileBytesMax ?? 0,
      syncWarnMs: storage.syncWarningMs,
    });
  }
}

/** The log on disk, as a learner is served from it. */
class LogHistory implements HistoryReader {
  isBroken = false;
  before: Zxid = -1;
  readonly #reader: LogReader;
  readonly #learnerZxid: Zxid;
  /** Zxids of snapshots, in order: where the log does not have one, it has a hole that ends there. */
  readonly #marks: readonly Zxid[];
  #nextMark = 0;
  readonly #logger: Logger;

  constructor(reader: LogReader, learnerZxid: Zxid, marks: readonly Zxid[], logger: Logger) {
    this.#reader = reader;
    this.#learnerZxid = learnerZxid;
    this.#marks = marks;
    this.#logger = logger;
  }

  next(): LoggedEntry | null {
    const reader = this.#reader;
    try {
      if (!reader.next()) return null;
    } catch (error) {
      if (!(error instanceof DiskError) && !(error instanceof CorruptLogError)) throw error;
      this.#logger.error("The txn log cannot be read for a learner, which gets a snapshot", {
        error: error.message,
      });
      this.isBroken = true;
      return null;
    }
    const { zxid, previousZxid } = reader;
    const mark = this.#passMarks(zxid);
    if (mark > this.#learnerZxid) {
      this.isBroken = true;
      return null;
    }
    this.before = previousZxid < 0 ? -1 : Math.max(previousZxid, mark);
    return { zxid, bytes: reader.bytes, start: reader.start, end: reader.end };
  }

  close(): void {
    this.#reader.close();
  }

  /** @returns The newest snapshot before the entry `zxid` that is not told of yet; -1 for none. */
  #passMarks(zxid: Zxid): Zxid {
    let newest: Zxid = -1;
    while (this.#marks[this.#nextMark] < zxid) newest = this.#marks[this.#nextMark++];
    if (this.#marks[this.#nextMark] === zxid) this.#nextMark++;
    return newest;
  }
}
