import { OpCode } from "../../../src/protocol/op_code.ts";
import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";

/** No request of a client becomes two txns, however often it was forwarded. */
export class AtMostOnce implements Checker {
  readonly property = "AtMostOnce";

  constructor(history: AgreedHistory, fail: Fail) {
    history.onCommitted(({ zxid, header }) => {
      if (header.cxid === 0 || header.type === OpCode.error) return;
      const first = history.zxidOfRequest(header.clientId, header.cxid);
      if (first === zxid || first === undefined) return;
      fail(
        `request ${header.cxid} of session ${sessionIdToHex(header.clientId)} is ${
          zxidText(first)
        } and again ` +
          zxidText(zxid),
      );
    });
  }
}
