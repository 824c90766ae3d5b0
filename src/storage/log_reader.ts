import { type Disk, DiskError, type DiskFile } from "../base/disk.ts";
import { limits } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import { txnHeaderBytes } from "../protocol/txn.ts";
import { counterOf, epochOf, type Zxid, zxidToHex } from "../protocol/zxid.ts";
import { adler32 } from "./adler32.ts";
import { CorruptLogError, MissingTxnsError } from "./errors.ts";
import { type DatedFile, listDated } from "./file_names.ts";
import {
  logEntryContentOffset,
  logEntryEnd,
  logEntryOverhead,
  logHeaderBytes,
  logMagic,
} from "./txn_log_format.ts";

/** What a {@link LogReader} is made from. */
export interface LogReaderOptions {
  readonly disk: Disk;
  /** The version-2 directory of the logs. */
  readonly directory: string;
  /** The first entry handed out is the first one from this zxid on. */
  readonly fromZxid: Zxid;
  readonly logger: Logger;
  /** The txn before `fromZxid` is known to be there, so that the first one has to follow it. */
  readonly gapless?: boolean;
  /**
   * Bytes of the largest entry believed without a proof (`jute.maxbuffer` and its extra size). A longer one
   * counts when its checksum is right: a closeSession names every ephemeral of its session.
   */
  readonly entryBytesMax?: number;
}

const windowBytes = 256 * 1024;

/** What a disk writes whole or not at all. */
const sectorBytes = 512;

const restoreRemedy =
  "the txns from there on cannot be trusted. On a member of an ensemble move the version-2 " +
  "directories away and start again, to copy the data from the others; alone, restore a backup, or let " +
  "Apache's zkTxnLogToolkit.sh --recover write a copy without the bad entries";

/**
 * Reads the entries of all logs of a directory, in order, from a zxid on, in bounded memory (FileTxnIterator of
 * 3.9.5).
 *
 * - A len of 0 or the end of the file anywhere in an entry ends a file quietly; a wrong end byte ends it with a
 *   log line: the entry was being written when its server died. The next file follows.
 * - So does an entry of which a whole sector never came to the disk, when the power went in the middle of a
 *   sync that nobody was told of; Apache does not start then.
 * - Anything else that is no entry stops with {@link CorruptLogError}: a wrong crc, a length out of reason, a
 *   wrong magic or a header cut short, and a zxid that skips others.
 * - An entry not newer than the one before it, where files overlap, is handed out again, with a log line.
 * - An empty last file is passed over: its server died before the header was written.
 */
export class LogReader {
  /** Holds the entry that {@link next} stopped at; overwritten by the next call. */
  bytes: Uint8Array = new Uint8Array(windowBytes);
  /** The entry is `bytes[start, end)`. */
  start = 0;
  end = 0;
  /** Zxid of the entry. */
  zxid: Zxid = -1;
  /** Path of the file that holds the entry; "" before the first. */
  path = "";
  /** Where the entry, from its crc on, begins and ends in that file. */
  offset = 0;
  endOffset = 0;

  readonly #disk: Disk;
  readonly #logger: Logger;
  readonly #fromZxid: Zxid;
  /** The next zxid has to follow this one; -1 while any may come. */
  #follows: Zxid;
  readonly #entryBytesMax: number;
  readonly #files: DatedFile[];
  #nextFile = 0;
  #file: DiskFile | null = null;
  #view: DataView = new DataView(this.bytes.buffer);
  /** `bytes[#at, #filled)` is not read yet; `bytes[0]` lies at `#windowOffset` of the file. */
  #at = 0;
  #filled = 0;
  #windowOffset = 0;
  #highest: Zxid = -1;
  #previous: Zxid = -1;
  /** The current file was reported to go back to an earlier zxid. */
  #overlapTold = false;

  constructor(options: LogReaderOptions) {
    this.#disk = options.disk;
    this.#logger = options.logger;
    this.#fromZxid = options.fromZxid;
    this.#follows = options.gapless === true ? options.fromZxid - 1 : -1;
    this.#entryBytesMax = options.entryBytesMax ?? limits.frameBytesMax + limits.fieldBytesExtra;
    this.#files = logsFrom(listDated(options.disk, options.directory, "log"), options.fromZxid);
  }

  /** The files to be read, in order. */
  get files(): readonly DatedFile[] {
    return this.#files;
  }

  /** Highest zxid met so far, those before the wanted one too; -1 for none. */
  get highestZxid(): Zxid {
    return this.#highest;
  }

  /** Zxid of the entry before the present one, though it may not have been wanted; -1 for none. */
  get previousZxid(): Zxid {
    return this.#previous;
  }

