import { assert } from "../base/assert.ts";
import { decodeText } from "../jute/reader.ts";
import { JuteWriter } from "../jute/writer.ts";
import { ownerKind, type OwnerRules } from "../protocol/create_mode.ts";
import { nodeName } from "../protocol/path.ts";
import { statPersistedBytes } from "../protocol/stat.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { contentCrc, pathCrc, znodeDigest } from "./digest.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "./znode_store.ts";

interface Znode {
  readonly ref: ZnodeRef;
  readonly path: string;
  readonly parent: Znode | null;
  readonly children: Set<Znode>;
  data: Uint8Array | null;
  aclKey: number;
  czxid: bigint;
  mzxid: bigint;
  pzxid: bigint;
  ctimeMs: bigint;
  mtimeMs: bigint;
  version: number;
  cversion: number;
  aversion: number;
  owner: bigint;
}

const textEncoder = new TextEncoder();
const empty = new Uint8Array(0);

/**
 * Znodes as plain objects in a map from path to object: the twin that tests and simulations hold the paged
 * store against. It is written to be obviously right, not to be fast.
 */
export class ObjectZnodeStore implements ZnodeStore {
  readonly root: ZnodeRef = 1;
  readonly #ownerRules: OwnerRules;
  readonly #byPath = new Map<string, Znode>();
  readonly #byRef = new Map<ZnodeRef, Znode>();
  #nextRef = 1;
  #approximateBytes = 0;

  constructor(options: { readonly ownerRules: OwnerRules }) {
    this.#ownerRules = options.ownerRules;
    this.clear();
  }

  get size(): number {
    return this.#byPath.size;
  }

  get approximateBytes(): number {
    return this.#approximateBytes;
  }

  clear(): void {
    this.#byPath.clear();
    this.#byRef.clear();
    this.#nextRef = this.root;
    this.#approximateBytes = 0;
    this.#add(null, "/", empty, -1, new Uint8Array(statPersistedBytes), 0);
  }

  find(bytes: Uint8Array, start: number, length: number): ZnodeRef {
    return this.findPath(decodeText(bytes, start, length));
  }

  /** Few, so that paths share one often. */
  hash(bytes: Uint8Array, start: number, length: number): number {
    return length === 0 ? 0 : (length ^ bytes[start + length - 1]) & 7;
  }

  findHashed(_hash: number, bytes: Uint8Array, start: number, length: number): ZnodeRef {
    return this.find(bytes, start, length);
  }

