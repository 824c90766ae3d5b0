import { assert } from "../base/assert.ts";
import { JuteError, type JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import type { AuthId } from "../protocol/acl.ts";
import type { OwnerRules } from "../protocol/create_mode.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { OpCode } from "../protocol/op_code.ts";
import type { SessionId } from "../protocol/session_id.ts";
import { digestVersion, txnDigestBytes, txnHeaderBytes } from "../protocol/txn.ts";
import { counterOf, type Zxid } from "../protocol/zxid.ts";
import type { Membership } from "../quorum/membership.ts";
import type { ReconfigRefusal, ReconfigState } from "../quorum/reconfigure.ts";
import type { Session } from "../session/session_tracker.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { EntryArena } from "../zab/entry_arena.ts";
import type { Access } from "./auth/access.ts";
import type { WriteOp } from "./op.ts";
import { PendingChanges } from "./pending_changes.ts";
import { RequestPath } from "./request_path.ts";

/** Switches that requests are prepared by. */
export interface PreparationSettings {
  readonly ownerRules: OwnerRules;
  /** Hard quotas refuse creates and setDatas (`enforceQuota`). */
  readonly enforceQuota: boolean;
  /** closeSession txns list the ephemerals they remove (`closeSessionTxn.enabled`). */
  readonly closeSessionTxn: boolean;
  /** Bytes of the largest entry that logs and learners take (`jute.maxbuffer` and its extra size). */
  readonly entryBytesMax: number;
}

/** What a leader that may change its ensemble tells of it, and hears. */
export interface ReconfigContext extends ReconfigState {
  /** A request for a change was refused; its client is told the kind only. */
  onRefused(refusal: ReconfigRefusal): void;
}

/** Who asks for a write. */
export interface WriteOrigin {
  readonly sessionId: SessionId;
  /** The session itself where it is at hand: it knows the halves of its id. */
  readonly session?: Session | null;
  readonly authIds: readonly AuthId[];
}

/**
 * Turns requests into txns: checks each against the state behind all txns prepared before it, gives it the
 * next zxid, and writes its entry (PrepRequestProcessor). Only a leader has one; standalone is a leader too.
 *
 * After {@link prepare} the entry lies in `entryBytes[entryStart, entryEnd)` and stays untouched until it is released.
 */
export class Preparation {
  readonly tree: DataTree;
  readonly access: Access;
  readonly settings: PreparationSettings;
  readonly pending: PendingChanges;
  /** For the op under preparation to read the path of its request into. */
  readonly path: RequestPath = new RequestPath();
  /** Where the op under preparation writes its txn's body. */
  txn: JuteWriter;
  /** The txn's type when it differs from the request's; set by ops. */
  txnType = 0;
  /** The path whose quota refused the request last prepared, or null. */
  quotaExceededAt: string | null = null;
  /** Set by a leader whose ensemble may change; null refuses changes as disabled. */
  reconfigContext: ReconfigContext | null = null;
  /** The membership that the txn last prepared brings once it is committed; null for all other txns. */
  newMembership: Membership | null = null;
  /** The op under preparation is a part of a multi. */
  inMulti = false;
  /** The request's origin, zxid and time in ms, for the op under preparation. */
  sessionId: SessionId = 0n;
  authIds: readonly AuthId[] = [];
  zxid: Zxid;
  timeMs = 0;

  entryBytes: Uint8Array = new Uint8Array(0);
  entryStart = 0;
  entryEnd = 0;
  /** Where the entry under preparation begins in {@link txn}. */
  #start = 0;
  readonly #entries = new EntryArena();

  constructor(tree: DataTree, access: Access, settings: PreparationSettings, lastZxid: Zxid) {
    this.tree = tree;
    this.access = access;
    this.settings = settings;
    this.pending = new PendingChanges(tree);
    this.zxid = lastZxid;
    this.txn = this.#entries.begin(0);
  }

  /**
   * Prepares a client's request as the txn after the last.
   *
   * @returns 0 when the txn does what was asked, or the error that an error txn now records.
   * @throws {JuteError} If the body cannot be decoded, or the txn grows too large; then none was made and no zxid used.
   */
  prepare(op: WriteOp, origin: WriteOrigin, cxid: number, body: JuteReader, timeMs: number): number {
    const start = this.#begin(
      origin.sessionId,
      origin.session ?? null,
      cxid,
      op.code,
      timeMs,
      body.remaining,
    );
    this.authIds = origin.authIds;
    let error: number;
    try {
      error = op.prepare(this, body);
    } catch (thrown) {
      this.zxid--;
      this.txn.rewind(start);
      this.pending.rollBack();
      this.pending.endTxn();
      throw thrown;
    }
    this.pending.endTxn();
    if (error !== ErrorCode.ok) {
      this.txn.rewind(start + txnHeaderBytes);
      this.txnType = OpCode.error;
      this.txn.int(error);
    }
    this.#end(start);
    return error;
  }

  /** Bytes that the entry under preparation may still grow by. */
  get roomBytes(): number {
    return this.settings.entryBytesMax - txnDigestBytes - (this.txn.length - this.#start);
  }

  /**
   * To be called by an op when it has written its txn, before it changes what is pending. ACLs, sequence numbers and
   * whatever else a txn holds and its request does not can make it larger than any learner reads, or this server's own
   * next start: the ensemble would stop at it for good.
   *
   * @throws {JuteError}
   */
  checkSize(): void {
    if (this.roomBytes < 0) throw new JuteError(`a txn of more than ${this.settings.entryBytesMax} bytes`);
  }

  /** Whether hard quotas forbid that {@link path} get so many znodes and bytes more. */
  exceedsQuota(znodes: number, bytes: number): boolean {
    if (!this.settings.enforceQuota) return false;
    const { text } = this.path;
    if (!this.tree.quotas.exceeds(text, znodes, bytes)) return false;
    this.quotaExceededAt = text;
    return true;
  }

  /** Prepares a txn that no request of a client's body describes: createSession with its timeout in ms. */
  prepareCreateSession(sessionId: SessionId, timeoutMs: number, nowMs: number): void {
    const start = this.#begin(sessionId, null, 0, OpCode.createSession, nowMs);
    this.txn.int(timeoutMs);
    this.#end(start);
  }

  /** Prepares the txn of a request that another server forwarded and that is refused before anything is looked at. */
  prepareError(sessionId: SessionId, cxid: number, error: number, nowMs: number): void {
    const start = this.#begin(sessionId, null, cxid, OpCode.error, nowMs);
    this.txn.int(error);
    this.#end(start);
  }

  /** The last txn's zxid is given back: it was refused before anybody heard of it, with all behind it. */
  forgetAfter(zxid: Zxid): void {
    this.pending.clear();
    this.zxid = zxid;
  }

  /**
   * A txn is in the tree.
   *
   * @param releasedUpTo Nobody looks at the entries up to this one any more.
   */
  onApplied(zxid: Zxid, releasedUpTo: Zxid): void {
    this.pending.onApplied(zxid);
    this.#entries.release(releasedUpTo);
  }

  /** Nobody looks at any entry any more. */
  onIdle(): void {
    this.#entries.clear();
  }

  /** @param bodyBytes Of the request; its txn is about as long. */
  #begin(
    sessionId: SessionId,
    session: Session | null,
    cxid: number,
    type: number,
    timeMs: number,
    bodyBytes = 0,
  ): number {
    this.txn = this.#entries.begin(bodyBytes);
    this.zxid++;
    assert(counterOf(this.zxid) !== 0, "an epoch's counter does not run over");
    this.sessionId = sessionId;
    this.timeMs = timeMs;
    this.txnType = type;
    this.inMulti = false;
    this.quotaExceededAt = null;
    this.newMembership = null;
    const start = this.#start = this.txn.length;
    if (session === null) this.txn.long(sessionId);
    else this.txn.longHalves(session.idHigh, session.idLow);
    this.txn.int(cxid);
    this.txn.longNumber(this.zxid);
    this.txn.longNumber(timeMs);
    this.txn.int(type);
    return start;
  }

  #end(start: number): void {
    this.txn.intAt(start + txnHeaderBytes - 4, this.txnType);
    if (this.tree.digestEnabled) {
      this.txn.int(digestVersion);
      this.txn.longHalves(this.pending.digestHigh, this.pending.digestLow);
    }
    this.entryBytes = this.txn.bytes;
    this.entryStart = start;
    this.entryEnd = this.txn.length;
    this.#entries.onWritten(this.zxid);
  }
}
