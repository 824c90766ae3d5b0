import { assert } from "../../base/assert.ts";
import { Deque } from "../../base/deque.ts";
import type { DiskError } from "../../base/disk.ts";
import { limits } from "../../base/limits.ts";
import type { Logger } from "../../base/log.ts";
import type { ServerMetrics } from "../../admin/metrics.ts";
import { JuteError, type JuteReader } from "../../jute/reader.ts";
import type { WriteOp } from "../../pipeline/op.ts";
import { closeSession } from "../../pipeline/ops/close_session.ts";
import type { Preparation, WriteOrigin } from "../../pipeline/preparation.ts";
import { WriteReplyBuilder } from "../../pipeline/write_reply.ts";
import type { ServerMode } from "../../admin/status_view.ts";
import type { Trace } from "../../base/trace.ts";
import { looksLikeTtl } from "../../protocol/create_mode.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { containerOwner, noSession, type SessionId } from "../../protocol/session_id.ts";
import { counterOf, type Zxid, zxidToHex } from "../../protocol/zxid.ts";
import { type Membership, quorumOf } from "../../quorum/membership.ts";
import type { ServerId } from "../../quorum/quorum.ts";
import type { Session, SessionTracker } from "../../session/session_tracker.ts";
import type { DataTree } from "../../tree/data_tree.ts";
import type { TreeEvents } from "../../tree/tree_observer.ts";
import type { LoggedEntry } from "../../zab/committed_log.ts";
import type { Leader, LeaderEffects } from "../../zab/leader.ts";
import type { ClientRequest } from "../client_request.ts";
import type { Connection } from "../connection.ts";
import type { Database } from "../database.ts";
import { needsGlobalSession } from "../local_sessions.ts";
import type { ForwardedRequest } from "./forwarded_request.ts";
import { PendingSyncs } from "./pending_syncs.ts";
import type { Role, SessionClaimant, SyncClaimant, WorkersOfRole } from "./role.ts";

/** A txn on its way from the log to the tree, and who waits for it. */
export class Proposal {
  readonly zxid: Zxid;
  /** The entry is `bytes[start, end)`. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly connection: Connection | null;
  /** What the connection waits to have answered; null for a connect request. */
  readonly request: ClientRequest | null;
  readonly op: WriteOp | null;
  /** The session it opens or closes, else null. */
  readonly session: Session | null;
  /** The membership it brings, or null. */
  readonly membership: Membership | null;
  readonly proposedMs: number;
  /** Who forwarded it; null for what this very process was asked for. */
  readonly from: unknown;

  constructor(
    preparation: Preparation,
    connection: Connection | null,
    request: ClientRequest | null,
    op: WriteOp | null,
    session: Session | null,
    proposedMs: number,
    from: unknown = null,
  ) {
    this.zxid = preparation.zxid;
    this.bytes = preparation.entryBytes;
    this.start = preparation.entryStart;
    this.end = preparation.entryEnd;
    this.connection = connection;
    this.request = request;
    this.op = op;
    this.session = session;
    this.membership = preparation.newMembership;
    this.proposedMs = proposedMs;
    this.from = from;
  }

  /** The entry alone, for who keeps it when nobody waits for it any more. */
  get entry(): LoggedEntry {
    const { zxid, bytes, start, end } = this;
    return { zxid, bytes, start, end };
  }
}

/** What a leader's office asks of the server around it. */
export interface LeaderRoleHost {
  readonly nowMs: number;
  readonly sessions: SessionTracker;
  wallMs(): number;
  expireSessions(): void;
  /** Undefined for a server of one process. */
  readonly workers: WorkersOfRole | undefined;
  /** The session that a client wants is open: it has it now. */
  reattach(claimant: SessionClaimant, id: SessionId, timeoutMs: number): void;
  refuseSession(claimant: SessionClaimant, id: SessionId, reason: string): void;
  /** A session's first txn is applied: it exists for everybody. */
  onSessionCreated(session: Session, connection: Connection | null): void;
  /** A session's first txn was refused by the disk. */
  onSessionRefused(session: Session, connection: Connection | null): void;
  /** A session's last txn is applied: its ephemerals are gone. */
  onSessionClosed(session: Session): void;
  /** A session's last txn was refused by the disk: it is still there and must be closed later. */
  onSessionCloseRefused(session: Session): void;
}

