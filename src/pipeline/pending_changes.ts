import { Deque } from "../base/deque.ts";
import { noSession, type SessionId } from "../protocol/session_id.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { contentCrc, DigestSum, isDigested, znodeDigest } from "../tree/digest.ts";
import { noZnode, type ZnodeRef } from "../tree/znode_store.ts";
import { PendingZnode } from "./pending_znode.ts";
import type { RequestPath } from "./request_path.ts";

const slash = 0x2f;
const rootPath = Uint8Array.of(slash);
const rootView = new DataView(rootPath.buffer);

const bucketsAtFirst = 1024;
/** Objects kept for further use, but none that a long path made large. */
const sparesMax = 4096;
const sparePathMax = 1024;

/**
 * What the txns prepared and not yet applied will change, so that requests prepared behind them see it.
 *
 * Bound: two or three znodes for each proposal outstanding (limits.proposalsOutstandingMax).
 */
export class PendingChanges {
  readonly #tree: DataTree;
  /** By the low bits of the path's hash, each the first of a chain. */
  #buckets: (PendingZnode | null)[] = emptyBuckets(bucketsAtFirst);
  #size = 0;
  /**
   * Every pending znode, once, with the zxid that changed it when it was put there: it leaves when that txn is applied,
   * or is put at the end again when it has been changed since.
   */
  readonly #queue = new Deque<PendingZnode>(bucketsAtFirst);
  readonly #queuedZxids = new Deque<Zxid>(bucketsAtFirst);
  /** Owners of ephemerals that pending txns create, each with the last of those; those applied leave now and then. */
  readonly #owners = new Map<SessionId, Zxid>();
  /** Taken from the tree for the txn under preparation, and perhaps not changed by it. */
  readonly #loaded: PendingZnode[] = [];
  readonly #spares: PendingZnode[] = [];
  /** What each znode was before a multi that may yet fail; null for one that was not pending. */
  #undo: Map<PendingZnode, PendingZnode | null> | null = null;
  #undoQueued = 0;
  /** The tree's digest after all that is pending, meaningless while digests are off. */
  readonly #digest = new DigestSum();
  #undoDigestHigh = 0;
  #undoDigestLow = 0;

  constructor(tree: DataTree) {
    this.#tree = tree;
    this.#digest.set(tree.digestHigh, tree.digestLow);
  }

  get digestHigh(): number {
    return this.#digest.high;
  }

  get digestLow(): number {
    return this.#digest.low;
  }

  /** A txn is prepared: what was found for it and not touched is let go. */
  endTxn(): void {
    for (let znode = this.#loaded.pop(); znode !== undefined; znode = this.#loaded.pop()) {
      if (!znode.isPending) this.#spare(znode);
    }
  }

  /** The znode at `path`, or null when it is, or will be, absent. Valid until {@link endTxn}. */
  find(path: RequestPath): PendingZnode | null {
    return this.#find(path.bytes, path.view, path.start, path.length);
  }

  /** {@link find} for what is above `path`. */
  findParent(path: RequestPath): PendingZnode | null {
    return this.#find(path.bytes, path.view, path.start, Math.max(path.parentLength, 0));
  }

  /** Notes that txn `zxid` changes `znode`, whose fields the caller is about to set; call before changing it. */
  touch(znode: PendingZnode, zxid: Zxid): void {
    if (this.#undo !== null && !this.#undo.has(znode)) {
      this.#undo.set(znode, znode.isPending ? znode.copy() : null);
    }
    znode.zxid = zxid;
    if (!znode.isPending) this.#hold(znode);
  }

