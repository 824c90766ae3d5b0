import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { Adler32, adler32 } from "../../../src/storage/adler32.ts";

const text = (value: string) => new TextEncoder().encode(value);

describe("Adler32", () => {
  const plain = (bytes: Uint8Array) => {
    let low = 1;
    let high = 0;
    for (const byte of bytes) {
      low = (low + byte) % 65521;
      high = (high + low) % 65521;
    }
    return high * 65536 + low;
  };

  test("is that of RFC 1950, for every length and over pieces, up to the largest sums", () => {
    expect(adler32(text("Wikipedia"), 0, 9)).toBe(0x11e60398);
    expect(adler32(new Uint8Array(0), 0, 0)).toBe(1);
    const noise = new Uint8Array(createHash("sha512").update("x").digest());
    for (let length = 0; length <= 64; length++) {
      expect(adler32(noise, 0, length)).toBe(plain(noise.subarray(0, length)));
    }
    const largest = new Uint8Array(70_000).fill(255);
    expect(adler32(largest, 0, largest.length)).toBe(plain(largest));
    const sum = new Adler32();
    for (let at = 0; at < largest.length; at += 997) {
      sum.update(largest, at, Math.min(at + 997, largest.length));
    }
    expect(sum.value).toBe(plain(largest));
  });
});
