import { packetName, PacketType, type QuorumPacket } from "../protocol/quorum_packet.ts";
import { txnHeaderBytes, txnZxidOf } from "../protocol/txn.ts";
import { txnProblem } from "../protocol/txn_check.ts";
import { counterOf, epochMax, epochOf, makeZxid, type Zxid, zxidToHex } from "../protocol/zxid.ts";
import type { LoggedEntry } from "./committed_log.ts";

/** What a {@link Learner} starts from. */
export interface LearnerOptions {
  readonly isObserver: boolean;
  /** What the two epoch files hold. */
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /** Newest zxid in the log, all of it durable and in the tree. */
  readonly lastZxid: Zxid;
  /**
   * An earlier leader ordered a cut that the disk could not do: this time it asks for a snapshot, by claiming to
   * hold nothing; its ack of the epoch then must not count, for what it holds could be ahead.
   */
  readonly wantsSnapshot: boolean;
}

/** What a learner asks of its host. Calls never re-enter the machine. */
export interface LearnerEffects {
  /** Sends FOLLOWERINFO or OBSERVERINFO. */
  sendInfo(acceptedEpoch: number): void;
  /** Makes the promise of an epoch durable before it returns. @throws {DiskError} */
  acceptEpoch(epoch: number): void;
  sendAckEpoch(zxid: Zxid, currentEpoch: number): void;
  /** Cuts the log behind `zxid` and loads the tree anew. @returns False when the disk does not hold that state. */
  truncate(zxid: Zxid): boolean;
  /** The tree follows on the connection; {@link Learner.onSnapshot} is called when it is in. */
  receiveSnapshot(zxid: Zxid): void;
  /** Puts the tree that was received on the disk, durably, in place of what was there. @throws {DiskError} */
  persistSnapshot(): void;
  /** Changes the tree by a txn that is in no log of this server, but will be in its snapshot. */
  applyUnlogged(entry: LoggedEntry): void;
  /** Logs committed txns durably, then applies them. @throws {DiskError} */
  logAndApply(entries: readonly LoggedEntry[]): void;
  /** The leader's configuration, as NEWLEADER has it. */
  onLeaderConfig(text: string): void;
  /** Makes the epoch current, durably. @throws {DiskError} */
  beginEpoch(epoch: number): void;
  sendAck(zxid: Zxid): void;
  /** The leader has a quorum: clients may be served. */
  serve(epoch: number): void;
  /** A proposal: to be logged, and acked once it is durable. */
  onProposal(entry: LoggedEntry): void;
  /** The oldest proposal not committed is. */
  onCommit(zxid: Zxid): void;
  /** A committed txn, for an observer. */
  onInform(entry: LoggedEntry): void;
  /**
   * A change of the membership is committed; it comes before the {@link onCommit} or {@link onInform} of its txn.
   * `entry` is that txn where the host was not shown it before: to an observer, and during synchronization; good
   * during the call.
   */
  onActivate(zxid: Zxid, designatedLeader: number, entry: LoggedEntry | null): void;
  /** PING, to be answered with the sessions heard of. */
  onPing(zxid: Zxid): void;
  /** The leader has looked at a session that a client wants to take up. */
  onRevalidated(sessionId: bigint, isValid: boolean): void;
  /** The oldest sync under way is done. */
  onSynced(): void;
  /** Leaves the leader: what it sent, or what this server holds, does not fit. */
  leave(reason: string, wantsSnapshot: boolean): void;
}

/**
 * A follower or observer from its first word to its leader on: discovery, synchronization, broadcast
 * (Learner.syncWithLeader, Follower.processPacket, Observer.processPacket).
 *
 * The order that nothing acknowledged depends on less: what makes NEWLEADER true is on the disk, then the epoch is
 * current on the disk, then NEWLEADER is acked, and acks of proposals come behind (ZOOKEEPER-3911, -4643, -4646,
 * -4685, -4785).
 */
export class Learner {
  readonly #options: LearnerOptions;
  readonly #effects: LearnerEffects;
  #phase: "info" | "sync" | "snapshot" | "catchUp" | "upToDate" | "broadcast" | "over" = "info";
  #epoch = 0;
  #acceptedEpoch: number;
  /** Txns go to the tree at once: a snapshot of it will be written. */
  #isUnlogged = false;
  /** Proposals up to here may come once more: a snapshot holds some of what is queued behind it. */
  #repeatsUpTo: Zxid = -1;
  #lastProposed: Zxid;
  /** Proposed in synchronization and not in the log yet; the first `#committed` of them are committed. */
  #proposed: LoggedEntry[] = [];
  #committed = 0;
  /** In broadcast: zxids of proposals that are not committed, the oldest first, from `#outstandingFirst` on. */
  #outstanding: Zxid[] = [];
  #outstandingFirst = 0;

