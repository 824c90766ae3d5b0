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
 * CRC-32 of a range of bytes.
 *
 * @param seed CRC of the bytes before these, so that a value can be built up over several ranges; 0 at first.
 * @returns The CRC, unsigned.
 */
export function crc32(bytes: Uint8Array, start: number, end: number, seed: number): number {
  const table = tables;
  let crc = ~seed;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc = table[1792 + (bytes[at] ^ (crc & 0xff))] ^
      table[1536 + (bytes[at + 1] ^ ((crc >>> 8) & 0xff))] ^
      table[1280 + (bytes[at + 2] ^ ((crc >>> 16) & 0xff))] ^
      table[1024 + (bytes[at + 3] ^ (crc >>> 24))] ^
      table[768 + bytes[at + 4]] ^
      table[512 + bytes[at + 5]] ^
      table[256 + bytes[at + 6]] ^
      table[bytes[at + 7]];
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}
