import type { Disk } from "../base/disk.ts";
import { isPartialName, joinPath, listDated } from "./file_names.ts";
import { looksWhole } from "./snapshot_reader.ts";
import type { DataDirs } from "./data_dirs.ts";

/**
 * Removes snapshots and logs that no kept snapshot needs (PurgeTxnLog): of the snapshots that look whole the
 * newest `keep` stay, and with them every log from the one that spans the oldest kept snapshot on.
 *
 * Nothing is removed while there are fewer snapshots; names without a zxid are nobody's to remove. Safe while
 * the server runs, but not while it writes a snapshot.
 *
 * @param keep At least 3, as Apache insists.
 * @returns Paths that were removed.
 * @throws {DiskError} If a directory cannot be listed or a file not removed.
 */
export function purge(disk: Disk, dirs: DataDirs, keep: number): string[] {
  const removed: string[] = [];
  const remove = (path: string) => {
    disk.remove(path);
    removed.push(path);
  };
  for (const name of disk.list(dirs.snapshots)) {
    if (isPartialName(name)) remove(joinPath(dirs.snapshots, name));
  }
  const snapshots = listDated(disk, dirs.snapshots, "snapshot");
  const whole = snapshots.filter((snapshot) => looksWhole(disk, snapshot));
  if (whole.length <= keep) return removed;
  const oldestKept = whole[whole.length - Math.max(keep, 3)].zxid;
  for (const snapshot of snapshots) if (snapshot.zxid < oldestKept) remove(snapshot.path);
  const logs = listDated(disk, dirs.logs, "log");
  const spanning = logs.findLast((log) => log.zxid <= oldestKept);
  for (const log of logs) {
    if (spanning !== undefined && log.zxid < spanning.zxid) remove(log.path);
  }
  return removed;
}
