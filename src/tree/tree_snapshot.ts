import { limits } from "../base/limits.ts";
import { JuteError } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import type { SessionId } from "../protocol/session_id.ts";
import { statPersistedBytes } from "../protocol/stat.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { openAclKey, unknownAclKey } from "./acl_cache.ts";
import type { DataTree, TreeWalker } from "./data_tree.ts";
import { noZnode, type ZnodeRef } from "./znode_store.ts";

/*
 * The state as it stands in snapshot files and in the stream to a learner (SerializeUtils, DataTree):
 *
 *   sessions  int count; each: id long, timeout int (ms)
 *   ACLs      int count; each: key long, vector of ACL
 *   znodes    each: path string (the root's is empty), data buffer, ACL key long, 60 bytes of StatPersisted;
 *             depth first, parents before children
 *   end       the string "/"
 *
 * Valid is what has every field whole, the root first and every other znode behind its parent, each once.
 */

const znodeTailBytes = 8 + statPersistedBytes;

/** What passing over a znode counts against the budget, so that many of them are no pause either. */
const skipCostBytes = 64;

/**
 * Writes a tree bit by bit while txns go on: a fuzzy snapshot, to be made exact by replaying every txn behind
 * {@link zxid}.
 *
 * It holds sessions and ACLs as they were at the start, and of the znodes that were there at the start those
 * that are still there when their turn comes, as they are then. Znodes created since are left out, as replay
 * will create them; so no znode is ever seen beside a parent that does not count it yet.
 */
export class TreeSnapshotCursor implements TreeWalker {
  /** Everything up to here is in the snapshot. */
  readonly zxid: Zxid;
  readonly #tree: DataTree;
  readonly #sessions: [SessionId, number][];
  readonly #acls: { readonly key: number; readonly bytes: Uint8Array }[];
  readonly #lastAclKey: number;
  readonly #newestCzxid: Zxid;
  #sessionsWritten = -1;
  #aclsWritten = -1;
  /** The znode to write next; none when all are written. */
  #next: ZnodeRef;
  #isOpen = true;

  constructor(tree: DataTree) {
    this.zxid = tree.lastProcessedZxid;
    this.#tree = tree;
    this.#sessions = [...tree.sessions];
    this.#acls = tree.acls.entries();
    this.#lastAclKey = tree.acls.lastKey;
    this.#newestCzxid = tree.newestCzxid;
    this.#next = tree.store.root;
    tree.addWalker(this);
  }

