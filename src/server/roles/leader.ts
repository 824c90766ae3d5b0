import { assert } from "../../base/assert.ts";
import { Deque } from "../../base/deque.ts";
import type { DiskError } from "../../base/disk.ts";
import { limits } from "../../base/limits.ts";
import type { Logger } from "../../base/log.ts";
import type { ServerMetrics } from "../../admin/metrics.ts";
import type { JuteReader } from "../../jute/reader.ts";
import type { WriteOp } from "../../pipeline/op.ts";
import { closeSession } from "../../pipeline/ops/close_session.ts";
import type { Preparation, WriteOrigin } from "../../pipeline/preparation.ts";
import { WriteReplyBuilder } from "../../pipeline/write_reply.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import type { SessionId } from "../../protocol/session_id.ts";
import { type Zxid, zxidToHex } from "../../protocol/zxid.ts";
import type { ServerId } from "../../quorum/quorum.ts";
import type { Session } from "../../session/session_tracker.ts";
import type { DataTree } from "../../tree/data_tree.ts";
import type { TreeEvents } from "../../tree/tree_observer.ts";
import type { Leader, LeaderEffects } from "../../zab/leader.ts";
import type { ClientRequest } from "../client_request.ts";
import type { Connection } from "../connection.ts";

/** A txn on its way from the log to the tree, and who waits for it. */
class Proposal {
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
  readonly proposedMs: number;

  constructor(
    preparation: Preparation,
    connection: Connection | null,
    request: ClientRequest | null,
    op: WriteOp | null,
    session: Session | null,
    proposedMs: number,
  ) {
    this.zxid = preparation.zxid;
    this.bytes = preparation.entryBytes;
    this.start = preparation.entryStart;
    this.end = preparation.entryEnd;
    this.connection = connection;
    this.request = request;
    this.op = op;
    this.session = session;
    this.proposedMs = proposedMs;
  }
}

/** What a leader's office asks of the server around it. */
export interface LeaderRoleHost {
  readonly nowMs: number;
  wallMs(): number;
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
}

/**
 * A server that leads, be it an ensemble of one: requests become txns, txns go to the log, and what a quorum
 * has on stable storage is committed, applied and answered.
 *
 * Order, never broken: log, sync, ack, commit, apply, reply. Bound: limits.proposalsOutstandingMax.
 */
export class LeaderRole implements LeaderEffects {
  readonly #parts: LeaderRoleParts;
  readonly #reply: WriteReplyBuilder;
  /** Proposed and not applied, in zxid order. */
  readonly #proposals = new Deque<Proposal>(1024);
  /** The disk refused what is newest; until what is older is applied, nothing can be prepared on top of it. */
  #recovering = false;
  #refusing = false;
  /** Refused, and answered only when what is older has been: replies leave in order. */
  #refused: Proposal[] = [];

  constructor(parts: LeaderRoleParts) {
    this.#parts = parts;
    this.#reply = new WriteReplyBuilder(parts.tree.store);
  }

  /** Txns proposed and not applied. */
  get outstandingCount(): number {
    return this.#proposals.length;
  }

