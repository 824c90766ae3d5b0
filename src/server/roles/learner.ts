import type { ServerMetrics } from "../../admin/metrics.ts";
import { Deque } from "../../base/deque.ts";
import type { DiskError } from "../../base/disk.ts";
import type { Logger } from "../../base/log.ts";
import type { Trace } from "../../base/trace.ts";
import { int32At, int64At } from "../../jute/int_at.ts";
import type { JuteReader } from "../../jute/reader.ts";
import { JuteWriter } from "../../jute/writer.ts";
import type { WriteOp } from "../../pipeline/op.ts";
import { closeSession } from "../../pipeline/ops/close_session.ts";
import { WriteReplyBuilder } from "../../pipeline/write_reply.ts";
import type { AuthId } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { PacketType, type QuorumPacket } from "../../protocol/quorum_packet.ts";
import { type SessionId, sessionIdHalves } from "../../protocol/session_id.ts";
import { txnTypeOf } from "../../protocol/txn.ts";
import type { RefusedRequest } from "../../protocol/worker_packet.ts";
import { type Zxid, zxidToHex } from "../../protocol/zxid.ts";
import type { Session } from "../../session/session_tracker.ts";
import type { DataTree } from "../../tree/data_tree.ts";
import type { TreeEvents } from "../../tree/tree_observer.ts";
import type { LoggedEntry } from "../../zab/committed_log.ts";
import { EntryArena } from "../../zab/entry_arena.ts";
import type { ClientRequest } from "../client_request.ts";
import { Connection } from "../connection.ts";
import type { Database } from "../database.ts";
import type { QuorumLink } from "../quorum_link.ts";
import type { Role, SessionClaimant, SyncClaimant, WorkersOfRole } from "./role.ts";

/** What a learner's office asks of the server around it. */
export interface LearnerRoleHost {
  readonly nowMs: number;
  /** @returns The session, global or local, whose id has these signed halves, if it was met here. */
  findSession(idHigh: number, idLow: number): Session | undefined;
  /** A session's first txn is applied: it exists for everybody. */
  onSessionCreated(session: Session, connection: Connection | null): void;
  /** A session's last txn is applied: its ephemerals are gone. */
  onSessionClosed(session: Session): void;
  /** A session's first txn was refused. */
  onSessionRefused(session: Session, connection: Connection | null): void;
  reattach(claimant: SessionClaimant, id: SessionId, timeoutMs: number): void;
  refuseSession(claimant: SessionClaimant, id: SessionId, reason: string): void;
  /** Undefined for a server of one process. */
  readonly workers: WorkersOfRole | undefined;
}

/** Where a learner's txns are kept. */
export interface LearnerLog {
  readonly snapshots: Database["snapshots"];
  /** Takes the entry `bytes[start, end)`, by copy. */
  append(bytes: Uint8Array, start: number, end: number, zxid: Zxid): void;
  /** Keeps a committed txn for learners that this server may lead one day. */
  remember(entry: LoggedEntry): void;
  /** The bytes of what was remembered, up to this txn, are not looked at any more. */
  readonly forgottenUpTo: Zxid;
}

/** What a {@link LearnerRole} is made of. */
export interface LearnerRoleParts {
  readonly mode: "follower" | "observer";
  readonly tree: DataTree;
  /** Hears of every change, in the order of the changes. */
  readonly events: TreeEvents;
  readonly link: QuorumLink;
  readonly log: LearnerLog;
  /** Txns go to the disk; an observer's need not (`syncEnabled`). */
  readonly isLogged: boolean;
  /** Newest zxid in the tree, all of it durable. */
  readonly lastZxid: Zxid;
  readonly metrics: ServerMetrics;
  readonly logger: Logger;
  readonly host: LearnerRoleHost;
  readonly trace?: Trace;
}

/** A client that waits for the leader's word on its session. */
interface Revalidation {
  readonly claimant: SessionClaimant;
  readonly timeoutMs: number;
}

/**
 * A server that follows, with a vote or without: reads are answered from its own tree, everything else is the
 * leader's to decide (FollowerZooKeeperServer, ObserverZooKeeperServer, CommitProcessor).
 *
 * A txn is applied once it is committed and on this server's own disk, in the order of the zxids. A write of an own
 * client is found again by its session and request number.
 */
