import { decodeText } from "../jute/reader.ts";
import { copyWords, isSameRun } from "../jute/byte_runs.ts";
import { type JuteWriter, setLongNumber } from "../jute/writer.ts";
import { type Acl, openAcl } from "../protocol/acl.ts";
import type { SessionId } from "../protocol/session_id.ts";
import { statAt, statPersistedBytes } from "../protocol/stat.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { pathCrc } from "../tree/digest.ts";
import { noZnode, type ZnodeRef } from "../tree/znode_store.ts";

/** Behind the stat; a longer path gets a buffer of its own. */
const pathRoomBytes = 100;

/**
 * A znode as it will be once every txn prepared so far is applied (PrepRequestProcessor's ChangeRecord).
 *
 * Its stat and path are kept as bytes, which is how they come and what the digest is worked out from; one object serves
 * one znode after another.
 */
export class PendingZnode {
  exists = true;
  acl: readonly Acl[] = openAcl;
  /** -1 for null data. */
  dataLength = 0;
  numChildren = 0;
  /** CRC32 of the path, and of path and data: -1 while they have not been asked for. */
  pathCrc = -1;
  contentCrc = -1;
  /** Whether it counts in the tree's digest, and what it adds to that at present. */
  isDigested = true;
  digest = 0;
  /** Whether the changes hold it, under its path's hash; the next one whose hash ends alike. */
  isPending = false;
  hash = 0;
  next: PendingZnode | null = null;
  /** Where the tree has it, while the txn is prepared for which it was taken from there. */
  ref: ZnodeRef = noZnode;
  /** The newest txn that changes it. */
  zxid: Zxid = 0;
  pathLength = 0;
  /** StatPersisted as in snapshots, and the path behind it. */
  #bytes = new Uint8Array(statPersistedBytes + pathRoomBytes);
  #view = new DataView(this.#bytes.buffer);

  /** StatPersisted at its beginning. */
  get stat(): DataView {
    return this.#view;
  }

  get version(): number {
    return this.#view.getInt32(statAt.version);
  }

  set version(version: number) {
    this.#view.setInt32(statAt.version, version);
  }

  /** Raw counter of child creations. */
  get cversion(): number {
    return this.#view.getInt32(statAt.cversion);
  }

  set cversion(cversion: number) {
    this.#view.setInt32(statAt.cversion, cversion);
  }

  get aversion(): number {
    return this.#view.getInt32(statAt.aversion);
  }

  set aversion(aversion: number) {
    this.#view.setInt32(statAt.aversion, aversion);
  }

  set pzxid(zxid: Zxid) {
    setLongNumber(this.#view, statAt.pzxid, zxid);
  }

  get owner(): SessionId {
    const view = this.#view;
    if ((view.getInt32(statAt.owner) | view.getInt32(statAt.owner + 4)) === 0) return 0n;
    return view.getBigInt64(statAt.owner);
  }

  get path(): string {
    return decodeText(this.#bytes, statPersistedBytes, this.pathLength);
  }

  /** Turns to the znode at a path, of which nothing is known. */
  begin(hash: number, path: DataView, start: number, length: number): void {
    if (statPersistedBytes + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(statPersistedBytes + length);
      this.#view = new DataView(this.#bytes.buffer);
    }
    copyWords(path, start, length, this.#view, statPersistedBytes);
    this.pathLength = length;
    this.hash = hash;
    this.pathCrc = -1;
    this.contentCrc = -1;
    this.next = null;
    this.zxid = 0;
    this.exists = true;
  }

  /** It is created by txn `zxid` with nothing below it, and adds nothing to the digest yet. */
  beNew(zxid: Zxid, timeMs: number, owner: SessionId): void {
    const view = this.#view;
    setLongNumber(view, statAt.czxid, zxid);
    setLongNumber(view, statAt.mzxid, zxid);
    setLongNumber(view, statAt.ctime, timeMs);
    setLongNumber(view, statAt.mtime, timeMs);
    for (let at: number = statAt.version; at < statAt.pzxid; at += 4) view.setInt32(at, 0);
    if (owner !== 0n) view.setBigInt64(statAt.owner, owner);
    setLongNumber(view, statAt.pzxid, zxid);
    this.numChildren = 0;
    this.digest = 0;
  }

  /** Its data is changed by txn `zxid`. */
  setModified(zxid: Zxid, timeMs: number): void {
    setLongNumber(this.#view, statAt.mzxid, zxid);
    setLongNumber(this.#view, statAt.mtime, timeMs);
  }

  hasPath(view: DataView, start: number, length: number): boolean {
    return length === this.pathLength && isSameRun(this.#view, statPersistedBytes, view, start, length);
  }

  crcOfPath(): number {
    return pathCrc(this.#view, statPersistedBytes, this.pathLength);
  }

  /** Writes the path as a jute string. */
  writePath(writer: JuteWriter): void {
    writer.int(this.pathLength);
    writer.rawRun(this.#bytes, this.#view, statPersistedBytes, this.pathLength);
  }

  /** Becomes what another one of the same path is; who holds it stays. */
  takeOver(other: PendingZnode): void {
    this.exists = other.exists;
    this.acl = other.acl;
    this.dataLength = other.dataLength;
    this.numChildren = other.numChildren;
    this.pathCrc = other.pathCrc;
    this.contentCrc = other.contentCrc;
    this.isDigested = other.isDigested;
    this.digest = other.digest;
    this.zxid = other.zxid;
    copyWords(other.#view, 0, statPersistedBytes, this.#view, 0);
  }

  /** @returns One that is the same, and that nobody holds. */
  copy(): PendingZnode {
    const copy = new PendingZnode();
    copy.begin(this.hash, this.#view, statPersistedBytes, this.pathLength);
    copy.takeOver(this);
    return copy;
  }
}
