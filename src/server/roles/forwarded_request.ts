import { JuteReader } from "../../jute/reader.ts";
import { closeSession } from "../../pipeline/ops/close_session.ts";
import type { WriteOp } from "../../pipeline/op.ts";
import { opOf } from "../../pipeline/op_table.ts";
import type { AuthId } from "../../protocol/acl.ts";
import type { QuorumPacket } from "../../protocol/quorum_packet.ts";
import type { SessionId } from "../../protocol/session_id.ts";

/** A request that a learner forwarded (REQUEST). */
export interface ForwardedRequest {
  /** Its learner, which a session it made or took up belongs to. */
  readonly from: unknown;
  readonly sessionId: SessionId;
  readonly cxid: number;
  /** The operation; null for one that does not exist or is no client's to ask. */
  readonly op: WriteOp | null;
  readonly authIds: readonly AuthId[];
  readonly body: JuteReader;
}

/**
 * @param data Of the packet; it stands behind session, number and operation, which were read from it.
 * @returns The rest of a REQUEST packet with them. Its body lies in the packet.
 * @throws {JuteError} If the ids cannot be decoded.
 */
export function forwardedRequest(
  from: unknown,
  packet: QuorumPacket,
  sessionId: SessionId,
  cxid: number,
  code: number,
  data: JuteReader,
): ForwardedRequest {
  const op = code === closeSession.code ? closeSession : opOf(code);
  const body = new JuteReader(packet.bytes, data.position, data.end);
  body.fieldBytesMax = body.remaining;
  return {
    from,
    sessionId,
    cxid,
    op: op?.kind === "write" ? op as WriteOp : null,
    authIds: packet.authIds(),
    body,
  };
}
