import { type Disk, DiskError } from "../base/disk.ts";
import { epochOf, type Zxid, zxidToHex } from "../protocol/zxid.ts";
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
export function readEpoch(
  disk: Disk,
  directory: string,
  name: EpochName,
): number | null {
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

/** What a server voted for last and what it took part in last. */
export interface Epochs {
  /** The epoch of the last leader it followed or was; no zxid on disk is of a later one. */
  readonly currentEpoch: number;
  /** The newest epoch it promised to a leader; never below the current one. */
  readonly acceptedEpoch: number;
}

/**
 * Reads both epochs at start, and writes those that are missing, from the newest zxid on disk, as for data of
 * a standalone server or of a ZooKeeper before 3.4 (QuorumPeer.loadDataBase).
 *
 * @param lastZxid The newest zxid that recovery found.
 * @throws {RecoveryError} If they contradict each other or the zxid: going on could elect a leader that lacks
 *   acknowledged writes.
 */
export function loadEpochs(disk: Disk, directory: string, lastZxid: Zxid): Epochs {
  const zxidEpoch = Math.max(0, epochOf(lastZxid));
  let currentEpoch = readEpoch(disk, directory, "currentEpoch");
  if (currentEpoch === null) {
    currentEpoch = zxidEpoch;
    writeEpoch(disk, directory, "currentEpoch", currentEpoch);
  }
  if (zxidEpoch > currentEpoch) {
    // The server stopped between the txns that a leader brought it and the naming of the leader's epoch. Who has a txn
    // of an epoch has all that the epoch began with; what a later one began with it may have in part (the leader's own,
    // which Apache takes from currentEpoch.tmp), and must not stand for.
    const accepted = readEpoch(disk, directory, "acceptedEpoch");
    if (accepted === null || accepted < zxidEpoch) {
      throw new RecoveryError(
        `${joinPath(directory, "currentEpoch")} holds ${currentEpoch}, but the newest txn on disk, ` +
          `0x${
            zxidToHex(lastZxid)
          }, is of epoch ${zxidEpoch}. Was the file restored without the logs, or the ` +
          "other way round? Move the version-2 directories away and start again, to copy the data from the others",
      );
    }
    currentEpoch = zxidEpoch;
    writeEpoch(disk, directory, "currentEpoch", currentEpoch);
  }
  let acceptedEpoch = readEpoch(disk, directory, "acceptedEpoch");
  if (acceptedEpoch === null) {
    acceptedEpoch = currentEpoch;
    writeEpoch(disk, directory, "acceptedEpoch", acceptedEpoch);
  }
  if (acceptedEpoch < currentEpoch) {
    throw new RecoveryError(
      `${joinPath(directory, "acceptedEpoch")} holds ${acceptedEpoch}, less than the ${currentEpoch} in ` +
        "currentEpoch. Move the version-2 directories away and start again, to copy the data from the others",
    );
  }
  return { currentEpoch, acceptedEpoch };
}

/** Removes a file that need not be there. @returns Whether it was. */
export function removeIfThere(disk: Disk, path: string): boolean {
  try {
    disk.remove(path);
    return true;
  } catch (error) {
    if (error instanceof DiskError && error.code === "ENOENT") return false;
    throw error;
  }
}
