import { OpCode } from "../../../src/protocol/op_code.ts";
import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";

/** A session's requests take effect, and are answered, in the order in which its client sent them. */
export class SessionOrder implements Checker {
  readonly property = "SessionOrder";
  readonly #fail: Fail;

  constructor(history: AgreedHistory, fail: Fail) {
    this.#fail = fail;
    const newest = new Map<bigint, number>();
    history.onCommitted(({ zxid, header }) => {
      if (header.cxid === 0 || header.type === OpCode.error) return;
      const before = newest.get(header.clientId) ?? 0;
      if (header.cxid < before) {
        fail(
          `request ${header.cxid} of session ${sessionIdToHex(header.clientId)} took effect as ${
            zxidText(zxid)
          }, ` +
            `after its request ${before}`,
        );
      }
      newest.set(header.clientId, Math.max(header.cxid, before));
    });
  }

  onClient(event: ClientEvent): void {
    if (event.kind !== "broken") return;
    this.#fail(`session ${sessionIdToHex(event.session)} was sent ${event.reason}`);
  }
}