  /** A znode about to be created at `path` by `zxid`; the caller fills in its ACL, data and, last, its digest. */
  create(path: RequestPath, zxid: Zxid, timeMs: number, owner: SessionId): PendingZnode {
    const { bytes, view, start, length } = path;
    const hash = this.#tree.store.hash(bytes, start, length);
    let znode = this.#lookUp(hash, view, start, length);
    if (znode !== null) {
      // What was deleted, and still is in the tree.
      this.touch(znode, zxid);
      znode.exists = true;
      znode.contentCrc = -1;
    } else {
      znode = this.#make(hash, bytes, view, start, length);
      this.touch(znode, zxid);
    }
    znode.beNew(zxid, timeMs, owner);
    if (owner !== noSession) this.#owners.set(owner, zxid);
    return znode;
  }

  /** Notes that txn `zxid` deletes `znode`, a child of `parent`. */
  delete(parent: PendingZnode, znode: PendingZnode, zxid: Zxid): void {
    this.touch(parent, zxid);
    parent.numChildren--;
    parent.pzxid = zxid;
    this.updateDigest(parent);
    this.touch(znode, zxid);
    znode.exists = false;
    this.updateDigest(znode);
  }

  /** Sets length and checksum of the znode's data, which is `view[start, start + length)`; null data has length -1. */
  setData(znode: PendingZnode, view: DataView, start: number, length: number): void {
    znode.dataLength = length;
    if (!this.#tree.digestEnabled || !znode.isDigested) return;
    if (znode.pathCrc < 0) znode.pathCrc = znode.crcOfPath();
    znode.contentCrc = contentCrc(znode.pathCrc, view, start, length);
  }

  /** Works the znode's new digest into the tree's, after its fields were set. */
  updateDigest(znode: PendingZnode): void {
    if (!this.#tree.digestEnabled || !znode.isDigested) return;
    const digest = znode.exists ? znodeDigest(this.#contentCrcOf(znode), znode.stat, 0) : 0;
    this.#digest.subtract(znode.digest);
    this.#digest.add(digest);
    znode.digest = digest;
  }

  /**
   * Ephemeral paths that `session` will own once all is applied. All that is pending is looked at only for a session that
   * has any: else many sessions that end at once would cost the square of their number.
   */
  ephemeralsOf(session: SessionId): string[] {
    const paths = new Set(this.#tree.ephemerals.of(session));
    if (paths.size === 0 && !this.#owners.has(session)) return [];
    for (let index = 0; index < this.#queue.length; index++) {
      const znode = this.#queue.at(index)!;
      if (znode.exists && znode.owner === session) paths.add(znode.path);
      else if (paths.size > 0) paths.delete(znode.path);
    }
    return [...paths];
  }

  /** From now on changes can be taken back by {@link rollBack}, until {@link keep}. */
  beginUndo(): void {
    this.#undo = new Map();
    this.#undoQueued = this.#queue.length;
    this.#undoDigestHigh = this.#digest.high;
    this.#undoDigestLow = this.#digest.low;
  }

  keep(): void {
    this.#undo = null;
  }

  /** Takes back every change since {@link beginUndo}. */
  rollBack(): void {
    if (this.#undo === null) return;
    for (const [znode, before] of this.#undo) {
      if (before !== null) znode.takeOver(before);
      else this.#letGo(znode);
    }
    // They are those that were not pending before.
    while (this.#queue.length > this.#undoQueued) {
      this.#queue.pop();
      this.#queuedZxids.pop();
    }
    this.#undo = null;
    this.#digest.set(this.#undoDigestHigh, this.#undoDigestLow);
  }

  /** Txn `zxid` is applied: what it changed is in the tree now. */
  onApplied(zxid: Zxid): void {
    let oldest = this.#queuedZxids.peek();
    while (oldest !== undefined && oldest <= zxid) {
      this.#queuedZxids.shift();
      const znode = this.#queue.shift()!;
      if (znode.zxid <= zxid) {
        this.#letGo(znode);
        this.#spare(znode);
      } else {
        this.#queue.push(znode);
        this.#queuedZxids.push(znode.zxid);
      }
      oldest = this.#queuedZxids.peek();
    }
    if (this.#owners.size <= this.#queue.length) return;
    for (const [owner, createdBy] of this.#owners) if (createdBy <= zxid) this.#owners.delete(owner);
  }

  /** Forgets all that is pending: it will never be applied. */
  clear(): void {
    this.#buckets = emptyBuckets(bucketsAtFirst);
    this.#size = 0;
    this.#queue.clear();
    this.#queuedZxids.clear();
    this.#owners.clear();
    this.#loaded.length = 0;
    this.#undo = null;
    this.#digest.set(this.#tree.digestHigh, this.#tree.digestLow);
  }

  #find(bytes: Uint8Array, view: DataView, start: number, length: number): PendingZnode | null {
    if (length === 0) return this.#find(rootPath, rootView, 0, 1);
    const { store } = this.#tree;
    const hash = store.hash(bytes, start, length);
    const pending = this.#lookUp(hash, view, start, length);
    if (pending !== null) return pending.exists ? pending : null;
    const ref = store.findHashed(hash, bytes, start, length);
    if (ref === noZnode) return null;
    const znode = this.#make(hash, bytes, view, start, length);
    this.#load(znode, ref);
    this.#loaded.push(znode);
    return znode;
  }

  #lookUp(hash: number, view: DataView, start: number, length: number): PendingZnode | null {
    let znode = this.#buckets[hash & (this.#buckets.length - 1)];
    while (znode !== null && !(znode.hash === hash && znode.hasPath(view, start, length))) {
      znode = znode.next;
    }
    return znode;
  }

  #make(hash: number, bytes: Uint8Array, view: DataView, start: number, length: number): PendingZnode {
    const znode = this.#spares.pop() ?? new PendingZnode();
    znode.begin(hash, view, start, length);
    znode.isDigested = isDigested(bytes, start, length);
    return znode;
  }

  #load(znode: PendingZnode, ref: ZnodeRef): void {
    const { store, acls } = this.#tree;
    znode.ref = ref;
    znode.acl = acls.get(store.aclKeyOf(ref));
    znode.dataLength = store.dataLengthOf(ref);
    znode.numChildren = store.numChildrenOf(ref);
    store.copyStat(ref, znode.stat, 0);
    znode.digest = this.#tree.digestOf(ref);
  }

  /** When nothing pending has set the data, the znode was loaded for this very txn, and its data is the tree's. */
  #contentCrcOf(znode: PendingZnode): number {
    if (znode.contentCrc < 0) znode.contentCrc = this.#tree.store.contentCrcOf(znode.ref);
    return znode.contentCrc;
  }

  #hold(znode: PendingZnode): void {
    znode.isPending = true;
    if (this.#size === this.#buckets.length) this.#grow();
    const bucket = znode.hash & (this.#buckets.length - 1);
    znode.next = this.#buckets[bucket];
    this.#buckets[bucket] = znode;
    this.#size++;
    this.#queue.push(znode);
    this.#queuedZxids.push(znode.zxid);
  }

  #letGo(znode: PendingZnode): void {
    znode.isPending = false;
    const bucket = znode.hash & (this.#buckets.length - 1);
    let before = this.#buckets[bucket]!;
    if (before === znode) this.#buckets[bucket] = znode.next;
    else {
      while (before.next !== znode) before = before.next!;
      before.next = znode.next;
    }
    znode.next = null;
    this.#size--;
  }

  #grow(): void {
    const buckets = emptyBuckets(this.#buckets.length * 2);
    for (const first of this.#buckets) {
      for (let znode = first; znode !== null;) {
        const { next } = znode;
        const bucket = znode.hash & (buckets.length - 1);
        znode.next = buckets[bucket];
        buckets[bucket] = znode;
        znode = next;
      }
    }
    this.#buckets = buckets;
  }

  #spare(znode: PendingZnode): void {
    if (this.#spares.length < sparesMax && znode.pathLength < sparePathMax) this.#spares.push(znode);
  }
}

function emptyBuckets(count: number): (PendingZnode | null)[] {
  return new Array<PendingZnode | null>(count).fill(null);
}
