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
      if (this.#take(headerBytes) === null) {
        throw new BadSnapshotError("its snappy header is cut short", true);
      }
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
    if (packed === null) throw new BadSnapshotError("a snappy block is cut short", true);
    this.#block = unpackBlock(packed);
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

/*
 * A raw snappy block (google/snappy, format_description.txt): its unpacked length as a varint, then elements. The
 * low two bits of an element's first byte say what it is:
 *
 *   0  literal: length - 1 in the upper six bits, or, from 60 on, in as many bytes as it is above 59
 *   1  copy: length - 4 in three bits, offset in the upper three bits and the next byte
 *   2  copy: length - 1 in the upper six bits, offset in two bytes
 *   3  the same with an offset of four bytes
 *
 * Our own reading, for snappyjs never comes back from some damaged blocks, and then no older snapshot is tried.
 */

function unpackBlock(packed: Uint8Array): Uint8Array {
  let at = 0;
  const number = (bytes: number): number => {
    if (at + bytes > packed.length) throw damaged();
    let value = 0;
    for (let index = bytes - 1; index >= 0; index--) value = value * 256 + packed[at + index];
    at += bytes;
    return value;
  };
  let length = 0;
  for (let scale = 1;; scale *= 128) {
    const byte = number(1);
    length += (byte & 0x7f) * scale;
    if (length > blockBytesMax) throw damaged();
    if (byte < 0x80) break;
    if (scale > blockBytesMax) throw damaged();
  }
  const block = new Uint8Array(length);
  let end = 0;
  while (at < packed.length) {
    const tag = number(1);
    const kind = tag & 3;
    if (kind === 0) {
      const inTag = tag >>> 2;
      const count = (inTag < 60 ? inTag : number(inTag - 59)) + 1;
      if (at + count > packed.length || end + count > length) throw damaged();
      block.set(packed.subarray(at, at + count), end);
      at += count;
      end += count;
      continue;
    }
    const count = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const offset = kind === 1 ? (tag >>> 5) * 256 + number(1) : number(kind === 2 ? 2 : 4);
    if (offset === 0 || offset > end || end + count > length) throw damaged();
    // Byte by byte: a copy may take what it has just put there.
    for (const until = end + count; end < until; end++) block[end] = block[end - offset];
  }
  if (end !== length) throw damaged();
  return block;
}

function damaged(): BadSnapshotError {
  return new BadSnapshotError("a snappy block is damaged");
}
