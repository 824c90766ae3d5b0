import type { Clock } from "../base/clock.ts";
import { type Disk, DiskError, type DiskFile } from "../base/disk.ts";
import type { Logger } from "../base/log.ts";
import { copyWords, LastView, wordCopyMax } from "../jute/byte_runs.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { zxidToHex } from "../protocol/zxid.ts";
import { adler32 } from "./adler32.ts";
import { joinPath, logName, partialName } from "./file_names.ts";
import { extend, layOut, NextLog, removePartial } from "./next_log.ts";
import type { RollPolicy } from "./roll_policy.ts";
import {
  logEntryContentOffset,
  logEntryEnd,
  logEntryOverhead,
  logHeaderBytes,
  paddedLogBytes,
} from "./txn_log_format.ts";

/**
 * What a log asks of its host. With the blocking sync mode these are called from within
 * {@link LogWriter.flush}; otherwise also when a sync ends.
 */
export interface LogEffects {
  /** Everything appended up to `lastZxid` is on stable storage. */
  onDurable(lastZxid: Zxid): void;
  /**
   * Nothing appended from `firstZxid` on is in the log, for want of room as a rule: the host tells its operator
   * and its clients, and tries again with the next write. The next append must take `firstZxid` again, for
   * neither server loads a log with a gap (ZKDatabase.addCommittedProposal of 3.9.5).
   */
  onRefused(firstZxid: Zxid, error: DiskError): void;
  /** A new file begins; it is time for a snapshot. */
  onSnapshotWanted(): void;
  /** What is on the disk is unknown: the process must stop and recover. Nothing more is written. */
  onFatal(error: DiskError): void;
}

/** How syncs are done: on a thread while the loop goes on, or in place, which is quicker when idle. */
export type SyncMode = "later" | "blocking";

/** What a {@link LogWriter} is made from. */
export interface LogWriterOptions {
  readonly disk: Disk;
  /** The version-2 directory of the logs. */
  readonly directory: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly effects: LogEffects;
  /** When to roll and ask for a snapshot. */
  readonly rollPolicy: RollPolicy;
  readonly syncMode: SyncMode;
  /** Bytes by which a file is extended ahead of its content (`preAllocSize`); 0 or less turns it off. */
  readonly preallocBytes?: number;
  /** False calls everything durable as soon as it is written (`forceSync=no`). */
  readonly forceSync?: boolean;
  /** Length, padding included, beyond which a file is followed by a new one (`txnLogSizeLimitInKb`); 0 or less is off. */
  readonly fileBytesLimit?: number;
  /** Milliseconds after which a sync is worth a warning (`fsync.warningthresholdms`). */
  readonly syncWarnMs?: number;
}

/** Running totals, for monitoring. */
export interface LogCounters {
  syncs: number;
  /** Syncs that took longer than the warning threshold. */
  slowSyncs: number;
  /** Milliseconds the latest sync took. */
  lastSyncMs: number;
  /** Milliseconds of all syncs. */
  syncMsTotal: number;
  /** Entries written. */
  txns: number;
  /** Bytes of entries written, without padding. */
  bytes: number;
  /** Times that writing failed and a batch was taken back. */
  refusals: number;
}

const defaultPreallocBytes = 64 * 1024 * 1024;
const defaultSyncWarnMs = 1000;
const firstBufferBytes = 64 * 1024;
/** A buffer that grew beyond this in a burst is given back afterwards. */
const keepBufferBytes = 4 * 1024 * 1024;
/** Zeros are written ahead while fewer bytes than these are synced at once: beyond, where they lie costs little. */
const zerosSyncBytesMax = 32 * 1024;

/**
 * Appends txns to the log files of a directory, many to one sync (FileTxnLog, SyncRequestProcessor).
 *
 * `append` copies an entry into a buffer; `flush` writes the buffer with one call and syncs. While a sync runs
 * the buffer fills on; it is written when that sync ends, so one sync covers all that waited, and no page is
 * written to while it is under way to the platter. A failed write is cut away and refused; after a failed sync
 * nothing is known about the file, so the host must stop.
 *
 * A file is made under a name that nobody reads, with its header, synced, then renamed at its first entry: a crash can
 * leave no log without a header, which Apache would not load. It is made ahead, beside the loop, when the one before is
 * half full; the first after a start, or one that is needed sooner, on the spot. No entry is durable before its file's
 * name is.
 */
