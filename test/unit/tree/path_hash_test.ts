import { expect, test } from "bun:test";
import { hashPath } from "../../../src/tree/path_hash.ts";

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test("the hash is HalfSipHash-1-3: the first vectors of Linux, lib/test_siphash.c", () => {
  const view = viewOf(Uint8Array.from({ length: 16 }, (_, index) => index));
  const vectors = [
    0x5814c896,
    0xe7e864ca,
    0xbc4b0e30,
    0x01539939,
    0x7e059ea6,
    0x88e3d89b,
    0xa0080b65,
    0x9d38d9d6,
  ];
  vectors.forEach((expected, length) => {
    expect(hashPath(view, 0, length, 0x03020100, 0x07060504) >>> 0).toBe(expected);
  });
});

test("the hash depends on the bytes and the key, not on where the bytes lie", () => {
  const one = viewOf(new TextEncoder().encode("xx/bench/a000123yy"));
  const other = viewOf(new TextEncoder().encode("/bench/a000123"));
  expect(hashPath(one, 2, 14, 1, 2)).toBe(hashPath(other, 0, 14, 1, 2));
  expect(hashPath(one, 2, 14, 1, 2)).not.toBe(hashPath(other, 0, 14, 1, 3));
  expect(hashPath(one, 2, 14, 1, 2)).not.toBe(hashPath(other, 0, 13, 1, 2));
});
