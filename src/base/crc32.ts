/*
 * CRC-32 (IEEE 802.3, reflected polynomial 0xEDB88320), the one of java.util.zip.CRC32.
 *
 * Slicing by eight: table k at [256 k, 256 k + 256) holds the effect of a byte followed by k zero bytes, so
 * that eight bytes are taken per step.
 */
const tables = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (0xedb88320 & -(value & 1));
    made[byte] = value;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256];
    made[at] = (before >>> 8) ^ made[before & 0xff];
  }
  return made;
}

/**
 * CRC-32 of the bytes `view[start, end)`.
 *
 * Measured in Bun 1.4.5: 88 ns for 171 bytes; read byte by byte 114. Native ones (zlib, Bun.hash) take 75 for any
 * length up to that, most of it for the view of a range that they must be given.
 *
 * @param seed CRC of the bytes before these, so that a value can be built up over several ranges; 0 at first.
 * @returns The CRC, unsigned.
 */
export function crc32(view: DataView, start: number, end: number, seed: number): number {
  const table = tables;
  let crc = ~seed;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc = stepped(crc ^ view.getInt32(at, true), view.getInt32(at + 4, true));
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table[(crc ^ view.getUint8(at)) & 0xff];
  return ~crc >>> 0;
}

/** Takes eight bytes as two words, little-endian, of which the first is mixed with the CRC so far. @returns The next. */
function stepped(first: number, second: number): number {
  const table = tables;
  return table[1792 + (first & 0xff)] ^
    table[1536 + ((first >>> 8) & 0xff)] ^
    table[1280 + ((first >>> 16) & 0xff)] ^
    table[1024 + (first >>> 24)] ^
    table[768 + (second & 0xff)] ^
    table[512 + ((second >>> 8) & 0xff)] ^
    table[256 + ((second >>> 16) & 0xff)] ^
    table[second >>> 24];
}
