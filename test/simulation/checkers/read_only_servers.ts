import type { TraceEvent } from "../../../src/base/trace.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import { isWrite, type Operation } from "../clients/operation.ts";
import { describe } from "./acknowledged_writes.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";

/** What a server does with txns, which takes a quorum. */
const needsQuorum: ReadonlySet<TraceEvent["kind"]> = new Set([
  "propose",
  "log",
  "commit",
  "apply",
  "established",
  "upToDate",
]);

/**
 * A server without a quorum answers reads and nothing else: it refuses every write, as such, and takes up no session that
 * others know. No other server refuses a write for that reason.
 */
export class ReadOnlyServers implements Checker {
  readonly property = "ReadOnlyServers";
  readonly #history: AgreedHistory;
  readonly #fail: Fail;
  readonly #readOnly = new Set<number>();

  constructor(history: AgreedHistory, fail: Fail) {
    this.#history = history;
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#readOnly.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "readOnly") this.#readOnly.add(server);
    else if (event.kind === "state") this.#readOnly.delete(server);
    else if (needsQuorum.has(event.kind) && this.#readOnly.has(server)) {
      const zxid = "zxid" in event ? ` ${zxidText(event.zxid)}` : "";
      this.#fail(`server ${server} is read-only, and does: ${event.kind}${zxid}`);
    }
  }

  onClient(event: ClientEvent): void {
    if (event.kind === "replied") this.#onReply(event.operation);
    if (event.kind !== "connected" || !event.isReadOnly || !this.#history.hasBegun(event.session)) return;
    this.#fail(
      `server ${event.server} is read-only, and serves session ${
        sessionIdToHex(event.session)
      }, which all servers know`,
    );
  }

  #onReply(operation: Operation): void {
    const { request, error, isReadOnly, server, client } = operation;
    const isRefused = error === ErrorCode.notReadOnly;
    // A session that is the server's alone ends without a txn.
    const mustRefuse = isReadOnly && (isWrite(request) || request.kind === "sync") &&
      request.kind !== "closeSession";
    if (isRefused === mustRefuse) return;
    this.#fail(
      `server ${server}, which is ${isReadOnly ? "" : "not "}read-only, answers ${
        describe(operation)
      } of ${client} ` +
        `with ${error}`,
    );
  }
}
