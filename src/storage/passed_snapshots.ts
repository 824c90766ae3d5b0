import { counterOf, type Zxid, zxidToHex } from "../protocol/zxid.ts";
import { type BadSnapshotError, RecoveryError } from "./errors.ts";
import type { DatedFile } from "./file_names.ts";

interface Passed {
  readonly file: DatedFile;
  readonly reason: string;
  readonly isCut: boolean;
  /** The newest txn replayed in front of it; -1 for none. */
  before: Zxid;
  isReplayed: boolean;
  isOutlived: boolean;
}

/**
 * Snapshots that a start had to pass over for an older one. The log must lead up to each of them: what a leader sends
 * as a snapshot is not in the log, so without that snapshot the log has a hole, and where an epoch ends with the hole
 * the zxids on both sides of it do not show it.
 */
export class PassedSnapshots {
  /** Newest first. */
  readonly #passed: Passed[] = [];

  /** Takes one that is older than those before. */
  add(file: DatedFile, { message: reason, isCut }: BadSnapshotError): void {
    this.#passed.push({ file, reason, isCut, before: -1, isReplayed: false, isOutlived: false });
  }

  /** Replay has come to a txn. */
  onReplayed(zxid: Zxid): void {
    for (const passed of this.#passed) {
      if (zxid < passed.file.zxid) passed.before = Math.max(passed.before, zxid);
      else if (zxid > passed.file.zxid) passed.isOutlived = true;
      else passed.isReplayed = true;
    }
  }

  /**
   * The log has a hole behind `before`.
   *
   * @throws {RecoveryError} If one of these snapshots would have made it of no account.
   */
  onHole(before: Zxid): void {
    for (const passed of this.#passed) if (passed.file.zxid > before) throw refusal(passed, before);
  }

  /**
   * The log is at its end.
   *
   * A snapshot whose own txn was replayed is not missed. One taken before its epoch had a txn has none of its own; and
   * one that is cut short may be of a leader that never got its quorum, so that its txn was taken back: for these a
   * right digest behind them tells that nothing is missing. A server of Apache's that was killed leaves one that is cut
   * short, and in front of it txns that it had not logged yet, and never acknowledged.
   *
   * @param snapshotZxid Of the snapshot that was loaded.
   * @param agreedZxid The newest txn behind which the tree's digest was right.
   * @throws {RecoveryError} If the log may lack txns that led up to one of these snapshots.
   */
  requireLog(snapshotZxid: Zxid, agreedZxid: Zxid): void {
    for (const passed of this.#passed) {
      const { file: { zxid }, isCut, isReplayed, isOutlived } = passed;
      if (zxid === snapshotZxid || isReplayed || (isCut && !isOutlived)) continue;
      if ((isCut || counterOf(zxid) === 0) && agreedZxid > zxid) continue;
      throw refusal(passed, Math.max(snapshotZxid, passed.before));
    }
  }
}

function refusal({ file, reason, isCut }: Passed, before: Zxid): RecoveryError {
  return new RecoveryError(
    `The snapshot ${file.path} is ${
      isCut ? "cut short" : "damaged"
    } (${reason}), and the txn log does not lead ` +
      `up to it from an older one: behind 0x${zxidToHex(before)} txns up to 0x${zxidToHex(file.zxid)} are ` +
      "missing. Restore the file from a backup; or, on a member of an ensemble, move the version-2 directories " +
      "away and start again, to copy the data from the others",
  );
}