export class LearnerRole implements Role {
  readonly mode: "follower" | "observer";
  readonly asksForSync = true;
  readonly #parts: LearnerRoleParts;
  readonly #reply: WriteReplyBuilder;
  /** Proposed and not applied. */
  readonly #entries = new Deque<LoggedEntry>(1024);
  readonly #arena = new EntryArena();
  /** Proposed and not acked. */
  readonly #unacked = new Deque<Zxid>(1024);
  #committed: Zxid;
  #durable: Zxid;
  /** Syncs that the leader was asked for, and those it answered whose commits are not applied yet. */
  readonly #syncsAsked = new Deque<[SyncClaimant, ClientRequest]>();
  readonly #syncsAnswered = new Deque<[SyncClaimant, ClientRequest, Zxid]>();
  readonly #creating = new Map<SessionId, Connection>();
  readonly #revalidating = new Map<SessionId, Revalidation[]>();
  /** The sessions heard of since the leader last asked, each once. */
  #touched: Session[] = [];
  readonly #out = new JuteWriter(256);
  #applying = false;
  /** From here on the disk took nothing: the tree will never hold it. */
  #refusedFrom: Zxid = Infinity;
  #finished = false;

  constructor(parts: LearnerRoleParts) {
    this.#parts = parts;
    this.mode = parts.mode;
    this.#reply = new WriteReplyBuilder(parts.tree.store);
    this.#committed = parts.lastZxid;
    this.#durable = parts.lastZxid;
  }

  get outstandingCount(): number {
    return this.#entries.length;
  }

  /** Syncs under way. */
  get pendingSyncs(): number {
    return this.#syncsAsked.length + this.#syncsAnswered.length;
  }

  submit(connection: Connection, op: WriteOp, request: ClientRequest, body: JuteReader): number {
    const session = connection.session!;
    if (op === closeSession) session.closing = true;
    const out = this.#beginRequest(session.idHigh, session.idLow, request.xid, op.code);
    out.rawRun(body.bytes, body.dataView, body.position, body.end - body.position);
    this.#sendRequest(out, connection.authIds);
    return ErrorCode.ok;
  }

  createSession(session: Session, connection: Connection | null): boolean {
    if (connection !== null) this.#creating.set(session.id, connection);
    const out = this.#beginRequest(session.idHigh, session.idLow, 0, OpCode.createSession);
    out.int(session.timeoutMs);
    this.#parts.link.send(PacketType.request, -1, out.view());
    return true;
  }

  /** Sessions end by the leader's decision only. */
  closeSession(): boolean {
    return false;
  }

  submitOwn(): boolean {
    return false;
  }

  revalidate(claimant: SessionClaimant, id: SessionId, timeoutMs: number): void {
    const waiting = this.#revalidating.get(id);
    if (waiting === undefined) this.#revalidating.set(id, [{ claimant, timeoutMs }]);
    else waiting.push({ claimant, timeoutMs });
    const out = this.#out;
    out.reset();
    out.long(id);
    out.int(timeoutMs);
    this.#parts.link.send(PacketType.revalidate, -1, out.view());
  }

  sync(claimant: SyncClaimant, request: ClientRequest): void {
    this.#syncsAsked.push([claimant, request]);
    const [high, low] = sessionIdHalves(claimant.sessionId);
    const out = this.#beginRequest(high, low, request.xid, OpCode.sync);
    out.raw(request.body!);
    this.#sendRequest(out, claimant.authIds);
  }

  /** Passes a worker's REQUEST on to the leader. */
  relay(packet: QuorumPacket): void {
    this.#parts.link.relay(packet);
  }

  touch(session: Session): void {
    if (session.isTouched) return;
    session.isTouched = true;
    this.#touched.push(session);
  }

  tick(): void {}

