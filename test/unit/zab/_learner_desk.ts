/** A {@link Learner} whose effects are lines, and the packets that its leader sends. */
import { expect } from "bun:test";
import { DiskError } from "../../../src/base/disk.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { PacketType, type QuorumPacket } from "../../../src/protocol/quorum_packet.ts";
import type { Zxid } from "../../../src/protocol/zxid.ts";
import type { LoggedEntry } from "../../../src/zab/committed_log.ts";
import { Learner, type LearnerEffects, type LearnerOptions } from "../../../src/zab/learner.ts";
import { packet, show, txn } from "./_zab.ts";

/** Writes down what a learner asks of its host. */
export class RecordedLearner implements LearnerEffects {
  readonly learner: Learner;
  readonly #isObserver: boolean;
  /** Whether the disk can be cut where a leader says. */
  canCut = true;
  /** The disk has no room for the effect of this name. */
  failing = "";
  #lines: string[] = [];

  constructor(options: LearnerOptions) {
    this.#isObserver = options.isObserver;
    this.learner = new Learner(options, this);
  }

  /** What was done since the last call. */
  take(): string[] {
    return this.#lines.splice(0);
  }

  /** Hands a packet over; a disk that fails is told of. */
  onPacket(packet: QuorumPacket): void {
    try {
      this.learner.onPacket(packet);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#lines.push(`failed: ${error.message}`);
    }
  }

  sendInfo(acceptedEpoch: number): void {
    this.#do(`send ${this.#isObserver ? "OBSERVERINFO" : "FOLLOWERINFO"}, accepted epoch ${acceptedEpoch}`);
  }

  acceptEpoch(epoch: number): void {
    this.#do(`accept epoch ${epoch}`);
  }

  sendAckEpoch(zxid: Zxid, currentEpoch: number): void {
    this.#do(`send ACKEPOCH ${show(zxid)}, current epoch ${currentEpoch}`);
  }

  truncate(zxid: Zxid): boolean {
    this.#do(`cut the log behind ${show(zxid)}${this.canCut ? "" : ": cannot be"}`);
    return this.canCut;
  }

  receiveSnapshot(zxid: Zxid): void {
    this.#do(`receive the tree at ${show(zxid)}`);
  }

  persistSnapshot(): void {
    this.#do("put the tree on the disk");
  }

  applyUnlogged(entry: LoggedEntry): void {
    this.#do(`apply ${this.#name(entry)}, which is in no log`);
  }

  logAndApply(entries: readonly LoggedEntry[]): void {
    this.#do(`log and apply ${entries.map((entry) => this.#name(entry)).join(" ")}`);
  }

  onLeaderConfig(text: string): void {
    this.#do(`take the configuration "${text}"`);
  }

  beginEpoch(epoch: number): void {
    this.#do(`begin epoch ${epoch}`);
  }

  sendAck(zxid: Zxid): void {
    this.#do(`send ACK ${show(zxid)}`);
  }

  serve(epoch: number): void {
    this.#do(`serve in epoch ${epoch}`);
  }

  onProposal(entry: LoggedEntry): void {
    this.#do(`log ${this.#name(entry)}, then ack it`);
  }

  onCommit(zxid: Zxid): void {
    this.#do(`commit ${show(zxid)}`);
  }

  onInform(entry: LoggedEntry): void {
    this.#do(`log and commit ${this.#name(entry)}`);
  }

  onActivate(zxid: Zxid, designatedLeader: number, entry: LoggedEntry | null): void {
    const which = entry === null ? "as proposed" : `as in ${this.#name(entry)}`;
    this.#do(`activate the membership of ${show(zxid)}, ${which}, under server ${designatedLeader}`);
  }

  onPing(zxid: Zxid): void {
    this.#do(`answer PING ${show(zxid)}`);
  }

  onRevalidated(sessionId: bigint, isValid: boolean): void {
    this.#do(`session ${sessionId} is ${isValid ? "valid" : "gone"}`);
  }

  onSynced(): void {
    this.#do("the oldest sync is done");
  }

  leave(reason: string, wantsSnapshot: boolean): void {
    this.#do(`leave: ${reason}${wantsSnapshot ? "; a snapshot next time" : ""}`);
  }

  #do(line: string): void {
    if (this.failing !== "" && line.startsWith(this.failing)) {
      throw new DiskError("ENOSPC", "/data", line);
    }
    this.#lines.push(line);
  }

  #name({ zxid, bytes, start, end }: LoggedEntry): string {
    expect(Buffer.compare(bytes.subarray(start, end), txn(zxid).bytes)).toBe(0);
    return show(zxid);
  }
}

/** Builds a packet of a leader's; `leader` is the one that a change of the membership designates. */
export function leaderPacket(type: PacketType, zxid: Zxid, leader = 0): QuorumPacket {
  switch (type) {
    case PacketType.proposal:
    case PacketType.inform:
      return packet(type, zxid, txn(zxid).bytes);
    case PacketType.commitAndActivate:
    case PacketType.informAndActivate: {
      const out = new JuteWriter();
      out.longNumber(leader);
      if (type === PacketType.informAndActivate) out.raw(txn(zxid).bytes);
      return packet(type, zxid, out.copy());
    }
    case PacketType.leaderInfo: {
      const out = new JuteWriter();
      out.int(0x10000);
      return packet(type, zxid, out.copy());
    }
    case PacketType.newLeader:
      return packet(type, zxid, new TextEncoder().encode("server.1=…"));
    case PacketType.revalidate: {
      const out = new JuteWriter();
      out.long(7n);
      out.bool(leader !== 0);
      return packet(type, zxid, out.copy());
    }
    default:
      return packet(type, zxid);
  }
}
