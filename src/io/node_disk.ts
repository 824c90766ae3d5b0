import {
  close,
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  write,
  writeSync,
} from "node:fs";
import { type Disk, DiskError, type DiskErrorCode, type DiskFile, type OpenMode } from "../base/disk.ts";

const openFlags: Readonly<Record<OpenMode, string>> = {
  read: "r",
  write: "r+",
  create: "w+",
  exclusive: "wx+",
};

const knownCodes: ReadonlySet<string> = new Set<DiskErrorCode>([
  "ENOENT",
  "EEXIST",
  "ENOSPC",
  "EDQUOT",
  "EACCES",
  "EPERM",
  "EROFS",
  "EMFILE",
  "ENOTDIR",
  "EISDIR",
  "EIO",
]);

/** The machine's file system. */
export const nodeDisk: Disk = {
  list: (directory) => attempt(directory, "listing", () => readdirSync(directory)),
  exists: (path) => existsSync(path),
  makeDirectory: (path) =>
    attempt(path, "making the directory", () => void mkdirSync(path, { recursive: true })),
  open: (path, mode) => attempt(path, "opening", () => new NodeFile(path, openSync(path, openFlags[mode]))),
  sizeOf: (path) => attempt(path, "looking at", () => statSync(path).size),
  rename: (from, to) => attempt(from, "renaming", () => renameSync(from, to)),
  remove: (path) => attempt(path, "removing", () => removeFile(path)),
  syncDirectory(path) {
    // Windows has no such call; its file system keeps names in a journal.
    if (process.platform === "win32") return;
    attempt(path, "syncing", () => {
      const descriptor = openSync(path, "r");
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  },
  syncDirectoryLater(path, done) {
    if (process.platform === "win32") return void setImmediate(() => done(null));
    open(path, "r", (openError, descriptor) => {
      if (openError !== null) return done(diskError(openError, path, "syncing"));
      fsync(descriptor, (error) => {
        closeSync(descriptor);
        done(error === null ? null : diskError(error, path, "syncing"));
      });
    });
  },
};

/** Removed files that are still to be closed; the first one is being closed. */
const removed: number[] = [];

/**
 * Removes a name, and leaves it to a thread to give the file's blocks back, which on ext4 takes 0.3 ms for each MB: the
 * file is held open meanwhile, and whoever lets go of it last frees it. One at a time, so that threads are left for
 * other work.
 */
function removeFile(path: string): void {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(path, "r");
  } catch {
    // It may be removed all the same; if not, that error says why.
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if (descriptor !== null) closeSync(descriptor);
    throw error;
  }
  if (descriptor !== null && removed.push(descriptor) === 1) closeRemoved();
}

function closeRemoved(): void {
  close(removed[0], () => {
    removed.shift();
    if (removed.length > 0) closeRemoved();
  });
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  /** Calls that other threads still work on: the descriptor must outlive them. */
  #underWay = 0;
  #closed = false;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  size(): number {
    return attempt(this.path, "looking at", () => fstatSync(this.#descriptor).size);
  }

  readAt(target: Uint8Array, position: number): number {
    return attempt(
      this.path,
      "reading",
      () => readSync(this.#descriptor, target, 0, target.length, position),
    );
  }

  writeAt(source: Uint8Array, position: number): void {
    attempt(this.path, "writing", () => {
      let done = 0;
      while (done < source.length) {
        done += writeSync(this.#descriptor, source, done, source.length - done, position + done);
      }
    });
  }

  truncate(bytes: number): void {
    attempt(this.path, "cutting", () => ftruncateSync(this.#descriptor, bytes));
  }

  sync(): void {
    attempt(this.path, "syncing", () => fdatasyncSync(this.#descriptor));
  }

  syncLater(done: (error: DiskError | null) => void): void {
    this.#underWay++;
    fdatasync(this.#descriptor, (error) => this.#finish(error, "syncing", done));
  }

  writeLater(source: Uint8Array, position: number, done: (error: DiskError | null) => void): void {
    this.#underWay++;
    this.#writeRest(source, 0, position, done);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#underWay === 0) closeSync(this.#descriptor);
  }

  #writeRest(
    source: Uint8Array,
    from: number,
    position: number,
    done: (error: DiskError | null) => void,
  ): void {
    write(this.#descriptor, source, from, source.length - from, position + from, (error, count) => {
      const next = from + count;
      if (error === null && next < source.length) this.#writeRest(source, next, position, done);
      else this.#finish(error, "writing", done);
    });
  }

  #finish(error: Error | null, what: string, done: (error: DiskError | null) => void): void {
    this.#underWay--;
    if (this.#closed && this.#underWay === 0) closeSync(this.#descriptor);
    done(error === null ? null : diskError(error, this.path, what));
  }
}

function attempt<T>(path: string, what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw diskError(error as Error, path, what);
  }
}

function diskError(error: Error, path: string, what: string): DiskError {
  const code = (error as NodeJS.ErrnoException).code ?? "EIO";
  return new DiskError(knownCodes.has(code) ? code as DiskErrorCode : "EIO", path, what);
}
