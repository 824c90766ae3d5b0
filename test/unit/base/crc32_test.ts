import { expect, test } from "bun:test";
import { crc32 } from "../../../src/base/crc32.ts";

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const fox = new TextEncoder().encode("The quick brown fox jumps over the lazy dog");
const bytes = viewOf(fox);

test("crc32() gives the well-known values", () => {
  expect(crc32(bytes, 0, 0, 0)).toBe(0);
  expect(crc32(viewOf(new TextEncoder().encode("123456789")), 0, 9, 0)).toBe(0xcbf43926);
  expect(crc32(bytes, 0, fox.length, 0)).toBe(0x414fa339);
});

test("crc32() over pieces is crc32() over the whole, wherever it is cut", () => {
  for (let cut = 0; cut <= fox.length; cut++) {
    expect(crc32(bytes, cut, fox.length, crc32(bytes, 0, cut, 0))).toBe(0x414fa339);
  }
});

test("crc32() looks at its range only", () => {
  const surrounded = new Uint8Array(fox.length + 20).fill(0xaa);
  surrounded.set(fox, 9);
  expect(crc32(viewOf(surrounded), 9, 9 + fox.length, 0)).toBe(0x414fa339);
});
