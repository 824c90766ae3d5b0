import { type Disk, DiskError, type DiskFile } from "../base/disk.ts";
import { joinPath, nextLogName } from "./file_names.ts";
import { logHeader, logHeaderBytes, paddedLogBytes } from "./txn_log_format.ts";

/** Zeros written, and synced, at once: others that sync meanwhile wait for no more than these. */
const zeros = new Uint8Array(512 * 1024);
const oneZero = new Uint8Array(1);

/** A log file that has a header and no entries, and its length. */
export interface EmptyLog {
  readonly file: DiskFile;
  readonly bytes: number;
}

/**
 * The log file that will follow the present one, made ahead and beside the loop, under a name that nobody reads.
 *
 * Laid out as a hole, a file gets its blocks by and by, and each sync has to write where they are, too. Where syncs are
 * many and small that costs more than writing zeros once, ahead, into what will be used (PostgreSQL's wal_init_zero).
 */
export class NextLog {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #preallocBytes: number;
  #file: DiskFile | null = null;
  #state: "none" | "making" | "ready" | "failed" = "none";

  /** @param preallocBytes Length to lay out; 0 or less lays out none. */
  constructor(disk: Disk, directory: string, preallocBytes: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#preallocBytes = preallocBytes;
  }

  /** There is none, it is not under way, and {@link make} may begin it. */
  get isWanted(): boolean {
    return this.#state === "none";
  }

  /** It is on the disk. */
  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** Begins to make it. @param zeroBytes So many bytes of it are written with zeros, as far as it is laid out. */
  make(zeroBytes: number): void {
    // It is tried again where it is needed, and what is wrong is told then.
    this.#state = "failed";
    try {
      const file = this.#file = this.#disk.open(this.#path, "create");
      const bytes = layOut(file, this.#preallocBytes);
      this.#state = "making";
      this.#fill(file, logHeaderBytes, Math.min(zeroBytes, bytes));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#giveUp("failed");
    }
  }

  /** Hands it over under the name `path`, which is not durable yet. @throws {DiskError} It is gone then. */
  takeAs(path: string): EmptyLog {
    const file = this.#file!;
    this.#file = null;
    this.#state = "none";
    try {
      const bytes = file.size();
      file.close();
      this.#disk.rename(this.#path, path);
      return { file: this.#disk.open(path, "write"), bytes };
    } catch (error) {
      file.close();
      removePartial(this.#disk, this.#path);
      throw error;
    }
  }

  /** One that could not be made may be tried again. */
  retry(): void {
    if (this.#state === "failed") this.#state = "none";
  }

  /** There is to be none. */
  drop(): void {
    this.#giveUp("none");
  }

  get #path(): string {
    return joinPath(this.#directory, nextLogName);
  }

  #fill(file: DiskFile, from: number, end: number): void {
    const to = Math.min(from + zeros.length, end);
    if (to <= from) {
      return file.syncLater((error) => {
        if (this.#isStill(file, error)) this.#state = "ready";
      });
    }
    file.writeLater(zeros.subarray(0, to - from), from, (writeError) => {
      if (!this.#isStill(file, writeError)) return;
      if (to === end) return this.#fill(file, to, end);
      file.syncLater((error) => {
        if (this.#isStill(file, error)) this.#fill(file, to, end);
      });
    });
  }

  #isStill(file: DiskFile, error: DiskError | null): boolean {
    if (this.#file !== file) return false;
    if (error !== null) this.#giveUp("failed");
    return error === null;
  }

  #giveUp(state: "none" | "failed"): void {
    this.#state = state;
    if (this.#file === null) return;
    this.#file.close();
    this.#file = null;
    removePartial(this.#disk, this.#path);
  }
}

/** Writes a log's header, and extends it to its length as a hole. @returns That length. @throws {DiskError} */
export function layOut(file: DiskFile, preallocBytes: number): number {
  file.writeAt(logHeader, 0);
  const bytes = paddedLogBytes(logHeaderBytes, logHeaderBytes, preallocBytes);
  if (bytes > logHeaderBytes) extend(file, bytes);
  return bytes;
}

/** Extends a log to `bytes`; what is new is a hole. @throws {DiskError} */
export function extend(file: DiskFile, bytes: number): void {
  file.writeAt(oneZero, bytes - 1);
}

/** Removes a file that nobody reads; where that fails, purging does it later. */
export function removePartial(disk: Disk, path: string): void {
  try {
    disk.remove(path);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}
