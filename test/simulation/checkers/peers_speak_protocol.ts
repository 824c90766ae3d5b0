import type { TraceEvent } from "../../../src/base/trace.ts";
import { parseMembershipText } from "../../../src/quorum/membership_text.ts";
import { type Checker, type Fail, isWorker, serverOf } from "./checker.ts";

/**
 * No member of the ensemble is ever sent by another what that one may not send (the flags of the TLA+ specification's
 * CheckDuringAction), nor is a worker by its main process. Who has been removed may hear what does not fit: an epoch that
 * it once promised binds nobody else.
 */
export class PeersSpeakProtocol implements Checker {
  readonly property = "PeersSpeakProtocol";
  readonly #fail: Fail;
  #members: ReadonlySet<number>;
  #version = 0;

  constructor(members: Iterable<number>, fail: Fail) {
    this.#members = new Set(members);
    this.#fail = fail;
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "config" && event.version > this.#version) {
      this.#version = event.version;
      this.#members = new Set(parseMembershipText(event.text).servers.map(({ id }) => id));
    }
    if (event.kind !== "violation") return;
    if (isWorker(server)) this.#fail(`a worker of server ${serverOf(server)} about it: ${event.reason}`);
    else if (this.#members.has(event.peer) && this.#members.has(server)) {
      this.#fail(`server ${server} about server ${event.peer}: ${event.reason}`);
    }
  }
}
