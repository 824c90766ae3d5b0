import type { Disk, DiskFile } from "../base/disk.ts";
import { JuteError } from "../jute/reader.ts";
import { digestVersion } from "../protocol/txn.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { TreeSnapshotLoader } from "../tree/tree_snapshot.ts";
import { Adler32 } from "./adler32.ts";
import { type ByteSource, FileSource } from "./byte_source.ts";
import { BadSnapshotError } from "./errors.ts";
import { compressionOfName, type DatedFile } from "./file_names.ts";
import { GunzipSource } from "./gunzip.ts";
import {
  digestPartBytes,
  lastZxidPartBytes,
  sealBytes,
  snapshotHeader,
  snapshotMagicBytes,
} from "./snapshot_format.ts";
import { UnsnappySource } from "./unsnappy.ts";

const windowBytes = 512 * 1024;
const slash = 0x2f;

/**
 * Loads a snapshot file into a tree, which is emptied first, in bounded memory; every seal is checked.
 *
 * The tree's zxid becomes the one in the file's name: what came later is in the logs.
 *
 * @throws {BadSnapshotError} If the file is cut short or damaged; the tree is then half loaded.
 */
export function loadSnapshot(disk: Disk, snapshot: DatedFile, tree: DataTree, fieldBytesMax?: number): void {
  const file = disk.open(snapshot.path, "read");
  try {
    new SnapshotReader(sourceOf(snapshot.name, file), tree, fieldBytesMax).load(snapshot.zxid);
  } catch (error) {
    if (error instanceof JuteError) throw new BadSnapshotError(error.message);
    throw error;
  } finally {
    file.close();
  }
}

function sourceOf(name: string, file: DiskFile): ByteSource {
  const source = new FileSource(file);
  switch (compressionOfName(name)) {
    case "gz":
      return new GunzipSource(source);
    case "snappy":
      return new UnsnappySource(source);
    case "none":
      return source;
  }
}

class SnapshotReader {
  readonly #source: ByteSource;
  readonly #tree: DataTree;
  readonly #loader: TreeSnapshotLoader;
  readonly #sum = new Adler32();
  /** Read and not used up: `[#start, #end)`. */
  #window: Uint8Array = new Uint8Array(windowBytes);
  #view = new DataView(this.#window.buffer);
  #start = 0;
  #end = 0;
  #atEnd = false;

  constructor(source: ByteSource, tree: DataTree, fieldBytesMax?: number) {
    this.#source = source;
    this.#tree = tree;
    this.#loader = new TreeSnapshotLoader(tree, fieldBytesMax);
  }

  load(snapshotZxid: number): void {
    this.#need(snapshotHeader.length);
    for (let at = 0; at < snapshotMagicBytes; at++) {
      if (this.#window[this.#start + at] !== snapshotHeader[at]) {
        throw new BadSnapshotError("it does not begin with ZKSN");
      }
    }
    this.#use(snapshotHeader.length);
    while (!this.#loader.done) {
      const used = this.#loader.push(this.#window, this.#start, this.#end);
      this.#use(used);
      if (this.#loader.done) break;
      this.#need(Math.max(this.#loader.wanted, this.#end - this.#start + 1));
    }
    this.#checkSeal();
    this.#tree.lastProcessedZxid = snapshotZxid;
    // Its length tells a last zxid that stands alone, as when digests are off, from a digest.
    const onlyLastZxid = lastZxidPartBytes + sealBytes;
    if (this.#has(onlyLastZxid + 1)) this.#takeDigest(snapshotZxid);
    if (this.#has(1)) {
      this.#need(onlyLastZxid);
      this.#use(lastZxidPartBytes);
      this.#checkSeal();
    }
  }

  #takeDigest(snapshotZxid: number): void {
    this.#need(digestPartBytes);
    const at = this.#start;
    const zxid = this.#view.getInt32(at) * 0x100000000 + this.#view.getUint32(at + 4);
    const version = this.#view.getInt32(at + 8);
    const digest = this.#view.getBigInt64(at + 12);
    if (version < digestVersion) {
      // Nothing that a tree has today can be compared with a digest of the first version.
      const length = this.#view.getInt32(at + 12);
      if (length < -1 || length > 16) throw new BadSnapshotError("its digest is no number");
      const bytes = 16 + Math.max(length, 0);
      this.#need(bytes);
      this.#use(bytes);
      return this.#checkSeal();
    }
    this.#use(digestPartBytes);
    this.#checkSeal();
    if (this.#tree.digestEnabled) this.#tree.digestAudit.expect({ zxid, version, digest }, snapshotZxid);
  }

  #checkSeal(): void {
    const expected = this.#sum.value;
    this.#need(sealBytes);
    const at = this.#start;
    if (this.#view.getUint32(at) !== 0 || this.#view.getUint32(at + 4) !== expected) {
      throw new BadSnapshotError("a checksum does not match its bytes");
    }
    if (this.#view.getInt32(at + 8) !== 1 || this.#window[at + 12] !== slash) {
      throw new BadSnapshotError("a checksum lacks its end");
    }
    this.#use(sealBytes);
  }

  #use(count: number): void {
    this.#sum.update(this.#window, this.#start, this.#start + count);
    this.#start += count;
  }

  #need(count: number): void {
    if (!this.#has(count)) throw new BadSnapshotError("it ends too early", true);
  }

  /** Reads on until `count` bytes are there. @returns False at the end of the source. */
  #has(count: number): boolean {
    while (this.#end - this.#start < count && !this.#atEnd) this.#fill(count);
    return this.#end - this.#start >= count;
  }

  #fill(count: number): void {
    if (this.#start > 0) {
      this.#window.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    if (count > this.#window.length) {
      const larger = new Uint8Array(Math.max(count, this.#window.length * 2));
      larger.set(this.#window.subarray(0, this.#end));
      this.#window = larger;
      this.#view = new DataView(larger.buffer);
    }
    const got = this.#source.read(this.#window, this.#end, this.#window.length);
    if (got === 0) this.#atEnd = true;
    this.#end += got;
  }
}

/** Whether a file may be a whole snapshot, by a look at its ends (SnapStream.isValidSnapshot). */
export function looksWhole(disk: Disk, snapshot: DatedFile): boolean {
  const file = disk.open(snapshot.path, "read");
  try {
    const size = file.size();
    const compression = compressionOfName(snapshot.name);
    if (compression === "gz") return beginsWith(file, [0x1f, 0x8b]);
    if (compression === "snappy") return beginsWith(file, [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
    if (size < 10) return false;
    const tail = new Uint8Array(5);
    file.readAt(tail, size - 5);
    return tail[0] === 0 && tail[1] === 0 && tail[2] === 0 && tail[3] === 1 && tail[4] === 0x2f;
  } finally {
    file.close();
  }
}

function beginsWith(file: DiskFile, magic: readonly number[]): boolean {
  const head = new Uint8Array(magic.length);
  return file.readAt(head, 0) === magic.length && magic.every((byte, at) => head[at] === byte);
}