  /**
   * Writes on until some `budgetBytes` are written; a large znode may exceed them.
   *
   * @returns True once all is written.
   */
  writeSome(writer: JuteWriter, budgetBytes: number): boolean {
    const enough = writer.length + budgetBytes;
    if (this.#sessionsWritten < 0) {
      writer.int(this.#sessions.length);
      this.#sessionsWritten = 0;
    }
    while (this.#sessionsWritten < this.#sessions.length) {
      if (writer.length >= enough) return false;
      const [id, timeoutMs] = this.#sessions[this.#sessionsWritten++];
      writer.long(id);
      writer.int(timeoutMs);
    }
    if (this.#aclsWritten < 0) {
      writer.int(this.#acls.length);
      this.#aclsWritten = 0;
    }
    while (this.#aclsWritten < this.#acls.length) {
      if (writer.length >= enough) return false;
      const { key, bytes } = this.#acls[this.#aclsWritten++];
      writer.longNumber(key);
      writer.raw(bytes);
    }
    const store = this.#tree.store;
    let skippedBytes = 0;
    while (this.#next !== noZnode) {
      if (writer.length + skippedBytes >= enough) return false;
      const ref = this.#next;
      if (store.czxidOf(ref) > this.#newestCzxid) {
        // What lies below it is newer still.
        this.#next = this.#afterSubtree(ref);
        skippedBytes += skipCostBytes;
      } else {
        this.#writeZnode(writer, ref);
        const child = store.firstChildOf(ref);
        this.#next = child === noZnode ? this.#afterSubtree(ref) : child;
      }
    }
    if (this.#isOpen) {
      writer.string("/");
      this.close();
    }
    return true;
  }

  /** Gives up, if not done: the tree no longer tells the cursor of removals. */
  close(): void {
    this.#isOpen = false;
    this.#next = noZnode;
    this.#tree.forgetWalker(this);
  }

  beforeRemove(ref: ZnodeRef): void {
    if (ref === this.#next) this.#next = this.#afterSubtree(ref);
  }

  #writeZnode(writer: JuteWriter, ref: ZnodeRef): void {
    const store = this.#tree.store;
    if (ref === store.root) writer.string("");
    else store.writePath(ref, writer);
    store.writeData(ref, writer);
    const aclKey = store.aclKeyOf(ref);
    // A list that came after the map was copied is not in it, and Apache's server may give its number to
    // another list in replay. The setACL that brought it is replayed, and repairs this.
    writer.longNumber(aclKey > this.#lastAclKey ? unknownAclKey : aclKey);
    store.writeStatPersisted(ref, writer);
  }

  /** The znode behind `ref` and all below it. */
  #afterSubtree(ref: ZnodeRef): ZnodeRef {
    const store = this.#tree.store;
    for (let at = ref; at !== store.root; at = store.parentOf(at)) {
      const sibling = store.nextSiblingOf(at);
      if (sibling !== noZnode) return sibling;
    }
    return noZnode;
  }
}

const Part = { sessionCount: 0, session: 1, aclCount: 2, acl: 3, znode: 4, done: 5 } as const;
type Part = (typeof Part)[keyof typeof Part];

/**
 * Reads back what {@link TreeSnapshotCursor} or Apache's server wrote, from pieces of any size: a file need
 * not fit in memory.
 *
 * The tree is emptied at the start, and usable once {@link done}; its zxid is the caller's to set.
 */
export class TreeSnapshotLoader {
  readonly #tree: DataTree;
  readonly #fieldBytesMax: number;
  /** Numbers of lists in the file to numbers in the tree. */
  readonly #aclKeys = new Map<bigint, number>([[BigInt(openAclKey), openAclKey]]);
  #part: Part = Part.sessionCount;
  /** Sessions or lists still to come. */
  #left = 0;
  #sawRoot = false;
  #wanted = 4;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #position = 0;
  #end = 0;

  /**
   * @param tree Is emptied; no cursor may walk it.
   * @param fieldBytesMax Largest path or data accepted, in bytes.
   */
  constructor(tree: DataTree, fieldBytesMax: number = limits.frameBytesMax + limits.fieldBytesExtra) {
    this.#tree = tree;
    this.#fieldBytesMax = fieldBytesMax;
    tree.beginLoad();
  }

  /** Whether the end has been read; bytes behind it are not touched. */
  get done(): boolean {
    return this.#part === Part.done;
  }

  /** How many bytes at least, from where the last {@link push} stopped, the next record takes. */
  get wanted(): number {
    return this.#wanted;
  }

  /**
   * Takes in `bytes[start, end)`.
   *
   * @returns How many bytes were used up: whole records only. The rest is to be pushed again, with more.
   * @throws {JuteError} If the bytes are no snapshot: an impossible length, a znode without its parent.
   */
  push(bytes: Uint8Array, start: number, end: number): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.#position = start;
    this.#end = end;
    while (this.#part !== Part.done && this.#takeRecord()) this.#wanted = 1;
    return this.#position - start;
  }

  /** Takes the record at the position and moves behind it. @returns False when it is not whole. */
  #takeRecord(): boolean {
    switch (this.#part) {
      case Part.sessionCount:
        return this.#takeCount(Part.session, Part.aclCount);
      case Part.session:
        return this.#takeSession();
      case Part.aclCount:
        return this.#takeCount(Part.acl, Part.znode);
      case Part.acl:
        return this.#takeAcl();
      case Part.znode:
        return this.#takeZnode();
      case Part.done:
        return false;
    }
  }

  #takeCount(part: Part, after: Part): boolean {
    if (!this.#has(4)) return false;
    this.#left = this.#view.getInt32(this.#position);
    this.#position += 4;
    this.#part = this.#left > 0 ? part : after;
    return true;
  }

  #takeSession(): boolean {
    if (!this.#has(12)) return false;
    const id = this.#view.getBigInt64(this.#position);
    this.#tree.sessions.set(id, this.#view.getInt32(this.#position + 8));
    this.#position += 12;
    this.#countDown(Part.aclCount);
    return true;
  }

  #takeAcl(): boolean {
    if (!this.#has(12)) return false;
    const key = this.#view.getBigInt64(this.#position);
    const count = this.#view.getInt32(this.#position + 8);
    if (count < 0) throw new JuteError("an access control list of a snapshot is null");
    let size = 12;
    for (let index = 0; index < count; index++) {
      for (let field = 0; field < 2; field++) {
        if (field === 0) size += 4; // The permissions.
        const length = this.#lengthAt(size);
        if (length === null) return false;
        size += 4 + Math.max(length, 0);
        if (!this.#has(size)) return false;
      }
    }
    const at = this.#position;
    this.#aclKeys.set(key, this.#tree.acls.load(this.#bytes, at + 8, at + size));
    this.#position += size;
    this.#countDown(Part.znode);
    return true;
  }

  #takeZnode(): boolean {
    const pathLength = this.#lengthAt(0);
    if (pathLength === null) return false;
    if (pathLength < 0) throw new JuteError("a path of a snapshot is null");
    const path = this.#position + 4;
    if (!this.#has(4 + pathLength)) return false;
    if (pathLength === 1 && this.#bytes[path] === slash) {
      this.#finish(path + 1);
      return true;
    }
    const dataLength = this.#lengthAt(4 + pathLength);
    if (dataLength === null) return false;
    const data = path + pathLength + 4;
    const size = 8 + pathLength + Math.max(dataLength, 0) + znodeTailBytes;
    if (!this.#has(size)) return false;
    const tail = data + Math.max(dataLength, 0);
    // A list that the map lacks is repaired by replay (DataTree.createNode).
    const aclKey = this.#aclKeys.get(this.#view.getBigInt64(tail)) ?? unknownAclKey;
    this.#tree.onLoaded(this.#put(path, pathLength, data, dataLength, aclKey, tail + 8));
    this.#position += size;
    return true;
  }

  #put(
    path: number,
    pathLength: number,
    data: number,
    dataLength: number,
    aclKey: number,
    stat: number,
  ): ZnodeRef {
    const store = this.#tree.store;
    const bytes = this.#bytes;
    if (pathLength === 0) {
      if (this.#sawRoot) throw new JuteError("a snapshot has two roots");
      this.#sawRoot = true;
      store.setStat(store.root, bytes, stat);
      store.setData(store.root, bytes, data, dataLength);
      store.setAclKey(store.root, aclKey);
      return store.root;
    }
    const slashAt = bytes.lastIndexOf(slash, path + pathLength - 1);
    const parent = this.#sawRoot && slashAt >= path ? store.find(bytes, path, slashAt - path) : noZnode;
    if (parent === noZnode) {
      throw new JuteError(`a snapshot lacks the parent of ${this.#text(path, pathLength)}`);
    }
    if (store.find(bytes, path, pathLength) !== noZnode) {
      throw new JuteError(`a snapshot has ${this.#text(path, pathLength)} twice`);
    }
    return store.insert(parent, bytes, path, pathLength, bytes, data, dataLength, aclKey, bytes, stat);
  }

  #finish(position: number): void {
    if (!this.#sawRoot) throw new JuteError("a snapshot has no root");
    this.#position = position;
    this.#part = Part.done;
    this.#tree.finishLoad();
  }

  #countDown(after: Part): void {
    this.#left--;
    if (this.#left === 0) this.#part = after;
  }

  /** The length of a field that begins `offset` into the record, or null when it is not there yet. */
  #lengthAt(offset: number): number | null {
    if (!this.#has(offset + 4)) return null;
    const length = this.#view.getInt32(this.#position + offset);
    if (length < -1 || length > this.#fieldBytesMax) throw new JuteError(`unreasonable length ${length}`);
    return length;
  }

  #has(size: number): boolean {
    if (this.#position + size <= this.#end) return true;
    this.#wanted = size;
    return false;
  }

  #text(path: number, length: number): string {
    return new TextDecoder().decode(this.#bytes.subarray(path, path + length));
  }
}

const slash = 0x2f;
