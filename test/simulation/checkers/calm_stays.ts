import type { TraceEvent } from "../../../src/base/trace.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";
import { decodeEntry } from "./znode_history.ts";

/**
 * Where nothing fails, nothing is lost: who serves need not look for a leader again, and no session ends whose client is
 * connected and has not asked for that. Links that lose time, streams that drip, names without an address and clocks
 * that differ are no failures.
 */
export class CalmStays implements Checker {
  readonly property = "CalmStays";
  readonly #fail: Fail;
  readonly #serving = new Set<number>();
  /** Sessions with a connection, as their clients see it. */
  readonly #connected = new Set<bigint>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onTrace(server: number, event: TraceEvent): void {
    switch (event.kind) {
      case "established":
      case "upToDate":
        this.#serving.add(server);
        return;
      case "state":
        if (event.state === "LOOKING" && this.#serving.has(server)) {
          this.#fail(`server ${server} looks for a leader again, and nothing has failed`);
        }
        return;
      case "propose": {
        const { type, clientId } = decodeEntry(event.entry).header;
        if (type !== OpCode.closeSession || !this.#connected.has(clientId)) return;
        const name = `session ${sessionIdToHex(clientId)}`;
        this.#fail(`${name} is ended by ${zxidText(event.zxid)}, and its client is connected`);
      }
    }
  }

  onClient(event: ClientEvent): void {
    if (event.kind === "connected") this.#connected.add(event.session);
    else if (event.kind === "disconnected" || event.kind === "ended") this.#connected.delete(event.session);
    else if (event.kind === "invoked" && event.operation.request.kind === "closeSession") {
      this.#connected.delete(event.operation.session);
    }
  }
}