  /**
   * Moves to the next entry.
   *
   * @returns False when there is none: all files are read.
   * @throws {CorruptLogError} If what follows is no entry.
   * @throws {DiskError} If a file cannot be read.
   */
  next(): boolean {
    for (;;) {
      if (this.#file === null && !this.#openNext()) return false;
      if (!this.#readEntry()) this.#leaveFile();
      else if (this.zxid >= this.#fromZxid) return true;
    }
  }

  /** Gives the open file back. */
  close(): void {
    this.#leaveFile();
    this.#nextFile = this.#files.length;
  }

  #leaveFile(): void {
    this.#file?.close();
    this.#file = null;
  }

  #openNext(): boolean {
    if (this.#nextFile === this.#files.length) return false;
    const { path } = this.#files[this.#nextFile++];
    const file = this.#disk.open(path, "read");
    this.#file = file;
    this.#overlapTold = false;
    this.path = path;
    this.#at = 0;
    this.#filled = 0;
    this.#windowOffset = 0;
    if (!this.#have(logHeaderBytes)) {
      const bytes = this.#filled;
      this.#leaveFile();
      if (bytes === 0 && this.#nextFile === this.#files.length) return false;
      throw new CorruptLogError(
        `The header is cut short after ${bytes} bytes`,
        { file: path, offset: bytes },
        this.#nextFile === this.#files.length
          ? "it holds no txn; remove the file and start again"
          : "newer logs follow it, so txns may be missing; restore the file from a backup, or remove it if it " +
            "never held any",
      );
    }
    const magic = this.#view.getInt32(0);
    if (magic !== logMagic) {
      this.#leaveFile();
      throw new CorruptLogError(
        `The first four bytes are 0x${
          (magic >>> 0).toString(16).padStart(8, "0")
        } and not those of a txn log`,
        { file: path, offset: 0 },
        "if it is no log of ZooKeeper's, move it out of this directory; if it was one, restore it from a backup",
      );
    }
    this.#at = logHeaderBytes;
    return true;
  }

  /** @returns False at the end of the file. */
  #readEntry(): boolean {
    if (!this.#have(logEntryContentOffset)) return false;
    const length = this.#view.getInt32(this.#at + 8);
    if (length === 0) return false;
    const isLong = length > this.#entryBytesMax;
    if (length < 0 || (isLong && !this.#fits(length))) throw this.#outOfReason(length);
    if (!this.#have(length + logEntryOverhead)) {
      this.#tellTorn("info", "A txn log ends within an entry that was never completed");
      return false;
    }
    const start = this.#at + logEntryContentOffset;
    const end = start + length;
    if (this.bytes[end] !== logEntryEnd) {
      if (isLong) throw this.#outOfReason(length);
      this.#tellTorn("error", "A txn log ends with an entry that was written in part only");
      return false;
    }
    const expected = this.#view.getUint32(this.#at) * 0x100000000 + this.#view.getUint32(this.#at + 4);
    const actual = adler32(this.bytes, start, end);
    if (actual !== expected) {
      if (isLong) throw this.#outOfReason(length);
      if (
        lacksSector(this.bytes, this.#at, end, this.#windowOffset) && !this.#entryFollows(end + 1 - this.#at)
      ) {
        this.#tellTorn("error", "A txn log ends with an entry of which a part never came to the disk");
        return false;
      }
      throw this.#corrupt(`An entry's checksum is 0x${actual.toString(16)}, not 0x${expected.toString(16)}`);
    }
    if (length < txnHeaderBytes) throw this.#corrupt(`An entry of ${length} bytes is too short for a txn`);
    this.#accept(start, end);
    return true;
  }

  #accept(start: number, end: number): void {
    const zxid = this.#view.getInt32(start + 12) * 0x100000000 + this.#view.getUint32(start + 16);
    this.offset = this.#windowOffset + this.#at;
    const highest = this.#highest;
    this.#previous = this.zxid;
    if (zxid <= highest && !this.#overlapTold) {
      this.#overlapTold = true;
      this.#logger.error("A txn log goes back to an earlier zxid; its entries are read again", {
        file: this.path,
        offset: this.offset,
        zxid: zxidToHex(zxid),
        highest: zxidToHex(highest),
      });
    } else if (this.#skips(zxid)) {
      const where = { file: this.path, offset: this.offset };
      this.#leaveFile();
      throw new MissingTxnsError({ before: this.#follows, behind: zxid }, where, restoreRemedy);
    }
    if (zxid >= this.#fromZxid) this.#follows = Math.max(this.#follows, zxid);
    this.#highest = Math.max(highest, zxid);
    this.start = start;
    this.end = end;
    this.zxid = zxid;
    this.#at = end + 1;
    this.endOffset = this.#windowOffset + this.#at;
  }

  /**
   * Whether txns are missing between the one to be followed and this one: counters are consecutive, and an epoch's first
   * is 1. Apache's servers leave such a hole where a leader sent them a snapshot, but replay begins behind that.
   */
  #skips(zxid: Zxid): boolean {
    const before = this.#follows;
    if (before < 0 || zxid <= before + 1) return false;
    return epochOf(zxid) === epochOf(before) || counterOf(zxid) > 1;
  }

  /**
   * Whether a whole entry stands `offset` bytes behind the present one, or behind others that are damaged. Then
   * the present one may have been acknowledged, and must not be taken for one that was still being written.
   */
  #entryFollows(offset: number): boolean {
    for (let from = offset;;) {
      if (!this.#have(from + logEntryContentOffset)) return false;
      const head = this.#at + from;
      const length = this.#view.getInt32(head + 8);
      if (length <= 0 || length > this.#entryBytesMax || !this.#have(from + length + logEntryOverhead)) {
        return false;
      }
      const start = this.#at + from + logEntryContentOffset;
      const sum = this.#view.getUint32(this.#at + from + 4);
      if (this.bytes[start + length] === logEntryEnd && adler32(this.bytes, start, start + length) === sum) {
        return true;
      }
      from += length + logEntryOverhead;
    }
  }

  /** Whether the file is long enough for an entry of that length. */
  #fits(length: number): boolean {
    const size = this.#file?.size() ?? 0;
    return this.#windowOffset + this.#at + length + logEntryOverhead <= size;
  }

  #tellTorn(level: "info" | "error", what: string): void {
    this.#logger[level](what, { file: this.path, offset: this.#windowOffset + this.#at });
  }

  #outOfReason(length: number): CorruptLogError {
    return this.#corrupt(`An entry's length is ${length}, out of reason (at most ${this.#entryBytesMax})`);
  }

  /** Makes the next `count` bytes of the file lie in the window. @returns False when the file ends before. */
  #have(count: number): boolean {
    if (this.#filled - this.#at >= count) return true;
    const held = this.#filled - this.#at;
    if (count > this.bytes.length) {
      const larger = new Uint8Array(Math.max(count, this.bytes.length * 2));
      larger.set(this.bytes.subarray(this.#at, this.#filled));
      this.bytes = larger;
      this.#view = new DataView(larger.buffer);
    } else {
      this.bytes.copyWithin(0, this.#at, this.#filled);
    }
    this.#windowOffset += this.#at;
    this.#at = 0;
    this.#filled = held;
    while (this.#filled < count) {
      const file = this.#file;
      if (file === null) return false;
      const read = file.readAt(this.bytes.subarray(this.#filled), this.#windowOffset + this.#filled);
      if (read === 0) return false;
      this.#filled += read;
    }
    return true;
  }

  #corrupt(what: string): CorruptLogError {
    const where = { file: this.path, offset: this.#windowOffset + this.#at };
    this.#leaveFile();
    return new CorruptLogError(what, where, restoreRemedy);
  }
}

/**
 * Whether one of the sectors that an entry lies in holds nothing but zeros, as before it was written: a sector is
 * written whole or not at all. The first four bytes of an entry are zeros anyway.
 *
 * @param start Where the entry is in `bytes`.
 * @param end Where its end byte, which is no zero, is.
 * @param offset Where `bytes[0]` is in the file.
 */
function lacksSector(bytes: Uint8Array, start: number, end: number, offset: number): boolean {
  for (let at = start + 4; at < end;) {
    const sectorEnd = at + sectorBytes - ((offset + at) % sectorBytes);
    const until = Math.min(sectorEnd, end + 1);
    let isEmpty = true;
    for (; at < until; at++) isEmpty &&= bytes[at] === 0;
    if (isEmpty) return true;
  }
  return false;
}

/** The logs that may hold txns from `zxid` on: those named so or later, and the last one before. */
function logsFrom(files: readonly DatedFile[], zxid: Zxid): DatedFile[] {
  let first = 0;
  for (let index = 0; index < files.length; index++) {
    if (files[index].zxid < zxid) first = index;
  }
  // Of several files with one zxid all are read, for any of them may be the complete one.
  while (first > 0 && files[first - 1].zxid === files[first].zxid) first--;
  return files.slice(first);
}

/** @returns True when an empty last log, left by a crash at its creation, was removed (FileTxnLog of 3.9.5). */
export function removeEmptyLastLog(disk: Disk, directory: string, logger: Logger): boolean {
  const last = listDated(disk, directory, "log").at(-1);
  if (last === undefined || disk.sizeOf(last.path) > 0) return false;
  disk.remove(last.path);
  logger.warn("An empty txn log was removed; its server stopped while making it", { file: last.path });
  return true;
}

/** What {@link cutLogs} is told. */
export interface CutOptions {
  readonly disk: Disk;
  readonly logDirectory: string;
  /** The last zxid that stays. */
  readonly afterZxid: Zxid;
  readonly logger: Logger;
  readonly entryBytesMax?: number;
}

/** What {@link truncateLogs} is told. */
export interface TruncateOptions extends CutOptions {
  readonly snapshotDirectory: string;
}

/**
 * Takes every txn after a zxid off the disk, as a leader orders with TRUNC: the log is cut behind it, newer logs
 * and newer snapshots are removed. The writer must be closed; afterwards the database is loaded again.
 *
 * Apache leaves the next txn in place when the wanted one is absent, and newer snapshots always; both would
 * bring back what must go, so here the first is refused and the second are removed.
 *
 * @returns False, with nothing changed, when the disk does not hold the state at that zxid: the learner must
 *   copy it from its leader instead.
 * @throws {DiskError} If a file cannot be cut, synced or removed.
 * @throws {CorruptLogError} If the log cannot be read up to there.
 */
export function truncateLogs(options: TruncateOptions): boolean {
  const { disk, snapshotDirectory, afterZxid, logger } = options;
  const snapshots = listDated(disk, snapshotDirectory, "snapshot");
  if (!snapshots.some((snapshot) => snapshot.zxid <= afterZxid)) return false;
  const place = placeOf(options);
  if (place?.isHeld !== true && !snapshots.some((snapshot) => snapshot.zxid === afterZxid)) return false;

  for (const snapshot of snapshots) {
    if (snapshot.zxid > afterZxid) disk.remove(snapshot.path);
  }
  disk.syncDirectory(snapshotDirectory);
  cutAt(options, place);
  logger.info("The txn log was cut at the leader's word", { zxid: zxidToHex(afterZxid) });
  return true;
}

/**
 * Takes every txn after a zxid out of the log. Snapshots stay as they are, and the zxid need not be there.
 *
 * @throws {DiskError} If a file cannot be cut, synced or removed.
 * @throws {CorruptLogError} If the log cannot be read up to there.
 */
export function cutLogs(options: CutOptions): void {
  cutAt(options, placeOf(options));
}

/** Where in a file the first txn after a zxid stands. */
interface CutPlace {
  readonly path: string;
  readonly bytes: number;
  /** The zxid itself is in the log. */
  readonly isHeld: boolean;
}

/** @returns Null when the log ends before that zxid. */
function placeOf(options: CutOptions): CutPlace | null {
  const reader = new LogReader({
    ...options,
    directory: options.logDirectory,
    fromZxid: options.afterZxid,
  });
  try {
    if (!reader.next()) return null;
    const isHeld = reader.zxid === options.afterZxid;
    return { path: reader.path, bytes: isHeld ? reader.endOffset : reader.offset, isHeld };
  } finally {
    reader.close();
  }
}

function cutAt({ disk, logDirectory, afterZxid }: CutOptions, place: CutPlace | null): void {
  let cut = place;
  // Newest first, each made durable, so that a crash in between leaves no gap.
  for (const log of listDated(disk, logDirectory, "log").toReversed()) {
    if (log.zxid <= afterZxid) break;
    if (log.path === cut?.path) cut = null;
    disk.remove(log.path);
    disk.syncDirectory(logDirectory);
  }
  if (cut === null) return;
  const file = disk.open(cut.path, "write");
  try {
    file.truncate(cut.bytes);
    file.sync();
  } finally {
    file.close();
  }
}

/**
 * Makes durable what the logs hold from `zxid` on. A process that was killed leaves entries that can be read and are
 * on no platter yet: they must not be counted on before this is done.
 *
 * @throws {DiskError} If a log cannot be synced.
 */
export function syncLogs(disk: Disk, directory: string, zxid: Zxid): void {
  for (const log of logsFrom(listDated(disk, directory, "log"), zxid)) {
    const file = disk.open(log.path, "write");
    try {
      file.sync();
    } finally {
      file.close();
    }
  }
  disk.syncDirectory(directory);
}

/** @returns Bytes of the logs that hold txns from `zxid` on, to weigh a copy of them against a snapshot. */
export function logBytesFrom(disk: Disk, directory: string, zxid: Zxid): number {
  let bytes = 0;
  for (const file of logsFrom(listDated(disk, directory, "log"), zxid)) {
    try {
      bytes += disk.sizeOf(file.path);
    } catch (error) {
      // Purged meanwhile.
      if (!(error instanceof DiskError) || error.code !== "ENOENT") throw error;
    }
  }
  return bytes;
}
