import { type Disk, DiskError, type DiskFile } from "../base/disk.ts";
import { JuteWriter } from "../jute/writer.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { TreeSnapshotCursor } from "../tree/tree_snapshot.ts";
import { Adler32 } from "./adler32.ts";
import { type Compression, joinPath, partialName, snapshotName } from "./file_names.ts";
import { snapshotHeader } from "./snapshot_format.ts";

/** Packs bytes; each call makes a piece that can stand behind the ones before it. */
export interface SnapshotPacker {
  /** Bytes that come before the first piece. */
  readonly header: Uint8Array;
  /** @returns One piece: for gzip a member, for snappy a block with its length. */
  pack(bytes: Uint8Array): Uint8Array;
}

/** What a {@link SnapshotWriter} is made from. */
export interface SnapshotWriterOptions {
  readonly disk: Disk;
  /** The version-2 directory of the snapshots. */
  readonly directory: string;
  readonly tree: DataTree;
  readonly compression: Compression;
  /** Null while `compression` is "none". */
  readonly packer: SnapshotPacker | null;
  /** Write the part that 3.9 added (`serializeLastProcessedZxid.enabled`). */
  readonly withLastZxid: boolean;
}

/*
 * Measured with 10^6 znodes on one core, snapshots one after another and a client writing with one request in
 * flight (0.15 ms a write without a snapshot): chunks of 256 KiB and a sync every 8 MiB take 1.1 s a snapshot
 * and make the slowest hundredth of the writes wait 10 to 27 ms; as below it is 1.7 s and 6 to 9 ms.
 */

/** Bytes made in one go. */
const chunkBytes = 64 * 1024;
/** Bytes after which the file is synced: a large backlog of its pages would hold up the log's syncs. */
const syncEveryBytes = 1024 * 1024;

/**
 * Writes one snapshot while the tree goes on changing: a chunk at a time, each made only when the disk has
 * taken the one before, so that neither the loop nor the log waits for it.
 *
 * The file has a name that nobody reads until it is whole, synced and renamed.
 */
export class SnapshotWriter {
  /** Everything up to here is in it. */
  readonly zxid: Zxid;
  /** Path of the finished file. */
  readonly path: string;
  readonly #options: SnapshotWriterOptions;
  readonly #cursor: TreeSnapshotCursor;
  readonly #partialPath: string;
  readonly #sum = new Adler32();
  readonly #chunk: JuteWriter;
  readonly #onEnd: (error: DiskError | null) => void;
  #file: DiskFile | null = null;
  #position = 0;
  #unsyncedBytes = 0;
  #bodyDone = false;
  #ended = false;

  /** @param onEnd Called once: with null when the file is there, or with what kept it from being written. */
  constructor(options: SnapshotWriterOptions, onEnd: (error: DiskError | null) => void) {
    this.#options = options;
    this.#onEnd = onEnd;
    this.#chunk = new JuteWriter(2 * chunkBytes);
    this.#cursor = new TreeSnapshotCursor(options.tree);
    this.zxid = this.#cursor.zxid;
    const name = snapshotName(this.zxid, options.compression);
    this.path = joinPath(options.directory, name);
    this.#partialPath = joinPath(options.directory, partialName(name));
  }

  /** Begins; everything else follows by itself. */
  start(): void {
    try {
      this.#file = this.#options.disk.open(this.#partialPath, "create");
      const header = this.#options.packer?.header ?? noBytes;
      this.#file.writeAt(header, 0);
      this.#position = header.length;
    } catch (error) {
      return this.#fail(error);
    }
    this.#chunk.raw(snapshotHeader as Uint8Array);
    this.#writeChunk();
  }

  /** Gives up; `onEnd` is not called any more. What is written so far is removed, unless it is whole already. */
  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#discard();
  }

  /** Writes the whole snapshot at once, blocking: for a server that does not serve yet. @throws {DiskError} */
  static writeNow(options: SnapshotWriterOptions): Zxid {
    const { disk, directory } = options;
    const writer = new SnapshotWriter(options, () => {});
    try {
      const file = writer.#file = disk.open(writer.#partialPath, "create");
      const header = options.packer?.header ?? noBytes;
      file.writeAt(header, 0);
      writer.#position = header.length;
      writer.#chunk.raw(snapshotHeader as Uint8Array);
      while (!writer.#bodyDone) {
        const bytes = writer.#makeChunk();
        file.writeAt(bytes, writer.#position);
        writer.#position += bytes.length;
      }
      file.sync();
      file.close();
      disk.rename(writer.#partialPath, writer.path);
      disk.syncDirectory(directory);
    } catch (error) {
      writer.#discard();
      throw error;
    }
    return writer.zxid;
  }

  #writeChunk(): void {
    const bytes = this.#makeChunk();
    this.#file!.writeLater(bytes, this.#position, (error) => {
      if (this.#ended) return;
      if (error !== null) return this.#fail(error);
      this.#position += bytes.length;
      this.#unsyncedBytes += bytes.length;
      if (this.#bodyDone || this.#unsyncedBytes >= syncEveryBytes) this.#syncThenGoOn();
      else this.#writeChunk();
    });
  }

  #syncThenGoOn(): void {
    this.#unsyncedBytes = 0;
    this.#file!.syncLater((error) => {
      if (this.#ended) return;
      if (error !== null) return this.#fail(error);
      if (this.#bodyDone) this.#finish();
      else this.#writeChunk();
    });
  }

  /** Makes the next bytes of the file; with the last of the body come the parts behind it. */
  #makeChunk(): Uint8Array {
    const chunk = this.#chunk;
    this.#bodyDone = this.#cursor.writeSome(chunk, chunkBytes);
    let summed = 0;
    const seal = () => {
      this.#sum.update(chunk.bytes, summed, chunk.length);
      summed = chunk.length;
      chunk.longNumber(this.#sum.value);
      chunk.string("/");
    };
    if (this.#bodyDone) {
      const { tree, withLastZxid } = this.#options;
      seal();
      if (tree.digestEnabled) {
        tree.digestAudit.serialize(chunk);
        seal();
      }
      if (withLastZxid) {
        chunk.longNumber(tree.lastProcessedZxid);
        seal();
      }
    } else {
      this.#sum.update(chunk.bytes, 0, chunk.length);
    }
    const { packer } = this.#options;
    const bytes = packer === null ? chunk.copy() : packer.pack(chunk.view());
    chunk.reset(2 * chunkBytes);
    return bytes;
  }

  #finish(): void {
    const { disk, directory } = this.#options;
    try {
      this.#file!.close();
      disk.rename(this.#partialPath, this.path);
      disk.syncDirectoryLater(directory, (error) => {
        if (this.#ended) return;
        if (error !== null) return this.#fail(error);
        this.#ended = true;
        this.#onEnd(null);
      });
    } catch (error) {
      return this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    this.#ended = true;
    this.#discard();
    this.#onEnd(error);
  }

  #discard(): void {
    this.#cursor.close();
    this.#file?.close();
    try {
      if (this.#options.disk.exists(this.#partialPath)) this.#options.disk.remove(this.#partialPath);
    } catch (removing) {
      // Purging removes what is left of it later; the first error is the one to tell.
      if (!(removing instanceof DiskError)) throw removing;
    }
  }
}

const noBytes = new Uint8Array(0);