/** Where proposals are made durable; says so by `onDurable` or `onRefused`. */
export interface ProposalLog {
  /** Takes the entry `bytes[start, end)`, by copy. */
  append(bytes: Uint8Array, start: number, end: number, zxid: Zxid): void;
}

/** A leader's learners; none has any when standalone. Calls only queue work. */
export interface Learners {
  /** Entries up to here are kept for none that lags any more. */
  readonly forgottenUpTo: Zxid;
  /** To be sent to every follower. */
  onProposed(proposal: Proposal): void;
  /** A quorum has it: to be told every learner. */
  onCommitted(proposal: Proposal): void;
  /**
   * Runs `answer` once it is known that a quorum follows still, and there was no other leader when this was called.
   * Never, if that does not come to be known.
   *
   * @returns False when too many wait for that already; then it is not run.
   */
  whenConfirmed(answer: () => void): boolean;
  /** Asks the followers whether they follow still. @returns The round that {@link LeaderRole.onConfirmed} tells of. */
  confirm(): number;
  /** The disk refuses what followers were sent already, or the epoch is used up: the office cannot go on. */
  resign(reason: string): void;
}

/** What a {@link LeaderRole} is made of. */
export interface LeaderRoleParts {
  readonly serverId: ServerId;
  readonly tree: DataTree;
  /** Hears of every change, in the order of the changes. */
  readonly events: TreeEvents;
  readonly preparation: Preparation;
  readonly leader: Leader;
  readonly log: ProposalLog;
  readonly metrics: ServerMetrics;
  readonly logger: Logger;
  readonly host: LeaderRoleHost;
  /** Null when standalone. */
  readonly learners: Learners | null;
  /** The newest counter of an epoch, before which a leader with learners gives up its office. */
  readonly zxidCounterMax: number;
  /** Learners have sessions that are theirs alone (`localSessionsEnabled`). */
  readonly localSessions: boolean;
  readonly trace?: Trace;
}

/**
 * A server that leads, be it an ensemble of one: requests become txns, txns go to the log and to the followers, and
 * what a quorum has on stable storage is committed, applied and answered.
 *
 * Order, never broken: log, sync, ack, commit, apply, reply. A commit that others make a quorum for is told to the
 * learners at once; this server's own tree waits for its own disk, so that memory is never ahead of it. Bound:
 * limits.proposalsOutstandingMax.
 */