export class LogWriter {
  /** How syncs are done from now on. */
  syncMode: SyncMode;
  readonly counters: LogCounters = {
    syncs: 0,
    slowSyncs: 0,
    lastSyncMs: 0,
    syncMsTotal: 0,
    txns: 0,
    bytes: 0,
    refusals: 0,
  };

  readonly #disk: Disk;
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #effects: LogEffects;
  readonly #rollPolicy: RollPolicy;
  readonly #preallocBytes: number;
  readonly #forceSync: boolean;
  readonly #fileBytesLimit: number;
  readonly #syncWarnMs: number;

  /** The file that takes the next entries; null until there is one. */
  #file: DiskFile | null = null;
  /** End of its last whole entry. */
  #endBytes = 0;
  /** Its length, padding included. */
  #fileBytes = 0;
  /** It holds entries that no sync covers yet. */
  #fileDirty = false;
  /** Syncs that were counted before it began. */
  #syncsBefore = 0;
  /** It has a name that no sync of the directory covers yet. */
  #nameDirty = false;
  /** What will be the file after that. */
  readonly #next: NextLog;
  /** Files left behind by rolls, with entries that no finished sync covers yet. */
  #leaving: DiskFile[] = [];
  /** Lengths of the files completed since the policy last asked for a snapshot. */
  #rolledBytes = 0;
  #txnsSinceSnapshot = 0;
  #rollAsked = false;

  /** Entries appended and not written. Bound: the host's proposals outstanding. */
  #buffer = new Uint8Array(firstBufferBytes);
  #view = new DataView(this.#buffer.buffer);
  #buffered = 0;
  #bufferedTxns = 0;
  readonly #source = new LastView();
  #firstBuffered: Zxid = 0;
  #lastAppended: Zxid = -1;

  #lastWritten: Zxid = -1;
  #lastDurable: Zxid = -1;
  /** Entries written since the start, and how many of them are known to be durable. */
  #txnsWritten = 0;
  #txnsDurable = 0;
  /** Syncs under way, one for each file; 0 while idle. */
  #syncsLeft = 0;
  #syncError: DiskError | null = null;
  /** What the sync under way will make durable: so many entries, the last of them this one. */
  #syncTxns = 0;
  #syncZxid: Zxid = -1;
  #syncBeganMs = 0;
  /** Files of the sync under way that are not needed afterwards. */
  #syncedLeaving: DiskFile[] = [];
  #flushAsked = false;
  #state: "open" | "closed" | "failed" = "open";

  readonly #onFileSynced = (error: DiskError | null): void => {
    this.#syncsLeft--;
    if (error !== null) this.#syncError = error;
    if (this.#syncsLeft === 0) this.#onSyncEnd();
  };

