/** Bits that one look-up decodes. */
const fastBits = 10;

/** A canonical Huffman code, as deflate uses it, ready for decoding (RFC 1951, section 3.2.2). */
export interface HuffmanTable {
  /** Indexed by the next bits, the first of them lowest: symbol * 16 + bits taken; 0 for longer codes. */
  readonly fast: Int16Array;
  readonly fastMask: number;
  /** Codes of each length. */
  readonly counts: Int16Array;
  /** Symbols in the order of their codes. */
  readonly symbols: Int16Array;
}

const nextCodes = new Int32Array(16);
const offsets = new Int32Array(16);

/** @returns A table to be filled by {@link buildHuffman}, for up to `symbolsMax` symbols. */
export function makeHuffmanTable(symbolsMax: number): HuffmanTable {
  return {
    fast: new Int16Array(1 << fastBits),
    fastMask: (1 << fastBits) - 1,
    counts: new Int16Array(16),
    symbols: new Int16Array(symbolsMax),
  };
}

/**
 * Fills a table from the lengths of its symbols' codes, `lengths[start, start + count)`; 0 is an unused symbol.
 *
 * @returns False when there are more codes of some length than bits to tell them apart. Fewer are fine: deflate
 *   has codes of one symbol, or none.
 */
export function buildHuffman(
  table: HuffmanTable,
  lengths: Uint8Array,
  start: number,
  count: number,
): boolean {
  const { fast, counts, symbols } = table;
  fast.fill(0);
  counts.fill(0);
  for (let symbol = 0; symbol < count; symbol++) counts[lengths[start + symbol]]++;
  counts[0] = 0;
  let code = 0;
  let left = 1;
  offsets[1] = 0;
  for (let length = 1; length <= 15; length++) {
    left = left * 2 - counts[length];
    if (left < 0) return false;
    code = (code + counts[length - 1]) << 1;
    nextCodes[length] = code;
    if (length < 15) offsets[length + 1] = offsets[length] + counts[length];
  }
  for (let symbol = 0; symbol < count; symbol++) {
    const length = lengths[start + symbol];
    if (length === 0) continue;
    symbols[offsets[length]++] = symbol;
    const value = nextCodes[length]++;
    if (length > fastBits) continue;
    let reversed = 0;
    for (let bit = 0; bit < length; bit++) reversed |= ((value >>> bit) & 1) << (length - 1 - bit);
    const entry = (symbol << 4) | length;
    for (let index = reversed; index < fast.length; index += 1 << length) fast[index] = entry;
  }
  return true;
}
