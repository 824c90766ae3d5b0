import { assert } from "../base/assert.ts";

/**
 * A transaction id: epoch in the high 32 bits, counter in the low 32.
 *
 * Held as a number, exact while the epoch is below 2^21 (asserted where one is made). A zxid from outside may
 * be any int64: read it with `JuteReader.longNumber`, which rounds what is too large but keeps its order
 * against every exact zxid, so comparing is always right. (ZxidUtils)
 */
export type Zxid = number;

const epochUnit = 0x100000000;

/** The largest epoch whose zxids a number holds exactly. */
export const epochMax = 0x1fffff;

/** @returns The zxid of `counter` in `epoch`. */
export function makeZxid(epoch: number, counter: number): Zxid {
  assert(epoch >= 0 && epoch <= epochMax, "an epoch is below 2^21, so that a zxid is an exact number");
  return epoch * epochUnit + (counter >>> 0);
}

/** @returns The epoch of a zxid; negative ones (no data yet is -1) round down as an arithmetic shift does. */
export function epochOf(zxid: Zxid): number {
  return Math.floor(zxid / epochUnit);
}

/** @returns The low 32 bits, unsigned. */
export function counterOf(zxid: Zxid): number {
  return zxid - Math.floor(zxid / epochUnit) * epochUnit;
}

/** @returns Lower-case hexadecimal without padding, as in file names; negative ones as 64-bit two's complement. */
export function zxidToHex(zxid: Zxid): string {
  return zxid >= 0 ? zxid.toString(16) : BigInt.asUintN(64, BigInt(zxid)).toString(16);
}
