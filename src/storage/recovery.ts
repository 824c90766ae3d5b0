import type { Clock } from "../base/clock.ts";
import { type Disk, DiskError } from "../base/disk.ts";
import type { Logger } from "../base/log.ts";
import { JuteError } from "../jute/reader.ts";
import type { SessionId } from "../protocol/session_id.ts";
import { UnknownTxnError } from "../protocol/txn.ts";
import { type Zxid, zxidToHex } from "../protocol/zxid.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { DataDirs } from "./data_dirs.ts";
import { removeIfThere } from "./epoch_files.ts";
import { BadSnapshotError, CorruptLogError, MissingTxnsError, RecoveryError } from "./errors.ts";
import { joinPath, listDated, parentOf } from "./file_names.ts";
import { LogReader, removeEmptyLastLog } from "./log_reader.ts";
import { PassedSnapshots } from "./passed_snapshots.ts";
import { removePartials } from "./purge.ts";
import { loadSnapshot, looksWhole } from "./snapshot_reader.ts";

/** What {@link recover} is told. */
export interface RecoveryOptions {
  readonly disk: Disk;
  readonly dirs: DataDirs;
  /** Receives the state, in place of what it holds. */
  readonly tree: DataTree;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Logs without any snapshot are replayed from nothing (`snapshot.trust.empty`). */
  readonly trustEmptySnapshot: boolean;
  /** An empty directory is a new database (`db.autocreate`). */
  readonly createDatabase: boolean;
  /** Largest string or buffer believed, in bytes. */
  readonly fieldBytesMax: number;
  /** The snapshot is in, or there is none: replay begins behind this zxid. */
  onSnapshot?(zxid: Zxid): void;
  /** Hears of each txn that was replayed; its entry is `bytes[start, end)` until the next. */
  onTxn?(zxid: Zxid, bytes: Uint8Array, start: number, end: number): void;
}

/** What recovery found. */
export interface Recovered {
  /** Of the snapshot that was loaded; null when there was none. */
  readonly snapshotZxid: Zxid | null;
  /** Newest zxid in the tree. */
  readonly lastZxid: Zxid;
  readonly txnsReplayed: number;
  readonly snapshotMs: number;
  readonly replayMs: number;
}

/** A bound on tries, as Apache has it: older snapshots than these are no help. */
const snapshotsTriedMax = 100;

/**
 * Brings back the state from disk: the newest snapshot that is whole, and every txn logged after it
 * (FileTxnSnapLog.restore, ZooKeeperServer.loadData).
 *
 * @throws {RecoveryError} If there is no usable snapshot where there must be one, or the log does not make up for
 *   one that is not usable.
 * @throws {CorruptLogError} If a log holds what no ZooKeeper writes.
 * @throws {DiskError} If a file cannot be read.
 */
export function recover(options: RecoveryOptions): Recovered {
  const { disk, dirs, tree, logger, clock } = options;
  const beganMs = clock.monotonicMs();
  sweepPartials(disk, dirs, logger);
  removeEmptyLastLog(disk, dirs.logs, logger);
  const passed = new PassedSnapshots();
  const snapshotZxid = loadNewestSnapshot(options, passed);
  const loadedMs = clock.monotonicMs();
  const initialized = takeInitializeMarker(options);
  if (snapshotZxid === null) startEmpty(options, initialized);
  options.onSnapshot?.(tree.lastProcessedZxid);
  const txnsReplayed = replay(options, snapshotZxid, passed);
  if (snapshotZxid !== null) passed.requireLog(snapshotZxid, tree.digestAudit.agreedZxid);
  return {
    snapshotZxid,
    lastZxid: tree.lastProcessedZxid,
    txnsReplayed,
    snapshotMs: loadedMs - beganMs,
    replayMs: clock.monotonicMs() - loadedMs,
  };
}

/**
 * @returns Sessions that own ephemerals and do not exist: to be closed by whoever leads (ZooKeeperServer.loadData).
 */
export function orphansOf(tree: DataTree): SessionId[] {
  return [...tree.ephemerals.sessions()].filter((session) => !tree.sessions.has(session));
}

