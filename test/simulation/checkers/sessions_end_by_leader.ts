import type { TraceEvent } from "../../../src/base/trace.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";
import { decodeEntry } from "./znode_history.ts";

/** Sessions are ended by a leader only: no client is told that its session has expired before a leader proposed it. */
export class SessionsEndByLeader implements Checker {
  readonly property = "SessionsEndByLeader";
  readonly #history: AgreedHistory;
  readonly #fail: Fail;
  readonly #leading = new Set<number>();

  constructor(history: AgreedHistory, fail: Fail) {
    this.#history = history;
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#leading.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "state") {
      if (event.state === "LEADING") this.#leading.add(server);
      else this.#leading.delete(server);
    } else if (event.kind === "propose" && !this.#leading.has(server)) {
      const { header } = decodeEntry(event.entry);
      if (header.type !== OpCode.closeSession) return;
      this.#fail(`server ${server}, which does not lead, ends a session in ${zxidText(event.zxid)}`);
    }
  }

  onClient(event: ClientEvent): void {
    if (event.kind !== "ended" || event.how !== "told expired") return;
    // One that is a server's alone ends with that server.
    if (this.#history.wasEndProposed(event.session) || !this.#history.hasBegun(event.session)) return;
    this.#fail(
      `session ${sessionIdToHex(event.session)} was said to have expired, and no leader has proposed that`,
    );
  }
}
