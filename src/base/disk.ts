/** Why a disk call failed, by the names of errno; anything unlisted is "EIO". */
export type DiskErrorCode =
  | "ENOENT"
  | "EEXIST"
  | "ENOSPC"
  | "EDQUOT"
  | "EACCES"
  | "EPERM"
  | "EROFS"
  | "EMFILE"
  | "ENOTDIR"
  | "EISDIR"
  | "EIO";

/** A disk call that failed. Outside trouble: always handled, never ignored. */
export class DiskError extends Error {
  override name = "DiskError";
  readonly code: DiskErrorCode;
  readonly path: string;
  constructor(code: DiskErrorCode, path: string, what: string) {
    super(`${what} ${path}: ${code}`);
    this.code = code;
    this.path = path;
  }
}

/** True when the file system has no room: the call may succeed once somebody makes some. */
export function isDiskFull(error: DiskError): boolean {
  return error.code === "ENOSPC" || error.code === "EDQUOT";
}

/**
 * How a file is opened: for reading; for reading and writing in place; made anew (an old one of that name is
 * emptied); or made anew where none may be (EEXIST).
 */
export type OpenMode = "read" | "write" | "create" | "exclusive";

/**
 * One open file. Reads and writes are positioned and complete before they return (writes reach the
 * operating system's cache, not the platter: only a sync makes them durable).
 */
export interface DiskFile {
  readonly path: string;
  /** @returns Length in bytes. */
  size(): number;
  /** Reads up to `target.length` bytes at `position`. @returns Bytes read; 0 at the end of the file. */
  readAt(target: Uint8Array, position: number): number;
  /**
   * Writes all of `source` at `position`.
   * @throws {DiskError} ENOSPC and others; some prefix may have been written.
   */
  writeAt(source: Uint8Array, position: number): void;
  /** Cuts or extends (with zeros) the file to `bytes`. */
  truncate(bytes: number): void;
  /** Makes content and size durable; blocks. @throws {DiskError} After which the content is unknown. */
  sync(): void;
  /** Like `sync` without blocking; `done` is called later, exactly once. */
  syncLater(done: (error: DiskError | null) => void): void;
  /** Like `writeAt` without blocking the loop; `source` must stay untouched until `done`. */
  writeLater(source: Uint8Array, position: number, done: (error: DiskError | null) => void): void;
  /** Ends the use of the file; what was started with `syncLater` or `writeLater` still completes and reports. */
  close(): void;
}

/** A file system as storage sees it. Every call throws {@link DiskError} on failure. */
export interface Disk {
  /** Names (not paths) in a directory, in no particular order. */
  list(directory: string): string[];
  exists(path: string): boolean;
  /** Makes the directory and its parents; fine when it is there. */
  makeDirectory(path: string): void;
  open(path: string, mode: OpenMode): DiskFile;
  /** @returns File length in bytes. */
  sizeOf(path: string): number;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(path: string): void;
  /** Like `syncDirectory` without blocking; `done` is called later, exactly once. */
  syncDirectoryLater(path: string, done: (error: DiskError | null) => void): void;
}
