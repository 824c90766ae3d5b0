import type { ByteSource } from "./byte_source.ts";
import { crc32 } from "./crc32.ts";
import { BadSnapshotError } from "./errors.ts";
import { buildHuffman, type HuffmanTable, makeHuffmanTable } from "./huffman.ts";

/*
 * Unpacks gzip (RFC 1952 around RFC 1951), pulled and in bounded memory: the runtimes offer that only with
 * promises, and a snapshot is also loaded in the middle of a server's life, by machines that never wait.
 */

const historyBytes = 32 * 1024;
/** Bytes unpacked in one go; the longest match may go beyond. */
const roundBytes = 64 * 1024;
const longestMatch = 258;
const inputBytes = 64 * 1024;

const lengthBase = Int16Array.of(
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31],
  ...[35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258],
);
const lengthExtraBits = Int8Array.of(
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
  ...[3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
);
const distanceBase = Int32Array.of(
  ...[1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193],
  ...[257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577],
);
const distanceExtraBits = Int8Array.of(
  ...[0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6],
  ...[7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
);
/** Order in which the lengths of the code-length codes come. */
const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

const flagHeaderCrc = 2;
const flagExtra = 4;
const flagName = 8;
const flagComment = 16;

/** The unpacked bytes of a gzip stream of one or more members, each checked against its trailer. */
export class GunzipSource implements ByteSource {
  readonly #packed: ByteSource;
  readonly #input: Uint8Array = new Uint8Array(inputBytes);
  #inputAt = 0;
  #inputEnd = 0;
  #bits = 0;
  #bitCount = 0;

  /** What was handed out lately, for matches to copy from, then what was not: `[#outAt, #outEnd)`. */
  readonly #out: Uint8Array = new Uint8Array(historyBytes + roundBytes + longestMatch);
  #outAt = 0;
  #outEnd = 0;
  /** Where this member's output begins, so that no match reaches before it. */
  #historyStart = 0;
  /** First byte of the output not yet in the checksum. */
  #unsummed = 0;
  #crc = 0;
  #memberBytes = 0;

  #state: "member" | "block" | "stored" | "coded" | "end" = "member";
  #lastBlock = false;
  #storedLeft = 0;
  #members = 0;
  #literals: HuffmanTable = makeHuffmanTable(288);
  #distances: HuffmanTable = makeHuffmanTable(32);
  readonly #codeLengths: HuffmanTable = makeHuffmanTable(19);
  readonly #lengths: Uint8Array = new Uint8Array(320);

  /** @param packed The gzip stream. */
  constructor(packed: ByteSource) {
    this.#packed = packed;
  }

  read(target: Uint8Array, start: number, end: number): number {
    if (this.#outAt === this.#outEnd) this.#unpackRound();
    const count = Math.min(end - start, this.#outEnd - this.#outAt);
    target.set(this.#out.subarray(this.#outAt, this.#outAt + count), start);
    this.#outAt += count;
    return count;
  }

  #unpackRound(): void {
    const dropped = Math.max(0, this.#outEnd - historyBytes);
    this.#out.copyWithin(0, dropped, this.#outEnd);
    this.#outEnd -= dropped;
    this.#outAt = this.#outEnd;
    this.#unsummed = this.#outEnd;
    this.#historyStart = Math.max(0, this.#historyStart - dropped);
    const goal = this.#outEnd + roundBytes;
    while (this.#outEnd < goal && this.#state !== "end") {
      if (this.#state === "member") this.#beginMember();
      else if (this.#state === "block") this.#beginBlock();
      else if (this.#state === "stored") this.#copyStored(goal);
      else this.#decode(goal);
    }
    this.#sumUp();
  }

  #sumUp(): void {
    this.#crc = crc32(this.#crc, this.#out, this.#unsummed, this.#outEnd);
    this.#memberBytes = (this.#memberBytes + this.#outEnd - this.#unsummed) | 0;
    this.#unsummed = this.#outEnd;
  }

  #beginMember(): void {
    if (this.#members > 0 && this.#bitCount === 0 && !this.#refill()) {
      this.#state = "end";
      return;
    }
    if (this.#byte() !== 0x1f || this.#byte() !== 0x8b) throw bad("no gzip header");
    if (this.#byte() !== 8) throw bad("a gzip method other than deflate");
    const flags = this.#byte();
    this.#skip(6);
    if (flags & flagExtra) this.#skip(this.#byte() | (this.#byte() << 8));
    if (flags & flagName) { while (this.#byte() !== 0); }
    if (flags & flagComment) { while (this.#byte() !== 0); }
    if (flags & flagHeaderCrc) this.#skip(2);
    this.#members++;
    this.#sumUp();
    this.#crc = 0;
    this.#memberBytes = 0;
    this.#historyStart = this.#outEnd;
    this.#lastBlock = false;
    this.#state = "block";
  }

  #endMember(): void {
    this.#sumUp();
    // What is left of the byte is padding; whole bytes held in the bit buffer belong to the trailer.
    this.#take(this.#bitCount & 7);
    if (this.#int32() !== this.#crc) throw bad("gzip's checksum does not match");
    if (this.#int32() !== this.#memberBytes) throw bad("gzip's length does not match");
    this.#state = "member";
  }

  #beginBlock(): void {
    if (this.#lastBlock) return this.#endMember();
    this.#lastBlock = this.#take(1) === 1;
    const kind = this.#take(2);
    if (kind === 0) {
      // What is left of the byte is padding.
      this.#take(this.#bitCount & 7);
      const length = this.#take(16);
      const inverse = this.#take(16);
      if (length !== (~inverse & 0xffff)) throw bad("a stored block's length does not match");
      this.#storedLeft = length;
      this.#state = "stored";
    } else if (kind === 1) {
      const lengths = this.#lengths;
      lengths.fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280, 288);
      buildHuffman(this.#literals, lengths, 0, 288);
      lengths.fill(5, 0, 30);
      buildHuffman(this.#distances, lengths, 0, 30);
      this.#state = "coded";
    } else if (kind === 2) {
      this.#readCodes();
      this.#state = "coded";
    } else {
      throw bad("a block of an unknown kind");
    }
  }

  #readCodes(): void {
    const literalCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    const codeLengthCount = this.#take(4) + 4;
    if (literalCount > 286 || distanceCount > 30) throw bad("too many codes");
    const lengths = this.#lengths;
    lengths.fill(0, 0, 19);
    for (let index = 0; index < codeLengthCount; index++) lengths[codeLengthOrder[index]] = this.#take(3);
    if (!buildHuffman(this.#codeLengths, lengths, 0, 19)) throw bad("an impossible set of codes");
    const total = literalCount + distanceCount;
    let at = 0;
    while (at < total) {
      const symbol = this.#symbol(this.#codeLengths);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) throw bad("a repeated code length without a first one");
      const value = symbol === 16 ? lengths[at - 1] : 0;
      const count = symbol === 16
        ? 3 + this.#take(2)
        : symbol === 17
        ? 3 + this.#take(3)
        : 11 + this.#take(7);
      if (at + count > total) throw bad("too many code lengths");
      lengths.fill(value, at, at + count);
      at += count;
    }
    if (lengths[256] === 0) throw bad("a block without an end");
    const complete = buildHuffman(this.#literals, lengths, 0, literalCount) &&
      buildHuffman(this.#distances, lengths, literalCount, distanceCount);
    if (!complete) throw bad("an impossible set of codes");
  }

  #copyStored(goal: number): void {
    const wanted = Math.min(this.#storedLeft, goal - this.#outEnd);
    for (let left = wanted; left > 0; left--) this.#out[this.#outEnd++] = this.#take(8);
    this.#storedLeft -= wanted;
    if (this.#storedLeft === 0) this.#state = "block";
  }

  #decode(goal: number): void {
    const out = this.#out;
    const literals = this.#literals;
    const distances = this.#distances;
    let to = this.#outEnd;
    while (to < goal) {
      const symbol = this.#symbol(literals);
      if (symbol < 256) {
        out[to++] = symbol;
        continue;
      }
      if (symbol === 256) {
        this.#state = "block";
        break;
      }
      if (symbol > 285) throw bad("an unknown match length");
      const length = lengthBase[symbol - 257] + this.#take(lengthExtraBits[symbol - 257]);
      const code = this.#symbol(distances);
      if (code > 29) throw bad("an unknown match distance");
      const distance = distanceBase[code] + this.#take(distanceExtraBits[code]);
      let from = to - distance;
      if (from < this.#historyStart) throw bad("a match before the beginning");
      for (const end = to + length; to < end;) out[to++] = out[from++];
    }
    this.#outEnd = to;
  }

  #symbol(table: HuffmanTable): number {
    this.#want(15);
    const entry = table.fast[this.#bits & table.fastMask];
    if (entry > 0) {
      const bits = entry & 15;
      if (bits > this.#bitCount) throw bad("it is cut short");
      this.#bits >>>= bits;
      this.#bitCount -= bits;
      return entry >>> 4;
    }
    // Codes longer than the fast table, bit by bit in their canonical order.
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= 15; length++) {
      code |= (this.#bits >>> (length - 1)) & 1;
      const count = table.counts[length];
      if (code - first < count) {
        if (length > this.#bitCount) throw bad("it is cut short");
        this.#bits >>>= length;
        this.#bitCount -= length;
        return table.symbols[index + code - first];
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw bad("an unknown code");
  }

  /** Fills the bit buffer with at least `count` bits (up to 25), or all there are. */
  #want(count: number): void {
    while (this.#bitCount < count) {
      if (this.#inputAt === this.#inputEnd && !this.#refill()) return;
      this.#bits |= this.#input[this.#inputAt++] << this.#bitCount;
      this.#bitCount += 8;
    }
  }

  #take(count: number): number {
    if (count === 0) return 0;
    this.#want(count);
    if (this.#bitCount < count) throw bad("it is cut short");
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  /** A byte outside of the blocks, where the bit buffer holds whole bytes only. */
  #byte(): number {
    if (this.#bitCount > 0) return this.#take(8);
    if (this.#inputAt === this.#inputEnd && !this.#refill()) throw bad("it is cut short");
    return this.#input[this.#inputAt++];
  }

  #int32(): number {
    return this.#byte() | (this.#byte() << 8) | (this.#byte() << 16) | (this.#byte() << 24);
  }

  #skip(count: number): void {
    for (let left = count; left > 0; left--) this.#byte();
  }

  /** @returns False at the end of the packed bytes. */
  #refill(): boolean {
    if (this.#inputAt < this.#inputEnd) return true;
    this.#inputAt = 0;
    this.#inputEnd = this.#packed.read(this.#input, 0, this.#input.length);
    return this.#inputEnd > 0;
  }
}

function bad(what: string): BadSnapshotError {
  return new BadSnapshotError(`not a whole gzip file: ${what}`);
}
