import { type Disk, DiskError, isDiskFull } from "../base/disk.ts";
import { DataDirectoryError } from "./errors.ts";
import { joinPath } from "./file_names.ts";

/** Who holds a data directory, and how to tell whether somebody still does. */
export interface LockHolder {
  /** Names this very process: its id, and what tells it from a later one with the same id. */
  readonly identity: string;
  /** @returns Whether the process so named still runs. */
  isRunning(identity: string): boolean;
}

/** A hold on a data directory. */
export interface DataLock {
  /** Lets another server have the directory. */
  release(): void;
}

const lockName = ".zoon.lock";
/** Others that start at the same moment may take or drop the lock between two looks. */
const triesMax = 8;

/**
 * Keeps two servers from writing to one data directory: a file that names the holder, and counts only while
 * that process runs, so that a killed server's is no obstacle. Apache's server sees nothing in it.
 *
 * It is for servers of one machine: a process of another host or container is not seen, and its lock is taken
 * for one that was left behind.
 *
 * @throws {DataDirectoryError} If a running server holds the directory.
 * @throws {DiskError} If the lock can be neither made nor read; a full disk is no reason, as reads can be served.
 */
export function lockDataDir(disk: Disk, dataDir: string, holder: LockHolder): DataLock {
  const path = joinPath(dataDir, lockName);
  for (let tries = 0; tries < triesMax; tries++) {
    if (makeLock(disk, path, holder.identity)) return { release: () => releaseLock(disk, path, holder) };
    const held = readText(disk, path);
    if (held !== null && held !== "" && held !== holder.identity && holder.isRunning(held)) {
      throw new DataDirectoryError(
        `The data directory ${dataDir} belongs to a running server (process ${held.split(" ")[0]}). ` +
          "Stop that one first, or give this one a directory of its own",
      );
    }
    dropLeftOver(disk, path, held);
  }
  throw new DataDirectoryError(
    `The lock ${path} changes hands all the time: are several servers being started?`,
  );
}

/**
 * Locks several directories, or none; two names of one directory do no harm.
 *
 * @throws {DataDirectoryError | DiskError} As {@link lockDataDir} does.
 */
export function lockDataDirs(disk: Disk, directories: readonly string[], holder: LockHolder): DataLock {
  const locks: DataLock[] = [];
  const release = () => {
    for (const lock of locks.splice(0)) lock.release();
  };
  try {
    for (const directory of new Set(directories)) locks.push(lockDataDir(disk, directory, holder));
  } catch (error) {
    release();
    throw error;
  }
  return { release };
}

/** @returns False when there is one already. */
function makeLock(disk: Disk, path: string, identity: string): boolean {
  let file;
  try {
    file = disk.open(path, "exclusive");
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    if (error.code === "EEXIST") return false;
    if (isDiskFull(error)) return true;
    throw error;
  }
  try {
    file.writeAt(new TextEncoder().encode(identity), 0);
  } catch (error) {
    if (!(error instanceof DiskError) || !isDiskFull(error)) throw error;
  } finally {
    file.close();
  }
  return true;
}

/** Moves a dead holder's lock away; one that somebody else has just made in its place is put back. */
function dropLeftOver(disk: Disk, path: string, judged: string | null): void {
  const aside = `${path}.old`;
  try {
    disk.rename(path, aside);
    if (readText(disk, aside) === judged) disk.remove(aside);
    else disk.rename(aside, path);
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== "ENOENT") throw error;
  }
}

function releaseLock(disk: Disk, path: string, holder: LockHolder): void {
  if (readText(disk, path) === holder.identity) disk.remove(path);
}

/** @returns Null when there is no such file. */
function readText(disk: Disk, path: string): string | null {
  let file;
  try {
    file = disk.open(path, "read");
  } catch (error) {
    if (error instanceof DiskError && error.code === "ENOENT") return null;
    throw error;
  }
  try {
    const bytes = new Uint8Array(256);
    return new TextDecoder().decode(bytes.subarray(0, file.readAt(bytes, 0))).trim();
  } finally {
    file.close();
  }
}
