import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../../src/base/assert.ts";
import { limits } from "../../../src/base/limits.ts";
import { decodeText, JuteError, JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";

/** A value of each kind, how it is written and read, and its bytes. */
interface Sample {
  readonly name: string;
  readonly write: (writer: JuteWriter) => void;
  readonly read: (reader: JuteReader) => unknown;
  readonly value: unknown;
  readonly hex: string;
}

const text = (reader: JuteReader) => reader.string();
const bytes = (...values: number[]) => Uint8Array.from(values);
const euro = "€".repeat(50);

const samples: Sample[] = [
  { name: "false", write: (w) => w.bool(false), read: (r) => r.bool(), value: false, hex: "00" },
  { name: "true", write: (w) => w.bool(true), read: (r) => r.bool(), value: true, hex: "01" },
  { name: "int 0", write: (w) => w.int(0), read: (r) => r.int(), value: 0, hex: "00000000" },
  { name: "int -1", write: (w) => w.int(-1), read: (r) => r.int(), value: -1, hex: "ffffffff" },
  {
    name: "smallest int",
    write: (w) => w.int(-0x80000000),
    read: (r) => r.int(),
    value: -0x80000000,
    hex: "80000000",
  },
  {
    name: "largest int",
    write: (w) => w.int(0x7fffffff),
    read: (r) => r.int(),
    value: 0x7fffffff,
    hex: "7fffffff",
  },
  {
    name: "long",
    write: (w) => w.long(0x0100001335490000n),
    read: (r) => r.long(),
    value: 0x0100001335490000n,
    hex: "0100001335490000",
  },
  {
    name: "long -2",
    write: (w) => w.long(-2n),
    read: (r) => r.long(),
    value: -2n,
    hex: "fffffffffffffffe",
  },
  {
    name: "long given unsigned",
    write: (w) => w.long(0xff00000000000001n),
    read: (r) => r.long(),
    value: -0xffffffffffffffn,
    hex: "ff00000000000001",
  },
  {
    name: "long in halves",
    write: (w) => w.longHalves(-1, 0xfffffffe),
    read: (r) => r.long(),
    value: -2n,
    hex: "fffffffffffffffe",
  },
  {
    name: "number as long",
    write: (w) => w.longNumber(0x500000001),
    read: (r) => r.longNumber(),
    value: 0x500000001,
    hex: "0000000500000001",
  },
  {
    name: "number with the low half's top bit",
    write: (w) => w.longNumber(0x5ffffffff),
    read: (r) => r.longNumber(),
    value: 0x5ffffffff,
    hex: "00000005ffffffff",
  },
  {
    name: "number -1",
    write: (w) => w.longNumber(-1),
    read: (r) => r.longNumber(),
    value: -1,
    hex: "ffffffffffffffff",
  },
  {
    name: "number -2^32 - 1",
    write: (w) => w.longNumber(-0x100000001),
    read: (r) => r.longNumber(),
    value: -0x100000001,
    hex: "fffffffeffffffff",
  },
  {
    name: "largest exact number",
    write: (w) => w.longNumber(Number.MAX_SAFE_INTEGER),
    read: (r) => r.longNumber(),
    value: Number.MAX_SAFE_INTEGER,
    hex: "001fffffffffffff",
  },
  {
    name: "null buffer",
    write: (w) => w.buffer(null),
    read: (r) => r.buffer(),
    value: null,
    hex: "ffffffff",
  },
  {
    name: "empty buffer",
    write: (w) => w.buffer(bytes()),
    read: (r) => r.buffer(),
    value: bytes(),
    hex: "00000000",
  },
  {
    name: "buffer",
    write: (w) => w.buffer(bytes(0, 255, 7)),
    read: (r) => r.buffer(),
    value: bytes(0, 255, 7),
    hex: "0000000300ff07",
  },
  { name: "null string", write: (w) => w.string(null), read: text, value: null, hex: "ffffffff" },
  { name: "empty string", write: (w) => w.string(""), read: text, value: "", hex: "00000000" },
  { name: "path", write: (w) => w.string("/a/b"), read: text, value: "/a/b", hex: "000000042f612f62" },
  { name: "accent", write: (w) => w.string("/é"), read: text, value: "/é", hex: "000000032fc3a9" },
  {
    name: "beyond the BMP",
    write: (w) => w.string("a😀"),
    read: text,
    value: "a😀",
    hex: "0000000561f09f9880",
  },
  {
    name: "with a BOM",
    write: (w) => w.string("\ufeffa"),
    read: text,
    value: "\ufeffa",
    hex: "00000004efbbbf61",
  },
  {
    name: "long ASCII",
    write: (w) => w.string("x".repeat(300)),
    read: text,
    value: "x".repeat(300),
    hex: "0000012c" + "78".repeat(300),
  },
  {
    name: "long other text",
    write: (w) => w.string(euro),
    read: text,
    value: euro,
    hex: "00000096" + "e282ac".repeat(50),
  },
  {
    name: "null vector",
    write: (w) => w.vector<string>(null, (to, item) => to.string(item)),
    read: (r) => r.vector(text),
    value: null,
    hex: "ffffffff",
  },
  {
    name: "empty vector",
    write: (w) => w.vector<string>([], (to, item) => to.string(item)),
    read: (r) => r.vector(text),
    value: [],
    hex: "00000000",
  },
  {
    name: "vector",
    write: (w) => w.vector(["a", null], (to, item) => to.string(item)),
    read: (r) => r.vector(text),
    value: ["a", null],
    hex: "000000020000000161ffffffff",
  },
];

describe("every kind of value", () => {
  for (const { name, write, read, value, hex } of samples) {
    test(`${name}: written, read back, at any place, and cut short at each byte`, () => {
      const writer = new JuteWriter(1);
      write(writer);
      expect(writer.view().toHex()).toBe(hex);
      const encoded = writer.copy();

      const whole = new JuteReader(encoded);
      expect(read(whole)).toEqual(value);
      expect(whole.remaining).toBe(0);

      const padded = new Uint8Array(encoded.length + 20).fill(0xee);
      padded.set(encoded, 7);
      const inside = new JuteReader(padded, 7, 7 + encoded.length);
      expect(read(inside)).toEqual(value);
      expect(inside.remaining).toBe(0);

      for (let length = 0; length < encoded.length; length++) {
        // The bytes beyond the range are there, and must not be seen.
        expect(() => read(new JuteReader(encoded, 0, length))).toThrow(JuteError);
      }
    });
  }

  test("all of them one after the other, through one reader and one writer used again", () => {
    const writer = new JuteWriter(4);
    const reader = new JuteReader();
    for (let round = 0; round < 3; round++) {
      writer.reset();
      for (const sample of samples) sample.write(writer);
      expect(writer.view().toHex()).toBe(samples.map((sample) => sample.hex).join(""));
      reader.reset(writer.copy());
      for (const sample of samples) expect(sample.read(reader)).toEqual(sample.value);
      expect(reader.remaining).toBe(0);
    }
  });
});

describe("JuteReader", () => {
  const reading = (hex: string) => new JuteReader(Uint8Array.fromHex(hex));

  test("any non-zero byte is true", () => {
    for (const byte of [1, 2, 0x80, 0xff]) expect(new JuteReader(bytes(byte)).bool()).toBe(true);
  });

  test("lengths other than -1 below zero are refused", () => {
    for (const hex of ["fffffffe", "80000000"]) {
      expect(() => reading(hex).buffer()).toThrow(JuteError);
      expect(() => reading(hex).string()).toThrow(JuteError);
    }
  });

  test("a length beyond the limit is refused even when the bytes are there", () => {
    const reader = reading("00000003010203");
    reader.fieldBytesMax = 2;
    expect(() => reader.buffer()).toThrow(JuteError);
    reader.reset(reader.bytes);
    reader.fieldBytesMax = 3;
    expect(reader.buffer()).toEqual(bytes(1, 2, 3));
  });

  test("a lying length takes no memory and is refused", () => {
    expect(() => reading("7fffffff00").string()).toThrow(JuteError);
    expect(() => reading("7fffffff00").vector((r) => r.bool())).toThrow(JuteError);
    const many = new JuteReader(new Uint8Array(limits.vectorCountMax + 10).fill(0));
    new DataView(many.bytes.buffer).setInt32(0, limits.vectorCountMax + 1);
    expect(() => many.vector((r) => r.bool())).toThrow(JuteError);
  });

  test("negative counts of a vector other than -1 read as empty", () => {
    expect(reading("fffffffe").vector((r) => r.int())).toEqual([]);
    expect(reading("80000000").vectorCount()).toBe(0);
    expect(reading("ffffffff").vectorCount()).toBe(-1);
  });

  test("64-bit numbers too large to be exact keep their order against exact ones", () => {
    const ordered = [
      "8000000000000000",
      "ffdfffffffffffff",
      "ffffffffffffffff",
      "0000000000000000",
      "001fffffffffffff",
      "0020000000000000",
      "7fffffffffffffff",
    ].map((hex) => reading(hex).longNumber());
    expect(ordered).toEqual([...ordered].sort((a, b) => a - b));
    expect(ordered[5]).toBeGreaterThan(ordered[4]);
    expect(ordered[6]).toBe(2 ** 63);
    expect(ordered[0]).toBe(-(2 ** 63));
  });

  test("malformed UTF-8 becomes U+FFFD, short or long", () => {
    expect(reading("00000003" + "61ff62").string()).toBe("a\ufffdb");
    expect(reading("00000064" + "61".repeat(99) + "c3").string()).toBe("a".repeat(99) + "\ufffd");
  });

  test("decodeText() agrees with the platform's decoder at every length around its shortcut", () => {
    for (let length = 0; length <= 70; length++) {
      for (const at of [-1, 0, length >> 1, length - 2]) {
        const encoded = new Uint8Array(length + 4).fill(0x61);
        if (at >= 0 && at + 1 < length) encoded.set([0xc3, 0xa9], at + 2);
        expect(decodeText(encoded, 2, length)).toBe(
          new TextDecoder().decode(encoded.subarray(2, 2 + length)),
        );
      }
    }
  });

  test("skip() stays in the range", () => {
    const reader = new JuteReader(bytes(1, 2, 3), 0, 2);
    reader.skip(2);
    expect(() => reader.skip(1)).toThrow(JuteError);
    expect(reader.remaining).toBe(0);
  });

  test("fieldLength() leaves the bytes unread", () => {
    const reader = reading("0000000201020304");
    expect(reader.fieldLength()).toBe(2);
    expect(reader.position).toBe(4);
    expect(reading("ffffffff").fieldLength()).toBe(-1);
  });

  test("a reader turns to other bytes of another place in memory", () => {
    const memory = bytes(9, 9, 9, 9, 0, 0, 0, 5, 0, 0, 0, 6);
    const reader = new JuteReader(memory.subarray(4));
    expect(reader.int()).toBe(5);
    reader.reset(memory.subarray(8));
    expect(reader.int()).toBe(6);
    reader.reset(memory, 4, 8);
    expect([reader.int(), reader.remaining]).toEqual([5, 0]);
  });
});

describe("JuteWriter", () => {
  test("what is written stays through every growth", () => {
    const writer = new JuteWriter(1);
    let expected = "";
    for (let count = 0; count < 300; count++) {
      writer.byte(count & 0xff);
      writer.int(count);
      expected += (count & 0xff).toString(16).padStart(2, "0") + count.toString(16).padStart(8, "0");
    }
    expect(writer.view().toHex()).toBe(expected);
  });

  test("intAt() writes over a length known only later", () => {
    const writer = new JuteWriter();
    writer.int(0);
    writer.string("abc");
    writer.intAt(0, writer.length - 4);
    expect(writer.view().toHex()).toBe("0000000700000003616263");
  });

  test("rewind() drops the end, and only backwards", () => {
    const writer = new JuteWriter();
    writer.int(1);
    writer.int(2);
    writer.rewind(4);
    expect(writer.view().toHex()).toBe("00000001");
    expect(() => writer.rewind(5)).toThrow(AssertionError);
  });

  test("reset() gives memory back only beyond what is to be kept", () => {
    const writer = new JuteWriter(16);
    writer.raw(new Uint8Array(1000));
    const grown = writer.bytes;
    writer.reset(grown.length);
    expect(writer.bytes).toBe(grown);
    writer.reset(100);
    expect([writer.bytes.length, writer.length]).toEqual([100, 0]);
    writer.raw(new Uint8Array(200).fill(3));
    expect(writer.view()).toEqual(new Uint8Array(200).fill(3));
  });

  test("copy() is its own, view() is not", () => {
    const writer = new JuteWriter();
    writer.int(1);
    const [copy, view] = [writer.copy(), writer.view()];
    writer.intAt(0, 2);
    expect([copy.toHex(), view.toHex()]).toEqual(["00000001", "00000002"]);
  });

  test("runs of every length come out as they went in, however they are written", () => {
    const source = Uint8Array.from({ length: 300 }, (_, index) => (index * 7) & 0xff);
    const inner = source.subarray(20);
    const view = new DataView(inner.buffer, inner.byteOffset, inner.byteLength);
    for (let count = 0; count < 270; count++) {
      const writer = new JuteWriter(8);
      writer.byte(1);
      writer.rawRange(inner, 3, count);
      writer.rawRun(inner, view, 3, count);
      writer.raw(inner.subarray(3, 3 + count));
      const expected = inner.subarray(3, 3 + count).toHex();
      expect(writer.view().toHex()).toBe("01" + expected + expected + expected);
    }
  });
});
