/*
 * A snapshot file (FileSnap, SnapStream, DataTree), before packing:
 *
 *   0   magic     4   `ZKSN`
 *   4   version   4   2
 *   8   dbid      8   -1
 *   16  body          sessions, ACLs, znodes and the string "/": TreeSnapshotCursor
 *       seal      13  long Adler32 of every byte before it, string "/"
 *       digest    20  zxid long, version int, tree digest long; then a seal. From 3.6, while digests are on.
 *                     Version 1 has the digest as a string of hexadecimal digits instead
 *       last zxid 8   the newest zxid in the tree when it was written; then a seal. From 3.9, unless turned off
 *
 * Each seal sums everything from byte 0, earlier seals too. Valid is a file whose parts are all whole, each
 * with a matching seal; the last two may be missing, and what a later version adds behind them is not looked at.
 */

/** `ZKSN`, version 2, dbid -1. */
export const snapshotHeader: Readonly<Uint8Array> = Uint8Array.of(
  ...[0x5a, 0x4b, 0x53, 0x4e],
  ...[0, 0, 0, 2],
  ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
);

/** Bytes that must match of the header: a reader looks at the magic only. */
export const snapshotMagicBytes = 4;

/** Bytes of a seal. */
export const sealBytes = 13;

/** Bytes of the digest part, without its seal. */
export const digestPartBytes = 20;

/** Bytes of the part with the last zxid, without its seal. */
export const lastZxidPartBytes = 8;
