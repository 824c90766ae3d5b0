import { decodeText, type JuteReader } from "../jute/reader.ts";
import { LastView } from "../jute/byte_runs.ts";
import type { JuteWriter } from "../jute/writer.ts";
import { pathProblem, sequenceSuffix } from "../protocol/path.ts";

const slash = 0x2f;
const dot = 0x2e;
const textEncoder = new TextEncoder();

/**
 * The path that a request names, as bytes: where it lies in the request, or elsewhere when those are not what a
 * string of them would be. Strings are made only where something is wrong.
 *
 * One object serves one request after another; what it was is gone with the next {@link read}.
 */
export class RequestPath {
  /** The path is `bytes[start, start + length)`, which {@link view} sees too. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  start = 0;
  length = 0;
  readonly #views = new LastView();
  #own = new Uint8Array(256);

  /** Reads the path. @returns False when it is null. @throws {JuteError} */
  read(body: JuteReader): boolean {
    const length = body.fieldLength();
    if (length === -1) return false;
    const { bytes, dataView, position } = body;
    body.skip(length);
    if (!isAscii(dataView, position, length)) {
      // Malformed UTF-8 names what it reads as.
      this.set(decodeText(bytes, position, length));
      return true;
    }
    this.bytes = bytes;
    this.view = dataView;
    this.start = position;
    this.length = length;
    return true;
  }

  /** Becomes the path of that name. */
  set(text: string): void {
    this.#take(textEncoder.encode(text));
  }

  /** Its length up to the last slash, that of its parent; -1 without a slash, 0 for a child of the root. */
  get parentLength(): number {
    let at = this.start + this.length - 1;
    while (at >= this.start && this.bytes[at] !== slash) at--;
    return at - this.start;
  }

  get text(): string {
    return decodeText(this.bytes, this.start, this.length);
  }

  has(byte: number): boolean {
    const end = this.start + this.length;
    for (let at = this.start; at < end; at++) if (this.bytes[at] === byte) return true;
    return false;
  }

  is(other: Uint8Array): boolean {
    if (this.length !== other.length) return false;
    for (let index = 0; index < other.length; index++) {
      if (this.bytes[this.start + index] !== other[index]) return false;
    }
    return true;
  }

  /** Whether it is a path by ZooKeeper's rule ({@link pathProblem}). */
  get isValid(): boolean {
    return this.#isPlain() || pathProblem(this.text) === null;
  }

  /** Puts a sequential znode's number behind the name. */
  append(counter: number): void {
    const suffix = sequenceSuffix(counter);
    const whole = this.length + suffix.length;
    const own = this.#own.length >= whole ? this.#own : new Uint8Array(2 * whole);
    own.set(this.bytes.subarray(this.start, this.start + this.length));
    for (let index = 0; index < suffix.length; index++) own[this.length + index] = suffix.charCodeAt(index);
    this.#own = own;
    this.#take(own);
    this.length = whole;
  }

  /** Writes it as a jute string. */
  write(writer: JuteWriter): void {
    writer.int(this.length);
    writer.rawRun(this.bytes, this.view, this.start, this.length);
  }

  /** Whether it is a path of printable ASCII whose names do not begin with a dot, as nearly all are. */
  #isPlain(): boolean {
    const { bytes, start, length } = this;
    if (length < 2 || bytes[start] !== slash) return false;
    let before = slash;
    for (let at = start + 1, end = start + length; at < end; at++) {
      const byte = bytes[at];
      if (byte <= 0x1f || byte >= 0x7f) return false;
      if (before === slash && (byte === slash || byte === dot)) return false;
      before = byte;
    }
    return before !== slash;
  }

  #take(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = this.#views.of(bytes);
    this.start = 0;
    this.length = bytes.length;
  }
}

function isAscii(view: DataView, start: number, length: number): boolean {
  const end = start + length;
  let bits = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) bits |= view.getInt32(at);
  for (; at < end; at++) bits |= view.getInt8(at);
  return (bits & 0x80808080) === 0;
}
