import { type Disk, DiskError } from "../base/disk.ts";
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
  release(): void;
}

const lockName = ".zoon.lock";

/**
 * Keeps two servers from writing to one data directory: a file that names the holder, and counts only while
 * that process runs, so that a killed server's is no obstacle. Apache's server sees nothing in it.
 *
 * @throws {DataDirectoryError} If a running server holds the directory.
 */
export function lockDataDir(disk: Disk, dataDir: string, holder: LockHolder): DataLock {
  const path = joinPath(dataDir, lockName);
  const held = readText(disk, path);
  if (held !== null && held !== "" && held !== holder.identity && holder.isRunning(held)) {
    throw new DataDirectoryError(
      `The data directory ${dataDir} belongs to a running server (process ${held.split(" ")[0]}). ` +
        "Stop that one first, or give this one a directory of its own",
    );
  }
  try {
    const file = disk.open(path, "create");
    file.writeAt(new TextEncoder().encode(holder.identity), 0);
    file.close();
  } catch (error) {
    // A full disk is no reason not to serve what is there.
    if (!(error instanceof DiskError) || (error.code !== "ENOSPC" && error.code !== "EDQUOT")) throw error;
  }
  return {
    release: () => {
      if (readText(disk, path) === holder.identity) disk.remove(path);
    },
  };
}

function readText(disk: Disk, path: string): string | null {
  if (!disk.exists(path)) return null;
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(Math.min(file.size(), 256));
    return new TextDecoder().decode(bytes.subarray(0, file.readAt(bytes, 0))).trim();
  } finally {
    file.close();
  }
}
