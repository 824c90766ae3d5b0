import type { ServerMetrics } from "../../admin/metrics.ts";
import type { LeaderStatus } from "../../admin/status_view.ts";
import { DiskError } from "../../base/disk.ts";
import { limits } from "../../base/limits.ts";
import type { Logger } from "../../base/log.ts";
import type { Trace } from "../../base/trace.ts";
import { JuteWriter } from "../../jute/writer.ts";
import type { Preparation } from "../../pipeline/preparation.ts";
import { OpCode } from "../../protocol/op_code.ts";
import {
  decodeLearnerInfo,
  isLearnerInfo,
  learnerProtocolVersion,
  packetName,
  PacketType,
  type QuorumPacket,
} from "../../protocol/quorum_packet.ts";
import { type SessionId, sessionIdToHex } from "../../protocol/session_id.ts";
import { counterOf, epochOf, makeZxid, type Zxid, zxidToHex } from "../../protocol/zxid.ts";
import { type Quorum, type ServerId, votesInAny } from "../../quorum/quorum.ts";
import type { TreeEvents } from "../../tree/tree_observer.ts";
import { TreeSnapshotCursor } from "../../tree/tree_snapshot.ts";
import { Leader } from "../../zab/leader.ts";
import { Leadership, type LeadershipEffects } from "../../zab/leadership.ts";
import type { LinkId, Seat } from "../../zab/seat.ts";
import { planSync } from "../../zab/sync_plan.ts";
import { Connection } from "../connection.ts";
import type { Database } from "../database.ts";
import type { QuorumLink } from "../quorum_link.ts";
import { WorkerSeat } from "../workers/worker_seat.ts";
import { Doubts } from "./doubts.ts";
import { forwardedRequest } from "./forwarded_request.ts";
import { LeaderRole, type LeaderRoleHost, type Learners, type Proposal } from "./leader.ts";
import { LearnerHandler, type LearnerHandlerHost } from "./learner_handler.ts";
import { PendingSyncs } from "./pending_syncs.ts";
import { StrangerRequests } from "./stranger_requests.ts";

/** What a leader's office asks of the server around it. */
export interface LeadingPeer {
  /** A quorum follows: clients are served from now on. */
  onEstablished(role: LeaderRole, epoch: number): void;
  /** The office is over; the server ends it when the present turn is done. */
  onLeadingOver(reason: string): void;
  /** The disk did not take a promise, or a txn: it will not at once. */
  onDiskFailed(): void;
  /** Text of the configuration that learners are to have, with NEWLEADER. */
  configText(): string;
  /** A change of the membership was proposed: it counts from now on, beside the old one. */
  onReconfigProposed(proposal: Proposal): void;
  /**
   * A change of the membership has its quorums.
   *
   * @returns The server that leads from now on.
   */
  onReconfigCommitted(proposal: Proposal): ServerId;
}

/** What a {@link Leading} is made of. */
export interface LeadingParts {
  readonly self: ServerId;
  readonly database: Database;
  readonly events: TreeEvents;
  readonly quorums: readonly Quorum[];
  readonly configVersion: Zxid;
  readonly tickMs: number;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  /** How long voters may go on looking while nobody follows, ms. */
  readonly epochWaitMs: number;
  /** See EnsembleConfig. */
  readonly zxidCounterMax: number;
  readonly localSessions: boolean;
  readonly metrics: ServerMetrics;
  readonly logger: Logger;
  readonly host: LeaderRoleHost;
  readonly peer: LeadingPeer;
  readonly trace?: Trace;
  /** Whether a server belongs to the committed membership or the last seen one. */
  isMember(id: ServerId): boolean;
  /** See LeadershipOptions. */
  mayLead(id: ServerId): boolean;
  /** Made when the office is established: from then on requests become txns. */
  makePreparation(lastZxid: Zxid): Preparation;
  /** The epoch is promised: what is made under it may be named after it. @throws {DiskError} */
  onEpochAccepted(epoch: number): void;
}

/**
 * A server elected to lead: takes learners' connections, brings them to its own state, and once a quorum has followed
 * carries proposals, commits and their clients' requests between them and its {@link LeaderRole}.
 */
