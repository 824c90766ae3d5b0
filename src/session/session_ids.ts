import { firstSessionId, type SessionId } from "../protocol/session_id.ts";

/**
 * Gives out session ids: the first from the server's id and the time, each next one higher by one.
 *
 * Nothing of it is stored, so the time must be further on at each start than the ids given out before:
 * 65536 ids fit a millisecond.
 */
export class SessionIds {
  readonly #first: SessionId;
  #next: SessionId;

  /**
   * @param serverId This server's id; 1 when standalone.
   * @param nowMs A clock in milliseconds that does not begin anew with the process, such as wall time.
   */
  constructor(serverId: number, nowMs: number) {
    this.#next = this.#first = firstSessionId(serverId, nowMs);
  }

  /** @returns An id not given out before. */
  next(): SessionId {
    const id = this.#next;
    this.#next = BigInt.asIntN(64, id + 1n);
    return id;
  }

  /** @returns Whether this object gave out the id. */
  gaveOut(id: SessionId): boolean {
    return id >= this.#first && id < this.#next;
  }
}
