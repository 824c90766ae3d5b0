import { crc32 } from "../base/crc32.ts";
import { Deque } from "../base/deque.ts";
import { JuteWriter } from "../jute/writer.ts";
import type { Acl } from "../protocol/acl.ts";
import type { SessionId } from "../protocol/session_id.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { contentCrc, DigestSum } from "../tree/digest.ts";
import { noZnode, type ZnodeRef } from "../tree/znode_store.ts";

/** A znode as it will be once every txn prepared so far is applied (PrepRequestProcessor's ChangeRecord). */
export class PendingZnode {
  readonly path: string;
  exists = true;
  acl: readonly Acl[] = [];
  dataLength = 0;
  /** CRC32 of path and data: the part of the digest that a change of counters leaves alone. */
  contentCrc = 0;
  /** What the znode adds to the tree's digest at present. */
  digest = 0;
  czxid: Zxid = 0;
  mzxid: Zxid = 0;
  pzxid: Zxid = 0;
  ctimeMs = 0;
  mtimeMs = 0;
  version = 0;
  /** Raw counter of child creations. */
  cversion = 0;
  aversion = 0;
  owner: SessionId = 0n;
  numChildren = 0;
  /** The newest txn that changes it; 0 while none does. */
  zxid: Zxid = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** @returns A copy, to go back to when a multi fails. */
  copy(): PendingZnode {
    return Object.assign(new PendingZnode(this.path), this);
  }
}

/**
 * What the txns prepared and not yet applied will change, so that requests prepared behind them see it.
 *
 * Bound: two or three znodes for each proposal outstanding (limits.proposalsOutstandingMax).
 */
export class PendingChanges {
  readonly #tree: DataTree;
  readonly #znodes = new Map<string, PendingZnode>();
  /** Every touch in zxid order; a znode leaves when the newest txn that touched it is applied. */
  readonly #touched = new Deque<PendingZnode>();
  readonly #touchedZxids = new Deque<number>();
  readonly #stat = new JuteWriter(64);
  readonly #text = new JuteWriter(256);
  #undo: Map<string, PendingZnode | null> | null = null;
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

  /** The znode at `path`, or null when it is, or will be, absent. */
  find(path: string): PendingZnode | null {
    const pending = this.#znodes.get(path);
    if (pending !== undefined) return pending.exists ? pending : null;
    const ref = this.#tree.store.findPath(path);
    return ref === noZnode ? null : this.#load(path, ref);
  }

  /** Notes that txn `zxid` changes `znode`, whose fields the caller is about to set; call before changing it. */
  touch(znode: PendingZnode, zxid: Zxid): void {
    if (this.#undo !== null && !this.#undo.has(znode.path)) {
      this.#undo.set(znode.path, this.#znodes.get(znode.path)?.copy() ?? null);
    }
    znode.zxid = zxid;
    this.#znodes.set(znode.path, znode);
    this.#touched.push(znode);
    this.#touchedZxids.push(zxid);
  }

  /** A znode about to be created at `path`, touched by `zxid`; the caller fills it in. */
  create(path: string, zxid: Zxid): PendingZnode {
    const znode = new PendingZnode(path);
    this.touch(znode, zxid);
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

  /** Works the znode's new digest into the tree's, after its fields were set. */
  updateDigest(znode: PendingZnode): void {
    if (!this.#tree.digestEnabled || isUncounted(znode.path)) return;
    const digest = znode.exists ? this.#digestOf(znode) : 0;
    this.#digest.subtract(znode.digest);
    this.#digest.add(digest);
    znode.digest = digest;
  }

  /** @returns CRC32 of a path and data, as {@link PendingZnode.contentCrc} holds it. */
  contentCrc(path: string, data: Uint8Array, start: number, length: number): number {
    if (!this.#tree.digestEnabled) return 0;
    this.#text.reset();
    this.#text.string(path);
    return contentCrc(this.#text.bytes, 4, this.#text.length - 4, data, start, length);
  }

  /** Ephemeral paths that `session` will own once all is applied. */
  ephemeralsOf(session: SessionId): string[] {
    const paths = new Set(this.#tree.ephemerals.of(session));
    for (const [path, znode] of this.#znodes) {
      if (!znode.exists) paths.delete(path);
      else if (znode.owner === session) paths.add(path);
      else paths.delete(path);
    }
    return [...paths];
  }

  /** From now on changes can be taken back by {@link rollBack}, until {@link keep}. */
  beginUndo(): void {
    this.#undo = new Map();
    this.#undoDigestHigh = this.#digest.high;
    this.#undoDigestLow = this.#digest.low;
  }

  keep(): void {
    this.#undo = null;
  }

  /** Takes back every change since {@link beginUndo}. */
  rollBack(): void {
    if (this.#undo === null) return;
    for (const [path, before] of this.#undo) {
      if (before === null) this.#znodes.delete(path);
      else this.#znodes.set(path, before);
    }
    this.#undo = null;
    this.#digest.set(this.#undoDigestHigh, this.#undoDigestLow);
  }

  /** Txn `zxid` is applied: what it changed is in the tree now. */
  onApplied(zxid: Zxid): void {
    let oldest = this.#touchedZxids.peek();
    while (oldest !== undefined && oldest <= zxid) {
      this.#touchedZxids.shift();
      const znode = this.#touched.shift()!;
      const current = this.#znodes.get(znode.path);
      if (current !== undefined && current.zxid <= zxid) this.#znodes.delete(znode.path);
      oldest = this.#touchedZxids.peek();
    }
  }

  /** Forgets all that is pending: it will never be applied. */
  clear(): void {
    this.#znodes.clear();
    this.#touched.clear();
    this.#touchedZxids.clear();
    this.#undo = null;
    this.#digest.set(this.#tree.digestHigh, this.#tree.digestLow);
  }

  #load(path: string, ref: ZnodeRef): PendingZnode {
    const store = this.#tree.store;
    const znode = new PendingZnode(path);
    znode.acl = this.#tree.acls.get(store.aclKeyOf(ref));
    znode.dataLength = store.dataLengthOf(ref);
    znode.czxid = store.czxidOf(ref);
    znode.mzxid = store.mzxidOf(ref);
    znode.pzxid = store.pzxidOf(ref);
    znode.ctimeMs = store.ctimeMsOf(ref);
    znode.mtimeMs = store.mtimeMsOf(ref);
    znode.version = store.versionOf(ref);
    znode.cversion = store.cversionOf(ref);
    znode.aversion = store.aversionOf(ref);
    znode.owner = store.ownerOf(ref);
    znode.numChildren = store.numChildrenOf(ref);
    if (this.#tree.digestEnabled && !isUncounted(path)) {
      znode.contentCrc = store.contentCrcOf(ref);
      znode.digest = this.#digestOf(znode);
    }
    return znode;
  }

  /** CRC32 of path, data and the stat in the order of DigestCalculator. */
  #digestOf(znode: PendingZnode): number {
    const stat = this.#stat;
    stat.reset();
    stat.longNumber(znode.czxid);
    stat.longNumber(znode.mzxid);
    stat.longNumber(znode.pzxid);
    stat.longNumber(znode.ctimeMs);
    stat.longNumber(znode.mtimeMs);
    stat.int(znode.version);
    stat.int(znode.cversion);
    stat.int(znode.aversion);
    stat.long(znode.owner);
    return crc32(stat.bytes, 0, stat.length, znode.contentCrc);
  }
}

/** Znodes under /zookeeper/ do not count in the digest (DigestCalculator.calculateDigest). */
function isUncounted(path: string): boolean {
  return path.startsWith("/zookeeper/");
}