export class Leading implements LeadershipEffects, Learners, LearnerHandlerHost {
  readonly #parts: LeadingParts;
  readonly #leadership: Leadership;
  readonly #handlers = new Map<LinkId, LearnerHandler>();
  /** Those that are sent what happens, for the loops of the hot path. */
  #forwarded: LearnerHandler[] = [];
  readonly #lastZxid: Zxid;
  readonly #beganMs: number;
  #role: LeaderRole | null = null;
  #nextLink = 1;
  /** Learners' syncs. */
  readonly #syncs = new PendingSyncs<{ readonly link: QuorumLink; readonly isStranger: boolean }>(
    ({ link, isStranger }) => {
      if (isStranger) this.#strangers.onAnswered();
      link.send(PacketType.sync, 0, null);
    },
  );
  readonly #doubts = new Doubts();
  readonly #strangers = new StrangerRequests();
  #quorums: readonly Quorum[];
  #over = false;

  constructor(parts: LeadingParts) {
    this.#parts = parts;
    this.#quorums = parts.quorums;
    const { database, host } = parts;
    this.#lastZxid = database.tree.lastProcessedZxid;
    this.#beganMs = host.nowMs;
    this.#leadership = new Leadership({
      ...parts,
      acceptedEpoch: database.acceptedEpoch,
      currentEpoch: database.currentEpoch,
      lastZxid: this.#lastZxid,
      nowMs: host.nowMs,
    }, this);
  }

  /** When {@link onTimer} wants to be called. */
  get deadlineMs(): number {
    return this.#over ? Infinity : this.#leadership.deadlineMs;
  }

  get epoch(): number {
    return this.#leadership.epoch;
  }

  get phaseName(): string {
    return this.#leadership.phaseName;
  }

  /** For `mntr`. */
  get status(): LeaderStatus {
    const seats = [...this.#leadership.seats()].filter((seat) => seat.phase === "broadcast");
    const votes = (seat: Seat) => votesInAny(this.#quorums, seat.serverId);
    return {
      learners: this.#handlers.size,
      syncedFollowers: seats.filter((seat) => !seat.isObserver).length,
      syncedNonVotingFollowers: seats.filter((seat) => !seat.isObserver && !votes(seat)).length,
      syncedObservers: seats.filter((seat) => seat.isObserver).length,
      pendingSyncs: this.#syncs.length,
      uptimeMs: this.#parts.host.nowMs - this.#beganMs,
    };
  }

  /** Begins the office. */
  start(): void {
    this.#guarded(() => this.#leadership.start(this.#parts.host.nowMs));
  }

  /** Takes a connection of the quorum port. */
  accept(link: QuorumLink): void {
    const seat = this.#leadership.onConnected(this.#nextLink++, this.#parts.host.nowMs);
    const handler = new LearnerHandler(this, link, seat);
    link.packetBytesMax = limits.learnerGreetingBytesMax;
    this.#handlers.set(seat.link, handler);
    link.setOwner(handler);
  }

  onTimer(nowMs: number): void {
    if (this.#over) return;
    this.#relieve();
    const role = this.#role;
    const held = role === null ? 0 : Math.max(role.lastCommitted, role.ackedBy(this.#parts.self));
    this.#guarded(() => this.#leadership.onTimer(nowMs, held));
  }

  /** See {@link Leadership.onStandstill}. */
  onStandstill(ms: number): void {
    this.#leadership.onStandstill(ms);
  }

  /**
   * A voter that should follow looks for a leader instead. One that has begun another round cannot find out of it by
   * itself while no quorum speaks for this leader, so this one gives way (leader.maxTimeToWaitForEpoch, which
   * Apache leaves off).
   */
  onPeerLooking(server: ServerId): void {
    const { host, epochWaitMs } = this.#parts;
    if (!this.#leadership.isWithoutFollowers || host.nowMs - this.#beganMs < epochWaitMs) return;
    this.resign(`server ${server} looks for a leader, and nobody has followed for ${epochWaitMs} ms`);
  }

  /** Whether a server follows and is up to date, or is this one: will ack what is proposed. */
  isSynced(server: ServerId): boolean {
    if (server === this.#parts.self) return true;
    for (const seat of this.#leadership.seats()) {
      if (seat.serverId === server && !seat.isObserver && seat.phase === "broadcast") return true;
    }
    return false;
  }

  /** @returns The newest zxid a server has acked; -1 when it does not vote. */
  ackedBy(server: ServerId): Zxid {
    return this.#role?.ackedBy(server) ?? -1;
  }

  /** The membership in force, or the one proposed beside it, changed. */
  setMembership(quorums: readonly Quorum[], configVersion: Zxid): void {
    this.#quorums = quorums;
    this.#leadership.setMembership(quorums, configVersion);
    this.#strangers.release();
  }

  /** Drops every learner; nothing more is proposed or committed. */
  close(reason: string): void {
    this.#over = true;
    for (const handler of [...this.#handlers.values()]) handler.link.close(reason);
    this.#handlers.clear();
    this.#forwarded = [];
  }

  /** The log is at rest: takes what is in it into the tree. */
  finish(): void {
    const { database } = this.#parts;
    const { tree } = database;
    this.#role?.finish(database);
    // Without a txn the epoch has left no trace in the log, as a start from the disk would find.
    if (counterOf(tree.lastProcessedZxid) === 0 && epochOf(tree.lastProcessedZxid) === this.epoch) {
      tree.lastProcessedZxid = this.#lastZxid;
    }
  }

  onPacket(handler: LearnerHandler, packet: QuorumPacket): void {
    if (this.#over) return;
    const { seat } = handler;
    this.#leadership.onHeard(seat, this.#parts.host.nowMs);
    try {
      if (seat.phase === "hello") this.#onHello(handler, packet);
      else this.#onLearnerPacket(handler, packet);
    } catch (error) {
      this.#onThrown(error);
    }
  }

  /** Acks that came together are counted once: each is for all before it, too. */
  onAcked(handler: LearnerHandler): void {
    const { seat, ackedUpTo } = handler;
    handler.ackedUpTo = -1;
    if (!this.#over) this.#role!.onLearnerAck(seat.serverId, ackedUpTo);
  }

  onLinkClosed(handler: LearnerHandler, reason: string): void {
    const { seat } = handler;
    if (!this.#handlers.delete(seat.link)) return;
    this.#forwarded = this.#forwarded.filter((one) => one !== handler);
    this.#strangers.onGone(handler.link);
    if (!this.#over) this.#leadership.onClosed(seat);
    this.#parts.logger.info("A learner is gone", { server: seat.serverId, reason });
  }

  // What the office asks for.

  acceptEpoch(epoch: number): void {
    this.#parts.database.saveEpoch("acceptedEpoch", epoch);
    this.#parts.onEpochAccepted(epoch);
  }

  promiseEpoch(epoch: number): void {
    this.#parts.database.saveEpoch("acceptedEpoch", epoch);
  }

  beginEpoch(epoch: number): void {
    this.#parts.database.saveEpoch("currentEpoch", epoch);
  }

  sendLeaderInfo(seat: Seat, epoch: number): void {
    const version = new Uint8Array(4);
    new DataView(version.buffer).setInt32(0, learnerProtocolVersion);
    this.#linkOf(seat)?.send(PacketType.leaderInfo, makeZxid(epoch, 0), version);
  }

  synchronize(seat: Seat): void {
    const handler = this.#handlers.get(seat.link);
    if (handler === undefined) return;
    const { database, logger, trace, host, peer, metrics } = this.#parts;
    const { link } = handler;
    const queue = new JuteWriter(16 * 1024);
    const plan = planSync({
      learnerZxid: seat.zxid,
      lastCommitted: this.#role?.lastCommitted ?? database.tree.lastProcessedZxid,
      committedLog: database.committedLog,
      openHistory: (zxid) => database.openHistory(zxid),
    }, queue);
    // What of its log it still holds; for a snapshot what that brings.
    if (plan.how !== "SNAP") this.#role?.onLearnerResynced(seat.serverId, Math.min(plan.zxid, seat.zxid));
    let upTo = plan.queuedUpTo;
    const sendNewLeader = () => {
      link.send(PacketType.newLeader, makeZxid(this.epoch, 0), new TextEncoder().encode(peer.configText()));
    };
    // Apache counts a cut as a difference, too.
    (plan.how === "SNAP" ? metrics.snapshotsSent : metrics.diffsSent).add(1);
    if (plan.how === "SNAP") {
      const cursor = new TreeSnapshotCursor(database.tree);
      upTo = cursor.zxid;
      this.#role?.onLearnerResynced(seat.serverId, upTo);
      link.send(PacketType.snap, upTo, null);
      // The tree holds some of what is applied while it is sent. All of that must be behind it and before
      // NEWLEADER, or the learner would serve a state that never was.
      link.sendTree(cursor, {
        onPiece: () => this.#leadership.onHeard(seat, host.nowMs),
        onSent: sendNewLeader,
      });
    } else {
      link.send(plan.how === "DIFF" ? PacketType.diff : PacketType.trunc, plan.zxid, null);
      link.write((out) => out.raw(queue.view()));
    }
    trace?.({
      kind: "sync",
      how: plan.how,
      zxid: plan.how === "SNAP" ? upTo : plan.zxid,
      peer: seat.serverId,
    });
    logger.info("Synchronizing a learner", {
      server: seat.serverId,
      how: plan.how,
      learnerZxid: `0x${zxidToHex(seat.zxid)}`,
      zxid: `0x${zxidToHex(upTo)}`,
    });
    for (const proposal of this.#role?.unapplied() ?? []) {
      if (proposal.zxid <= upTo) continue;
      const isCommitted = proposal.zxid <= this.#role!.lastCommitted;
      if (!isCommitted && seat.isObserver) break;
      link.sendEntry(PacketType.proposal, proposal.zxid, proposal.bytes, proposal.start, proposal.end);
      if (isCommitted) link.send(PacketType.commit, proposal.zxid, null);
    }
    if (plan.how !== "SNAP") sendNewLeader();
    this.#forwarded.push(handler);
  }

  establish(epoch: number): void {
    const { self, database, events, metrics, logger, host, peer, trace } = this.#parts;
    const start = makeZxid(epoch, 0);
    database.tree.lastProcessedZxid = start;
    this.#role = new LeaderRole({
      serverId: self,
      tree: database.tree,
      events,
      preparation: this.#parts.makePreparation(start),
      // The last seen membership is in force from now on: W3 has counted by it, too.
      leader: new Leader(this.#quorums[this.#quorums.length - 1], start),
      log: database,
      metrics,
      logger,
      host,
      learners: this,
      zxidCounterMax: this.#parts.zxidCounterMax,
      localSessions: this.#parts.localSessions,
      trace,
    });
    trace?.({ kind: "established", epoch });
    peer.onEstablished(this.#role, epoch);
  }

  sendUpToDate(seat: Seat): void {
    const link = this.#linkOf(seat);
    if (link === undefined) return;
    link.packetBytesMax = Infinity;
    link.send(PacketType.upToDate, -1, null);
  }

  ping(seat: Seat): void {
    this.#linkOf(seat)?.send(PacketType.ping, this.#role?.lastProposed ?? this.#lastZxid, null);
  }

  confirmed(round: number): void {
    this.#doubts.settle(round);
    const role = this.#role!;
    this.#syncs.onConfirmed(round);
    this.#syncs.answer(role.lastCommitted, role.lastCommitted);
    role.onConfirmed(round);
  }

  drop(seat: Seat, reason: string): void {
    this.#parts.logger.warn("A learner is dropped", { server: seat.serverId, reason });
    this.#linkOf(seat)?.close(reason);
  }

  resign(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.peer.onLeadingOver(reason);
  }

  // What the role tells its learners.

  whenConfirmed(answer: () => void): boolean {
    if (!this.#doubts.add(this.#leadership.nextConfirmRound, answer)) return false;
    this.confirm();
    return true;
  }

  get forgottenUpTo(): Zxid {
    return this.#parts.database.forgottenUpTo;
  }

  confirm(): number {
    return this.#leadership.confirm();
  }

  onProposed(proposal: Proposal): void {
    if (proposal.membership !== null) this.#parts.peer.onReconfigProposed(proposal);
    const { zxid, bytes, start, end } = proposal;
    const { nowMs } = this.#parts.host;
    for (const { link, seat } of this.#forwarded) {
      if (seat.isObserver) continue;
      seat.onProposal(zxid, nowMs);
      link.sendEntry(PacketType.proposal, zxid, bytes, start, end);
    }
  }

  onCommitted(proposal: Proposal): void {
    const { zxid, bytes, start, end } = proposal;
    this.#parts.database.remember(proposal.entry);
    this.#syncs.answer(zxid - 1, zxid);
    if (proposal.membership !== null) this.#tellReconfig(proposal);
    else {
      for (const { link, seat } of this.#forwarded) {
        if (seat.isObserver) link.sendEntry(PacketType.inform, zxid, bytes, start, end);
        else link.send(PacketType.commit, zxid, null);
      }
    }
    this.#strangers.onCommitted(zxid);
    this.#syncs.answer(zxid, zxid);
  }

  #tellReconfig(proposal: Proposal): void {
    const { zxid, bytes, start, end } = proposal;
    const designated = this.#parts.peer.onReconfigCommitted(proposal);
    const data = new JuteWriter(256);
    data.longNumber(designated);
    const leaderOnly = data.length;
    data.rawRange(bytes, start, end - start);
    for (const { link, seat } of this.#forwarded) {
      if (seat.isObserver) link.sendEntry(PacketType.informAndActivate, zxid, data.bytes, 0, data.length);
      else link.sendEntry(PacketType.commitAndActivate, zxid, data.bytes, 0, leaderOnly);
    }
  }

  #onHello(handler: LearnerHandler, packet: QuorumPacket): void {
    if (!isLearnerInfo(packet)) return handler.link.close(`it began with ${packetName(packet.type)}`);
    const isObserver = packet.type === PacketType.observerInfo;
    const info = decodeLearnerInfo(packet);
    const { seat, link } = handler;
    link.peer = info.serverId;
    this.#parts.logger.info("A learner connected", {
      server: info.serverId,
      role: isObserver ? "observer" : "follower",
      address: link.address,
    });
    this.#leadership.onInfo(seat, {
      serverId: info.serverId,
      isObserver,
      acceptedEpoch: Math.max(0, epochOf(packet.zxid)),
      configVersion: info.configVersion,
    }, this.#parts.host.nowMs);
  }

  #onLearnerPacket(handler: LearnerHandler, packet: QuorumPacket): void {
    const { seat, link } = handler;
    switch (packet.type) {
      case PacketType.ackEpoch:
        return this.#leadership.onAckEpoch(seat, packet.zxid, packet.data().int(), this.#parts.host.nowMs);
      case PacketType.ack:
        return this.#onAck(handler, packet.zxid);
    }
    // Apache's handler reads these three alone until then, and ends at anything else.
    if (seat.phase !== "broadcast") {
      return link.close(`it sent ${packetName(packet.type)} before it was up to date`);
    }
    switch (packet.type) {
      case PacketType.ping:
        this.#onPing(packet);
        return this.#leadership.onPong(seat);
      case PacketType.revalidate:
        this.#parts.metrics.revalidations.add(1);
        return this.#onRevalidate(handler, packet);
      case PacketType.request:
        return this.#onRequest(handler, packet);
      default:
        link.close(`it sent ${packetName(packet.type)}, which no learner sends`);
    }
  }

  #onAck(handler: LearnerHandler, zxid: Zxid): void {
    const { seat, link } = handler;
    if (seat.phase === "syncing") {
      return this.#leadership.onNewLeaderAck(seat, zxid, this.#parts.host.nowMs);
    }
    if (seat.phase !== "broadcast") {
      return link.close(`it acked 0x${zxidToHex(zxid)} before it was up to date`);
    }
    const role = this.#role!;
    if (zxid > role.lastProposed) {
      return link.close(`it acked 0x${zxidToHex(zxid)}, which was never proposed`);
    }
    // The second ack of NEWLEADER, which answers UPTODATE.
    if (counterOf(zxid) === 0) return;
    seat.onAck(zxid);
    if (!seat.isObserver) handler.ackedUpTo = Math.max(handler.ackedUpTo, zxid);
  }

  #onPing(packet: QuorumPacket): void {
    const { host } = this.#parts;
    const reader = packet.data();
    // One that is cut off ends the connection, and null does (LearnerHandler.run); an idle learner's has no bytes.
    if (packet.dataLength < 0) reader.skip(1);
    while (reader.remaining > 0) {
      const session = host.sessions.get(reader.long());
      reader.skip(4);
      if (session !== undefined) host.sessions.touch(session, host.nowMs);
    }
  }

  #onRevalidate(handler: LearnerHandler, packet: QuorumPacket): void {
    const { host } = this.#parts;
    const reader = packet.data();
    const id = reader.long();
    const timeoutMs = reader.int();
    const answer = () => this.#tellValidity(handler, id, timeoutMs);
    // See LeaderRole.revalidate.
    if (host.sessions.get(id)?.closing === false) return answer();
    const { link, seat } = handler;
    const isStranger = !seat.isListed;
    const waits = this.whenConfirmed(() => {
      if (isStranger) this.#strangers.onAnswered();
      answer();
    });
    if (!waits) return link.close("too many clients ask after sessions while no quorum is heard");
    if (isStranger) this.#strangers.onAsked(link);
  }

  #tellValidity(handler: LearnerHandler, id: SessionId, timeoutMs: number): void {
    const { link, seat } = handler;
    if (!this.#handlers.has(seat.link)) return;
    const { host } = this.#parts;
    const session = host.sessions.get(id);
    const isValid = session !== undefined && !session.closing;
    if (isValid) {
      host.sessions.setTimeout(session, timeoutMs, host.nowMs);
      // Its client went to another server and left this one's connection behind.
      const { owner } = session;
      if (owner instanceof Connection || owner instanceof WorkerSeat) owner.onSessionTaken(session);
      session.owner = handler;
    }
    this.#parts.logger.debug("A session is taken up elsewhere", {
      session: sessionIdToHex(id),
      server: seat.serverId,
      valid: isValid,
    });
    const answer = new JuteWriter(16);
    answer.long(id);
    answer.bool(isValid);
    link.send(PacketType.revalidate, -1, answer.view());
  }

  #onRequest(handler: LearnerHandler, packet: QuorumPacket): void {
    const role = this.#role!;
    const request = forwardedRequest(handler, packet, this.#parts.host.sessions);
    const { code, sessionId, body } = request;
    if (code === OpCode.sync) return this.#onSync(role, handler);
    if (code === OpCode.createSession) role.createForwarded(sessionId, body.int(), handler);
    else role.submitForwarded(request);
    if (handler.seat.isListed || role.lastProposed === role.lastCommitted) return;
    this.#strangers.onProposed(handler.link, role.lastProposed, packet.dataLength);
  }

  /** To be answered behind all that was proposed before. */
  #onSync(role: LeaderRole, { link, seat }: LearnerHandler): void {
    const isStranger = !seat.isListed;
    if (isStranger) this.#strangers.onAsked(link);
    const { lastProposed, lastCommitted } = role;
    this.#syncs.push({ link, isStranger }, lastProposed, lastProposed, this.confirm());
    this.#syncs.answer(lastCommitted, lastCommitted);
  }

  /** Members may lag behind by much; all others together must not cost this server its memory. */
  #relieve(): void {
    const waiting = [...this.#handlers.values()].filter(({ seat, link }) =>
      !seat.isListed && link.waitingBytes > 0
    );
    let bytes = waiting.reduce((sum, { link }) => sum + link.waitingBytes, 0);
    waiting.sort((a, b) => b.link.waitingBytes - a.link.waitingBytes);
    for (const { link } of waiting) {
      if (bytes <= limits.unlistedOutboundBytesMax) return;
      bytes -= link.waitingBytes;
      link.close("it is no member and does not take what it is sent");
    }
  }

  #linkOf(seat: Seat): QuorumLink | undefined {
    return this.#handlers.get(seat.link)?.link;
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#onThrown(error);
    }
  }

  /** A promise that cannot be kept on the disk ends the office, not the server. */
  #onThrown(error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    this.#parts.peer.onDiskFailed();
    this.resign(`the disk failed: ${error.message}`);
  }
}
