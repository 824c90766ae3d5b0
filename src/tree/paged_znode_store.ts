import { assert } from "../base/assert.ts";
import type { Random } from "../base/random.ts";
import { decodeText } from "../jute/reader.ts";
import { copyWords, isSameRun, LastView, wordCopyMax } from "../jute/byte_runs.ts";
import type { JuteWriter } from "../jute/writer.ts";
import { ownerKind, type OwnerRules } from "../protocol/create_mode.ts";
import { statAt, statBytes, statPersistedBytes } from "../protocol/stat.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { type CellAddress, type CellMover, CellPages } from "./cell_pages.ts";
import { contentCrc, isDigested, pathCrc, ZnodeCrcs, znodeDigest } from "./digest.ts";
import { hashPath } from "./path_hash.ts";
import { type PathRecords, PathTable, refsMax } from "./path_table.ts";
import {
  aclKeyIn,
  aversionIn,
  beginGroup,
  beginRecord,
  bytesBeforeData,
  bytesOfGroup,
  copyStatOf,
  ctimeIn,
  cversionIn,
  czxidIn,
  dataIn,
  dataLengthAt,
  firstChildIn,
  type Group,
  groupIn,
  groups,
  groupsIn,
  groupsOfStat,
  mtimeIn,
  mzxidIn,
  nextAt,
  numChildrenIn,
  ownerIn,
  pathAt,
  pathLengthIn,
  pathLengthMax,
  previousAt,
  pzxidIn,
  setAclKeyIn,
  setAversionIn,
  setChildrenIn,
  setCversionIn,
  setModifiedIn,
  setPzxidIn,
  setStatIn,
  versionIn,
} from "./znode_record.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "./znode_store.ts";

