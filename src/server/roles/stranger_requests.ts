import { Deque } from "../../base/deque.ts";
import { limits } from "../../base/limits.ts";
import type { Zxid } from "../../protocol/zxid.ts";
import type { QuorumLink } from "../quorum_link.ts";

/** What a request takes besides its own bytes, about. */
const overheadBytes = 512;

/**
 * What learners that belong to no membership in force have asked for and is not decided. Who asks when that is more than
 * limits.unlistedRequestBytesMax is read no further before half of it is decided. A member is read always: among what it
 * says are the acks that decide.
 */
export class StrangerRequests {
  /** Those that become txns, in the order of their zxids. */
  readonly #proposed = new Deque<{ readonly zxid: Zxid; readonly bytes: number }>();
  readonly #paused = new Set<QuorumLink>();
  #bytes = 0;

  /** One asks for what is decided with txn `zxid`. */
  onProposed(link: QuorumLink, zxid: Zxid, bytes: number): void {
    this.#proposed.push({ zxid, bytes: bytes + overheadBytes });
    this.#add(link, bytes + overheadBytes);
  }

  /** One asks a question, to be answered later; {@link onAnswered} tells when. */
  onAsked(link: QuorumLink): void {
    this.#add(link, overheadBytes);
  }

  onAnswered(): void {
    this.#subtract(overheadBytes);
  }

  /** All up to `zxid` is decided. */
  onCommitted(zxid: Zxid): void {
    for (
      let next = this.#proposed.peek();
      next !== undefined && next.zxid <= zxid;
      next = this.#proposed.peek()
    ) {
      this.#proposed.shift();
      this.#subtract(next.bytes);
    }
  }

  /** Reads on with all: who is a stranger has changed. */
  release(): void {
    for (const link of this.#paused) link.resume();
    this.#paused.clear();
  }

  onGone(link: QuorumLink): void {
    this.#paused.delete(link);
  }

  #add(link: QuorumLink, bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= limits.unlistedRequestBytesMax || this.#paused.has(link)) return;
    this.#paused.add(link);
    link.pause();
  }

  #subtract(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#paused.size > 0 && this.#bytes <= limits.unlistedRequestBytesMax / 2) this.release();
  }
}
