import { type Zxid, zxidToHex } from "../protocol/zxid.ts";

/**
 * A log or snapshot holds bytes that no ZooKeeper writes, or lacks some that must be there. Start-up stops:
 * going on could serve data that differs from what was acknowledged.
 */
export class CorruptLogError extends Error {
  override name = "CorruptLogError";
  /** Path of the file. */
  readonly file: string;
  /** Where in the file the trouble begins, in bytes. */
  readonly offset: number;
  /** What an operator can do about it. */
  readonly remedy: string;

  constructor(what: string, where: { readonly file: string; readonly offset: number }, remedy: string) {
    super(`${what} in ${where.file} at byte ${where.offset}: ${remedy}`);
    this.file = where.file;
    this.offset = where.offset;
    this.remedy = remedy;
  }
}

/** The log skips txns that must be there. */
export class MissingTxnsError extends CorruptLogError {
  override name = "MissingTxnsError";
  /** The newest txn in front of those that are missing. */
  readonly before: Zxid;

  constructor(
    { before, behind }: { readonly before: Zxid; readonly behind: Zxid },
    where: { readonly file: string; readonly offset: number },
    remedy: string,
  ) {
    super(
      `Txn 0x${zxidToHex(behind)} follows 0x${zxidToHex(before)}: those between them are missing`,
      where,
      remedy,
    );
    this.before = before;
  }
}

/** A snapshot that cannot be used: cut short, or a seal that does not match. An older one may do. */
export class BadSnapshotError extends Error {
  override name = "BadSnapshotError";
  /** It has no end: as of a file that was still being written. */
  readonly isCut: boolean;

  constructor(message: string, isCut = false) {
    super(message);
    this.isCut = isCut;
  }
}

/** The database cannot be opened as it is; the message says what an operator can do. */
export class RecoveryError extends Error {
  override name = "RecoveryError";
}

/** The data directories cannot be used; Apache exits with 3 for the same reasons. */
export class DataDirectoryError extends Error {
  override name = "DataDirectoryError";
}