  constructor(options: LearnerOptions, effects: LearnerEffects) {
    this.#options = options;
    this.#effects = effects;
    this.#acceptedEpoch = options.acceptedEpoch;
    this.#lastProposed = options.lastZxid;
  }

  /** The leader's epoch; 0 before it told. */
  get epoch(): number {
    return this.#epoch;
  }

  get isUpToDate(): boolean {
    return this.#phase === "broadcast";
  }

  /** NEWLEADER is acked: from now on silence beyond syncLimit ends it, before beyond initLimit. */
  get isSynced(): boolean {
    return this.#phase === "upToDate" || this.#phase === "broadcast";
  }

  /** As `mntr` names what it does. */
  get phaseName(): "discovery" | "synchronization" | "broadcast" {
    if (this.#phase === "info") return "discovery";
    return this.#phase === "broadcast" ? "broadcast" : "synchronization";
  }

  /** The tree holds what is on no disk of this server: unless the learner gets further, it must be loaded anew. */
  get isTreeAhead(): boolean {
    return this.#isUnlogged;
  }

  /** The connection is open. */
  start(): void {
    this.#effects.sendInfo(this.#acceptedEpoch);
  }

  /** The tree that was announced is in. */
  onSnapshot(): void {
    if (this.#phase !== "snapshot") return;
    this.#phase = "catchUp";
  }

  /** The leader sent a packet. @throws {JuteError} If its data cannot be decoded. */
  onPacket(packet: QuorumPacket): void {
    switch (this.#phase) {
      case "info":
        return this.#onLeaderInfo(packet);
      case "sync":
        return this.#onSyncKind(packet);
      case "catchUp":
      case "upToDate":
        return this.#onHistory(packet);
      case "broadcast":
        return this.#onBroadcast(packet);
      default:
        return;
    }
  }

  #onLeaderInfo(packet: QuorumPacket): void {
    if (packet.type !== PacketType.leaderInfo) return this.#unexpected(packet);
    const epoch = epochOf(packet.zxid);
    const { isObserver, lastZxid, currentEpoch, wantsSnapshot } = this.#options;
    // An observer's promise counts for nothing. It makes none before the epoch begins, and breaks one of an Apache
    // server's: else, where the epoch promised came to nothing, it could follow nobody until there is a later one.
    const oldest = isObserver ? currentEpoch : this.#acceptedEpoch;
    if (epoch < oldest) return this.#leave(`its epoch ${epoch} is older than the accepted one, ${oldest}`);
    // Once promised it would be on the disk for good.
    if (epoch > epochMax) return this.#leave(`its epoch ${epoch} is out of reason`);
    this.#epoch = epoch;
    let isAck = !wantsSnapshot;
    if (epoch > this.#acceptedEpoch) {
      if (!isObserver) this.#acceptEpoch();
    } else {
      // Accepted before: another ack of it must not count (ZOOKEEPER-1343).
      isAck = false;
    }
    this.#phase = "sync";
    this.#effects.sendAckEpoch(wantsSnapshot ? -1 : lastZxid, isAck ? currentEpoch : -1);
  }

  #acceptEpoch(): void {
    this.#effects.acceptEpoch(this.#epoch);
    this.#acceptedEpoch = this.#epoch;
  }