const slash = 0x2f;
const statGroups = [groups.modified, groups.lineage, groups.guarded, groups.owned] as const;
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
 * Measured with test/bench/znode_store_bench.ts, 100 bytes of data and paths like /bench/a000123, Bun 1.4.5 on two
 * cores of a Xeon while other work kept both busy (load 14 to 18): best slices in million operations a second. The
 * object store makes 2.8 and 1.5 of 10^3 znodes, 1.0 and 0.45 of 10^5, which take it 94 MB.
 *
 *   znodes   find   getData: find, writeData, writeStat   insert   memory
 *   10^3     18     10
 *   10^5     4.5    3.6                                   2.0      12 MB
 *   10^6     0.9    0.9                                   1.3      165 MB; 219 MB with every field in each record
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
  /** Those of paths that were wanted. */
  readonly #pathCrcs = new ZnodeCrcs();
  readonly #scratch = new Uint8Array(256);
  readonly #scratchView = new DataView(this.#scratch.buffer);
  /** Where the paths are that are looked for. */
  readonly #wanted = new LastView();
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
    return this.#pages.totalBytes + this.#table.totalBytes + this.#slots.byteLength +
      this.#pathCrcs.totalBytes;
  }

  clear(): void {
    this.#pages.clear();
    this.#table.clear();
    this.#pathCrcs.clear();
    this.#slots = new Int32Array(256);
    this.#slotsUsed = 1;
    this.#freeSlot = 0;
    this.#size = 0;
    this.#approximateBytes = 0;
    this.#addRoot();
  }

  hash(bytes: Uint8Array, start: number, length: number): number {
    return hashPath(this.#wanted.of(bytes), start, length, this.#key0, this.#key1);
  }

  find(bytes: Uint8Array, start: number, length: number): ZnodeRef {
    return this.findHashed(this.hash(bytes, start, length), bytes, start, length);
  }

  findHashed(hash: number, bytes: Uint8Array, start: number, length: number): ZnodeRef {
    if (length <= 1) return length === 0 || bytes[start] === slash ? this.root : noZnode;
    return this.#table.find(hash, this.#wanted.of(bytes), start, length);
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
    this.#ensure(parent, groups.children);
    const ref = this.#add(path, pathStart, pathLength, data, dataStart, dataLength, aclKey, stat, statStart);
    const above = this.#viewOf(parent);
    const aboveAt = this.#atOf(parent);
    const first = firstChildIn(above, aboveAt);
    setChildrenIn(above, aboveAt, ref, 1);
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
    if (previous !== noZnode) this.#viewOf(previous).setInt32(this.#atOf(previous) + nextAt, next, true);
    if (next !== noZnode) this.#viewOf(next).setInt32(this.#atOf(next) + previousAt, previous, true);
    setChildrenIn(above, aboveAt, previous === noZnode ? next : firstChildIn(above, aboveAt), -1);

    this.#table.remove(this.hashOf(ref), ref);
    this.#size--;
    this.#approximateBytes -= pathLengthIn(view, at) + Math.max(view.getInt32(at + dataLengthAt, true), 0);
    const address = this.#slots[ref];
    this.#slots[ref] = ~this.#freeSlot;
    this.#pathCrcs.forget(ref);
    this.#freeSlot = ref;
    this.#pages.free(address);
  }

  setData(ref: ZnodeRef, data: Uint8Array, start: number, length: number): void {
    const address = this.#slots[ref];
    let view = this.#viewOf(ref);
    let at = this.#atOf(ref);
    const before = view.getInt32(at + dataLengthAt, true);
    this.#approximateBytes += Math.max(length, 0) - Math.max(before, 0);
    const dataStart = dataIn(view, at) - at;
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
    const path = at + pathAt;
    let end = path + pathLengthIn(view, at) - 1;
    while (bytes[end] !== slash) end--;
    return this.find(bytes, path, end - path);
  }

  numChildrenOf(ref: ZnodeRef): number {
    return numChildrenIn(this.#viewOf(ref), this.#atOf(ref));
  }

  dataLengthOf(ref: ZnodeRef): number {
    return this.#viewOf(ref).getInt32(this.#atOf(ref) + dataLengthAt, true);
  }

  aclKeyOf(ref: ZnodeRef): number {
    return aclKeyIn(this.#viewOf(ref), this.#atOf(ref));
  }

  versionOf(ref: ZnodeRef): number {
    return versionIn(this.#viewOf(ref), this.#atOf(ref));
  }

  cversionOf(ref: ZnodeRef): number {
    return cversionIn(this.#viewOf(ref), this.#atOf(ref));
  }

  aversionOf(ref: ZnodeRef): number {
    return aversionIn(this.#viewOf(ref), this.#atOf(ref));
  }

  czxidOf(ref: ZnodeRef): Zxid {
    return czxidIn(this.#viewOf(ref), this.#atOf(ref));
  }

  mzxidOf(ref: ZnodeRef): Zxid {
    return mzxidIn(this.#viewOf(ref), this.#atOf(ref));
  }

  pzxidOf(ref: ZnodeRef): Zxid {
    return pzxidIn(this.#viewOf(ref), this.#atOf(ref));
  }

  ctimeMsOf(ref: ZnodeRef): number {
    return ctimeIn(this.#viewOf(ref), this.#atOf(ref));
  }

  mtimeMsOf(ref: ZnodeRef): number {
    return mtimeIn(this.#viewOf(ref), this.#atOf(ref));
  }

  ownerOf(ref: ZnodeRef): bigint {
    return ownerIn(this.#viewOf(ref), this.#atOf(ref));
  }

  pathOf(ref: ZnodeRef): string {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    return decodeText(this.#bytesOf(ref), at + pathAt, pathLengthIn(view, at));
  }

  copyDataOf(ref: ZnodeRef): Uint8Array | null {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const length = view.getInt32(at + dataLengthAt, true);
    if (length < 0) return null;
    const start = dataIn(view, at);
    return this.#bytesOf(ref).slice(start, start + length);
  }

  setAclKey(ref: ZnodeRef, aclKey: number): void {
    this.#ensure(ref, groups.guarded);
    setAclKeyIn(this.#viewOf(ref), this.#atOf(ref), aclKey);
  }

  setStat(ref: ZnodeRef, stat: Uint8Array, statStart: number): void {
    for (const group of statGroups) this.#ensure(ref, group);
    setStatIn(this.#viewOf(ref), this.#atOf(ref), this.#stats.of(stat), statStart);
  }

  setAversion(ref: ZnodeRef, aversion: number): void {
    this.#ensure(ref, groups.guarded);
    setAversionIn(this.#viewOf(ref), this.#atOf(ref), aversion);
  }

  setModified(ref: ZnodeRef, version: number, zxid: Zxid, timeMs: number): void {
    this.#ensure(ref, groups.modified);
    setModifiedIn(this.#viewOf(ref), this.#atOf(ref), version, zxid, timeMs);
  }

  setCversion(ref: ZnodeRef, cversion: number): void {
    this.#ensure(ref, groups.lineage);
    setCversionIn(this.#viewOf(ref), this.#atOf(ref), cversion);
  }

  setPzxid(ref: ZnodeRef, zxid: Zxid): void {
    this.#ensure(ref, groups.lineage);
    setPzxidIn(this.#viewOf(ref), this.#atOf(ref), zxid);
  }

  firstChildOf(ref: ZnodeRef): ZnodeRef {
    return firstChildIn(this.#viewOf(ref), this.#atOf(ref));
  }

  nextSiblingOf(ref: ZnodeRef): ZnodeRef {
    return this.#viewOf(ref).getInt32(this.#atOf(ref) + nextAt, true);
  }

  writePath(ref: ZnodeRef, writer: JuteWriter): void {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const length = pathLengthIn(view, at);
    writer.int(length);
    this.#writeRun(ref, at + pathAt, length, writer);
  }

  writeData(ref: ZnodeRef, writer: JuteWriter): void {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const length = view.getInt32(at + dataLengthAt, true);
    writer.int(length);
    if (length > 0) this.#writeRun(ref, dataIn(view, at), length, writer);
  }

  writeStat(ref: ZnodeRef, writer: JuteWriter): void {
    writer.reserve(statBytes);
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    const stat = writer.dataView;
    const to = writer.length;
    copyStatOf(view, at, stat, to);
    const numChildren = numChildrenIn(view, at);
    stat.setInt32(to + statAt.cversion, 2 * stat.getInt32(to + statAt.cversion) - numChildren);
    const owner = ownerIn(view, at);
    if (owner !== 0n && ownerKind(owner, this.#ownerRules) !== "ephemeral") {
      stat.setInt32(to + statAt.owner, 0);
      stat.setInt32(to + statAt.owner + 4, 0);
    }
    // A client's Stat has two numbers before pzxid.
    stat.setInt32(to + statBytes - 8, stat.getInt32(to + statAt.pzxid));
    stat.setInt32(to + statBytes - 4, stat.getInt32(to + statAt.pzxid + 4));
    stat.setInt32(to + statAt.pzxid, Math.max(view.getInt32(at + dataLengthAt, true), 0));
    stat.setInt32(to + statAt.pzxid + 4, numChildren);
    writer.length = to + statBytes;
  }

  copyStat(ref: ZnodeRef, target: DataView, at: number): void {
    copyStatOf(this.#viewOf(ref), this.#atOf(ref), target, at);
  }

  writeStatPersisted(ref: ZnodeRef, writer: JuteWriter): void {
    writer.reserve(statPersistedBytes);
    this.copyStat(ref, writer.dataView, writer.length);
    writer.length += statPersistedBytes;
  }

  writeChildren(ref: ZnodeRef, writer: JuteWriter): void {
    writer.int(this.numChildrenOf(ref));
    const above = ref === this.root ? 1 : pathLengthIn(this.#viewOf(ref), this.#atOf(ref)) + 1;
    for (let child = this.firstChildOf(ref); child !== noZnode; child = this.nextSiblingOf(child)) {
      const view = this.#viewOf(child);
      const at = this.#atOf(child);
      const length = pathLengthIn(view, at) - above;
      writer.int(length);
      this.#writeRun(child, at + pathAt + above, length, writer);
    }
  }

  contentCrcOf(ref: ZnodeRef): number {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    let path = this.#pathCrcs.of(ref);
    if (path === 0) {
      path = pathCrc(view, at + pathAt, pathLengthIn(view, at));
      this.#pathCrcs.set(ref, path);
    }
    return contentCrc(path, view, dataIn(view, at), view.getInt32(at + dataLengthAt, true));
  }

  digestOf(ref: ZnodeRef): number {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    if (!isDigested(this.#bytesOf(ref), at + pathAt, pathLengthIn(view, at))) return 0;
    copyStatOf(view, at, this.#scratchView, 0);
    return znodeDigest(this.contentCrcOf(ref), this.#scratchView, 0);
  }

  hasPath(ref: ZnodeRef, wanted: DataView, start: number, length: number): boolean {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    return pathLengthIn(view, at) === length && isSameRun(view, at + pathAt, wanted, start, length);
  }

  hashOf(ref: ZnodeRef): number {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    return hashPath(view, at + pathAt, pathLengthIn(view, at), this.#key0, this.#key1);
  }

  onMoved(from: CellAddress, to: CellAddress): void {
    const view = this.#pages.viewAt(to);
    const at = this.#pages.offsetOf(to);
    const ref = this.find(this.#pages.bytesAt(to), at + pathAt, pathLengthIn(view, at));
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
    assert(pathLength <= pathLengthMax, "a path is below 2^27 bytes");
    const statView = this.#stats.of(stat);
    const set = groupsOfStat(aclKey, statView, statStart);
    const dataAt = bytesBeforeData(pathLength, set);
    const address = this.#pages.allocate(dataAt + Math.max(dataLength, 0));
    const ref = this.#takeSlot();
    this.#slots[ref] = address;
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    beginRecord(view, at, pathLength, dataLength, set);
    this.#copyIn(path, pathStart, pathLength, ref, at + pathAt);
    setStatIn(view, at, statView, statStart);
    if ((set & groups.guarded) !== 0) setAclKeyIn(view, at, aclKey);
    if (dataLength > 0) this.#copyIn(data, dataStart, dataLength, ref, at + dataAt);
    this.#size++;
    this.#approximateBytes += pathLength + Math.max(dataLength, 0);
    return ref;
  }

  /** Makes room in the record for a group, which begins with what held without it. */
  #ensure(ref: ZnodeRef, group: Group): void {
    const view = this.#viewOf(ref);
    const at = this.#atOf(ref);
    if ((groupsIn(view, at) & group) !== 0) return;
    const address = this.#slots[ref];
    const bytes = this.#bytesOf(ref);
    const tail = groupIn(view, at, group);
    const tailEnd = dataIn(view, at) + Math.max(view.getInt32(at + dataLengthAt, true), 0);
    const wanted = tailEnd - at + bytesOfGroup(group);
    const isMoving = this.#pages.isMisfit(this.#pages.sizeAt(address), wanted);
    if (isMoving) this.#slots[ref] = this.#pages.allocate(wanted);
    const newBytes = this.#bytesOf(ref);
    const newAt = this.#atOf(ref);
    // The tail first: in the same cell it makes room for the group.
    newBytes.set(bytes.subarray(tail, tailEnd), newAt + tail - at + bytesOfGroup(group));
    if (isMoving) newBytes.set(bytes.subarray(at, tail), newAt);
    beginGroup(this.#viewOf(ref), newAt, group);
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

  /** Copies path or data into a znode's page, at `at`. */
  #copyIn(from: Uint8Array, start: number, length: number, ref: ZnodeRef, at: number): void {
    if (length <= wordCopyMax) copyWords(this.#entries.of(from), start, length, this.#viewOf(ref), at);
    else this.#bytesOf(ref).set(from.subarray(start, start + length), at);
  }

  #writeRun(ref: ZnodeRef, start: number, length: number, writer: JuteWriter): void {
    writer.rawRun(this.#bytesOf(ref), this.#viewOf(ref), start, length);
  }
}
