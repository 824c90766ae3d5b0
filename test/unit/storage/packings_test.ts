/** Unpacking snapshots: in pieces of any size, every kind of block, and damage that must not hold a start up. */
import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { compress } from "snappyjs";
import { seededRandom } from "../../../src/base/random.ts";
import { packerFor } from "../../../src/io/packers.ts";
import type { ByteSource } from "../../../src/storage/byte_source.ts";
import { BadSnapshotError } from "../../../src/storage/errors.ts";
import { GunzipSource } from "../../../src/storage/gunzip.ts";
import { UnsnappySource } from "../../../src/storage/unsnappy.ts";
import { join } from "./_logs.ts";

/** Hands out at most `pieceBytes` at a time. */
function sourceOf(bytes: Uint8Array, pieceBytes = Infinity): ByteSource {
  let at = 0;
  return {
    read(target, start, end) {
      const count = Math.min(end - start, bytes.length - at, pieceBytes);
      target.set(bytes.subarray(at, at + count), start);
      at += count;
      return count;
    },
  };
}

function readAll(source: ByteSource, windowBytes = 50_000): Uint8Array {
  const parts: Uint8Array[] = [];
  const window = new Uint8Array(windowBytes + 2);
  for (;;) {
    const count = source.read(window, 1, 1 + windowBytes);
    if (count === 0) return join(...parts);
    parts.push(window.slice(1, 1 + count));
  }
}

/** Bytes that pack in part: runs, repeats and noise. */
function someBytes(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const kind = random.uint32() % 3;
    const from = at - 1 - random.uint32() % 40_000;
    const value = random.uint32();
    for (let left = 1 + random.uint32() % 400; left > 0 && at < length; left--, at++) {
      bytes[at] = kind === 0 ? value : kind === 1 && from >= 0 ? bytes[at - (at - from)] : random.uint32();
    }
  }
  return bytes;
}

const unzip = (packed: Uint8Array, pieceBytes?: number, windowBytes?: number) =>
  readAll(new GunzipSource(sourceOf(packed, pieceBytes)), windowBytes);
const unsnap = (packed: Uint8Array, pieceBytes?: number) =>
  readAll(new UnsnappySource(sourceOf(packed, pieceBytes)));

describe("a gzip stream", () => {
  test("of every level and strategy is unpacked", () => {
    const bytes = someBytes(200_000);
    for (const level of [0, 1, 6, 9] as const) {
      for (const strategy of [0, 1, 2, 3, 4] as const) {
        expect(unzip(gzipSync(bytes, { level, strategy }))).toEqual(bytes);
      }
    }
  });

  test("of several members, empty ones among them, is one stream", () => {
    const bytes = someBytes(100_000);
    const packed = join(
      gzipSync(new Uint8Array(0)),
      gzipSync(bytes.subarray(0, 1)),
      gzipSync(bytes.subarray(1, 70_000)),
      gzipSync(new Uint8Array(0)),
      gzipSync(bytes.subarray(70_000)),
    );
    for (const pieceBytes of [7, 1000, Infinity]) expect(unzip(packed, pieceBytes)).toEqual(bytes);
    for (const windowBytes of [1, 333]) {
      expect(unzip(gzipSync(bytes.subarray(0, 5000)), Infinity, windowBytes)).toEqual(bytes.slice(0, 5000));
    }
  });

  test("may come in pieces that end anywhere", () => {
    const bytes = someBytes(3000);
    const packed = join(gzipSync(bytes.subarray(0, 1500)), gzipSync(bytes.subarray(1500)));
    for (let pieceBytes = 1; pieceBytes < 60; pieceBytes++) expect(unzip(packed, pieceBytes)).toEqual(bytes);
  });

  test("that is cut short ends early or is refused, and never hands out anything else", () => {
    const bytes = someBytes(2000);
    const packed = join(gzipSync(bytes.subarray(0, 900)), gzipSync(bytes.subarray(900)));
    for (let length = 0; length < packed.length; length++) {
      const source = new GunzipSource(sourceOf(packed.subarray(0, length)));
      const window = new Uint8Array(5000);
      let end = 0;
      try {
        for (let count = -1; count !== 0; end += count) count = source.read(window, end, window.length);
      } catch (error) {
        expect(error).toBeInstanceOf(BadSnapshotError);
      }
      expect(window.slice(0, end)).toEqual(bytes.slice(0, end));
    }
  });

  test("that is damaged ends or is refused, whatever byte it is", () => {
    const packed = gzipSync(someBytes(3000));
    for (let at = 0; at < packed.length; at++) {
      const damaged = new Uint8Array(packed);
      damaged[at] ^= 0x55;
      try {
        readAll(new GunzipSource(sourceOf(damaged)));
      } catch (error) {
        expect(error).toBeInstanceOf(BadSnapshotError);
      }
    }
    expect(() => unzip(new TextEncoder().encode("no gzip at all"))).toThrow(BadSnapshotError);
  });
});