export class LeaderRole implements Role, LeaderEffects {
  readonly mode: ServerMode;
  /** Alone, nothing is acknowledged that is not in the tree. */
  readonly asksForSync: boolean;
  readonly #parts: LeaderRoleParts;
  readonly #reply: WriteReplyBuilder;
  /** Proposed and not applied, in zxid order; the first {@link #committedCount} are committed. */
  readonly #proposals = new Deque<Proposal>(1024);
  #committedCount = 0;
  /** Syncs of own clients. */
  readonly #syncs = new PendingSyncs<{ readonly claimant: SyncClaimant; readonly request: ClientRequest }>(
    ({ claimant, request }) => claimant.onSyncDone(request),
  );
  #durable: Zxid;
  #applying = false;
  /** The disk refused what is newest; until what is older is applied, nothing can be prepared on top of it. */
  #recovering = false;
  #refusing = false;
  /** The disk refused what followers were sent: the office ends, and until then nothing more may follow behind the gap. */
  #isOver = false;
  /** Refused, and answered only when what is older has been: replies leave in order. */
  #refused: (Proposal | ForwardedRequest)[] = [];

  constructor(parts: LeaderRoleParts) {
    this.#parts = parts;
    this.mode = parts.learners === null ? "standalone" : "leader";
    this.asksForSync = parts.learners !== null;
    this.#reply = new WriteReplyBuilder(parts.tree.store);
    this.#durable = parts.leader.lastProposed;
  }

  /** Txns proposed and not applied. */
  get outstandingCount(): number {
    return this.#proposals.length;
  }

  /** Zxid of the newest proposal. */
  get lastProposed(): Zxid {
    return this.#parts.leader.lastProposed;
  }

  /** @returns The newest zxid a voter has acked; -1 for a server without a vote. */
  ackedBy(server: ServerId): Zxid {
    return this.#parts.leader.ackedBy(server);
  }

  get lastCommitted(): Zxid {
    return this.#parts.leader.lastCommitted;
  }

  /** Proposals that are not in the tree, oldest first, those up to {@link lastCommitted} committed. */
  *unapplied(): Iterable<Proposal> {
    for (let index = 0; index < this.#proposals.length; index++) yield this.#proposals.at(index)!;
  }

  /**
   * Ends the office. The log must be at rest: everything in it goes into the tree, committed or not, as after a start
   * from it; who leads next decides what becomes of it (ZKDatabase.fastForwardDataBase).
   */
  finish(database: Pick<Database, "remember" | "snapshots">): void {
    this.#applying = true;
    // A snapshot under way would hold what may be cut off later, under the name of a zxid before it.
    if (this.#proposals.length > 0) database.snapshots.stop();
    const { tree, trace } = this.#parts;
    for (let next = this.#proposals.shift(); next !== undefined; next = this.#proposals.shift()) {
      tree.apply(next.bytes, next.start, next.end, null, null);
      database.remember(next.entry);
    }
    trace?.({ kind: "load", zxid: tree.lastProcessedZxid, from: "disk", digest: tree.digest });
  }

  /**
   * Proposes what a client asks for; the connection hears of the outcome by `onWriteDone`.
   *
   * @returns 0, or an error when it cannot be proposed now.
   * @throws {JuteError} If the body cannot be decoded.
   */
  submit(connection: Connection, op: WriteOp, request: ClientRequest, body: JuteReader): number {
    const { preparation, host, metrics } = this.#parts;
    if (this.#isOver) return ErrorCode.connectionLoss;
    if (this.#recovering) return ErrorCode.systemError;
    if (this.#proposals.length >= limits.proposalsOutstandingMax) return ErrorCode.throttledOp;
    if (this.#isUsedUp()) return ErrorCode.connectionLoss;
    const { session: held } = connection;
    if (held!.owner !== connection) {
      // Nobody has taken it up since its server began to lead; else it has moved to another one.
      if (held!.owner !== null) return ErrorCode.sessionMoved;
      held!.owner = connection;
    }
    preparation.prepare(op, connection, request.xid, body, host.wallMs());
    const { quotaExceededAt } = preparation;
    if (quotaExceededAt !== null) metrics.quotaExceeded.add(quotaExceededAt.split("/")[1], 1);
    let session: Session | null = null;
    if (op === closeSession) {
      session = connection.session!;
      session.closing = true;
    }
    this.#propose(new Proposal(preparation, connection, request, op, session, host.nowMs));
    return ErrorCode.ok;
  }

  /**
   * Proposes what a learner forwarded. Whatever is wrong with it becomes an error txn: the learner waits for one
   * (PrepRequestProcessor.pRequest, checkSession).
   */
  submitForwarded(request: ForwardedRequest): void {
    const { preparation, host } = this.#parts;
    const { sessionId, session, cxid, op, body, from } = request;
    if (this.#isOver || this.#isUsedUp()) return;
    if (this.#recovering) {
      this.#refused.push(request);
      return;
    }
    let error: number = ErrorCode.ok;
    if (op === null) error = ErrorCode.unimplemented;
    else if (session === null && !isSession(sessionId)) {
      error = ErrorCode.sessionExpired;
    } else if (op === closeSession) {
      // Its end is on its way, or was there before the learner heard of it: a session ends once.
      if (session === null || session.closing) error = ErrorCode.sessionExpired;
    } else {
      if (session === null) error = this.#checkLocal(sessionId, op, body);
      else if (session.closing) error = ErrorCode.sessionExpired;
      else if (session.owner === null) session.owner = from;
      else if (session.owner !== from) error = ErrorCode.sessionMoved;
      // Its learner may tell of it only with the next PING, after its time is up.
      if (error === ErrorCode.ok && session !== null) host.sessions.touch(session, host.nowMs);
    }
    if (error === ErrorCode.ok) {
      try {
        preparation.prepare(op!, request, cxid, body, host.wallMs());
      } catch (thrown) {
        if (!(thrown instanceof JuteError)) throw thrown;
        error = ErrorCode.marshallingError;
      }
    }
    if (error !== ErrorCode.ok) preparation.prepareError(sessionId, cxid, error, host.wallMs());
    const isClosing = op === closeSession && error === ErrorCode.ok && session !== null;
    if (isClosing) session.closing = true;
    this.#propose(new Proposal(preparation, null, null, op, isClosing ? session : null, host.nowMs, from));
  }

  /**
   * A session that is not global may be its learner's own, unless this server made it; that it is open, the learner
   * answers for. What outlives it in the tree, it may not ask for (LeaderSessionTracker.checkSession).
   */
  #checkLocal(id: SessionId, op: WriteOp, body: JuteReader): number {
    const { localSessions, serverId } = this.#parts;
    const isForeign = BigInt.asUintN(8, id >> 56n) !== BigInt(serverId & 0xff);
    return localSessions && isForeign && !needsGlobalSession(op, body)
      ? ErrorCode.ok
      : ErrorCode.sessionExpired;
  }

  /** Proposes that a session begin which a learner's client asked for. */
  createForwarded(sessionId: SessionId, timeoutMs: number, from: unknown): void {
    const { host, preparation } = this.#parts;
    if (this.#isOver || this.#isUsedUp()) return;
    if (this.#recovering) {
      return host.workers?.onRefused(from, { sessionId, cxid: 0, error: ErrorCode.systemError });
    }
    // Its end is proposed: a beginning behind that would make a session that no end comes for.
    if (!isSession(sessionId) || host.sessions.get(sessionId)?.closing === true) {
      preparation.prepareError(sessionId, 0, ErrorCode.sessionExpired, host.wallMs());
      return this.#propose(new Proposal(preparation, null, null, null, null, host.nowMs));
    }
    const session = host.sessions.add(sessionId, timeoutMs, host.nowMs);
    session.owner = from;
    this.#proposeCreateSession(session, null, from);
  }

  /** Proposes that a session begin. @returns Whether that can be proposed now. */
  createSession(session: Session, connection: Connection | null): boolean {
    if (!this.#mayPropose()) return false;
    this.#proposeCreateSession(session, connection);
    return true;
  }

  /** Proposes that an expired session end. @returns Whether that can be proposed now. */
  closeSession(session: Session, emptyBody: JuteReader): boolean {
    return this.#proposeOwn(closeSession, session.id, emptyBody, session);
  }

  /** Proposes a write of the server's own, such as the reaper's. @returns Whether that can be proposed now. */
  submitOwn(op: WriteOp, body: JuteReader): boolean {
    return this.#proposeOwn(op, 0n, body, null);
  }

  /** A session that a later leader knows must not be said to have expired. Apache's leader says so. */
  revalidate(claimant: SessionClaimant, id: SessionId, timeoutMs: number): void {
    const { host, learners } = this.#parts;
    const answer = () => {
      const session = host.sessions.get(id);
      if (session === undefined) host.refuseSession(claimant, id, "expired or unknown");
      else if (session.closing) host.refuseSession(claimant, id, "closing");
      else host.reattach(claimant, id, timeoutMs);
    };
    if (learners === null || host.sessions.get(id)?.closing === false) return answer();
    // By then it may have begun: its client went ahead of the server where it was a local one.
    const waits = learners.whenConfirmed(() => {
      if (!claimant.isClosed) answer();
    });
    if (!waits) claimant.close();
  }

  /** What a learner has acknowledged to its client may wait for this server's own disk still. */
  sync(claimant: SyncClaimant, request: ClientRequest): void {
    const { learners } = this.#parts;
    assert(learners !== null, "a server alone answers at once");
    this.#syncs.push({ claimant, request }, this.lastCommitted, this.lastProposed, learners.confirm());
    this.#finishSyncs();
  }

  /** A quorum followed when that round of questions had begun. */
  onConfirmed(round: number): void {
    this.#syncs.onConfirmed(round);
    this.#finishSyncs();
  }

  touch(session: Session, nowMs: number): void {
    this.#parts.host.sessions.touch(session, nowMs);
  }

  tick(_nowMs: number): void {
    this.#parts.host.expireSessions();
  }

  /** This server's disk has synced everything up to `zxid`. */
  onDurable(zxid: Zxid): void {
    if (this.#isOver) return;
    this.#refusing = false;
    this.#durable = Math.max(this.#durable, zxid);
    this.#parts.leader.onAck(this.#parts.serverId, zxid, this);
    this.#applyReady();
  }

  /** A learner has `zxid`, and all before it, on its disk. */
  onLearnerAck(from: ServerId, zxid: Zxid): void {
    if (!this.#isOver) this.#parts.leader.onAck(from, zxid, this);
  }

  /** A learner was synchronized anew: it holds nothing behind `zxid`. */
  onLearnerResynced(from: ServerId, zxid: Zxid): void {
    this.#parts.leader.onResynced(from, zxid);
  }

  commit(zxid: Zxid): void {
    const proposal = this.#proposals.at(this.#committedCount);
    assert(proposal?.zxid === zxid, "txns are committed in the order they were proposed");
    this.#committedCount++;
    const { learners, metrics, host, trace } = this.#parts;
    metrics.commits.add(1);
    metrics.quorumAckLatency.record(host.nowMs - proposal.proposedMs);
    trace?.({ kind: "commit", zxid });
    learners?.onCommitted(proposal);
    if (proposal.membership !== null) this.#parts.leader.onReconfigCommitted(this);
    this.#applyReady();
  }

  reject(from: ServerId, reason: string): void {
    this.#parts.trace?.({ kind: "violation", peer: from, reason });
    this.#parts.logger.error("A peer sent what cannot be", { from, reason });
  }

  /**
   * The log could not take `firstZxid` and what follows. Alone, those writes never happened and are answered with
   * an error; reads go on, and writes again as soon as the disk takes them. With followers, which may have logged
   * them, only another leader can tell what becomes of them.
   */
  onRefused(firstZxid: Zxid, error: DiskError): void {
    const { leader, logger, tree, learners } = this.#parts;
    if (!this.#refusing) {
      logger.error("The disk takes no more: writes are refused until there is room", {
        error: error.code,
        file: error.path,
        zxid: `0x${zxidToHex(firstZxid)}`,
      });
    }
    this.#refusing = true;
    if (learners === null) leader.onRefused(firstZxid);
    assert(tree.lastProcessedZxid < firstZxid, "what is applied cannot be refused");
    const older: Proposal[] = [];
    for (let next = this.#proposals.shift(); next !== undefined; next = this.#proposals.shift()) {
      (next.zxid < firstZxid ? older : this.#refused).push(next);
    }
    for (const proposal of older) this.#proposals.push(proposal);
    this.#recovering = true;
    if (learners !== null) {
      this.#refused = [];
      this.#isOver = true;
      return learners.resign(`the disk takes no more (${error.code})`);
    }
    if (older.length === 0) this.#onIdle();
  }

  /** Applies what is committed and on this server's own disk. */
  #applyReady(): void {
    // What an applied txn sets in motion may commit more.
    if (this.#applying) return;
    this.#applying = true;
    for (let next = this.#proposals.peek(); next !== undefined; next = this.#proposals.peek()) {
      if (this.#committedCount === 0 || next.zxid > this.#durable) break;
      // A write behind a sync of its connection is answered behind it.
      this.#finishSyncs();
      this.#proposals.shift();
      this.#committedCount--;
      this.#apply(next);
    }
    this.#applying = false;
    this.#finishSyncs();
    if (this.#proposals.length === 0) this.#onIdle();
  }

  #finishSyncs(): void {
    this.#syncs.answer(this.#parts.tree.lastProcessedZxid, this.lastCommitted);
  }

  #apply(proposal: Proposal): void {
    const { tree, events, preparation, learners, metrics, host } = this.#parts;
    const { connection, op, session, request, zxid } = proposal;
    const reply = this.#reply;
    reply.begin(op?.reply ?? "nothing");
    tree.apply(proposal.bytes, proposal.start, proposal.end, request === null ? null : reply, events);
    this.#traceApply(proposal);
    reply.end();
    host.workers?.onApplied(zxid, proposal.bytes, proposal.start, proposal.end);
    preparation.onApplied(zxid, learners === null ? zxid : Math.min(zxid, learners.forgottenUpTo));
    metrics.appendToSyncedTime.record(host.nowMs - proposal.proposedMs);
    if (session !== null && op === null) host.onSessionCreated(session, connection);
    if (request !== null) connection!.onWriteDone(request, zxid, reply.error, reply.body);
    if (session !== null && op !== null) host.onSessionClosed(session);
  }

  #traceApply({ zxid, bytes, start, end }: Proposal): void {
    const { trace, tree } = this.#parts;
    trace?.({ kind: "apply", zxid, entry: bytes.subarray(start, end), digest: tree.digest });
  }

  #answerRefused(refused: Proposal | ForwardedRequest): void {
    const { host, tree } = this.#parts;
    if (!(refused instanceof Proposal)) return this.#tellRefused(refused);
    const { session, op, connection, request, bytes, start, from } = refused;
    if (from !== null) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + start);
      this.#tellRefused({ from, sessionId: view.getBigInt64(0), cxid: view.getInt32(8) });
    }
    if (session !== null && op === null) return host.onSessionRefused(session, connection);
    if (session !== null) host.onSessionCloseRefused(session);
    if (request === null || connection === null) return;
    this.#reply.begin("nothing");
    connection.onWriteDone(request, tree.lastProcessedZxid, ErrorCode.systemError, this.#reply.body);
  }

  #tellRefused({ from, sessionId, cxid }: Pick<ForwardedRequest, "from" | "sessionId" | "cxid">): void {
    this.#parts.host.workers?.onRefused(from, { sessionId, cxid, error: ErrorCode.systemError });
  }

  #mayPropose(): boolean {
    return !this.#isOver && !this.#recovering && this.#proposals.length < limits.proposalsOutstandingMax &&
      !this.#isUsedUp();
  }

  /** The counter of an epoch is at its end: the last zxid is never given out (ZOOKEEPER-1277). */
  #isUsedUp(): boolean {
    const { learners, leader, zxidCounterMax } = this.#parts;
    if (learners === null || counterOf(leader.lastProposed) < zxidCounterMax) return false;
    learners.resign("the epoch has no zxids left");
    return true;
  }

  #proposeCreateSession(session: Session, connection: Connection | null, from: unknown = null): void {
    const { preparation, host } = this.#parts;
    preparation.prepareCreateSession(session.id, session.timeoutMs, host.wallMs());
    this.#propose(new Proposal(preparation, connection, null, null, session, host.nowMs, from));
  }

  #proposeOwn(op: WriteOp, sessionId: SessionId, body: JuteReader, session: Session | null): boolean {
    if (!this.#mayPropose()) return false;
    const { preparation, host } = this.#parts;
    const origin: WriteOrigin = { sessionId, authIds: [] };
    preparation.prepare(op, origin, 0, body, host.wallMs());
    this.#propose(new Proposal(preparation, null, null, op, session, host.nowMs));
    return true;
  }

  #propose(proposal: Proposal): void {
    const { leader, log, metrics, learners, trace } = this.#parts;
    this.#proposals.push(proposal);
    leader.propose(proposal.zxid);
    if (proposal.membership !== null) leader.onReconfigProposed(proposal.zxid, quorumOf(proposal.membership));
    if (trace !== undefined) {
      trace({
        kind: "propose",
        zxid: proposal.zxid,
        entry: proposal.bytes.subarray(proposal.start, proposal.end),
      });
    }
    learners?.onProposed(proposal);
    log.append(proposal.bytes, proposal.start, proposal.end, proposal.zxid);
    metrics.proposals.add(1);
    metrics.txnsQueuedForLog.add(1);
    metrics.proposalSize.record(proposal.end - proposal.start);
  }

  #onIdle(): void {
    const { preparation, leader, learners } = this.#parts;
    if (this.#recovering) {
      this.#recovering = false;
      preparation.forgetAfter(leader.lastCommitted);
      for (const refused of this.#refused.splice(0)) this.#answerRefused(refused);
    }
    // An answer may have let a waiting client go on, and its next write is prepared already; and learners that lag may be
    // sent what is applied.
    if (this.#proposals.length === 0 && learners === null) preparation.onIdle();
  }
}

/** Whether a session can be called so: other ids own persistent znodes, which its end would take along. */
function isSession(id: SessionId): boolean {
  return id !== noSession && id !== containerOwner && !looksLikeTtl(id);
}
