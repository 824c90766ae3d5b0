import type { TraceEvent } from "../../../src/base/trace.ts";
import type { Checker, Fail } from "./checker.ts";

/**
 * No member of the ensemble is ever sent by another what that one may not send (the flags of the TLA+ specification's
 * CheckDuringAction).
 */
export class PeersSpeakProtocol implements Checker {
  readonly property = "PeersSpeakProtocol";
  readonly #members: ReadonlySet<number>;
  readonly #fail: Fail;

  constructor(members: Iterable<number>, fail: Fail) {
    this.#members = new Set(members);
    this.#fail = fail;
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind !== "violation" || !this.#members.has(event.peer)) return;
    this.#fail(`server ${server} about server ${event.peer}: ${event.reason}`);
  }
}