describe("a snappy stream", () => {
  const header = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
  const blocks = (...raw: Uint8Array[]) =>
    join(
      header,
      ...raw.flatMap((block) => {
        const length = new Uint8Array(4);
        new DataView(length.buffer).setInt32(0, block.length);
        return [length, block];
      }),
    );

  test("of blocks that a library packed is unpacked, in pieces that end anywhere", () => {
    for (const length of [0, 1, 59, 60, 61, 62, 300, 70_000]) {
      const bytes = someBytes(length, length);
      expect(unsnap(blocks(compress(bytes)))).toEqual(bytes);
    }
    const bytes = someBytes(2000);
    const packed = blocks(
      compress(bytes.subarray(0, 5)),
      compress(new Uint8Array(0)),
      compress(bytes.subarray(5)),
    );
    for (let pieceBytes = 1; pieceBytes < 40; pieceBytes++) expect(unsnap(packed, pieceBytes)).toEqual(bytes);
  });

  test("has every kind of element read", () => {
    const text = (value: string) => [...new TextEncoder().encode(value)];
    const cases: [string, number[]][] = [
      ["a literal with its length in the tag", [3, 2 << 2, ...text("abc")]],
      ["a literal with a length of one byte", [3, 60 << 2, 2, ...text("abc")]],
      ["a literal with a length of four bytes", [3, 63 << 2, 2, 0, 0, 0, ...text("abc")]],
      ["a copy with an offset of one byte", [7, 2 << 2, ...text("abc"), 0 << 2 | 1, 3]],
      ["a copy with an offset of two bytes", [7, 2 << 2, ...text("abc"), 3 << 2 | 2, 3, 0]],
      ["a copy with an offset of four bytes", [7, 2 << 2, ...text("abc"), 3 << 2 | 3, 3, 0, 0, 0]],
    ];
    for (const [name, block] of cases) {
      const expected = block[0] === 3 ? "abc" : "abcabca";
      const unpacked = new TextDecoder().decode(unsnap(blocks(Uint8Array.from(block))));
      expect([name, unpacked]).toEqual([name, expected]);
    }
  });

  test("with an impossible block is refused at once", () => {
    const cases: [string, number[]][] = [
      ["an unpacked length out of reason", [0xff, 0xff, 0xff, 0xff, 0x0f]],
      ["a length that never ends", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
      ["a literal of 2^31 bytes", [3, 63 << 2, 0, 0, 0, 0x80, 0x61]],
      ["a literal beyond the block", [9, 8 << 2, 0x61]],
      ["a literal beyond the unpacked length", [1, 1 << 2, 0x61, 0x61]],
      ["a copy of nothing before it", [4, 0 << 2 | 1, 1]],
      ["a copy from offset 0", [5, 0, 0x61, 0 << 2 | 1, 0]],
      ["a copy beyond the unpacked length", [4, 0, 0x61, 0 << 2 | 1, 1]],
      ["a copy that is cut short", [9, 0, 0x61, 0 << 2 | 2, 1]],
      ["fewer bytes than it claims", [9, 0, 0x61]],
    ];
    for (const [name, block] of cases) {
      expect(() => unsnap(blocks(Uint8Array.from(block))), name).toThrow(BadSnapshotError);
    }
  });

  test("that is damaged or cut short ends or is refused, whatever byte it is", () => {
    const packed = blocks(compress(someBytes(1500)), compress(someBytes(700)));
    for (let at = 0; at < packed.length; at++) {
      const damaged = packed.slice();
      damaged[at] ^= 0x55;
      for (const bytes of [damaged, packed.subarray(0, at)]) {
        try {
          unsnap(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BadSnapshotError);
        }
      }
    }
  });
});

test("what the packers make can be unpacked piece by piece", () => {
  const bytes = someBytes(300_000);
  for (const [kind, unpack] of [["gz", unzip], ["snappy", unsnap]] as const) {
    const packer = packerFor(kind)!;
    // A view that does not begin at its buffer's start, as the writer's.
    const pieces = [bytes.subarray(0, 100_000), bytes.subarray(100_000, 100_001), bytes.subarray(100_001)];
    expect(unpack(join(packer.header, ...pieces.map((piece) => packer.pack(piece))))).toEqual(bytes);
  }
  expect(packerFor("none")).toBeNull();
});
