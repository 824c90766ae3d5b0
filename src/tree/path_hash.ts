/**
 * Hashes a path's bytes: HalfSipHash-1-3, 32 bits.
 *
 * Paths come from outside, and whoever could choose many with one hash would turn every look-up into a walk;
 * so the hash is keyed, by two 32-bit values that no client learns.
 *
 * @returns An int32.
 * @see Fact: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; vectors of Linux, lib/test_siphash.c
 */
export function hashPath(
  view: DataView,
  start: number,
  length: number,
  key0: number,
  key1: number,
): number {
  let v0 = key0;
  let v1 = key1;
  let v2 = key0 ^ 0x6c796765;
  let v3 = key1 ^ 0x74656462;
  const end = start + length;
  for (let at = start; at <= end; at += 4) {
    let word: number;
    if (at + 4 <= end) {
      word = view.getInt32(at, true);
    } else {
      word = length << 24;
      if (at < end) word |= view.getUint8(at);
      if (at + 1 < end) word |= view.getUint8(at + 1) << 8;
      if (at + 2 < end) word |= view.getUint8(at + 2) << 16;
    }
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  v2 ^= 0xff;
  for (let round = 0; round < 3; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}
