import { assert } from "../base/assert.ts";
import { copyWords, LastView, wordCopyMax } from "./byte_runs.ts";

const textEncoder = new TextEncoder();
/** One for all writers: an idle one must not hold on to what it was last given. */
const lastSource = new LastView();

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
  /** The same buffer, to read and write numbers in; replaced with it. */
  dataView: DataView;

  /** @param capacity Bytes to begin with. */
  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.dataView = new DataView(this.bytes.buffer);
  }

  /** Forgets what was written; gives memory back when it had grown beyond `keepBytes`. */
  reset(keepBytes = Infinity): void {
    this.length = 0;
    if (this.bytes.length > keepBytes) {
      this.bytes = new Uint8Array(keepBytes);
      this.dataView = new DataView(this.bytes.buffer);
    }
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.dataView = new DataView(larger.buffer);
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
    this.dataView.setInt32(this.length, value);
    this.length += 4;
  }

  /** Writes over four bytes already written at `at`: a length or count known only later. */
  intAt(at: number, value: number): void {
    this.dataView.setInt32(at, value);
  }

  /** Any 64-bit value. */
  long(value: bigint): void {
    this.reserve(8);
    this.dataView.setBigInt64(this.length, BigInt.asIntN(64, value));
    this.length += 8;
  }

  /** A 64-bit value as its two halves; `high` signed, `low` signed or not. */
  longHalves(high: number, low: number): void {
    this.reserve(8);
    this.dataView.setInt32(this.length, high);
    this.dataView.setInt32(this.length + 4, low);
    this.length += 8;
  }

  /** A 64-bit value that a number holds exactly: zxids of ours, times in ms, counters. */
  longNumber(value: number): void {
    this.reserve(8);
    setLongNumber(this.dataView, this.length, value);
    this.length += 8;
  }

  /** Bytes as they are, without a length. */
  raw(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** `count` bytes of `source` from `start`, without a length. */
  rawRange(source: Uint8Array, start: number, count: number): void {
    if (count > 48) return this.rawRun(source, lastSource.of(source), start, count);
    this.reserve(count);
    const target = this.bytes;
    let to = this.length;
    for (let from = start, end = start + count; from < end; from++) target[to++] = source[from];
    this.length += count;
  }

  /** Like {@link rawRange} of a source that a view is at hand for: a short run needs no view of its own. */
  rawRun(source: Uint8Array, view: DataView, start: number, count: number): void {
    this.reserve(count);
    if (count <= wordCopyMax) copyWords(view, start, count, this.dataView, this.length);
    else this.bytes.set(source.subarray(start, start + count), this.length);
    this.length += count;
  }

  /** All that another writer holds, without a length. */
  rawOf(other: JuteWriter): void {
    this.rawRun(other.bytes, other.dataView, 0, other.length);
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
        this.dataView.setInt32(this.length, value.length);
        this.length = to;
        return;
      }
    }
    const written = textEncoder.encodeInto(value, target.subarray(at)).written;
    this.dataView.setInt32(this.length, written);
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

/** Writes a number that is a whole one and exact, negative or not, as 64 bits big-endian at `at`. */
export function setLongNumber(view: DataView, at: number, value: number): void {
  // Kept within int32 by hand: turning a greater number into one is a call out of compiled code.
  const high = value < 0 ? Math.floor(value / 0x100000000) : (value / 0x100000000) | 0;
  let low = value - high * 0x100000000;
  if (low > 0x7fffffff) low -= 0x100000000;
  view.setInt32(at, high);
  view.setInt32(at + 4, low | 0);
}
