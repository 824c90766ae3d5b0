import { uncompress } from "snappyjs";
import type { ByteSource } from "./byte_source.ts";
import { BadSnapshotError } from "./errors.ts";

/** `82 SNAPPY 00`, version and compatible version: xerial's stream around snappy blocks. */
const headerBytes = 16;
/** A block larger than this, packed or not, is no block of a snapshot; xerial's are of 32 KiB. */
const blockBytesMax = 64 * 1024 * 1024;

/** The unpacked bytes of a snappy stream: a header, then blocks of `int length + raw snappy`. */
export class UnsnappySource implements ByteSource {
  readonly #packed: ByteSource;
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;
  #begun = false;

  constructor(packed: ByteSource) {
    this.#packed = packed;
  }

  read(target: Uint8Array, start: number, end: number): number {
    if (!this.#begun) {
      this.#begun = true;
      if (this.#take(headerBytes) === null) throw new BadSnapshotError("its snappy header is cut short");
    }
    while (this.#at === this.#block.length) if (!this.#nextBlock()) return 0;
    const count = Math.min(end - start, this.#block.length - this.#at);
    target.set(this.#block.subarray(this.#at, this.#at + count), start);
    this.#at += count;
    return count;
  }

  #nextBlock(): boolean {
    const head = this.#take(4);
    if (head === null) return false;
    const length = new DataView(head.buffer).getInt32(0);
    if (length < 0 || length > blockBytesMax) {
      throw new BadSnapshotError(`a snappy block claims ${length} bytes`);
    }
    const packed = this.#take(length);
    if (packed === null) throw new BadSnapshotError("a snappy block is cut short");
    try {
      this.#block = uncompress(packed, blockBytesMax);
    } catch (error) {
      throw new BadSnapshotError(`a snappy block is damaged: ${(error as Error).message}`);
    }
    this.#at = 0;
    return true;
  }

  /** Reads `count` bytes. @returns Null when the source ends before. */
  #take(count: number): Uint8Array | null {
    const bytes = new Uint8Array(count);
    let have = 0;
    while (have < count) {
      const got = this.#packed.read(bytes, have, count);
      if (got === 0) return null;
      have += got;
    }
    return bytes;
  }
}
