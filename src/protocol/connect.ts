import type { JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import { noSession, type SessionId } from "./session_id.ts";
import type { Zxid } from "./zxid.ts";

/** A connection's first frame from the client. */
export interface ConnectRequest {
  readonly protocolVersion: number;
  /** Newest zxid the client has seen; any int64, rounded when too large. */
  readonly lastZxidSeen: Zxid;
  readonly timeoutMs: number;
  /** 0n asks for a new session. */
  readonly sessionId: SessionId;
  readonly password: Uint8Array;
  /** The client puts up with a read-only server; null when the field is absent (old clients, go-zk). */
  readonly readOnly: boolean | null;
}

/** The answer to a {@link ConnectRequest}. */
export interface ConnectResponse {
  /** Negotiated milliseconds; 0 says the session is not valid. */
  readonly timeoutMs: number;
  readonly sessionId: SessionId;
  /** 16 bytes. */
  readonly password: Uint8Array;
  /** Null leaves the field out, for a request that lacked it. */
  readonly readOnly: boolean | null;
}

/** @throws {JuteError} If the frame is too short. */
export function decodeConnectRequest(reader: JuteReader): ConnectRequest {
  const protocolVersion = reader.int();
  const lastZxidSeen = reader.longNumber();
  const timeoutMs = reader.int();
  const sessionId = reader.long();
  const password = decodePassword(reader);
  const readOnly = reader.remaining > 0 ? reader.bool() : null;
  return { protocolVersion, lastZxidSeen, timeoutMs, sessionId, password, readOnly };
}

/** Writes the request's payload, without the frame's length. */
export function encodeConnectRequest(writer: JuteWriter, request: ConnectRequest): void {
  writer.int(request.protocolVersion);
  writer.longNumber(request.lastZxidSeen);
  writer.int(request.timeoutMs);
  writer.long(request.sessionId);
  writer.buffer(request.password);
  if (request.readOnly !== null) writer.bool(request.readOnly);
}

/** @throws {JuteError} If the frame is too short. */
export function decodeConnectResponse(reader: JuteReader): ConnectResponse {
  reader.int();
  const timeoutMs = reader.int();
  const sessionId = reader.long();
  const password = decodePassword(reader);
  const readOnly = reader.remaining > 0 ? reader.bool() : null;
  return { timeoutMs, sessionId, password, readOnly };
}

/** Writes the response as a whole frame, length prefix included. */
export function encodeConnectResponse(writer: JuteWriter, response: ConnectResponse): void {
  const at = writer.length;
  writer.int(0);
  writer.int(0);
  writer.int(response.timeoutMs);
  writer.long(response.sessionId);
  writer.buffer(response.password);
  if (response.readOnly !== null) writer.bool(response.readOnly);
  writer.intAt(at, writer.length - at - 4);
}

/** The answer to a session that is unknown, expired, closing or has the wrong password. */
export function invalidSessionResponse(readOnly: boolean | null): ConnectResponse {
  return { timeoutMs: 0, sessionId: noSession, password: new Uint8Array(16), readOnly };
}

/** A copy of its own: a node Buffer's `slice()` would be a view. Null stands for 16 zero bytes. */
function decodePassword(reader: JuteReader): Uint8Array {
  const bytes = reader.buffer();
  return bytes === null ? new Uint8Array(16) : new Uint8Array(bytes);
}
