import type { JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import type { Zxid } from "./zxid.ts";

/** A znode's Stat as clients see it (68 bytes on the wire, fields in this order). */
export interface Stat {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  /** Milliseconds since 1970. */
  readonly ctime: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  readonly version: number;
  /** Creations plus deletions of children, in int32 wraparound. */
  readonly cversion: number;
  readonly aversion: number;
  /** Session that owns an ephemeral znode; 0n for all others, containers and TTL znodes too. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: Zxid;
}

/** Bytes of a Stat on the wire. */
export const statBytes = 68;

/** Bytes of a StatPersisted in snapshots: no dataLength, no numChildren. */
export const statPersistedBytes = 60;

/** Where the fields of a StatPersisted are. */
export const statAt = {
  czxid: 0,
  mzxid: 8,
  ctime: 16,
  mtime: 24,
  version: 32,
  cversion: 36,
  aversion: 40,
  owner: 44,
  pzxid: 52,
} as const;

export function decodeStat(reader: JuteReader): Stat {
  return {
    czxid: reader.longNumber(),
    mzxid: reader.longNumber(),
    ctime: reader.longNumber(),
    mtime: reader.longNumber(),
    version: reader.int(),
    cversion: reader.int(),
    aversion: reader.int(),
    ephemeralOwner: reader.long(),
    dataLength: reader.int(),
    numChildren: reader.int(),
    pzxid: reader.longNumber(),
  };
}

export function encodeStat(writer: JuteWriter, stat: Stat): void {
  writer.longNumber(stat.czxid);
  writer.longNumber(stat.mzxid);
  writer.longNumber(stat.ctime);
  writer.longNumber(stat.mtime);
  writer.int(stat.version);
  writer.int(stat.cversion);
  writer.int(stat.aversion);
  writer.long(stat.ephemeralOwner);
  writer.int(stat.dataLength);
  writer.int(stat.numChildren);
  writer.longNumber(stat.pzxid);
}
