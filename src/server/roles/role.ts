import type { ServerMode } from "../../admin/status_view.ts";
import type { DiskError } from "../../base/disk.ts";
import type { JuteReader } from "../../jute/reader.ts";
import type { WriteOp } from "../../pipeline/op.ts";
import type { AuthId } from "../../protocol/acl.ts";
import type { SessionId } from "../../protocol/session_id.ts";
import type { RefusedRequest } from "../../protocol/worker_packet.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { Session } from "../../session/session_tracker.ts";
import type { ClientRequest } from "../client_request.ts";
import type { Connection } from "../connection.ts";

/** Whose a session is: its client's connection, or the worker that has it. */
export interface SessionOwner {
  /** Its client has taken it up elsewhere. */
  onSessionTaken(session: Session): void;
}

/** Who wants to take up a session: a connection, or a worker for one of its own. */
export interface SessionClaimant {
  /** Who gave up waiting. */
  readonly isClosed: boolean;
  readonly remoteAddress: string;
  /** What owns the session once it has it. */
  readonly sessionOwner: SessionOwner;
  onSessionReady(session: Session): void;
  /** There is no such session, or it is not there for it. */
  onSessionInvalid(): void;
  /** It is to go to another server. */
  close(): void;
}

/** Who asks for everything committed: a connection, or a worker for one of its own. */
export interface SyncClaimant {
  readonly sessionId: SessionId;
  readonly authIds: readonly AuthId[];
  onSyncDone(request: ClientRequest): void;
}

/** What a role tells the workers of its server, if that has any. */
export interface WorkersOfRole {
  /** The txn entry `bytes[start, end)` is in this server's tree; it is good during the call. */
  onApplied(zxid: Zxid, bytes: Uint8Array, start: number, end: number): void;
  /** The disk did not take what a worker forwarded: there is no such txn, and no other will come of it. */
  onRefused(from: unknown, request: RefusedRequest): void;
}

/**
 * What a server is to its clients while it serves: leader, follower, observer or read-only. The hub routes requests
 * here and knows no more of consensus.
 */
export interface Role {
  readonly mode: ServerMode;
  /** `sync` is a question to the leader, not answered from here. */
  readonly asksForSync: boolean;
  /** Txns or requests on their way. */
  readonly outstandingCount: number;
  /**
   * Has a client's write made into a txn; the connection hears of the outcome by `onWriteDone`.
   *
   * @returns 0, or an error to answer instead, and then nothing follows.
   * @throws {JuteError} If the body cannot be decoded.
   */
  submit(connection: Connection, op: WriteOp, request: ClientRequest, body: JuteReader): number;
  /** Has a session begun, for a connection or for none. @returns Whether that can be asked for now. */
  createSession(session: Session, connection: Connection | null): boolean;
  /** Has a session ended that its client did not end. @returns Whether that can be asked for now. */
  closeSession(session: Session, emptyBody: JuteReader): boolean;
  /** Has a write of the server's own made into a txn. @returns Whether that can be asked for now. */
  submitOwn(op: WriteOp, body: JuteReader): boolean;
  /** A client wants to take up a session, whose password it knows: answered by the hub's onRevalidated. */
  revalidate(claimant: SessionClaimant, id: SessionId, timeoutMs: number): void;
  /** Asks the leader for everything committed; answered by `onSyncDone`. Only while {@link asksForSync}. */
  sync(claimant: SyncClaimant, request: ClientRequest): void;
  /** A session's client was heard. */
  touch(session: Session, nowMs: number): void;
  /** Time passes: sessions that were silent for too long end, if that is this role's to decide. */
  tick(nowMs: number): void;
  /** This server's disk has synced everything up to `zxid`. */
  onDurable(zxid: Zxid): void;
  /** This server's disk took nothing from `firstZxid` on. */
  onRefused(firstZxid: Zxid, error: DiskError): void;
}
