/** Logs and recoveries for the tests of storage: on a disk in memory, with a clock that stands still. */
import type { Clock } from "../../../src/base/clock.ts";
import type { Disk, DiskError } from "../../../src/base/disk.ts";
import { type Logger, silentLogger } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import type { Zxid } from "../../../src/protocol/zxid.ts";
import { adler32 } from "../../../src/storage/adler32.ts";
import type { DataDirs } from "../../../src/storage/data_dirs.ts";
import { LogReader } from "../../../src/storage/log_reader.ts";
import { type LogEffects, LogWriter, type LogWriterOptions } from "../../../src/storage/log_writer.ts";
import { recover, type Recovered, type RecoveryOptions } from "../../../src/storage/recovery.ts";
import { RollPolicy } from "../../../src/storage/roll_policy.ts";
import { logEntryEnd, logHeader } from "../../../src/storage/txn_log_format.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import type { MemoryDisk } from "../../world/memory_disk.ts";
import { create, entryOf, makeTree, utf8 } from "../tree/_txns.ts";

/** One directory for logs and snapshots, as without a dataLogDir. */
export const dirs: DataDirs = { snapshots: "/data/version-2", logs: "/data/version-2" };

/** A clock for code that only measures. */
export const stillClock: Clock = {
  wallMs: () => 0,
  monotonicMs: () => 0,
  setTimer: () => ({ cancel() {} }),
  endOfTurn: (run) => run(),
};

/** Never due, unless limits say so. */
export function rollPolicy(snapCount = 1e9, snapSizeLimitBytes = 0): RollPolicy {
  return new RollPolicy({ snapCount, snapSizeLimitBytes }, seededRandom(5));
}

/** Writes down what a log asks of its host. */
export class RecordedEffects implements LogEffects {
  readonly lines: string[] = [];
  /** Newest zxid told to be durable. */
  durable: Zxid = 0;
  refusedFrom: Zxid | null = null;
  fatal: DiskError | null = null;

  onDurable(lastZxid: Zxid): void {
    this.durable = lastZxid;
    this.lines.push(`durable ${lastZxid}`);
  }

  onRefused(firstZxid: Zxid, error: DiskError): void {
    this.refusedFrom = firstZxid;
    this.lines.push(`refused ${firstZxid} ${error.code}`);
  }

  onSnapshotWanted(): void {
    this.lines.push("snapshot wanted");
  }

  onFatal(error: DiskError): void {
    this.fatal = error;
    this.lines.push(`fatal ${error.code}`);
  }

  /** What was recorded since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }
}

/** A log in {@link dirs} that syncs in place and lays out 64 KiB ahead. */
export function openLog(
  disk: Disk,
  effects: LogEffects,
  options: Partial<LogWriterOptions> = {},
): LogWriter {
  return new LogWriter({
    disk,
    directory: dirs.logs,
    logger: silentLogger,
    clock: stillClock,
    effects,
    rollPolicy: rollPolicy(),
    syncMode: "blocking",
    preallocBytes: 64 * 1024,
    ...options,
  });
}

/** The path that txn `zxid` of {@link entryFor} creates. */
export function pathFor(zxid: Zxid): string {
  return `/n${zxid.toString(16)}`;
}

/** A txn entry that creates a znode named for its zxid. */
export function entryFor(zxid: Zxid, dataBytes = 5): Uint8Array {
  return entryOf(create(pathFor(zxid), { data: utf8.encode("d".repeat(dataBytes)) }), { zxid });
}

/** Appends the entry of {@link entryFor}, away from its buffer's start. */
export function append(log: LogWriter, zxid: Zxid, dataBytes?: number): void {
  const entry = entryFor(zxid, dataBytes);
  const moved = new Uint8Array(entry.length + 9).fill(0xee);
  moved.set(entry, 4);
  log.append(moved, 4, 4 + entry.length, zxid);
  moved.fill(0xdd);
}

/** The bytes of a log entry around `content`, built without the writer. */
export function record(content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(content.length + 13);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, adler32(content, 0, content.length));
  view.setInt32(8, content.length);
  bytes.set(content, 12);
  bytes[bytes.length - 1] = logEntryEnd;
  return bytes;
}

/** One array of many. */
export function join(...parts: readonly (Uint8Array | Readonly<Uint8Array>)[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part as Uint8Array, at);
    at += part.length;
  }
  return bytes;
}

/** A log file that holds the entries of these zxids, and `tailBytes` zeros. */
export function logFile(zxids: readonly Zxid[], tailBytes = 0): Uint8Array {
  return join(logHeader, ...zxids.map((zxid) => record(entryFor(zxid))), new Uint8Array(tailBytes));
}

/** The zxids that a reader hands out. */
export function readZxids(disk: Disk, fromZxid: Zxid = 0, logger: Logger = silentLogger): Zxid[] {
  const reader = new LogReader({ disk, directory: dirs.logs, fromZxid, logger });
  const zxids: Zxid[] = [];
  try {
    while (reader.next()) zxids.push(reader.zxid);
  } finally {
    reader.close();
  }
  return zxids;
}

/** Recovers what is in {@link dirs} into a new tree. */
export function recoverFrom(
  disk: Disk,
  options: Partial<RecoveryOptions> = {},
): Recovered & { readonly tree: DataTree } {
  const tree = makeTree();
  const recovered = recover({
    disk,
    dirs,
    tree,
    logger: silentLogger,
    clock: stillClock,
    trustEmptySnapshot: false,
    createDatabase: true,
    fieldBytesMax: 2_097_150,
    ...options,
  });
  return { ...recovered, tree };
}

/** Keeps warnings and errors. */
export class RecordedLogger implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info(): void {}
  warn(message: string): void {
    this.lines.push(`warn ${message}`);
  }
  error(message: string): void {
    this.lines.push(`error ${message}`);
  }
}

/** Names in the directory of {@link dirs}, sorted. */
export function namesIn(disk: MemoryDisk): string[] {
  return disk.list(dirs.logs).sort();
}