  onDurable(zxid: Zxid): void {
    if (this.#finished) return;
    this.#durable = Math.max(this.#durable, zxid);
    for (let next = this.#unacked.peek(); next !== undefined && next <= zxid; next = this.#unacked.peek()) {
      this.#unacked.shift();
      this.#parts.link.send(PacketType.ack, next, null);
    }
    this.#applyReady();
  }

  /** What the disk did not take is not in the log: it must not get into the tree either. */
  onRefused(firstZxid: Zxid, error: DiskError): void {
    this.#parts.logger.error("The disk takes no more: this server leaves its leader until there is room", {
      error: error.code,
      file: error.path,
      zxid: `0x${zxidToHex(firstZxid)}`,
    });
    this.#refusedFrom = Math.min(this.#refusedFrom, firstZxid);
    while (this.#entries.length > 0 && this.#entries.at(this.#entries.length - 1)!.zxid >= firstZxid) {
      this.#entries.pop();
    }
    this.#parts.link.close(`the disk takes no more (${error.code})`);
  }

  /** The leader proposes; `entry` is good during the call. */
  onProposal(entry: LoggedEntry): void {
    const kept = this.#keep(entry);
    this.#unacked.push(kept.zxid);
    this.#parts.log.append(kept.bytes, kept.start, kept.end, kept.zxid);
    this.#parts.metrics.learnerProposals.add(1);
    this.#parts.metrics.txnsQueuedForLog.add(1);
  }

  onCommit(zxid: Zxid): void {
    this.#parts.trace?.({ kind: "commit", zxid });
    this.#parts.metrics.learnerCommits.add(1);
    this.#committed = zxid;
    this.#applyReady();
  }

  /** An observer is told of a committed txn; `entry` is good during the call. */
  onInform(entry: LoggedEntry): void {
    const kept = this.#keep(entry);
    if (this.#parts.isLogged) this.#parts.log.append(kept.bytes, kept.start, kept.end, kept.zxid);
    else this.#durable = kept.zxid;
    this.onCommit(kept.zxid);
  }

  /** The oldest sync asked for is answered: it is done when all that was committed by then is in the tree. */
  onSynced(): void {
    const asked = this.#syncsAsked.shift();
    if (asked === undefined) return;
    this.#syncsAnswered.push([...asked, this.#committed]);
    this.#finishSyncs();
  }

  onRevalidated(id: SessionId, isValid: boolean): void {
    const waiting = this.#revalidating.get(id);
    const first = waiting?.shift();
    if (first === undefined) return;
    if (waiting!.length === 0) this.#revalidating.delete(id);
    const { host } = this.#parts;
    if (first.claimant.isClosed) return;
    if (isValid) host.reattach(first.claimant, id, first.timeoutMs);
    else host.refuseSession(first.claimant, id, "expired, unknown or closing, says the leader");
  }

  /** No txn comes of a request: the leader's disk did not take it. */
  onForwardRefused({ sessionId, cxid, error }: RefusedRequest): void {
    const { host, tree } = this.#parts;
    const session = host.findSession(...sessionIdHalves(sessionId));
    if (session === undefined) return;
    const beginning = this.#creating.get(sessionId);
    if (beginning !== undefined) {
      this.#creating.delete(sessionId);
      return host.onSessionRefused(session, beginning);
    }
    const connection = session.owner instanceof Connection ? session.owner : null;
    const request = this.#requestOf(connection, cxid);
    if (request === null) return connection?.close();
    session.closing = false;
    this.#reply.begin("nothing");
    this.#reply.end();
    connection!.onWriteDone(request, tree.lastProcessedZxid, error, this.#reply.body);
  }

  /** Tells the leader of the sessions heard of without being asked. */
  tellTouched(): void {
    if (this.#touched.length > 0) this.onPing(this.#parts.tree.lastProcessedZxid);
  }

  /** Answers the leader's PING with the sessions heard of since the last (LearnerZooKeeperServer.getTouchSnapshot). */
  onPing(zxid: Zxid): void {
    const out = this.#out;
    out.reset();
    for (const session of this.#touched) {
      session.isTouched = false;
      out.long(session.id);
      out.int(session.timeoutMs);
    }
    this.#touched = [];
    this.#parts.link.send(PacketType.ping, zxid, out.view());
  }

  /**
   * Ends the office. The log must be at rest: everything in it goes into the tree, committed or not, as after a start
   * from it; who leads next decides what becomes of it (ZKDatabase.fastForwardDataBase).
   */
  finish(): void {
    this.#finished = true;
    const { tree, log, trace } = this.#parts;
    // A snapshot under way would hold what may be cut off later, under the name of a zxid before it.
    if (this.#entries.length > 0) log.snapshots.stop();
    for (let next = this.#entries.shift(); next !== undefined; next = this.#entries.shift()) {
      if (!this.#parts.isLogged && next.zxid > this.#committed) continue;
      tree.apply(next.bytes, next.start, next.end, null, null);
      log.remember(next);
    }
    trace?.({ kind: "load", zxid: tree.lastProcessedZxid, from: "disk", digest: tree.digest });
  }

  #keep({ zxid, bytes, start, end }: LoggedEntry): LoggedEntry {
    const kept = this.#arena.keep(zxid, bytes, start, end);
    this.#entries.push(kept);
    return kept;
  }

  #applyReady(): void {
    if (this.#applying || this.#finished) return;
    this.#applying = true;
    for (let next = this.#entries.peek(); next !== undefined; next = this.#entries.peek()) {
      if (next.zxid > this.#committed || next.zxid > this.#durable) break;
      // A write behind a sync of its connection is answered behind it.
      this.#finishSyncs();
      this.#entries.shift();
      this.#apply(next);
      this.#arena.release(this.#parts.log.forgottenUpTo);
    }
    this.#applying = false;
    this.#finishSyncs();
  }

  #apply(entry: LoggedEntry): void {
    const { tree, events, log, host } = this.#parts;
    const { bytes, start, end, zxid } = entry;
    const session = host.findSession(int32At(bytes, start), int32At(bytes, start + 4));
    const connection = session?.owner instanceof Connection ? session.owner : null;
    const request = this.#requestOf(connection, int32At(bytes, start + 8));
    const type = txnTypeOf(bytes, start);
    const reply = this.#reply;
    // A multi that the leader refuses as a whole has no results.
    reply.begin(request === null || type === OpCode.error ? "nothing" : (request.op as WriteOp).reply);
    tree.apply(bytes, start, end, request === null ? null : reply, events);
    this.#traceApply(entry);
    reply.end();
    host.workers?.onApplied(zxid, bytes, start, end);
    log.remember(entry);
    if (type === OpCode.createSession) this.#onCreated(int64At(bytes, start), session ?? null);
    else if (type === OpCode.closeSession && session !== undefined) {
      session.closing = true;
      if (request !== null) connection!.onWriteDone(request, zxid, reply.error, reply.body);
      return host.onSessionClosed(session);
    }
    if (request !== null) connection!.onWriteDone(request, zxid, reply.error, reply.body);
  }

  #requestOf(connection: Connection | null, cxid: number): ClientRequest | null {
    const oldest = connection?.oldestWrite ?? null;
    return oldest !== null && oldest.xid === cxid ? oldest : null;
  }

  #onCreated(id: SessionId, session: Session | null): void {
    const connection = this.#creating.get(id) ?? null;
    this.#creating.delete(id);
    if (session !== null && connection !== null) this.#parts.host.onSessionCreated(session, connection);
  }

  #finishSyncs(): void {
    for (let next = this.#syncsAnswered.peek(); next !== undefined; next = this.#syncsAnswered.peek()) {
      const [claimant, request, upTo] = next;
      if (upTo >= this.#refusedFrom) return;
      if (this.#entries.length > 0 && this.#entries.peek()!.zxid <= upTo) return;
      this.#syncsAnswered.shift();
      claimant.onSyncDone(request);
    }
  }

  #traceApply({ zxid, bytes, start, end }: LoggedEntry): void {
    const { trace, tree } = this.#parts;
    trace?.({ kind: "apply", zxid, entry: bytes.subarray(start, end), digest: tree.digest });
  }

  #beginRequest(idHigh: number, idLow: number, cxid: number, code: number): JuteWriter {
    const out = this.#out;
    out.reset();
    out.longHalves(idHigh, idLow);
    out.int(cxid);
    out.int(code);
    return out;
  }

  #sendRequest(data: JuteWriter, authIds: readonly AuthId[]): void {
    this.#parts.link.sendWithIds(PacketType.request, -1, data, authIds);
  }
}
