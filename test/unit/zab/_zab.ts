/** How the scripts of this folder write zxids and packets, and txns whose content tells which they are. */
import { JuteWriter } from "../../../src/jute/writer.ts";
import {
  type PacketHandler,
  packetName,
  PacketSplitter,
  PacketType,
  QuorumPacket,
  writePacket,
} from "../../../src/protocol/quorum_packet.ts";
import { counterOf, epochOf, makeZxid, type Zxid } from "../../../src/protocol/zxid.ts";
import { Hierarchical } from "../../../src/quorum/hierarchical.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import type { Quorum } from "../../../src/quorum/quorum.ts";
import type { LoggedEntry } from "../../../src/zab/committed_log.ts";
import { entryFor } from "../storage/_logs.ts";

/** Reads `5.3`, the third txn of epoch 5; `-1` is no zxid. */
export function zxid(text: string): Zxid {
  if (text === "-1") return -1;
  const match = /^(\d+)\.(\d+)$/.exec(text);
  if (match === null) throw new Error(`not a zxid: ${text}`);
  return makeZxid(Number(match[1]), Number(match[2]));
}

/** Writes what {@link zxid} reads. */
export function show(zxid: Zxid): string {
  return zxid === -1 ? "-1" : `${epochOf(zxid)}.${counterOf(zxid)}`;
}

/** Reads `5.3`, or `5.1-5.3` for all of them. */
export function zxids(words: readonly string[]): Zxid[] {
  const all: Zxid[] = [];
  for (const word of words) {
    const [first, last = first] = word === "-1" ? [word] : word.split("-");
    for (let next = zxid(first); next <= zxid(last); next++) all.push(next);
  }
  return all;
}

/** `name=value` among the words of a command. */
export function option(words: readonly string[], name: string): string | undefined {
  return words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The words of a command that are no options. */
export function plain(words: readonly string[]): string[] {
  return words.slice(1).filter((word) => !word.includes("="));
}

/** The txn of a zxid: it creates a znode named for it. */
export function txn(zxid: Zxid): LoggedEntry {
  const bytes = entryFor(zxid);
  return { zxid, bytes, start: 0, end: bytes.length };
}

/** Reads `1,2,3`, where a majority suffices, or `1,2,3/4,5/6,7`, where a majority of the groups does. */
export function quorum(text: string): Quorum {
  const groups = text.split("/").map((group) => group.split(",").map(Number));
  if (groups.length === 1) return new Majority(groups[0]);
  const groupOf = new Map(groups.flatMap((members, index) => members.map((id) => [id, index + 1] as const)));
  return new Hierarchical(groupOf.keys(), groupOf, new Map());
}

/** @returns Each packet of `bytes`, by a copy that stays. */
export function packetsIn(bytes: Uint8Array): QuorumPacket[] {
  const packets: QuorumPacket[] = [];
  const handler: PacketHandler = {
    onPacket: ({ type, zxid, bytes, dataStart, dataEnd, dataLength }) => {
      const out = new JuteWriter();
      writePacket(out, type as PacketType, zxid, dataLength < 0 ? null : bytes.slice(dataStart, dataEnd));
      const copy = new QuorumPacket();
      copy.place(out.copy(), 0, dataLength, out.length);
      packets.push(copy);
    },
    onBadPacket: (reason) => {
      throw new Error(reason);
    },
  };
  new PacketSplitter().push(bytes, handler);
  return packets;
}

/** One packet, as it comes over the wire. */
export function packet(type: PacketType, zxid: Zxid, data: Uint8Array | null = null): QuorumPacket {
  const out = new JuteWriter();
  writePacket(out, type, zxid, data);
  return packetsIn(out.view())[0];
}

/** `PROPOSAL 5.3`. */
export function showPacket({ type, zxid }: QuorumPacket): string {
  return `${packetName(type)} ${show(zxid)}`;
}
