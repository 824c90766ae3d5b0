/*
 * A txn log file (Apache: FileTxnLog, Util, FilePadding), all integers big-endian:
 *
 *   0    magic    4   "ZKLG"; the only part of the header that a reader looks at
 *   4    version  4   2
 *   8    dbid     8   0
 *   16   entries, back to back:
 *        0    crc    8        Adler32 of the entry's bytes, unsigned, in a long
 *        8    len    4        of the entry
 *        12   entry  len      as in protocol/txn.ts
 *        +    end    1        0x42 "B"
 *
 * The crc covers neither len nor end. A len of 0 or the end of the file ends the log: the rest of a file is
 * zeros, laid out ahead so that most syncs need not change its length.
 *
 * An entry is whole when its end byte is there; then its crc must match. An entry cut short, or whose end byte
 * is still a zero, was being written when the machine died: it was never acknowledged and ends its file. A
 * wrong crc before a right end byte is damage, and nothing behind it may be trusted.
 */

/** Bytes of the file header. */
export const logHeaderBytes = 16;

/** Bytes an entry takes beside its content. */
export const logEntryOverhead = 13;

/** Where the content of an entry begins, from the entry's start. */
export const logEntryContentOffset = 12;

/** The byte behind every entry. */
export const logEntryEnd = 0x42;

/** "ZKLG". */
export const logMagic = 0x5a4b4c47;

/** The first bytes of every log file. */
export const logHeader: Readonly<Uint8Array> = Uint8Array.of(
  ...[0x5a, 0x4b, 0x4c, 0x47],
  ...[0, 0, 0, 2],
  ...[0, 0, 0, 0, 0, 0, 0, 0],
);

/**
 * The length a log file should have before bytes are written to its end: extended by `preallocBytes` when less
 * than 4096 bytes would be left, to a multiple of it when the end has already passed the length
 * (FilePadding.calculateFileSizeWithPadding).
 *
 * @param endBytes Where the writing will end.
 * @param fileBytes The length now.
 * @param preallocBytes 0 or less turns it off.
 */
export function paddedLogBytes(endBytes: number, fileBytes: number, preallocBytes: number): number {
  if (preallocBytes <= 0 || endBytes + 4096 < fileBytes) return fileBytes;
  if (endBytes <= fileBytes) return fileBytes + preallocBytes;
  const reached = endBytes + preallocBytes;
  return reached - (reached % preallocBytes);
}