  findPath(path: string): ZnodeRef {
    return this.#byPath.get(path === "" ? "/" : path)?.ref ?? noZnode;
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
    const above = this.#at(parent);
    const text = decodeText(path, pathStart, pathLength);
    assert(!this.#byPath.has(text), "a znode is inserted once");
    const content = dataLength < 0 ? null : data.slice(dataStart, dataStart + dataLength);
    const znode = this.#add(above, text, content, aclKey, stat, statStart);
    above.children.add(znode);
    return znode.ref;
  }

  remove(ref: ZnodeRef): void {
    const znode = this.#at(ref);
    assert(znode.parent !== null, "the root stays");
    assert(znode.children.size === 0, "only a childless znode is removed");
    znode.parent.children.delete(znode);
    this.#byPath.delete(znode.path);
    this.#byRef.delete(ref);
    this.#approximateBytes -= sizeOf(znode);
  }

  setData(ref: ZnodeRef, data: Uint8Array, start: number, length: number): void {
    const znode = this.#at(ref);
    this.#approximateBytes -= sizeOf(znode);
    znode.data = length < 0 ? null : data.slice(start, start + length);
    this.#approximateBytes += sizeOf(znode);
  }

  parentOf(ref: ZnodeRef): ZnodeRef {
    return this.#at(ref).parent?.ref ?? noZnode;
  }

  numChildrenOf(ref: ZnodeRef): number {
    return this.#at(ref).children.size;
  }

  dataLengthOf(ref: ZnodeRef): number {
    return this.#at(ref).data?.length ?? -1;
  }

  aclKeyOf(ref: ZnodeRef): number {
    return this.#at(ref).aclKey;
  }

  versionOf(ref: ZnodeRef): number {
    return this.#at(ref).version;
  }

  cversionOf(ref: ZnodeRef): number {
    return this.#at(ref).cversion;
  }

  aversionOf(ref: ZnodeRef): number {
    return this.#at(ref).aversion;
  }

  czxidOf(ref: ZnodeRef): Zxid {
    return Number(this.#at(ref).czxid);
  }

  mzxidOf(ref: ZnodeRef): Zxid {
    return Number(this.#at(ref).mzxid);
  }

  pzxidOf(ref: ZnodeRef): Zxid {
    return Number(this.#at(ref).pzxid);
  }

  ctimeMsOf(ref: ZnodeRef): number {
    return Number(this.#at(ref).ctimeMs);
  }

  mtimeMsOf(ref: ZnodeRef): number {
    return Number(this.#at(ref).mtimeMs);
  }

  ownerOf(ref: ZnodeRef): bigint {
    return this.#at(ref).owner;
  }

  pathOf(ref: ZnodeRef): string {
    return this.#at(ref).path;
  }

  copyDataOf(ref: ZnodeRef): Uint8Array | null {
    return this.#at(ref).data?.slice() ?? null;
  }

  setAclKey(ref: ZnodeRef, aclKey: number): void {
    this.#at(ref).aclKey = aclKey;
  }

  setStat(ref: ZnodeRef, stat: Uint8Array, statStart: number): void {
    readStat(this.#at(ref), stat, statStart);
  }

  setAversion(ref: ZnodeRef, aversion: number): void {
    this.#at(ref).aversion = aversion;
  }

  setModified(ref: ZnodeRef, version: number, zxid: Zxid, timeMs: number): void {
    const znode = this.#at(ref);
    znode.version = version;
    znode.mzxid = BigInt(zxid);
    znode.mtimeMs = BigInt(timeMs);
  }

  setCversion(ref: ZnodeRef, cversion: number): void {
    this.#at(ref).cversion = cversion;
  }

  setPzxid(ref: ZnodeRef, zxid: Zxid): void {
    this.#at(ref).pzxid = BigInt(zxid);
  }

  firstChildOf(ref: ZnodeRef): ZnodeRef {
    for (const child of this.#at(ref).children) return child.ref;
    return noZnode;
  }

  nextSiblingOf(ref: ZnodeRef): ZnodeRef {
    const znode = this.#at(ref);
    if (znode.parent === null) return noZnode;
    let seen = false;
    for (const sibling of znode.parent.children) {
      if (seen) return sibling.ref;
      seen = sibling === znode;
    }
    return noZnode;
  }

  writePath(ref: ZnodeRef, writer: JuteWriter): void {
    writer.string(this.#at(ref).path);
  }

  writeData(ref: ZnodeRef, writer: JuteWriter): void {
    writer.buffer(this.#at(ref).data);
  }

  writeStat(ref: ZnodeRef, writer: JuteWriter): void {
    const znode = this.#at(ref);
    writer.long(znode.czxid);
    writer.long(znode.mzxid);
    writer.long(znode.ctimeMs);
    writer.long(znode.mtimeMs);
    writer.int(znode.version);
    writer.int(2 * znode.cversion - znode.children.size);
    writer.int(znode.aversion);
    writer.long(ownerKind(znode.owner, this.#ownerRules) === "ephemeral" ? znode.owner : 0n);
    writer.int(znode.data?.length ?? 0);
    writer.int(znode.children.size);
    writer.long(znode.pzxid);
  }

  copyStat(ref: ZnodeRef, target: DataView, at: number): void {
    const stat = new JuteWriter(statPersistedBytes);
    this.writeStatPersisted(ref, stat);
    for (let index = 0; index < statPersistedBytes; index++) target.setUint8(at + index, stat.bytes[index]);
  }

  writeStatPersisted(ref: ZnodeRef, writer: JuteWriter): void {
    const znode = this.#at(ref);
    writer.long(znode.czxid);
    writer.long(znode.mzxid);
    writer.long(znode.ctimeMs);
    writer.long(znode.mtimeMs);
    writer.int(znode.version);
    writer.int(znode.cversion);
    writer.int(znode.aversion);
    writer.long(znode.owner);
    writer.long(znode.pzxid);
  }

  writeChildren(ref: ZnodeRef, writer: JuteWriter): void {
    const children = this.#at(ref).children;
    writer.int(children.size);
    for (const child of children) writer.string(nodeName(child.path));
  }

  contentCrcOf(ref: ZnodeRef): number {
    const { path, data } = this.#at(ref);
    const bytes = textEncoder.encode(path);
    return contentCrc(pathCrc(viewOf(bytes), 0, bytes.length), viewOf(data ?? empty), 0, data?.length ?? -1);
  }

  digestOf(ref: ZnodeRef): number {
    if (this.#at(ref).path.startsWith("/zookeeper/")) return 0;
    const stat = new JuteWriter(statPersistedBytes);
    this.writeStatPersisted(ref, stat);
    return znodeDigest(this.contentCrcOf(ref), stat.dataView, 0);
  }

  #add(
    parent: Znode | null,
    path: string,
    data: Uint8Array | null,
    aclKey: number,
    stat: Uint8Array,
    statStart: number,
  ): Znode {
    const znode: Znode = {
      ref: this.#nextRef++,
      path,
      parent,
      children: new Set(),
      data,
      aclKey,
      czxid: 0n,
      mzxid: 0n,
      pzxid: 0n,
      ctimeMs: 0n,
      mtimeMs: 0n,
      version: 0,
      cversion: 0,
      aversion: 0,
      owner: 0n,
    };
    readStat(znode, stat, statStart);
    this.#byPath.set(path, znode);
    this.#byRef.set(znode.ref, znode);
    this.#approximateBytes += sizeOf(znode);
    return znode;
  }

  #at(ref: ZnodeRef): Znode {
    const znode = this.#byRef.get(ref);
    assert(znode !== undefined, "a znode's handle is used only while it lives");
    return znode;
  }
}

function readStat(znode: Znode, stat: Uint8Array, statStart: number): void {
  const view = new DataView(stat.buffer, stat.byteOffset + statStart, statPersistedBytes);
  znode.czxid = view.getBigInt64(0);
  znode.mzxid = view.getBigInt64(8);
  znode.ctimeMs = view.getBigInt64(16);
  znode.mtimeMs = view.getBigInt64(24);
  znode.version = view.getInt32(32);
  znode.cversion = view.getInt32(36);
  znode.aversion = view.getInt32(40);
  znode.owner = view.getBigInt64(44);
  znode.pzxid = view.getBigInt64(52);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sizeOf(znode: Znode): number {
  return textEncoder.encode(znode.path).length + (znode.data?.length ?? 0);
}
