import { Deque } from "../base/deque.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { DataTree } from "../tree/data_tree.ts";

/** Every how many zxids the digest is kept, and how many are kept (DataTree.DIGEST_LOG_INTERVAL and _LIMIT). */
const everyZxids = 128;
const keptMax = 1024;

/** Digests of the tree at round zxids, for operators who compare servers (`hash`). */
export class DigestHistory {
  readonly #tree: DataTree;
  readonly #entries = new Deque<readonly [zxid: Zxid, digest: bigint]>();

  constructor(tree: DataTree) {
    this.#tree = tree;
  }

  /** Txn `zxid` is applied. */
  onApplied(zxid: Zxid): void {
    if (zxid % everyZxids !== 0 || !this.#tree.digestEnabled) return;
    if (this.#entries.length >= keptMax) this.#entries.shift();
    this.#entries.push([zxid, this.#tree.digest]);
  }

  /** Oldest first. */
  *entries(): Iterable<readonly [zxid: Zxid, digest: bigint]> {
    for (let index = 0; index < this.#entries.length; index++) yield this.#entries.at(index)!;
  }
}
