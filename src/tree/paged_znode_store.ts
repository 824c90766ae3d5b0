import { assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import { decodeText } from "../jute/reader.ts";
import { copyWords, LastView, wordCopyMax } from "../jute/word_copy.ts";
import { type JuteWriter, setLongNumber } from "../jute/writer.ts";
import { ownerKind, type OwnerRules } from "../protocol/create_mode.ts";
import { statAt, statPersistedBytes } from "../protocol/stat.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { type CellAddress, type CellMover, CellPages } from "./cell_pages.ts";
import { contentCrc, isDigested, znodeDigest } from "./digest.ts";
import { hashPath } from "./path_hash.ts";
import { type PathRecords, PathTable, refsMax } from "./path_table.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "./znode_store.ts";

/*
 * A znode's record, one cell:
 *
 *   0   next        4   handle of the next sibling, 0 at the end
 *   4   previous    4   handle of the sibling before, 0 at the front
 *   8   ACL key     4
 *   12  dataLength  4   -1 for null; CellPages marks free cells here
 *   16  pathLength  4   27 bits; bit 31 says that the 8 bytes for children are there
 *   20  firstChild  4   only once the znode has had a child
 *   24  numChildren 4   likewise
 *   20 or 28        path: near the front, so that a look-up touches one line of cache
 *       stat        60  StatPersisted, big-endian: copied as it is to replies and snapshots
 *       data
 *
 * Numbers but the stat are little-endian. The parent is not noted: its path is the beginning of this one.
 */
const nextAt = 0;
const previousAt = 4;
const aclKeyAt = 8;
const dataLengthAt = 12;
const pathLengthAt = 16;
const headBytes = 20;
const firstChildAt = headBytes;
const numChildrenAt = firstChildAt + 4;
const childrenBytes = 8;

const hasChildrenBit = -0x80000000;
const pathLengthMask = 0x7ffffff;

const slash = 0x2f;
const textEncoder = new TextEncoder();

/**
 * The store that ships: znodes as records in pages of bytes, found by a hash of the path's bytes as they lie in
 * a request. A read decodes no string and makes no object, the collector has nothing to walk, and stat and data
 * go from page to reply as they are.
 *
 * A handle is an index into a table of addresses, so records may move: when data outgrows its cell, and when
 * pages are cleared after deletes.
 *
 * Bounds: 2^26 znodes; a path below 2^27 bytes; memory, as far as there is any.
 *
 * Measured with test/bench/znode_store_bench.ts, 100 bytes of data and paths like /bench/a000123, Bun 1.4.5 on
 * 2 x 2.5 GHz Xeon while other work kept both busy (load 6 to 8): best slices in million operations a second,
 * in brackets the object store in the same minutes.
 *
 *   znodes   find         getData: find, writeData, writeStat   insert   memory
 *   10^3     8.1 (2.8)    3.9 (1.5)
 *   10^5     2.9 (1.0)    1.7 (0.45)                            1.6      22 MB (94 MB)
 *   10^6     1.7          1.2                                   1.7      207 MB of pages and tables
 */
export class PagedZnodeStore implements ZnodeStore, CellMover, PathRecords {
  readonly root: ZnodeRef = 1;
  readonly #ownerRules: OwnerRules;
  readonly #key0: number;
  readonly #key1: number;
  readonly #pages = new CellPages(this, dataLengthAt);
  readonly #table = new PathTable(this);
  /** Cell of each handle; of free ones the next free one's complement. */
  #slots = new Int32Array(256);
  #slotsUsed = 1;
  #freeSlot = 0;
  #size = 0;
  #approximateBytes = 0;
  readonly #scratch = new Uint8Array(256);
  /** Where paths and data come from, and stats. */
  readonly #entries = new LastView();
  readonly #stats = new LastView();

  /** @param options.random Gives the key of the hash. */
  constructor(options: { readonly ownerRules: OwnerRules; readonly random: Random }) {
    this.#ownerRules = options.ownerRules;
    this.#key0 = options.random.uint32() | 0;
    this.#key1 = options.random.uint32() | 0;
    this.#addRoot();
  }

  get size(): number {
    return this.#size;
  }

  get approximateBytes(): number {
    return this.#approximateBytes;
  }

  /** Bytes of memory taken for records and tables. */
  get totalBytes(): number {
    return this.#pages.totalBytes + this.#table.totalBytes + this.#slots.byteLength;
  }

  clear(): void {
    this.#pages.clear();
    this.#table.clear();
    this.#slots = new Int32Array(256);
    this.#slotsUsed = 1;
    this.#freeSlot = 0;
    this.#size = 0;
    this.#approximateBytes = 0;
    this.#addRoot();
  }

  hash(bytes: Uint8Array, start: number, length: number): number {
    return hashPath(bytes, start, length, this.#key0, this.#key1);
  }

  find(bytes: Uint8Array, start: number, length: number): ZnodeRef {
    return this.findHashed(this.hash(bytes, start, length), bytes, start, length);
  }

  findHashed(hash: number, bytes: Uint8Array, start: number, length: number): ZnodeRef {
    if (length <= 1) return length === 0 || bytes[start] === slash ? this.root : noZnode;
    return this.#table.find(hash, bytes, start, length);
  }

  findPath(path: string): ZnodeRef {
    const bytes = this.#scratch;
    // Nearly all paths are short and ASCII; the encoder's call costs more than the loop.
    if (path.length <= bytes.length) {
      let index = 0;
      for (; index < path.length; index++) {
        const unit = path.charCodeAt(index);
        if (unit > 0x7f) break;
        bytes[index] = unit;
      }
      if (index === path.length) return this.find(bytes, 0, index);
    }
    const encoded = textEncoder.encode(path);
    return this.find(encoded, 0, encoded.length);
  }

  insert(
    parent: ZnodeRef,
    path: Uint8Array,
    pathStart: number,
    pathLength: number,
    data: Uint8Array,
    dataStart: number,
    dataLength: number,
    aclKey: number,
    stat: Uint8Array,
    statStart: number,
  ): ZnodeRef {
    this.#ensureChildrenFields(parent);
    const ref = this.#add(path, pathStart, pathLength, data, dataStart, dataLength, aclKey, stat, statStart);
    const above = this.#viewOf(parent);
    const aboveAt = this.#atOf(parent);
    const first = above.getInt32(aboveAt + firstChildAt, true);
    above.setInt32(aboveAt + firstChildAt, ref, true);
    above.setInt32(aboveAt + numChildrenAt, above.getInt32(aboveAt + numChildrenAt, true) + 1, true);
    this.#viewOf(ref).setInt32(this.#atOf(ref) + nextAt, first, true);
    if (first !== noZnode) this.#viewOf(first).setInt32(this.#atOf(first) + previousAt, ref, true);
    this.#table.insert(this.hash(path, pathStart, pathLength), ref);
    return ref;
  }

  remove(ref: ZnodeRef): void {
    assert(ref !== this.root, "the root stays");
    assert(this.numChildrenOf(ref) === 0, "only a childless znode is removed");
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const parent = this.parentOf(ref);
    const above = this.#viewOf(parent);
    const aboveAt = this.#atOf(parent);
    const next = view.getInt32(at + nextAt, true);
    const previous = view.getInt32(at + previousAt, true);
    if (previous === noZnode) above.setInt32(aboveAt + firstChildAt, next, true);
    else this.#viewOf(previous).setInt32(this.#atOf(previous) + nextAt, next, true);
    if (next !== noZnode) this.#viewOf(next).setInt32(this.#atOf(next) + previousAt, previous, true);
    above.setInt32(aboveAt + numChildrenAt, above.getInt32(aboveAt + numChildrenAt, true) - 1, true);

    this.#table.remove(this.hashOf(ref), ref);
    this.#size--;
    this.#approximateBytes -= pathLengthIn(view, at) + Math.max(view.getInt32(at + dataLengthAt, true), 0);
    const address = this.#slots[ref];
    this.#slots[ref] = ~this.#freeSlot;
    this.#freeSlot = ref;
    this.#pages.free(address);
  }

  setData(ref: ZnodeRef, data: Uint8Array, start: number, length: number): void {
    const address = this.#slots[ref];
    let view = this.#viewOf(ref);
    let at = this.#atOf(ref);
    const before = view.getInt32(at + dataLengthAt, true);
    this.#approximateBytes += Math.max(length, 0) - Math.max(before, 0);
    const dataStart = statStartIn(view, at) + statPersistedBytes;
    const wanted = dataStart + Math.max(length, 0);
    const isMoving = this.#pages.isMisfit(this.#pages.sizeAt(address), wanted);
    if (isMoving) {
      const from = this.#bytesOf(ref);
      this.#slots[ref] = this.#pages.allocate(wanted);
      this.#bytesOf(ref).set(from.subarray(at, at + dataStart), this.#atOf(ref));
      view = this.#viewOf(ref);
      at = this.#atOf(ref);
    }
    view.setInt32(at + dataLengthAt, length, true);
    if (length > 0) this.#copyIn(data, start, length, ref, at + dataStart);
    if (isMoving) this.#pages.free(address);
  }

  parentOf(ref: ZnodeRef): ZnodeRef {
    if (ref === this.root) return noZnode;
    const bytes = this.#bytesOf(ref);
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const path = at + pathStartIn(view, at);
    let end = path + pathLengthIn(view, at) - 1;
    while (bytes[end] !== slash) end--;
    return this.find(bytes, path, end - path);
  }

  numChildrenOf(ref: ZnodeRef): number {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    return hasChildrenFields(view, at) ? view.getInt32(at + numChildrenAt, true) : 0;
  }

  dataLengthOf(ref: ZnodeRef): number {
    return this.#viewOf(ref).getInt32(this.#atOf(ref) + dataLengthAt, true);
  }

  aclKeyOf(ref: ZnodeRef): number {
    return this.#viewOf(ref).getInt32(this.#atOf(ref) + aclKeyAt, true);
  }

  versionOf(ref: ZnodeRef): number {
    return this.#viewOf(ref).getInt32(this.#statOf(ref) + statAt.version);
  }

  cversionOf(ref: ZnodeRef): number {
    return this.#viewOf(ref).getInt32(this.#statOf(ref) + statAt.cversion);
  }

  aversionOf(ref: ZnodeRef): number {
    return this.#viewOf(ref).getInt32(this.#statOf(ref) + statAt.aversion);
  }

  czxidOf(ref: ZnodeRef): Zxid {
    return this.#longOf(ref, statAt.czxid);
  }

  mzxidOf(ref: ZnodeRef): Zxid {
    return this.#longOf(ref, statAt.mzxid);
  }

  pzxidOf(ref: ZnodeRef): Zxid {
    return this.#longOf(ref, statAt.pzxid);
  }

  ctimeMsOf(ref: ZnodeRef): number {
    return this.#longOf(ref, statAt.ctime);
  }

  mtimeMsOf(ref: ZnodeRef): number {
    return this.#longOf(ref, statAt.mtime);
  }

  ownerOf(ref: ZnodeRef): bigint {
    return ownerIn(this.#viewOf(ref), this.#statOf(ref));
  }

  pathOf(ref: ZnodeRef): string {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    return decodeText(this.#bytesOf(ref), at + pathStartIn(view, at), pathLengthIn(view, at));
  }

  copyDataOf(ref: ZnodeRef): Uint8Array | null {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const length = view.getInt32(at + dataLengthAt, true);
    if (length < 0) return null;
    const start = at + statStartIn(view, at) + statPersistedBytes;
    return this.#bytesOf(ref).slice(start, start + length);
  }

  setAclKey(ref: ZnodeRef, aclKey: number): void {
    this.#viewOf(ref).setInt32(this.#atOf(ref) + aclKeyAt, aclKey, true);
  }

  setStat(ref: ZnodeRef, stat: Uint8Array, statStart: number): void {
    copyWords(this.#stats.of(stat), statStart, statPersistedBytes, this.#viewOf(ref), this.#statOf(ref));
  }

  setAversion(ref: ZnodeRef, aversion: number): void {
    this.#viewOf(ref).setInt32(this.#statOf(ref) + statAt.aversion, aversion);
  }

  setModified(ref: ZnodeRef, version: number, zxid: Zxid, timeMs: number): void {
    const view = this.#viewOf(ref);
    const stat = this.#statOf(ref);
    view.setInt32(stat + statAt.version, version);
    setLongNumber(view, stat + statAt.mzxid, zxid);
    setLongNumber(view, stat + statAt.mtime, timeMs);
  }

  setCversion(ref: ZnodeRef, cversion: number): void {
    this.#viewOf(ref).setInt32(this.#statOf(ref) + statAt.cversion, cversion);
  }

  setPzxid(ref: ZnodeRef, zxid: Zxid): void {
    setLongNumber(this.#viewOf(ref), this.#statOf(ref) + statAt.pzxid, zxid);
  }

  firstChildOf(ref: ZnodeRef): ZnodeRef {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    return hasChildrenFields(view, at) ? view.getInt32(at + firstChildAt, true) : noZnode;
  }

  nextSiblingOf(ref: ZnodeRef): ZnodeRef {
    return this.#viewOf(ref).getInt32(this.#atOf(ref) + nextAt, true);
  }

  writePath(ref: ZnodeRef, writer: JuteWriter): void {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const length = pathLengthIn(view, at);
    writer.int(length);
    this.#writeRun(ref, at + pathStartIn(view, at), length, writer);
  }

  writeData(ref: ZnodeRef, writer: JuteWriter): void {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const length = view.getInt32(at + dataLengthAt, true);
    writer.int(length);
    if (length > 0) this.#writeRun(ref, at + statStartIn(view, at) + statPersistedBytes, length, writer);
  }

  writeStat(ref: ZnodeRef, writer: JuteWriter): void {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const stat = at + statStartIn(view, at);
    const numChildren = hasChildrenFields(view, at) ? view.getInt32(at + numChildrenAt, true) : 0;
    const start = writer.length;
    const bytes = this.#bytesOf(ref);
    writer.rawRun(bytes, view, stat, statAt.pzxid);
    writer.intAt(start + statAt.cversion, 2 * view.getInt32(stat + statAt.cversion) - numChildren);
    const owner = ownerIn(view, stat);
    if (owner !== 0n && ownerKind(owner, this.#ownerRules) !== "ephemeral") {
      writer.intAt(start + statAt.owner, 0);
      writer.intAt(start + statAt.owner + 4, 0);
    }
    writer.int(Math.max(view.getInt32(at + dataLengthAt, true), 0));
    writer.int(numChildren);
    writer.rawRun(bytes, view, stat + statAt.pzxid, 8);
  }

  copyStat(ref: ZnodeRef, target: DataView, at: number): void {
    copyWords(this.#viewOf(ref), this.#statOf(ref), statPersistedBytes, target, at);
  }

  writeStatPersisted(ref: ZnodeRef, writer: JuteWriter): void {
    writer.rawRun(this.#bytesOf(ref), this.#viewOf(ref), this.#statOf(ref), statPersistedBytes);
  }

  writeChildren(ref: ZnodeRef, writer: JuteWriter): void {
    writer.int(this.numChildrenOf(ref));
    const above = ref === this.root ? 1 : pathLengthIn(this.#viewOf(ref), this.#atOf(ref)) + 1;
    for (let child = this.firstChildOf(ref); child !== noZnode; child = this.nextSiblingOf(child)) {
      const view = this.#viewOf(child);
      const at = this.#atOf(child);
      const length = pathLengthIn(view, at) - above;
      writer.int(length);
      this.#writeRun(child, at + pathStartIn(view, at) + above, length, writer);
    }
  }

  contentCrcOf(ref: ZnodeRef): number {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const path = at + pathStartIn(view, at);
    const length = pathLengthIn(view, at);
    const data = path + length + statPersistedBytes;
    return contentCrc(view, path, length, view, data, view.getInt32(at + dataLengthAt, true));
  }

  digestOf(ref: ZnodeRef): number {
    const bytes = this.#bytesOf(ref);
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    if (!isDigested(bytes, at + pathStartIn(view, at), pathLengthIn(view, at))) return 0;
    return znodeDigest(this.contentCrcOf(ref), view, at + statStartIn(view, at));
  }

  hasPath(ref: ZnodeRef, bytes: Uint8Array, start: number, length: number): boolean {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    if (pathLengthIn(view, at) !== length) return false;
    const path = at + pathStartIn(view, at);
    // From the end: paths differ there.
    for (let index = length - 1; index >= 0; index--) {
      if (view.getUint8(path + index) !== bytes[start + index]) return false;
    }
    return true;
  }

  hashOf(ref: ZnodeRef): number {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const path = at + pathStartIn(view, at);
    return this.hash(this.#bytesOf(ref), path, pathLengthIn(view, at));
  }

  onMoved(from: CellAddress, to: CellAddress): void {
    const view = this.#pages.viewAt(to);
    const at = this.#pages.offsetOf(to);
    const path = at + pathStartIn(view, at);
    const ref = this.find(this.#pages.bytesAt(to), path, pathLengthIn(view, at));
    assert(this.#slots[ref] === from, "a record is found by its path");
    this.#slots[ref] = to;
  }

  #addRoot(): void {
    const path = new Uint8Array([slash]);
    const stat = new Uint8Array(statPersistedBytes);
    const ref = this.#add(path, 0, 1, stat, 0, 0, -1, stat, 0);
    assert(ref === this.root, "the root is the first znode");
  }

  /** Makes a record that nothing is linked to yet. */
  #add(
    path: Uint8Array,
    pathStart: number,
    pathLength: number,
    data: Uint8Array,
    dataStart: number,
    dataLength: number,
    aclKey: number,
    stat: Uint8Array,
    statStart: number,
  ): ZnodeRef {
    assert(pathLength <= pathLengthMask, "a path is below 2^27 bytes");
    const statStartHere = headBytes + pathLength;
    const dataStartHere = statStartHere + statPersistedBytes;
    const address = this.#pages.allocate(dataStartHere + Math.max(dataLength, 0));
    const ref = this.#takeSlot();
    this.#slots[ref] = address;
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    view.setInt32(at + nextAt, noZnode, true);
    view.setInt32(at + previousAt, noZnode, true);
    view.setInt32(at + aclKeyAt, aclKey, true);
    view.setInt32(at + dataLengthAt, dataLength, true);
    view.setInt32(at + pathLengthAt, pathLength, true);
    this.#copyIn(path, pathStart, pathLength, ref, at + headBytes);
    copyWords(this.#stats.of(stat), statStart, statPersistedBytes, view, at + statStartHere);
    if (dataLength > 0) this.#copyIn(data, dataStart, dataLength, ref, at + dataStartHere);
    this.#size++;
    this.#approximateBytes += pathLength + Math.max(dataLength, 0);
    return ref;
  }

  /** Makes room in the record for what is kept about children. */
  #ensureChildrenFields(ref: ZnodeRef): void {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    if (hasChildrenFields(view, at)) return;
    const address = this.#slots[ref];
    const bytes = this.#bytesOf(ref);
    const tail = at + headBytes;
    const tailEnd = at + statStartIn(view, at) + statPersistedBytes +
      Math.max(view.getInt32(at + dataLengthAt, true), 0);
    const wanted = tailEnd - at + childrenBytes;
    const isMoving = this.#pages.isMisfit(this.#pages.sizeAt(address), wanted);
    if (isMoving) this.#slots[ref] = this.#pages.allocate(wanted);
    const newBytes = this.#bytesOf(ref);
    const newView = this.#viewOf(ref);
    const newAt = this.#atOf(ref);
    // The tail first: in the same cell it makes room for the fields.
    newBytes.set(bytes.subarray(tail, tailEnd), newAt + headBytes + childrenBytes);
    if (isMoving) newBytes.set(bytes.subarray(at, tail), newAt);
    newView.setInt32(newAt + firstChildAt, noZnode, true);
    newView.setInt32(newAt + numChildrenAt, 0, true);
    const pathLength = newView.getInt32(newAt + pathLengthAt, true);
    newView.setInt32(newAt + pathLengthAt, pathLength | hasChildrenBit, true);
    if (isMoving) this.#pages.free(address);
  }

  #takeSlot(): ZnodeRef {
    const free = this.#freeSlot;
    if (free !== 0) {
      this.#freeSlot = ~this.#slots[free];
      return free;
    }
    if (this.#slotsUsed === this.#slots.length) {
      const larger = new Int32Array(this.#slots.length * 2);
      larger.set(this.#slots);
      this.#slots = larger;
    }
    assert(this.#slotsUsed < refsMax, "a store has at most 2^26 znodes");
    return this.#slotsUsed++;
  }

  #bytesOf(ref: ZnodeRef): Uint8Array {
    return this.#pages.bytesAt(this.#slots[ref]);
  }

  #viewOf(ref: ZnodeRef): DataView {
    return this.#pages.viewAt(this.#slots[ref]);
  }

  #atOf(ref: ZnodeRef): number {
    return this.#pages.offsetOf(this.#slots[ref]);
  }

  /** Where in its page's buffer a znode's stat begins. */
  #statOf(ref: ZnodeRef): number {
    const address = this.#slots[ref];
    const at = this.#pages.offsetOf(address);
    return at + statStartIn(this.#pages.viewAt(address), at);
  }

  #longOf(ref: ZnodeRef, field: number): number {
    const view = this.#viewOf(ref);
    const at = this.#statOf(ref) + field;
    return view.getInt32(at) * 0x100000000 + view.getUint32(at + 4);
  }

  /** Copies path or data into a znode's page, at `at`. */
  #copyIn(from: Uint8Array, start: number, length: number, ref: ZnodeRef, at: number): void {
    if (length <= wordCopyMax) copyWords(this.#entries.of(from), start, length, this.#viewOf(ref), at);
    else this.#bytesOf(ref).set(from.subarray(start, start + length), at);
  }

  #writeRun(ref: ZnodeRef, start: number, length: number, writer: JuteWriter): void {
    writer.rawRun(this.#bytesOf(ref), this.#viewOf(ref), start, length);
  }
}

function hasChildrenFields(view: DataView, at: number): boolean {
  return view.getInt32(at + pathLengthAt, true) < 0;
}

function pathLengthIn(view: DataView, at: number): number {
  return view.getInt32(at + pathLengthAt, true) & pathLengthMask;
}

/** Where in a record its path begins. */
function pathStartIn(view: DataView, at: number): number {
  return headBytes + ((view.getInt32(at + pathLengthAt, true) >>> 28) & childrenBytes);
}

/** Where in a record its stat begins. */
function statStartIn(view: DataView, at: number): number {
  return pathStartIn(view, at) + pathLengthIn(view, at);
}

function ownerIn(view: DataView, stat: number): bigint {
  if ((view.getInt32(stat + statAt.owner) | view.getInt32(stat + statAt.owner + 4)) === 0) return 0n;
  return view.getBigInt64(stat + statAt.owner);
}
