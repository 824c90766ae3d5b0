import { assert } from "../base/assert.ts";

const textEncoder = new TextEncoder();

/**
 * Writes jute values, big-endian, into one growing buffer.
 *
 * Owned by its connection or file and used again and again: {@link reset} forgets what was written and keeps
 * the memory. (BinaryOutputArchive)
 */
export class JuteWriter {
  /** The buffer; valid up to {@link length}. Replaced when it grows, so take it anew after each write. */
  bytes: Uint8Array;
  /** Bytes written so far. */
  length = 0;
  #view: DataView;

  /** @param capacity Bytes to begin with. */
  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Forgets what was written; gives memory back when it had grown beyond `keepBytes`. */
  reset(keepBytes = Infinity): void {
    this.length = 0;
    if (this.bytes.length > keepBytes) {
      this.bytes = new Uint8Array(keepBytes);
      this.#view = new DataView(this.bytes.buffer);
    }
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  /** Drops everything after the first `length` bytes. */
  rewind(length: number): void {
    assert(length <= this.length, "a writer rewinds only backwards");
    this.length = length;
  }

  bool(value: boolean): void {
    this.reserve(1);
    this.bytes[this.length++] = value ? 1 : 0;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  int(value: number): void {
    this.reserve(4);
    this.#view.setInt32(this.length, value);
    this.length += 4;
  }

  /** Writes over four bytes already written at `at`: a length or count known only later. */
  intAt(at: number, value: number): void {
    this.#view.setInt32(at, value);
  }

  /** Any 64-bit value. */
  long(value: bigint): void {
    this.reserve(8);
    this.#view.setBigInt64(this.length, BigInt.asIntN(64, value));
    this.length += 8;
  }

  /** A 64-bit value as its two halves; `high` signed, `low` signed or not. */
  longHalves(high: number, low: number): void {
    this.reserve(8);
    this.#view.setInt32(this.length, high);
    this.#view.setInt32(this.length + 4, low);
    this.length += 8;
  }

  /** A 64-bit value that a number holds exactly: zxids of ours, times in ms, counters. */
  longNumber(value: number): void {
    this.reserve(8);
    const high = Math.floor(value / 0x100000000);
    this.#view.setInt32(this.length, high);
    this.#view.setInt32(this.length + 4, value - high * 0x100000000);
    this.length += 8;
  }

  /** Bytes as they are, without a length. */
  raw(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** `count` bytes of `source` from `start`, without a length; makes no intermediate view for short runs. */
  rawRange(source: Uint8Array, start: number, count: number): void {
    this.reserve(count);
    if (count <= 48) {
      const target = this.bytes;
      let to = this.length;
      for (let from = start, end = start + count; from < end; from++) target[to++] = source[from];
    } else {
      this.bytes.set(source.subarray(start, start + count), this.length);
    }
    this.length += count;
  }

  /** Like {@link rawRange} of a source that a view is at hand for: by words, quickest up to some 200 bytes. */
  rawView(source: DataView, start: number, count: number): void {
    this.reserve(count);
    const target = this.#view;
    let to = this.length;
    let from = start;
    const end = start + count;
    for (; from + 16 <= end; from += 16, to += 16) {
      target.setInt32(to, source.getInt32(from, true), true);
      target.setInt32(to + 4, source.getInt32(from + 4, true), true);
      target.setInt32(to + 8, source.getInt32(from + 8, true), true);
      target.setInt32(to + 12, source.getInt32(from + 12, true), true);
    }
    for (; from + 4 <= end; from += 4, to += 4) target.setInt32(to, source.getInt32(from, true), true);
    for (; from < end; from++, to++) target.setUint8(to, source.getUint8(from));
    this.length = to;
  }

  /** A buffer: length and bytes; null is length -1. */
  buffer(value: Uint8Array | null): void {
    if (value === null) return this.int(-1);
    this.int(value.length);
    this.raw(value);
  }

  /** A string: byte length and UTF-8; null is length -1. */
  string(value: string | null): void {
    if (value === null) return this.int(-1);
    this.reserve(4 + value.length * 3);
    const at = this.length + 4;
    let to = at;
    const target = this.bytes;
    // Paths and names are nearly always ASCII; the encoder's call costs more than the loop.
    if (value.length <= 128) {
      let index = 0;
      for (; index < value.length; index++) {
        const unit = value.charCodeAt(index);
        if (unit > 0x7f) break;
        target[to++] = unit;
      }
      if (index === value.length) {
        this.#view.setInt32(this.length, value.length);
        this.length = to;
        return;
      }
    }
    const written = textEncoder.encodeInto(value, target.subarray(at)).written;
    this.#view.setInt32(this.length, written);
    this.length = at + written;
  }

  /** A vector: count and elements; null is count -1. */
  vector<T>(items: readonly T[] | null, write: (writer: this, item: T) => void): void {
    if (items === null) return this.int(-1);
    this.int(items.length);
    for (const item of items) write(this, item);
  }

  /** What was written, as a view: valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** What was written, as a copy of its own. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
