import { describe, expect, test } from "bun:test";
import {
  fromBase64,
  hexDump,
  isPrintable,
  showData,
  showText,
  toBase64,
} from "../../../../cli/shell/show.ts";
import { splitLine } from "../../../../cli/shell/words.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("showData()", () => {
  test("shows printable UTF-8 as it is, line feeds, tabs and CR LF included", () => {
    for (const text of ["", "hello", "häßlich €", "👍🏽", "a\nb\tc\r\nd", String.raw`back\slash`]) {
      expect(showData(utf8(text))).toBe(text);
      expect(isPrintable(utf8(text))).toBe(true);
    }
  });

  test("shows what a terminal would act on with escapes", () => {
    expect(showData(utf8("\x1b[2J"))).toBe(String.raw`\x1b[2J`);
    expect(showData(utf8("a\rb"))).toBe(String.raw`a\rb`);
    expect(showData(utf8("\u202etxt"))).toBe(String.raw`\xe2\x80\xaetxt`);
    expect(showData(utf8("\x00\n\t\\"))).toBe(String.raw`\x00\n\t\\`);
    expect(showData(utf8("\x9b"))).toBe(String.raw`\xc2\x9b`);
  });

  test("shows bytes that are not UTF-8 as escapes and the rest as text", () => {
    expect(showData(Uint8Array.of(0x61, 0xff, 0xc3, 0xa9, 0xc3))).toBe("a\\xffé\\xc3");
    expect(showData(Uint8Array.of(0xed, 0xa0, 0x80))).toBe(String.raw`\xed\xa0\x80`);
    expect(isPrintable(Uint8Array.of(0xff))).toBe(false);
  });

  test("escapes what, between double quotes, gives the same bytes back", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at).filter((byte) => byte !== 0x22);
    expect([...splitLine(`"${showData(bytes)}"`).words[0].bytes]).toEqual([...bytes]);
  });
});

test("showText() leaves harmless text alone", () => {
  expect(showText("plain \\ text")).toBe("plain \\ text");
  expect(showText("bell\x07")).toBe(String.raw`bell\x07`);
});

test("base64 goes both ways and refuses what Java's basic decoder refuses", () => {
  for (const text of ["", "a", "ab", "abc", "\x00\xff"]) {
    expect(fromBase64(toBase64(utf8(text)))).toEqual(utf8(text));
  }
  expect(fromBase64("YQ")).toEqual(utf8("a"));
  for (const bad of ["Y", "YQ=", "Y Q=", "YQ===", "Y-_="]) expect(fromBase64(bad)).toBeNull();
});

test("hexDump() has Netty's shape, and nothing for no data", () => {
  expect(hexDump(new Uint8Array())).toBe("");
  expect(hexDump(utf8("world2\n0123456789"))).toBe([
    "         +-------------------------------------------------+",
    "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |",
    "+--------+-------------------------------------------------+----------------+",
    "|00000000| 77 6f 72 6c 64 32 0a 30 31 32 33 34 35 36 37 38 |world2.012345678|",
    "|00000010| 39                                              |9               |",
    "+--------+-------------------------------------------------+----------------+",
  ].join("\n"));
});
