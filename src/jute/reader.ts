import { limits } from "../base/limits.ts";

const textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes from outside that are not what they should be. On the client port it becomes error -5. */
export class JuteError extends Error {
  override name = "JuteError";
}

const emptyBytes = new Uint8Array(0);

/**
 * Reads jute values, big-endian, from a range of bytes. One reader is used for many frames ({@link reset}).
 *
 * Every read checks the range first and throws {@link JuteError} when it ends too early or a length is not
 * plausible; nothing outside the range is ever seen. (BinaryInputArchive)
 */
export class JuteReader {
  bytes: Uint8Array = emptyBytes;
  /** The same bytes, to read numbers from. */
  dataView: DataView = new DataView(emptyBytes.buffer);
  /** Where the next read begins. */
  position = 0;
  /** First byte that does not belong to the range. */
  end = 0;
  /** Largest length accepted for one string or buffer. */
  fieldBytesMax: number = limits.frameBytesMax + limits.fieldBytesExtra;

  constructor(bytes?: Uint8Array, start = 0, end: number = bytes?.length ?? 0) {
    if (bytes !== undefined) this.reset(bytes, start, end);
  }

  /** Turns to other bytes, or another range of the same. */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.dataView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.position = start;
    this.end = end;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.end - this.position;
  }

  skip(count: number): void {
    this.#need(count);
    this.position += count;
  }

  bool(): boolean {
    this.#need(1);
    return this.bytes[this.position++] !== 0;
  }

  int(): number {
    this.#need(4);
    const value = this.dataView.getInt32(this.position);
    this.position += 4;
    return value;
  }

  long(): bigint {
    this.#need(8);
    const value = this.dataView.getBigInt64(this.position);
    this.position += 8;
    return value;
  }

  /**
   * A 64-bit value as a number: exact up to 2^53, beyond that rounded but still in order against exact ones.
   * For zxids and times.
   */
  longNumber(): number {
    this.#need(8);
    const high = this.dataView.getInt32(this.position);
    const low = this.dataView.getUint32(this.position + 4);
    this.position += 8;
    return high * 0x100000000 + low;
  }

  /**
   * Reads the length of a string or buffer and checks that its bytes are there; the bytes follow at
   * `position` and are not skipped.
   *
   * @returns The length; -1 stands for null.
   */
  fieldLength(): number {
    const length = this.int();
    if (length === -1) return -1;
    if (length < 0 || length > this.fieldBytesMax) throw new JuteError(`unreasonable length ${length}`);
    this.#need(length);
    return length;
  }

  /** A buffer as a view into the range (copy it to keep it), or null. */
  buffer(): Uint8Array | null {
    const length = this.fieldLength();
    if (length === -1) return null;
    const start = this.position;
    this.position += length;
    return this.bytes.subarray(start, this.position);
  }

  /** A string, or null. Malformed UTF-8 becomes U+FFFD, as in Java. */
  string(): string | null {
    const length = this.fieldLength();
    if (length === -1) return null;
    const start = this.position;
    this.position += length;
    return decodeText(this.bytes, start, length);
  }

  /**
   * The count of a vector: -1 for null, other negative counts read as 0.
   *
   * @throws {JuteError} If the count cannot fit the bytes left, each element taking at least one byte.
   */
  vectorCount(): number {
    const count = this.int();
    if (count === -1) return -1;
    if (count < 0) return 0;
    if (count > limits.vectorCountMax || count > this.remaining) {
      throw new JuteError(`unreasonable vector of ${count}`);
    }
    return count;
  }

  /** A vector as an array, or null. */
  vector<T>(read: (reader: this) => T): T[] | null {
    const count = this.vectorCount();
    if (count === -1) return null;
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(read(this));
    return items;
  }

  #need(count: number): void {
    if (this.position + count > this.end) {
      throw new JuteError(`${count} bytes wanted, ${this.end - this.position} left`);
    }
  }
}

/** Decodes UTF-8 bytes; short ASCII, as nearly all paths are, without a call into the decoder. */
export function decodeText(bytes: Uint8Array, start: number, length: number): string {
  if (length <= 64) {
    let text = "";
    const end = start + length;
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (at === end) return text;
  }
  return textDecoder.decode(bytes.subarray(start, start + length));
}
