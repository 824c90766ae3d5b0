import { type Disk, DiskError } from "../base/disk.ts";
import { RecoveryError } from "./errors.ts";
import { joinPath } from "./file_names.ts";

/** The two epochs a server keeps on disk (QuorumPeer). */
export type EpochName = "currentEpoch" | "acceptedEpoch";

/**
 * Reads an epoch file: its first line in decimal.
 *
 * @returns Null when there is no such file.
 * @throws {RecoveryError} If it holds no whole number.
 */
export function readEpoch(disk: Disk, directory: string, name: EpochName): number | null {
  const path = joinPath(directory, name);
  if (!disk.exists(path)) return null;
  const file = disk.open(path, "read");
  let text: string;
  try {
    const bytes = new Uint8Array(Math.min(file.size(), 64));
    text = new TextDecoder().decode(bytes.subarray(0, file.readAt(bytes, 0))).split(/\r?\n/)[0].trim();
  } finally {
    file.close();
  }
  if (!/^\d{1,10}$/.test(text)) {
    throw new RecoveryError(
      `${path} must hold an epoch, a whole number, not "${text}"; restore it from a backup`,
    );
  }
  return Number(text);
}

/** Writes an epoch file whole or not at all: another name first, synced, then renamed. @throws {DiskError} */
export function writeEpoch(disk: Disk, directory: string, name: EpochName, epoch: number): void {
  const path = joinPath(directory, name);
  const next = `${path}.tmp`;
  const file = disk.open(next, "create");
  try {
    file.writeAt(new TextEncoder().encode(String(epoch)), 0);
    file.sync();
  } finally {
    file.close();
  }
  disk.rename(next, path);
  disk.syncDirectory(directory);
}

/** Removes a file that need not be there. */
export function removeIfThere(disk: Disk, path: string): boolean {
  try {
    disk.remove(path);
    return true;
  } catch (error) {
    if (error instanceof DiskError && error.code === "ENOENT") return false;
    throw error;
  }
}