function loadNewestSnapshot(options: RecoveryOptions, passed: PassedSnapshots): Zxid | null {
  const { disk, dirs, tree, logger, fieldBytesMax } = options;
  const all = listDated(disk, dirs.snapshots, "snapshot");
  let tried = 0;
  for (const snapshot of all.toReversed()) {
    try {
      if (!looksWhole(disk, snapshot)) throw new BadSnapshotError("it lacks its end", true);
      if (tried++ === snapshotsTriedMax) break;
      loadSnapshot(disk, snapshot, tree, fieldBytesMax);
      return snapshot.zxid;
    } catch (error) {
      if (!(error instanceof BadSnapshotError)) throw error;
      logger.error("A snapshot cannot be used; the one before it is tried", {
        file: snapshot.path,
        reason: error.message,
      });
      passed.add(snapshot, error);
    }
  }
  // A server that stops while it writes its very first snapshot leaves no state behind that could be missed.
  if (tried === 0 && all.every((snapshot) => snapshot.zxid === 0)) return null;
  throw new RecoveryError(
    `None of the ${all.length} snapshots in ${dirs.snapshots} can be used: the newest, ${
      all.at(-1)?.name
    }, is ` +
      "cut short or damaged, and so are those before it. On a member of an ensemble move the version-2 " +
      "directories away and start again, to copy the data from the others; alone, restore a backup",
  );
}

/**
 * Removes the file with which an operator says that an empty database is meant. Apache looks for it beside the
 * logs, while its own script makes it beside the snapshots: both are right here.
 */
function takeInitializeMarker({ disk, dirs }: RecoveryOptions): boolean {
  let found = false;
  for (const parent of new Set([parentOf(dirs.logs), parentOf(dirs.snapshots)])) {
    if (removeIfThere(disk, joinPath(parent, "initialize"))) found = true;
  }
  return found;
}

/** No snapshot at all: a new database, or one that has lost it. */
function startEmpty(options: RecoveryOptions, initialized: boolean): void {
  const { disk, dirs, tree, logger, trustEmptySnapshot, createDatabase } = options;
  const logs = listDated(disk, dirs.logs, "log");
  if (logs.length > 0 && !trustEmptySnapshot) {
    throw new RecoveryError(
      `There are txn logs in ${dirs.logs} but no snapshot in ${dirs.snapshots}, so the state they begin from is ` +
        "missing. Put the snapshots back; or set snapshot.trust.empty=true once, if this directory comes from a " +
        "ZooKeeper before 3.5 that never wrote one",
    );
  }
  if (logs.length > 0) {
    logger.warn(
      "Txn logs are replayed without a snapshot, as snapshot.trust.empty allows; unset it after this",
      {
        logs: logs.length,
        first: logs[0].path,
      },
    );
  }
  if (logs.length === 0 && !createDatabase && !initialized) {
    throw new RecoveryError(
      `There is no database in ${dirs.snapshots}, and db.autocreate=false forbids to begin an empty one. ` +
        "Put the data back; or, for a new database, make an empty file named initialize beside version-2",
    );
  }
  tree.clear();
}

/** Removes what a crash left of files that were being made: they may be large, and nobody reads them. */
function sweepPartials(disk: Disk, dirs: DataDirs, logger: Logger): void {
  try {
    removePartials(disk, dirs, true);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    logger.warn("A file that was never completed cannot be removed; it takes room for nothing", {
      error: error.message,
    });
  }
}

function replay(options: RecoveryOptions, snapshotZxid: Zxid | null, passed: PassedSnapshots): number {
  const { disk, dirs, tree, logger, fieldBytesMax } = options;
  const reader = new LogReader({
    disk,
    directory: dirs.logs,
    fromZxid: tree.lastProcessedZxid + 1,
    // Apache does not notice when the first logs behind a snapshot are gone.
    gapless: snapshotZxid !== null,
    logger,
    entryBytesMax: fieldBytesMax,
  });
  let count = 0;
  try {
    while (reader.next()) {
      try {
        tree.apply(reader.bytes, reader.start, reader.end, null, null);
      } catch (error) {
        if (!(error instanceof JuteError) && !(error instanceof UnknownTxnError)) throw error;
        throw new CorruptLogError(
          `Txn 0x${zxidToHex(reader.zxid)} cannot be applied (${error.message})`,
          { file: reader.path, offset: reader.offset },
          "its checksum is right, so a newer ZooKeeper may have written it: open the data with that version. " +
            "Otherwise copy the data from another server, or restore a backup",
        );
      }
      passed.onReplayed(reader.zxid);
      options.onTxn?.(reader.zxid, reader.bytes, reader.start, reader.end);
      count++;
    }
  } catch (error) {
    if (error instanceof MissingTxnsError) passed.onHole(error.before);
    throw error;
  } finally {
    reader.close();
  }
  return count;
}
