import { firstSessionId, type SessionId } from "../protocol/session_id.ts";

/** Which of the ids of a server that is several processes are whose. */
export interface SessionIdShare {
  /** Each process has a number of its own, less than {@link step}. */
  readonly index: number;
  /** A power of two, the same for all of them: ids are dealt out in turn. */
  readonly step: number;
}

const everyId: SessionIdShare = { index: 0, step: 1 };

/**
 * Gives out session ids: the first from the server's id and the time, each next one higher by one, or by one for each
 * process of the server.
 *
 * Nothing of it is stored, so the time must be further on at each start than the ids given out before:
 * 65536 ids fit a millisecond, of all processes together.
 */
export class SessionIds {
  readonly #first: SessionId;
  readonly #step: bigint;
  #next: SessionId;

  /**
   * @param serverId This server's id; 1 when standalone.
   * @param nowMs A clock in milliseconds that does not begin anew with the process, such as wall time.
   */
  constructor(serverId: number, nowMs: number, share: SessionIdShare = everyId) {
    // The lowest 16 bits of the first are zeros: no step divides them up another way at another start.
    this.#next = this.#first = BigInt.asIntN(64, firstSessionId(serverId, nowMs) + BigInt(share.index));
    this.#step = BigInt(share.step);
  }

  /** @returns An id not given out before. */
  next(): SessionId {
    const id = this.#next;
    this.#next = BigInt.asIntN(64, id + this.#step);
    return id;
  }

  /** @returns Whether this object gave out the id. */
  gaveOut(id: SessionId): boolean {
    return id >= this.#first && id < this.#next && (id - this.#first) % this.#step === 0n;
  }
}
