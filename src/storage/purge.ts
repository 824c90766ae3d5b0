import type { Disk } from "../base/disk.ts";
import { isPartialName, joinPath, listDated, nextLogName } from "./file_names.ts";
import { looksWhole } from "./snapshot_reader.ts";
import type { DataDirs } from "./data_dirs.ts";

/** Fewer snapshots than this are never kept: one may turn out to be damaged (PurgeTxnLog). */
const keepMin = 3;

/**
 * Removes snapshots and logs that no kept snapshot needs (PurgeTxnLog): of the snapshots that look whole the
 * newest `keep` stay, and with them every log from the one that spans the oldest kept snapshot on. Older files
 * go, and so does what a crash left of a file that was being made.
 *
 * Without a snapshot that looks whole no log and no snapshot is removed. Names without a zxid are nobody's to
 * remove, though Apache takes them for older than all. Safe while the server runs, but not while it writes a
 * snapshot.
 *
 * @param keep At least 3; less counts as 3.
 * @returns Paths that were removed.
 * @throws {DiskError} If a directory cannot be listed or a file not removed.
 */
export function purge(disk: Disk, dirs: DataDirs, keep: number): string[] {
  const removed = removePartials(disk, dirs, false);
  const remove = (path: string) => {
    disk.remove(path);
    removed.push(path);
  };
  const snapshots = listDated(disk, dirs.snapshots, "snapshot");
  const whole = snapshots.filter((snapshot) => looksWhole(disk, snapshot));
  if (whole.length === 0) return removed;
  const oldestKept = whole[Math.max(0, whole.length - Math.max(keep, keepMin))].zxid;
  for (const snapshot of snapshots) if (snapshot.zxid < oldestKept) remove(snapshot.path);
  const logs = listDated(disk, dirs.logs, "log");
  const spanning = logs.findLast((log) => log.zxid <= oldestKept);
  for (const log of logs) {
    if (spanning !== undefined && log.zxid < spanning.zxid) remove(log.path);
  }
  return removed;
}

/**
 * Removes the files that a crash left half made.
 *
 * @param isAtRest No log is being written: what was made ahead for one goes, too.
 * @returns Paths that were removed.
 * @throws {DiskError} If a directory cannot be listed or a file not removed.
 */
export function removePartials(disk: Disk, dirs: DataDirs, isAtRest: boolean): string[] {
  const removed: string[] = [];
  for (const directory of new Set([dirs.snapshots, dirs.logs])) {
    for (const name of disk.list(directory)) {
      if (!isPartialName(name) && !(isAtRest && name === nextLogName)) continue;
      const path = joinPath(directory, name);
      disk.remove(path);
      removed.push(path);
    }
  }
  return removed;
}