  #onSyncKind(packet: QuorumPacket): void {
    switch (packet.type) {
      case PacketType.diff:
        this.#phase = "catchUp";
        return;
      case PacketType.trunc:
        if (!this.#effects.truncate(packet.zxid)) {
          return this.#leave(
            `it ordered a cut to 0x${zxidToHex(packet.zxid)}, which this disk does not hold`,
            true,
          );
        }
        this.#lastProposed = packet.zxid;
        this.#phase = "catchUp";
        return;
      case PacketType.snap:
        this.#isUnlogged = true;
        this.#lastProposed = packet.zxid;
        this.#repeatsUpTo = packet.zxid;
        this.#phase = "snapshot";
        return this.#effects.receiveSnapshot(packet.zxid);
      default:
        return this.#unexpected(packet);
    }
  }

  /** What comes between DIFF, TRUNC or SNAP and UPTODATE. */
  #onHistory(packet: QuorumPacket): void {
    switch (packet.type) {
      case PacketType.proposal:
        this.#keepProposal(packet);
        return;
      case PacketType.commit:
        return this.#keepCommit(packet.zxid);
      case PacketType.inform:
        return this.#keepInform(packet, 0);
      case PacketType.commitAndActivate: {
        const entry = this.#proposed[this.#committed];
        if (entry?.zxid !== packet.zxid) return this.#leaveUndue(packet.zxid, entry?.zxid);
        this.#effects.onActivate(packet.zxid, packet.data().longNumber(), entry);
        return this.#keepCommit(packet.zxid);
      }
      case PacketType.informAndActivate:
        return this.#keepInform(packet, 8);
      case PacketType.newLeader:
        return this.#onNewLeader(packet);
      case PacketType.upToDate:
        return this.#onUpToDate(packet);
      case PacketType.ping:
        // Not to be answered before UPTODATE: the leader does not expect it (LearnerHandler.ping).
        return;
      default:
        return this.#unexpected(packet);
    }
  }

  /** @returns Whether the learner goes on. */
  #keepProposal(packet: QuorumPacket, offset = 0): boolean {
    if (!this.#isNext(packet, offset)) return false;
    const bytes = packet.bytes.slice(packet.dataStart + offset, packet.dataEnd);
    this.#proposed.push({ zxid: packet.zxid, bytes, start: 0, end: bytes.length });
    return true;
  }

  #keepInform(packet: QuorumPacket, offset: number): void {
    if (!this.#keepProposal(packet, offset)) return;
    if (offset > 0) {
      this.#effects.onActivate(packet.zxid, packet.data().longNumber(), this.#proposed.at(-1)!);
    }
    this.#keepCommit(packet.zxid);
  }

  #keepCommit(zxid: Zxid): void {
    const entry = this.#proposed[this.#committed];
    if (entry?.zxid !== zxid) return this.#leaveUndue(zxid, entry?.zxid);
    if (this.#isUnlogged) {
      this.#proposed.shift();
      this.#effects.applyUnlogged(entry);
    } else {
      this.#committed++;
    }
  }

  #onNewLeader(packet: QuorumPacket): void {
    if (this.#phase !== "catchUp" || packet.zxid !== makeZxid(this.#epoch, 0)) {
      return this.#unexpected(packet);
    }
    if (packet.dataLength > 0) {
      this.#effects.onLeaderConfig(
        new TextDecoder().decode(packet.bytes.subarray(packet.dataStart, packet.dataEnd)),
      );
    }
    // Before there are txns of it in the log: a start must not find those of an epoch that it knows nothing of.
    if (this.#epoch > this.#acceptedEpoch) this.#acceptEpoch();
    if (this.#isUnlogged) {
      this.#effects.persistSnapshot();
      this.#isUnlogged = false;
    } else if (this.#committed > 0) {
      this.#effects.logAndApply(this.#proposed.splice(0, this.#committed));
      this.#committed = 0;
    }
    this.#effects.beginEpoch(this.#epoch);
    this.#phase = "upToDate";
    this.#effects.sendAck(packet.zxid);
  }

  #onUpToDate(packet: QuorumPacket): void {
    if (this.#phase !== "upToDate") return this.#unexpected(packet);
    this.#phase = "broadcast";
    const proposed = this.#proposed.splice(0);
    const committed = this.#committed;
    this.#effects.serve(this.#epoch);
    this.#effects.sendAck(makeZxid(this.#epoch, 0));
    for (const [index, entry] of proposed.entries()) {
      if (this.#options.isObserver) {
        if (index < committed) this.#effects.onInform(entry);
        continue;
      }
      this.#outstanding.push(entry.zxid);
      this.#effects.onProposal(entry);
    }
    if (this.#options.isObserver) return;
    for (const entry of proposed.slice(0, committed)) this.#commit(entry.zxid);
  }

  #onBroadcast(packet: QuorumPacket): void {
    const { type, zxid } = packet;
    if (this.#options.isObserver ? forFollowers.has(type) : forObservers.has(type)) {
      return this.#unexpected(packet);
    }
    switch (type) {
      case PacketType.proposal:
        return this.#onProposal(packet);
      case PacketType.commit:
        return this.#commit(zxid);
      case PacketType.commitAndActivate: {
        const due = this.#outstanding[this.#outstandingFirst];
        if (due !== zxid) return this.#leaveUndue(zxid, due);
        this.#effects.onActivate(zxid, packet.data().longNumber(), null);
        return this.#commit(zxid);
      }
      case PacketType.inform:
        return this.#onInform(packet, 0);
      case PacketType.informAndActivate:
        return this.#onInform(packet, 8);
      case PacketType.ping:
        return this.#effects.onPing(zxid);
      case PacketType.revalidate: {
        const reader = packet.data();
        const session = reader.long();
        return this.#effects.onRevalidated(session, reader.bool());
      }
      case PacketType.sync:
        return this.#effects.onSynced();
      case PacketType.upToDate:
        // Apache's learners pass over a second one, too.
        return;
      default:
        return this.#unexpected(packet);
    }
  }

  #onProposal(packet: QuorumPacket): void {
    if (!this.#isNext(packet, 0)) return;
    const { zxid, bytes, dataStart: start, dataEnd: end } = packet;
    this.#outstanding.push(zxid);
    this.#effects.onProposal({ zxid, bytes, start, end });
  }

  #onInform(packet: QuorumPacket, offset: number): void {
    if (!this.#isNext(packet, offset)) return;
    const { zxid, bytes, dataStart, dataEnd } = packet;
    const entry = { zxid, bytes, start: dataStart + offset, end: dataEnd };
    if (offset > 0) this.#effects.onActivate(zxid, packet.data().longNumber(), entry);
    this.#effects.onInform(entry);
  }

  #commit(zxid: Zxid): void {
    const due = this.#outstanding[this.#outstandingFirst];
    if (due !== zxid) return this.#leaveUndue(zxid, due);
    this.#outstandingFirst++;
    if (this.#outstandingFirst === this.#outstanding.length) {
      this.#outstanding.length = 0;
      this.#outstandingFirst = 0;
    } else if (this.#outstandingFirst > 4096) {
      this.#outstanding = this.#outstanding.slice(this.#outstandingFirst);
      this.#outstandingFirst = 0;
    }
    this.#effects.onCommit(zxid);
  }

  /**
   * Whether a packet holds, behind `offset` other bytes, the txn that comes next; else the leader is left. What gets
   * into the log is read again some day, by its own zxid: what is wrong must not get there.
   */
  #isNext({ zxid, bytes, dataStart, dataEnd }: QuorumPacket, offset: number): boolean {
    const start = dataStart + offset;
    if (dataEnd - start < txnHeaderBytes || txnZxidOf(bytes, start) !== zxid) {
      this.#leave(`what it calls 0x${zxidToHex(zxid)} is no txn of that zxid`);
      return false;
    }
    const problem = txnProblem(bytes, start, dataEnd);
    if (problem !== null) {
      this.#leave(`0x${zxidToHex(zxid)} cannot be applied: ${problem}`);
      return false;
    }
    if (!this.#mayFollow(zxid)) {
      // During synchronization it would send the same again and again; a snapshot has no holes.
      const isSynced = this.#phase === "broadcast";
      this.#leave(`it proposed 0x${zxidToHex(zxid)} behind 0x${zxidToHex(this.#lastProposed)}`, !isSynced);
      return false;
    }
    this.#lastProposed = zxid;
    return true;
  }

  /** Whether no txn can be missing between the newest one known and `zxid`. */
  #mayFollow(zxid: Zxid): boolean {
    const before = this.#lastProposed;
    if (zxid === before + 1) return true;
    if (before === this.#repeatsUpTo && zxid <= before) return true;
    return epochOf(zxid) > epochOf(before) && counterOf(zxid) === 1;
  }

  #leaveUndue(zxid: Zxid, due: Zxid | undefined): void {
    const what = due === undefined ? "nothing" : `0x${zxidToHex(due)}`;
    this.#leave(`it committed 0x${zxidToHex(zxid)} where ${what} was due`);
  }

  #unexpected(packet: QuorumPacket): void {
    this.#leave(`it sent ${packetName(packet.type)} where that cannot come`);
  }

  #leave(reason: string, wantsSnapshot = false): void {
    this.#phase = "over";
    this.#effects.leave(reason, wantsSnapshot);
  }
}

/** What only followers are sent in broadcast. */
const forFollowers: ReadonlySet<number> = new Set([
  PacketType.proposal,
  PacketType.commit,
  PacketType.commitAndActivate,
]);
/** What only observers are sent in broadcast. */
const forObservers: ReadonlySet<number> = new Set([PacketType.inform, PacketType.informAndActivate]);
