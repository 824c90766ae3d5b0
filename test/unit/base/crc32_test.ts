import { expect, test } from "bun:test";
import { crc32 } from "../../../src/base/crc32.ts";

const bytes = new TextEncoder().encode("The quick brown fox jumps over the lazy dog");

test("crc32() gives the well-known values", () => {
  expect(crc32(bytes, 0, 0, 0)).toBe(0);
  expect(crc32(new TextEncoder().encode("123456789"), 0, 9, 0)).toBe(0xcbf43926);
  expect(crc32(bytes, 0, bytes.length, 0)).toBe(0x414fa339);
});

test("crc32() over pieces is crc32() over the whole, wherever it is cut", () => {
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(crc32(bytes, cut, bytes.length, crc32(bytes, 0, cut, 0))).toBe(0x414fa339);
  }
});

test("crc32() looks at its range only", () => {
  const surrounded = new Uint8Array(bytes.length + 20).fill(0xaa);
  surrounded.set(bytes, 9);
  expect(crc32(surrounded, 9, 9 + bytes.length, 0)).toBe(0x414fa339);
});
