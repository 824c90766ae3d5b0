import type { AuthId } from "../protocol/acl.ts";
import type { Op } from "../pipeline/op.ts";

/**
 * A request that cannot be answered yet: a write until its txn is applied, or whatever came behind one on the
 * same connection. Each connection keeps its own in order, so that replies leave in order.
 */
export class ClientRequest {
  readonly xid: number;
  readonly code: number;
  /** Its row of the op table, or null for what the connection answers by itself. */
  readonly op: Op | null;
  /** A read's body, kept until its turn; null for a write, whose txn says it all. */
  readonly body: Uint8Array | null;
  /** Who the client had proved to be when the request came. */
  readonly authIds: readonly AuthId[];
  /** Monotonic ms of its arrival. */
  readonly receivedMs: number;
  /** The error decided already, for what was refused behind a waiting write. */
  readonly error: number;
  /** A sync whose answer has yet to come from the leader. */
  isAwaited = false;
  /** Its size while it counts as a large request (`largeRequestThreshold`), else 0. */
  largeBytes = 0;

  constructor(
    xid: number,
    code: number,
    op: Op | null,
    body: Uint8Array | null,
    authIds: readonly AuthId[],
    receivedMs: number,
    error: number,
  ) {
    this.xid = xid;
    this.code = code;
    this.op = op;
    this.body = body;
    this.authIds = authIds;
    this.receivedMs = receivedMs;
    this.error = error;
  }
}
