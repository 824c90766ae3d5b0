const table = makeTable();

function makeTable(): Int32Array {
  const made = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    made[byte] = value;
  }
  return made;
}

/**
 * CRC-32 of RFC 1952, the checksum in gzip's trailer.
 *
 * @param before The checksum of the bytes before; 0 at first.
 * @returns The checksum with `bytes[start, end)` added, as a signed 32-bit number.
 */
export function crc32(before: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = ~before;
  for (let at = start; at < end; at++) crc = table[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  return ~crc;
}
