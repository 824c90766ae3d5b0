import { int64Of } from "../../jute/int_at.ts";
import type { JuteReader } from "../../jute/reader.ts";
import { closeSession } from "../../pipeline/ops/close_session.ts";
import type { WriteOp } from "../../pipeline/op.ts";
import { opOf } from "../../pipeline/op_table.ts";
import type { AuthId } from "../../protocol/acl.ts";
import type { QuorumPacket } from "../../protocol/quorum_packet.ts";
import type { SessionId } from "../../protocol/session_id.ts";
import type { Session, SessionTracker } from "../../session/session_tracker.ts";

/** A request that a learner forwarded (REQUEST). */
export interface ForwardedRequest {
  /** Its learner, which a session it made or took up belongs to. */
  readonly from: unknown;
  readonly sessionId: SessionId;
  /** The global session of that id; null when there is none. */
  readonly session: Session | null;
  readonly cxid: number;
  readonly code: number;
  /** The write that is asked for; null for what is none, or no client's to ask. */
  readonly op: WriteOp | null;
  readonly authIds: readonly AuthId[];
  /** Stands at the operation's body, which lies in the packet: good until the next packet is looked at. */
  readonly body: JuteReader;
}

/**
 * @returns What a REQUEST packet asks for.
 * @throws {JuteError} If it, or its ids, cannot be decoded.
 */
export function forwardedRequest(
  from: unknown,
  packet: QuorumPacket,
  sessions: SessionTracker,
): ForwardedRequest {
  const body = packet.data();
  const idHigh = body.int();
  const idLow = body.int();
  const cxid = body.int();
  const code = body.int();
  // By halves: a bigint would be made for each request, to be thrown away.
  const session = sessions.find(idHigh, idLow) ?? null;
  const op = code === closeSession.code ? closeSession : opOf(code);
  return {
    from,
    sessionId: session === null ? int64Of(idHigh, idLow) : session.id,
    session,
    cxid,
    code,
    op: op?.kind === "write" ? op as WriteOp : null,
    authIds: packet.authIds(),
    body,
  };
}
