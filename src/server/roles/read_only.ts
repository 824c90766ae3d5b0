import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import type { SessionId } from "../../protocol/session_id.ts";
import type { Role, SessionClaimant } from "./role.ts";

/** What a read-only server's role asks of the server around it. */
export interface ReadOnlyRoleHost {
  /** @returns Whether a session that was begun at this server, since it started, is over for certain. */
  hasEnded(id: SessionId): boolean;
  refuseSession(claimant: SessionClaimant, id: SessionId, reason: string): void;
}

/**
 * A server that has looked for a leader in vain for a while (`readonlymode.enabled`): it answers reads from its tree as
 * it is, to clients that put up with that. Nothing changes, and nothing is logged (ReadOnlyZooKeeperServer;
 * ZOOKEEPER-3526).
 *
 * Sessions begun here are local. A global one is neither taken up nor called expired, since nobody here knows whether it
 * is still open: its client is sent away and keeps it for a server with a quorum.
 */
export class ReadOnlyRole implements Role {
  readonly mode = "read-only";
  readonly asksForSync = false;
  readonly outstandingCount = 0;
  readonly #host: ReadOnlyRoleHost;

  constructor(host: ReadOnlyRoleHost) {
    this.#host = host;
  }

  submit(): number {
    return ErrorCode.notReadOnly;
  }

  createSession(): boolean {
    return false;
  }

  closeSession(): boolean {
    return false;
  }

  submitOwn(): boolean {
    return false;
  }

  revalidate(claimant: SessionClaimant, id: SessionId): void {
    if (this.#host.hasEnded(id)) this.#host.refuseSession(claimant, id, "expired or closed");
    else claimant.close();
  }

  sync(): void {
    assert(false, "sync is refused before it comes here");
  }

  touch(): void {}

  tick(): void {}

  onDurable(): void {}

  onRefused(): void {}
}
