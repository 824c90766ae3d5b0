import { limits } from "../base/limits.ts";
import { HeldBytes } from "../jute/held_bytes.ts";
import { int32At } from "../jute/int_at.ts";
import { JuteError, JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import type { AuthId } from "./acl.ts";
import { workerPacketName, type WorkerPacketType } from "./worker_packet.ts";
import type { Zxid } from "./zxid.ts";

/*
 * A packet on the quorum port, leader to learner or back; packets follow each other without a frame
 * (QuorumPacket, zookeeper.jute):
 *
 *   0        type      4   PacketType
 *   4        zxid      8
 *   12       length    4   of the data; -1 for none
 *   16       data      n   by type
 *   16 + n   authinfo  4   count of ids, -1 for none; each a scheme string and an id string
 *
 * Behind SNAP, and only there, the bytes of a tree come in between, up to the string "BenWasHere".
 */

/** What a packet is (Leader's constants). */
export const PacketType = {
  request: 1,
  proposal: 2,
  ack: 3,
  commit: 4,
  ping: 5,
  revalidate: 6,
  sync: 7,
  inform: 8,
  commitAndActivate: 9,
  newLeader: 10,
  followerInfo: 11,
  upToDate: 12,
  diff: 13,
  trunc: 14,
  snap: 15,
  observerInfo: 16,
  leaderInfo: 17,
  ackEpoch: 18,
  informAndActivate: 19,
} as const;

/** One of {@link PacketType}. */
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

const names = new Map<number, string>([
  [PacketType.request, "REQUEST"],
  [PacketType.proposal, "PROPOSAL"],
  [PacketType.ack, "ACK"],
  [PacketType.commit, "COMMIT"],
  [PacketType.ping, "PING"],
  [PacketType.revalidate, "REVALIDATE"],
  [PacketType.sync, "SYNC"],
  [PacketType.inform, "INFORM"],
  [PacketType.commitAndActivate, "COMMITANDACTIVATE"],
  [PacketType.newLeader, "NEWLEADER"],
  [PacketType.followerInfo, "FOLLOWERINFO"],
  [PacketType.upToDate, "UPTODATE"],
  [PacketType.diff, "DIFF"],
  [PacketType.trunc, "TRUNC"],
  [PacketType.snap, "SNAP"],
  [PacketType.observerInfo, "OBSERVERINFO"],
  [PacketType.leaderInfo, "LEADERINFO"],
  [PacketType.ackEpoch, "ACKEPOCH"],
  [PacketType.informAndActivate, "INFORMANDACTIVATE"],
]);

/** @returns A packet type's name as ZooKeeper's logs have it. */
export function packetName(type: number): string {
  return names.get(type) ?? workerPacketName(type) ?? `packet type ${type}`;
}

/** Version of the learner protocol: NEWLEADER carries a configuration, epochs are negotiated (Learner). */
export const learnerProtocolVersion = 0x10000;

/** What closes a tree's bytes behind SNAP. */
export const snapshotSignature = "BenWasHere";

const headBytes = 16;
const noBytes = new Uint8Array(0);

/** One packet, as it lies in the bytes that came: good until the next one is looked at. */
export class QuorumPacket {
  type = 0;
  zxid: Zxid = 0;
  bytes: Uint8Array = new Uint8Array(0);
  dataStart = 0;
  /** -1 for null. */
  dataLength = -1;
  #authStart = 0;
  #end = 0;
  /** The ids decoded last, and the bytes that they were. */
  #ids: readonly AuthId[] = [];
  #idBytes = noBytes;
  readonly #reader = new JuteReader();

  /** Where the data ends. */
  get dataEnd(): number {
    return this.dataStart + Math.max(this.dataLength, 0);
  }

  /**
   * @returns A reader of the data; the same one for each packet.
   * @throws {JuteError} From its methods, when the data is shorter than it should be.
   */
  data(): JuteReader {
    const reader = this.#reader;
    reader.reset(this.bytes, this.dataStart, this.dataEnd);
    // Packets are bounded as a whole already.
    reader.fieldBytesMax = reader.remaining;
    return reader;
  }

  /** @returns Who a REQUEST's client has proved to be. @throws {JuteError} If that cannot be decoded. */
  authIds(): readonly AuthId[] {
    // Most of a learner's clients have proved the same: they come from one address.
    if (this.#hasIdsOfBefore()) return this.#ids;
    const reader = new JuteReader(this.bytes, this.#authStart, this.#end);
    this.#ids = reader.vector((one) => ({ scheme: one.string(), id: one.string() })) ?? [];
    this.#idBytes = this.bytes.slice(this.#authStart, this.#end);
    return this.#ids;
  }

  /** Writes this very packet, ids and all. */
  copyTo(out: JuteWriter): void {
    const start = this.dataStart - headBytes;
    out.rawRange(this.bytes, start, this.#end - start);
  }

  /** Moves to a packet; the splitter's business. */
  place(bytes: Uint8Array, start: number, dataLength: number, end: number): void {
    this.bytes = bytes;
    this.type = int32At(bytes, start);
    this.zxid = int32At(bytes, start + 4) * 0x100000000 + (int32At(bytes, start + 8) >>> 0);
    this.dataStart = start + headBytes;
    this.dataLength = dataLength;
    this.#authStart = this.dataEnd;
    this.#end = end;
  }

  #hasIdsOfBefore(): boolean {
    const before = this.#idBytes;
    const { length } = before;
    if (length === 0 || length !== this.#end - this.#authStart) return false;
    for (let index = 0; index < length; index++) {
      if (before[index] !== this.bytes[this.#authStart + index]) return false;
    }
    return true;
  }
}

/** Takes bytes that are no packets: the tree behind SNAP. */
export interface RawConsumer {
  /** @returns How many bytes of `bytes[start, end)` were used up; the rest comes again, with more. */
  push(bytes: Uint8Array, start: number, end: number): number;
  /** All is read; packets follow. */
  readonly done: boolean;
}

/** Who takes the packets of a stream. */
export interface PacketHandler {
  onPacket(packet: QuorumPacket): void;
  /** Nothing sensible can follow. */
  onBadPacket(reason: string): void;
}

/** A packet that was larger than this gives its memory back. */
const heldBytesKept = 64 * 1024;

/** Cuts the stream of a quorum connection into packets. */
export class PacketSplitter {
  /** Bytes of a whole packet; whoever sends a larger one can say nothing more. */
  packetBytesMax = Infinity;
  readonly #dataBytesMax: number;
  readonly #packet = new QuorumPacket();
  readonly #held = new HeldBytes(heldBytesKept);
  #raw: RawConsumer | null = null;
  #stopped = false;

  /**
   * @param dataBytesMax Of one packet's data. A proposal's header and digest come on top of what a client may send
   *   (BinaryInputArchive.checkLength).
   */
  constructor(dataBytesMax: number = limits.frameBytesMax + limits.fieldBytesExtra) {
    this.#dataBytesMax = dataBytesMax;
  }

  /** What follows the packet under way goes to `consumer`, until that is done. */
  expectRaw(consumer: RawConsumer): void {
    this.#raw = consumer;
  }

  /** Nothing more is handed out. */
  stop(): void {
    this.#stopped = true;
  }

  /** Takes the next chunk and hands out all that it completes. */
  push(chunk: Uint8Array, handler: PacketHandler): void {
    if (this.#stopped) return;
    const held = this.#held;
    if (held.length === 0) {
      const rest = this.#split(chunk, 0, chunk.length, handler);
      if (rest < chunk.length && !this.#stopped) held.add(chunk, rest);
      return;
    }
    held.add(chunk, 0);
    held.useUpTo(this.#split(held.bytes, held.start, held.end, handler));
  }

  /** @returns Where the bytes begin that were not handed out. */
  #split(bytes: Uint8Array, start: number, end: number, handler: PacketHandler): number {
    let at = start;
    try {
      while (!this.#stopped) {
        if (this.#raw !== null) {
          at += this.#raw.push(bytes, at, end);
          if (!this.#raw.done) return at;
          this.#raw = null;
        }
        const packetEnd = this.#endOf(bytes, at, end);
        if (packetEnd < 0) return at;
        const start = at;
        at = packetEnd;
        this.#packet.place(bytes, start, int32At(bytes, start + 12), packetEnd);
        handler.onPacket(this.#packet);
      }
    } catch (thrown) {
      if (!(thrown instanceof JuteError)) throw thrown;
      this.#stopped = true;
      handler.onBadPacket(thrown.message);
    }
    return end;
  }

  /** @returns Where the packet at `at` ends; -1 while it is not whole. @throws {JuteError} If it cannot be one. */
  #endOf(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < headBytes) return -1;
    let next = at + headBytes + checkedLength(int32At(bytes, at + 12), this.#dataBytesMax);
    if (next - at > this.packetBytesMax) throw new JuteError(`unreasonable packet of ${next - at} bytes`);
    if (end - next < 4) return -1;
    const ids = int32At(bytes, next);
    if (ids > limits.authIdsMax || ids < -1) throw new JuteError(`unreasonable number of ids: ${ids}`);
    next += 4;
    // Each string of an id has its length in front.
    const idsEnd = Math.min(next + limits.authIdBytesMax + 8 * ids, at + this.packetBytesMax);
    for (let field = 0; field < 2 * ids; field++) {
      if (end - next < 4) return -1;
      next += 4 + checkedLength(int32At(bytes, next), limits.authIdBytesMax);
      if (next > idsEnd) throw new JuteError("unreasonably long ids");
      if (next > end) return -1;
    }
    return next;
  }
}

function checkedLength(length: number, max: number): number {
  if (length < -1 || length > max) throw new JuteError(`unreasonable length ${length}`);
  return Math.max(length, 0);
}

/** Writes a packet with `data`, null for none, and without ids. */
export function writePacket(
  out: JuteWriter,
  type: PacketType | WorkerPacketType,
  zxid: Zxid,
  data: Uint8Array | null,
): void {
  out.reserve(20);
  out.int(type);
  out.longNumber(zxid);
  out.buffer(data);
  out.int(-1);
}

/** @returns Whether so many ids, as long as these, may go along with a client's request. */
export function idsFitPacket(ids: readonly AuthId[]): boolean {
  let bytes = 0;
  // UTF-8 takes three bytes for a UTF-16 unit at most.
  for (const { scheme, id } of ids) bytes += 3 * ((scheme?.length ?? 0) + (id?.length ?? 0));
  return ids.length <= limits.authIdsMax && bytes <= limits.authIdBytesMax;
}

/** Writes a packet of a client's, whose data is what `data` holds: with who that client has proved to be. */
export function writePacketWithIds(
  out: JuteWriter,
  type: PacketType,
  zxid: Zxid,
  data: JuteWriter,
  authIds: readonly AuthId[],
): void {
  out.reserve(20 + data.length);
  out.int(type);
  out.longNumber(zxid);
  out.int(data.length);
  out.rawOf(data);
  out.vector(authIds, (writer, id) => {
    writer.string(id.scheme);
    writer.string(id.id);
  });
}

/** Writes a packet whose data is `bytes[start, end)`: a txn entry as a rule. */
export function writeEntryPacket(
  out: JuteWriter,
  type: PacketType,
  zxid: Zxid,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  out.reserve(20 + end - start);
  out.int(type);
  out.longNumber(zxid);
  out.int(end - start);
  out.rawRange(bytes, start, end - start);
  out.int(-1);
}

/** What a learner says of itself first (LearnerInfo). */
export interface LearnerInfo {
  /** -1 when it did not say. */
  readonly serverId: number;
  readonly protocolVersion: number;
  readonly configVersion: Zxid;
}

/** Whether a packet is what a learner says first. */
export function isLearnerInfo({ type }: QuorumPacket): boolean {
  return type === PacketType.followerInfo || type === PacketType.observerInfo;
}

/** Decodes the data of FOLLOWERINFO and OBSERVERINFO, as leniently as Leader does: what is missing is unsaid. */
export function decodeLearnerInfo(packet: QuorumPacket): LearnerInfo {
  const { dataLength } = packet;
  const reader = packet.data();
  const serverId = dataLength >= 8 ? reader.longNumber() : -1;
  const protocolVersion = dataLength >= 12 ? reader.int() : 0;
  const configVersion = dataLength >= 20 ? reader.longNumber() : 0;
  return { serverId, protocolVersion, configVersion };
}

/** Writes FOLLOWERINFO or OBSERVERINFO; its zxid holds the accepted epoch. */
export function writeLearnerInfo(
  out: JuteWriter,
  type: typeof PacketType.followerInfo | typeof PacketType.observerInfo,
  zxid: Zxid,
  info: LearnerInfo,
): void {
  out.int(type);
  out.longNumber(zxid);
  out.int(20);
  out.longNumber(info.serverId);
  out.int(info.protocolVersion);
  out.longNumber(info.configVersion);
  out.int(-1);
}
