import type { JuteWriter } from "../jute/writer.ts";
import type { Zxid } from "../protocol/zxid.ts";

/** A handle on a znode inside its store: stable while the znode lives, reused afterwards. 0 is no znode. */
export type ZnodeRef = number;

/** No znode. */
export const noZnode: ZnodeRef = 0;

/**
 * Where znodes live. Two twins implement it: the paged store that ships, and a plain object store that tests
 * and simulations hold it against.
 *
 * A path is given as the bytes a request carried (UTF-8, absolute, no trailing slash), so that a read decodes
 * no string; "" and "/" are the root. Versions and counters are stored raw, as in snapshots: `cversion`
 * counts creations of children only, and what clients see is worked out by {@link writeStat}.
 */
export interface ZnodeStore {
  /** Znodes held, the root counted once. */
  readonly size: number;
  /** The root, there from the start. */
  readonly root: ZnodeRef;
  /** Bytes of all paths and data (DataTree.cachedApproximateDataSize); the root's path is one byte. */
  readonly approximateBytes: number;

  /** @returns The znode at the path in `bytes[start, start + length)`, or {@link noZnode}. */
  find(bytes: Uint8Array, start: number, length: number): ZnodeRef;
  /** @returns A number, int32, that no client can foretell and that is the same for the same path. */
  hash(bytes: Uint8Array, start: number, length: number): number;
  /** {@link find} where the path's {@link hash} is at hand. */
  findHashed(hash: number, bytes: Uint8Array, start: number, length: number): ZnodeRef;
  /** @returns The znode at `path`, or {@link noZnode}. */
  findPath(path: string): ZnodeRef;

  /**
   * Adds a znode with the given persisted fields and links it under its parent, whose counters stay as they are.
   * The path must be absent and `parent` must be its parent.
   *
   * @param path The whole path's bytes are `path[pathStart, pathStart + pathLength)`.
   * @param data Its bytes are `data[dataStart, dataStart + dataLength)`; a length of -1 stands for null data.
   * @param stat 60 bytes of StatPersisted at `stat[statStart]`, big-endian as in a snapshot: czxid mzxid ctime
   *   mtime version cversion aversion ephemeralOwner pzxid.
   */
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
  ): ZnodeRef;
  /** Takes a childless znode out and unlinks it from its parent, whose counters stay as they are. */
  remove(ref: ZnodeRef): void;
  /** Replaces the data; a length of -1 stands for null. Versions stay as they are. */
  setData(ref: ZnodeRef, data: Uint8Array, start: number, length: number): void;

  parentOf(ref: ZnodeRef): ZnodeRef;
  numChildrenOf(ref: ZnodeRef): number;
  /** @returns Length in bytes, -1 for null data. */
  dataLengthOf(ref: ZnodeRef): number;
  aclKeyOf(ref: ZnodeRef): number;
  versionOf(ref: ZnodeRef): number;
  /** @returns The raw counter of child creations. */
  cversionOf(ref: ZnodeRef): number;
  aversionOf(ref: ZnodeRef): number;
  czxidOf(ref: ZnodeRef): Zxid;
  mzxidOf(ref: ZnodeRef): Zxid;
  pzxidOf(ref: ZnodeRef): Zxid;
  /** @returns Milliseconds since 1970. */
  ctimeMsOf(ref: ZnodeRef): number;
  /** @returns Milliseconds since 1970. */
  mtimeMsOf(ref: ZnodeRef): number;
  /** @returns The stored owner: 0n, a session, or the mark of a container or TTL znode. */
  ownerOf(ref: ZnodeRef): bigint;
  pathOf(ref: ZnodeRef): string;
  /** @returns A copy of the data, or null. */
  copyDataOf(ref: ZnodeRef): Uint8Array | null;

  setAclKey(ref: ZnodeRef, aclKey: number): void;
  /** Replaces all persisted fields with the 60 bytes of StatPersisted at `stat[statStart]`. */
  setStat(ref: ZnodeRef, stat: Uint8Array, statStart: number): void;
  setAversion(ref: ZnodeRef, aversion: number): void;
  /** Notes what a change of the data leaves: version, mzxid and mtime in ms. */
  setModified(ref: ZnodeRef, version: number, zxid: Zxid, timeMs: number): void;
  setCversion(ref: ZnodeRef, cversion: number): void;
  setPzxid(ref: ZnodeRef, zxid: Zxid): void;

  /** First child, or {@link noZnode}; with {@link nextSiblingOf} all children, in no particular order. */
  firstChildOf(ref: ZnodeRef): ZnodeRef;
  nextSiblingOf(ref: ZnodeRef): ZnodeRef;

  /** Writes the path as a jute string; the root's is "/". */
  writePath(ref: ZnodeRef, writer: JuteWriter): void;
  /** Writes the data as a jute buffer, straight from where it is kept. */
  writeData(ref: ZnodeRef, writer: JuteWriter): void;
  /** Writes the 68 bytes of a Stat as clients see it: cversion = 2 x raw - children, owners of containers and TTL znodes hidden. */
  writeStat(ref: ZnodeRef, writer: JuteWriter): void;
  /** Copies the 60 bytes of a StatPersisted to `target[at]`. */
  copyStat(ref: ZnodeRef, target: DataView, at: number): void;
  /** Writes the 60 bytes of a StatPersisted. */
  writeStatPersisted(ref: ZnodeRef, writer: JuteWriter): void;
  /** Writes the names of the children as a jute vector of strings. */
  writeChildren(ref: ZnodeRef, writer: JuteWriter): void;
  /** @returns CRC32, unsigned, of path and data: the part of the digest that counters do not change. */
  contentCrcOf(ref: ZnodeRef): number;
  /** @returns The znode's share of the tree digest (digest.ts): a CRC32, unsigned; 0 below /zookeeper. */
  digestOf(ref: ZnodeRef): number;

  /** Takes out everything; the root stays, childless, as in a new store: empty data, ACL key -1, all fields 0. */
  clear(): void;
}
