import type { Stat } from "../../mod.ts";
import type { Json } from "./command.ts";
import { javaDate } from "./java_date.ts";

/**
 * The eleven lines that describe a znode.
 *
 * @see Fact: StatPrinter
 */
export function statText(stat: Stat): string {
  return [
    `cZxid = ${hex(stat.czxid)}`,
    `ctime = ${javaDate(stat.ctime)}`,
    `mZxid = ${hex(stat.mzxid)}`,
    `mtime = ${javaDate(stat.mtime)}`,
    `pZxid = ${hex(stat.pzxid)}`,
    `cversion = ${stat.cversion}`,
    `dataVersion = ${stat.version}`,
    `aclVersion = ${stat.aversion}`,
    `ephemeralOwner = ${hex(stat.ephemeralOwner)}`,
    `dataLength = ${stat.dataLength}`,
    `numChildren = ${stat.numChildren}`,
  ].join("\n");
}

/** A Stat for `--json`: 64-bit ids as hexadecimal text, times in ms since 1970. */
export function statJson(stat: Stat): Json {
  return {
    czxid: hex(stat.czxid),
    mzxid: hex(stat.mzxid),
    pzxid: hex(stat.pzxid),
    ctime: stat.ctime,
    mtime: stat.mtime,
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: hex(stat.ephemeralOwner),
    dataLength: stat.dataLength,
    numChildren: stat.numChildren,
  };
}

/** Any 64-bit value the way Long.toHexString shows it, after `0x`. */
function hex(value: number | bigint): string {
  return `0x${value < 0 ? BigInt.asUintN(64, BigInt(value)).toString(16) : value.toString(16)}`;
}