  /**
   * Proposes what a client asks for; the connection hears of the outcome by `onWriteDone`.
   *
   * @returns 0, or an error when it cannot be proposed now.
   * @throws {JuteError} If the body cannot be decoded.
   */
  submit(connection: Connection, op: WriteOp, request: ClientRequest, body: JuteReader): number {
    const { preparation, host, metrics } = this.#parts;
    if (this.#recovering) return ErrorCode.systemError;
    if (this.#proposals.length >= limits.proposalsOutstandingMax) return ErrorCode.throttledOp;
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

  /** Proposes that a session begin. @returns Whether that can be proposed now. */
  createSession(session: Session, connection: Connection | null): boolean {
    if (this.#recovering || this.#proposals.length >= limits.proposalsOutstandingMax) return false;
    const { preparation, host } = this.#parts;
    preparation.prepareCreateSession(session.id, session.timeoutMs, host.wallMs());
    this.#propose(new Proposal(preparation, connection, null, null, session, host.nowMs));
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

  /** This server's disk has synced everything up to `zxid`. */
  onDurable(zxid: Zxid): void {
    this.#refusing = false;
    this.#parts.leader.onAck(this.#parts.serverId, zxid, this);
  }

  commit(zxid: Zxid): void {
    const proposal = this.#proposals.shift();
    assert(proposal?.zxid === zxid, "txns are committed in the order they were proposed");
    const { tree, events, preparation, metrics, host } = this.#parts;
    const { connection, op, session, request } = proposal;
    const reply = this.#reply;
    reply.begin(op?.reply ?? "nothing");
    tree.apply(proposal.bytes, proposal.start, proposal.end, request === null ? null : reply, events);
    reply.end();
    preparation.pending.onApplied(zxid);
    metrics.commits.add(1);
    const waitedMs = host.nowMs - proposal.proposedMs;
    metrics.quorumAckLatency.record(waitedMs);
    metrics.appendToSyncedTime.record(waitedMs);
    if (session !== null && op === null) host.onSessionCreated(session, connection);
    if (session !== null && op !== null) host.onSessionClosed(session);
    if (request !== null) connection!.onWriteDone(request, zxid, reply.error, reply.body);
    if (this.#proposals.length === 0) this.#onIdle();
  }

  reject(from: ServerId, reason: string): void {
    this.#parts.logger.error("A peer sent what cannot be", { from, reason });
  }

  /**
   * The log could not take `firstZxid` and what follows: those writes never happened and are answered with
   * an error; reads go on, and writes again as soon as the disk takes them.
   */
  onRefused(firstZxid: Zxid, error: DiskError): void {
    const { leader, logger, tree } = this.#parts;
    if (!this.#refusing) {
      logger.error("The disk takes no more: writes are refused until there is room", {
        error: error.code,
        file: error.path,
        zxid: `0x${zxidToHex(firstZxid)}`,
      });
    }
    this.#refusing = true;
    leader.onRefused(firstZxid);
    assert(tree.lastProcessedZxid < firstZxid, "what is applied cannot be refused");
    const older: Proposal[] = [];
    for (let next = this.#proposals.shift(); next !== undefined; next = this.#proposals.shift()) {
      (next.zxid < firstZxid ? older : this.#refused).push(next);
    }
    for (const proposal of older) this.#proposals.push(proposal);
    this.#recovering = true;
    if (older.length === 0) this.#onIdle();
  }

  #answerRefused(proposal: Proposal): void {
    const { host, tree } = this.#parts;
    const { session, op, connection, request } = proposal;
    if (session !== null && op === null) return host.onSessionRefused(session, connection);
    if (session !== null) host.onSessionCloseRefused(session);
    if (request === null || connection === null) return;
    this.#reply.begin("nothing");
    connection.onWriteDone(request, tree.lastProcessedZxid, ErrorCode.systemError, this.#reply.body);
  }

  #proposeOwn(op: WriteOp, sessionId: SessionId, body: JuteReader, session: Session | null): boolean {
    if (this.#recovering || this.#proposals.length >= limits.proposalsOutstandingMax) return false;
    const { preparation, host } = this.#parts;
    const origin: WriteOrigin = { sessionId, authIds: [] };
    preparation.prepare(op, origin, 0, body, host.wallMs());
    this.#propose(new Proposal(preparation, null, null, op, session, host.nowMs));
    return true;
  }

  #propose(proposal: Proposal): void {
    const { leader, log, metrics } = this.#parts;
    this.#proposals.push(proposal);
    leader.propose(proposal.zxid);
    log.append(proposal.bytes, proposal.start, proposal.end, proposal.zxid);
    metrics.proposals.add(1);
    metrics.txnsQueuedForLog.add(1);
    metrics.proposalSize.record(proposal.end - proposal.start);
  }

  #onIdle(): void {
    const { preparation, leader } = this.#parts;
    if (this.#recovering) {
      this.#recovering = false;
      preparation.forgetAfter(leader.lastCommitted);
      for (const proposal of this.#refused.splice(0)) this.#answerRefused(proposal);
    }
    // An answer may have let a waiting client go on, and its next write is prepared already.
    if (this.#proposals.length === 0) preparation.onIdle();
  }
}
