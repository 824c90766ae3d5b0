import { Deque } from "../base/deque.ts";
import type { Logger } from "../base/log.ts";
import { int64Of } from "../jute/int_at.ts";
import type { JuteWriter } from "../jute/writer.ts";
import { digestVersion } from "../protocol/txn.ts";
import { type Zxid, zxidToHex } from "../protocol/zxid.ts";
import type { DigestSum } from "./digest.ts";

/** A tree digest and the txn behind which the tree had it. */
export interface ZxidDigest {
  readonly zxid: Zxid;
  /** Of the algorithm; only {@link digestVersion} can be compared. */
  readonly version: number;
  /** Signed 64 bits. */
  readonly digest: bigint;
}

const historyInterval = 128;
const historyLength = 1024;

/**
 * Holds the tree's digest against those that txns and snapshots carry. A difference is counted and logged,
 * never fatal: the digest finds bugs, and a server that stops helps nobody (DataTree.compareDigest).
 *
 * A snapshot is written while the tree changes, so what was loaded from one is right only once replay has
 * reached the zxid noted behind its znodes; until then nothing is compared and nothing recorded.
 */
export class DigestAudit {
  /** Differences seen (digest_mismatches_count). */
  mismatches = 0;
  /** The newest txn whose digest was right; -1 for none since the tree was made or loaded. */
  agreedZxid: Zxid = -1;
  readonly #sum: DigestSum;
  readonly #logger: Logger;
  #awaited: ZxidDigest | null = null;
  /** The tree came from a leader that went on changing it: it is whole once a txn's digest is right. */
  #awaitsMatch = false;
  #recordedZxid: Zxid = 0;
  #recordedHigh = 0;
  #recordedLow = 0;
  readonly #history = new Deque<ZxidDigest>(historyLength);

  constructor(sum: DigestSum, logger: Logger) {
    this.#sum = sum;
    this.#logger = logger;
  }

  /** Every 128th zxid's digest, the newest 1024 of them, oldest first (`hash`). */
  get history(): ZxidDigest[] {
    const digests: ZxidDigest[] = [];
    for (let index = 0; index < this.#history.length; index++) digests.push(this.#history.at(index)!);
    return digests;
  }

  /** The digest behind the last whole txn, or null when there was none since the tree was made or loaded. */
  get recorded(): ZxidDigest | null {
    if (this.#recordedZxid === 0) return null;
    const digest = int64Of(this.#recordedHigh, this.#recordedLow);
    return { zxid: this.#recordedZxid, version: digestVersion, digest };
  }

  /**
   * A snapshot was loaded, and this is noted behind its znodes.
   *
   * @param snapshotZxid The snapshot's own zxid. A digest older than it says nothing, and a fresh snapshot has
   *   zxid 0 here; in both cases the tree is taken as whole and comparing begins at once.
   */
  expect(noted: ZxidDigest, snapshotZxid: Zxid): void {
    this.#awaited = noted.zxid > 0 && noted.zxid >= snapshotZxid ? noted : null;
    this.#settle(snapshotZxid);
  }

  /**
   * The tree came over the wire, which carries no digest, and holds some of what is still to be applied: nothing is
   * reported until a txn's digest agrees.
   */
  awaitMatch(): void {
    this.#awaitsMatch = true;
  }

  /** A txn, with all its parts, is in the tree. */
  onApplied(zxid: Zxid): void {
    if (this.#awaited !== null) this.#settle(zxid);
    if (this.#awaited !== null) return;
    this.#recordedZxid = zxid;
    this.#recordedHigh = this.#sum.high;
    this.#recordedLow = this.#sum.low;
    if (zxid % historyInterval !== 0) return;
    this.#history.push({ zxid, version: digestVersion, digest: this.#sum.value });
    if (this.#history.length > historyLength) this.#history.shift();
  }

  /** Compares the digest that txn `zxid` carries, once it is in the tree. */
  compare(zxid: Zxid, version: number, high: number, low: number): void {
    if (this.#awaited !== null || version !== digestVersion) return;
    if (this.#sum.high === high && this.#sum.low === low) {
      this.#awaitsMatch = false;
      this.agreedZxid = zxid;
      return;
    }
    if (this.#awaitsMatch) return;
    this.#report(zxid, int64Of(high, low));
  }

  /** Writes the recorded digest as snapshots have it: zxid, version, digest; zeros before the first txn. */
  serialize(writer: JuteWriter): void {
    writer.longNumber(this.#recordedZxid);
    writer.int(digestVersion);
    if (this.#recordedZxid === 0) writer.longHalves(0, 0);
    else writer.longHalves(this.#recordedHigh, this.#recordedLow);
  }

  clear(): void {
    this.#awaited = null;
    this.#awaitsMatch = false;
    this.#recordedZxid = 0;
    this.agreedZxid = -1;
    this.#history.clear();
  }

  /** Replay has reached `zxid`: looks whether the awaited digest is due, or its txn passed over. */
  #settle(zxid: Zxid): void {
    const awaited = this.#awaited;
    if (awaited === null || zxid < awaited.zxid) return;
    this.#awaited = null;
    if (zxid > awaited.zxid || awaited.version !== digestVersion) return;
    if (this.#sum.value !== awaited.digest) this.#report(zxid, awaited.digest);
  }

  #report(zxid: Zxid, expected: bigint): void {
    this.mismatches++;
    // The first says where to look; those that follow from it only count.
    if (this.mismatches > 1) return;
    this.#logger.error("the tree digest differs from the one its txn carries", {
      zxid: `0x${zxidToHex(zxid)}`,
      expected,
      actual: this.#sum.value,
    });
  }
}