  constructor(options: LogWriterOptions) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#logger = options.logger;
    this.#clock = options.clock;
    this.#effects = options.effects;
    this.#rollPolicy = options.rollPolicy;
    this.syncMode = options.syncMode;
    this.#preallocBytes = options.preallocBytes ?? defaultPreallocBytes;
    this.#forceSync = options.forceSync ?? true;
    this.#fileBytesLimit = options.fileBytesLimit ?? 0;
    this.#syncWarnMs = options.syncWarnMs ?? defaultSyncWarnMs;
    this.#next = new NextLog(this.#disk, this.#directory, this.#preallocBytes);
  }

  /** Bytes appended that wait to be written. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** Length of the current file, padding included; 0 when there is none (`log_dir_size` and friends). */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Zxid up to which everything appended is on stable storage; -1 before the first sync. */
  get lastDurable(): Zxid {
    return this.#lastDurable;
  }

  /** True while an appended entry is neither durable nor refused. */
  get busy(): boolean {
    return this.#buffered > 0 || this.#txnsWritten > this.#txnsDurable;
  }

  /**
   * Takes the entry `bytes[start, end)` of txn `zxid`; nothing is written before {@link flush}. Ignored after a
   * fatal error, when the host is stopping.
   */
  append(bytes: Uint8Array, start: number, end: number, zxid: Zxid): void {
    if (this.#state !== "open") return;
    if (zxid <= this.#lastAppended) {
      this.#logger.warn("A txn is logged that is not newer than the one before", {
        zxid: zxidToHex(zxid),
        before: zxidToHex(this.#lastAppended),
      });
    }
    if (this.#bufferedTxns === 0) this.#firstBuffered = zxid;
    this.#lastAppended = zxid;
    const length = end - start;
    const at = this.#buffered;
    this.#reserve(at + length + logEntryOverhead);
    const buffer = this.#buffer;
    const content = at + logEntryContentOffset;
    if (length <= wordCopyMax) copyWords(this.#source.of(bytes), start, length, this.#view, content);
    else buffer.set(bytes.subarray(start, end), content);
    this.#view.setUint32(at, 0);
    this.#view.setUint32(at + 4, adler32(buffer, content, content + length));
    this.#view.setInt32(at + 8, length);
    buffer[content + length] = logEntryEnd;
    this.#buffered = content + length + 1;
    this.#bufferedTxns++;
  }

  /** Writes what was appended and has it synced; when a sync is under way, as soon as that one ends. */
  flush(): void {
    if (this.#state !== "open") return;
    if (this.#syncsLeft > 0) {
      this.#flushAsked = true;
      return;
    }
    if (this.#writeBuffered()) this.#sync();
  }

  /** Makes the next entry begin a new file. What is appended and not flushed still goes to the old one. */
  roll(): void {
    if (this.#state !== "open") return;
    if (this.#buffered > 0) this.#rollAsked = true;
    else this.#leaveFile();
  }

  /**
   * Writes and syncs what was appended, blocking, and closes the files. Effects are called as usual before it
   * returns, but nothing is called durable while a sync is under way: should that one fail, this one might not
   * be told of it. Afterwards the writer does nothing any more.
   */
  close(): void {
    if (this.#state !== "open") return;
    const isAlone = this.#syncsLeft === 0;
    if (this.#writeBuffered() && this.#syncFiles() && isAlone) {
      this.#durableUpTo(this.#txnsWritten, this.#lastWritten);
    }
    if (this.#state === "open") this.#state = "closed";
    this.#closeFiles();
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(bytes, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#buffered));
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }

  #emptyBuffer(): void {
    this.#buffered = 0;
    this.#bufferedTxns = 0;
    if (this.#buffer.length > keepBufferBytes) {
      this.#buffer = new Uint8Array(firstBufferBytes);
      this.#view = new DataView(this.#buffer.buffer);
    }
  }

  /** @returns False after a fatal error. */
  #writeBuffered(): boolean {
    if (this.#buffered === 0) return true;
    let file = this.#file;
    try {
      if (file === null) file = this.#beginFile();
      if (file === null) return false;
      const end = this.#endBytes + this.#buffered;
      const padded = paddedLogBytes(end, this.#fileBytes, this.#preallocBytes);
      if (padded > this.#fileBytes) {
        extend(file, padded);
        this.#fileBytes = padded;
      }
      file.writeAt(this.#buffer.subarray(0, this.#buffered), this.#endBytes);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return this.#takeBack(error);
    }
    this.counters.txns += this.#bufferedTxns;
    this.counters.bytes += this.#buffered;
    this.#txnsSinceSnapshot += this.#bufferedTxns;
    this.#endBytes += this.#buffered;
    this.#fileBytes = Math.max(this.#fileBytes, this.#endBytes);
    this.#fileDirty = true;
    this.#txnsWritten += this.#bufferedTxns;
    this.#lastWritten = this.#lastAppended;
    this.#emptyBuffer();
    this.#maybeRoll();
    this.#maybeMakeNext();
    return true;
  }

  /** Cuts a batch that could not be written out of the file. @returns False after a fatal error. */
  #takeBack(error: DiskError): boolean {
    const firstZxid = this.#firstBuffered;
    this.counters.refusals++;
    this.#emptyBuffer();
    this.#lastAppended = this.#lastWritten;
    if (this.#file !== null) {
      try {
        this.#file.truncate(this.#endBytes);
        this.#fileBytes = this.#endBytes;
        // Else entries that are refused now could be back after a crash.
        if (this.#forceSync) this.#file.sync();
      } catch (cutError) {
        if (!(cutError instanceof DiskError)) throw cutError;
        this.#fail(cutError, "A failed write could not be cut out of the txn log");
        return false;
      }
      // A file without entries goes, so that its name tells its first zxid whatever comes next.
      if (this.#endBytes === logHeaderBytes) this.#dropFile(this.#file);
    }
    this.#effects.onRefused(firstZxid, error);
    return true;
  }

  #dropFile(file: DiskFile): void {
    this.#file = null;
    this.#fileBytes = 0;
    this.#endBytes = 0;
    this.#fileDirty = false;
    file.close();
    try {
      this.#disk.remove(file.path);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      // A log with a header and no entry is read as empty: it may stay.
      this.#logger.warn("An empty txn log could not be removed", { error: error.message });
    }
  }

  /** @returns Null after a fatal error. @throws {DiskError} If it could not be made; nothing of it remains. */
  #beginFile(): DiskFile | null {
    const name = logName(this.#firstBuffered);
    const path = joinPath(this.#directory, name);
    if (this.#next.isReady) {
      const { file, bytes } = this.#next.takeAs(path);
      this.#nameDirty = this.#forceSync;
      return this.#goOnIn(file, bytes);
    }
    const partial = joinPath(this.#directory, partialName(name));
    const made = this.#disk.open(partial, "create");
    let bytes: number;
    try {
      bytes = layOut(made, this.#preallocBytes);
      if (this.#forceSync) made.sync();
      made.close();
      this.#disk.rename(partial, path);
    } catch (error) {
      made.close();
      removePartial(this.#disk, partial);
      throw error;
    }
    const file = this.#disk.open(path, "write");
    if (this.#forceSync) {
      try {
        this.#disk.syncDirectory(this.#directory);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        file.close();
        this.#fail(error, "The directory of the txn log could not be synced");
        return null;
      }
    }
    return this.#goOnIn(file, bytes);
  }

  #goOnIn(file: DiskFile, bytes: number): DiskFile {
    this.#logger.debug("A new txn log begins", { path: file.path });
    this.#file = file;
    this.#endBytes = logHeaderBytes;
    this.#fileBytes = bytes;
    this.#syncsBefore = this.counters.syncs;
    return file;
  }

  /** Makes the next file ahead when the present one is half full, so that nobody has to wait for its syncs. */
  #maybeMakeNext(): void {
    if (this.#file === null || !this.#next.isWanted || !this.#forceSync) return;
    const limit = this.#fileBytesLimit;
    const isNear = this.#rollPolicy.isNear(this.#txnsSinceSnapshot, this.#rolledBytes + this.#fileBytes) ||
      (limit > 0 && this.#fileBytes > limit / 2);
    if (!isNear) return;
    const syncs = this.counters.syncs - this.#syncsBefore;
    // It will get as long as this one, of which half is there.
    this.#next.make(this.#endBytes < syncs * zerosSyncBytesMax ? 2 * this.#endBytes : 0);
  }

  #maybeRoll(): void {
    if (this.#rollPolicy.isDue(this.#txnsSinceSnapshot, this.#rolledBytes + this.#fileBytes)) {
      this.#leaveFile();
      this.#rolledBytes = 0;
      this.#txnsSinceSnapshot = 0;
      this.#rollPolicy.redraw();
      this.#effects.onSnapshotWanted();
    } else if (this.#rollAsked || (this.#fileBytesLimit > 0 && this.#fileBytes > this.#fileBytesLimit)) {
      this.#leaveFile();
    }
  }

  #leaveFile(): void {
    this.#rollAsked = false;
    this.#next.retry();
    const file = this.#file;
    if (file === null) return;
    if (this.#fileDirty) this.#leaving.push(file);
    else file.close();
    this.#rolledBytes += this.#fileBytes;
    this.#file = null;
    this.#fileBytes = 0;
    this.#endBytes = 0;
    this.#fileDirty = false;
  }

  #sync(): void {
    if (!this.#fileDirty && this.#leaving.length === 0) return;
    if (this.#forceSync && this.syncMode === "later") return this.#beginSync();
    if (!this.#syncFiles()) return;
    this.#closeLeaving();
    this.#durableUpTo(this.#txnsWritten, this.#lastWritten);
  }

  #beginSync(): void {
    this.#syncTxns = this.#txnsWritten;
    this.#syncZxid = this.#lastWritten;
    this.#syncError = null;
    this.#syncBeganMs = this.#clock.monotonicMs();
    const leaving = this.#leaving;
    this.#leaving = this.#syncedLeaving;
    this.#syncedLeaving = leaving;
    // Counted before the first is started: a disk may answer at once.
    const current = this.#fileDirty ? this.#file : null;
    this.#fileDirty = false;
    const isNameDirty = this.#nameDirty;
    this.#nameDirty = false;
    this.#syncsLeft = leaving.length + (current === null ? 0 : 1) + (isNameDirty ? 1 : 0);
    if (isNameDirty) this.#disk.syncDirectoryLater(this.#directory, this.#onFileSynced);
    for (const file of leaving) file.syncLater(this.#onFileSynced);
    current?.syncLater(this.#onFileSynced);
  }

  #onSyncEnd(): void {
    for (const file of this.#syncedLeaving) file.close();
    this.#syncedLeaving.length = 0;
    if (this.#state !== "open") return;
    if (this.#syncError !== null) return this.#fail(this.#syncError, "The txn log could not be synced");
    this.#countSync();
    const txns = this.#syncTxns;
    const zxid = this.#syncZxid;
    // The next sync starts before the host hears of this one, so that disk and loop work side by side.
    if (this.#flushAsked) {
      this.#flushAsked = false;
      if (this.#writeBuffered()) this.#sync();
    }
    this.#durableUpTo(txns, zxid);
  }

  /** Syncs every file with entries that no finished sync covers, in place. @returns False after a fatal error. */
  #syncFiles(): boolean {
    if (!this.#forceSync) {
      this.#fileDirty = false;
      return true;
    }
    this.#syncBeganMs = this.#clock.monotonicMs();
    try {
      for (const file of this.#syncedLeaving) file.sync();
      for (const file of this.#leaving) file.sync();
      this.#file?.sync();
      if (this.#nameDirty) this.#disk.syncDirectory(this.#directory);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#fail(error, "The txn log could not be synced");
      return false;
    }
    this.#fileDirty = false;
    this.#nameDirty = false;
    this.#countSync();
    return true;
  }

  #countSync(): void {
    const counters = this.counters;
    const tookMs = this.#clock.monotonicMs() - this.#syncBeganMs;
    counters.syncs++;
    counters.lastSyncMs = tookMs;
    counters.syncMsTotal += tookMs;
    if (tookMs <= this.#syncWarnMs) return;
    counters.slowSyncs++;
    this.#logger.warn("Syncing the txn log is slow; every write waits for it", {
      ms: Math.round(tookMs),
      directory: this.#directory,
    });
  }

  #durableUpTo(txns: number, zxid: Zxid): void {
    if (txns <= this.#txnsDurable) return;
    this.#txnsDurable = txns;
    this.#lastDurable = zxid;
    this.#effects.onDurable(zxid);
  }

  #closeLeaving(): void {
    for (const file of this.#leaving) file.close();
    this.#leaving.length = 0;
  }

  #closeFiles(): void {
    this.#next.drop();
    this.#closeLeaving();
    // Files of a sync under way are closed when it ends.
    if (this.#syncsLeft === 0) {
      for (const file of this.#syncedLeaving) file.close();
      this.#syncedLeaving.length = 0;
    }
    this.#file?.close();
    this.#file = null;
  }

  #fail(error: DiskError, what: string): void {
    if (this.#state === "failed") return;
    this.#state = "failed";
    this.#buffered = 0;
    this.#bufferedTxns = 0;
    this.#closeFiles();
    this.#logger.error(`${what}; the server must stop`, { error: error.message });
    this.#effects.onFatal(error);
  }
}
