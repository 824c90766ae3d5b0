import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import type { Operation } from "../clients/operation.ts";
import { isWrite } from "../clients/operation.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";

/** No acknowledged write is lost: what a client was told is done is in the agreed history, as its request. */
export class AcknowledgedWrites implements Checker {
  readonly property = "AcknowledgedWrites";
  readonly #history: AgreedHistory;
  readonly #fail: Fail;

  constructor(history: AgreedHistory, fail: Fail) {
    this.#history = history;
    this.#fail = fail;
  }

  onClient(event: ClientEvent): void {
    if (event.kind !== "replied") return;
    const { operation } = event;
    if (!isWrite(operation.request) || operation.error !== 0) return;
    if (operation.request.kind === "closeSession" && !this.#history.hasBegun(operation.session)) return;
    const txn = this.#history.committed(operation.zxid);
    const told = `${operation.client} was told that its ${describe(operation)} is ${
      zxidText(operation.zxid)
    }`;
    if (txn === undefined) this.#fail(`${told}, which is not committed`);
    else if (txn.header.clientId !== operation.session || txn.header.cxid !== operation.xid) {
      this.#fail(`${told}, which is a txn of session ${sessionIdToHex(txn.header.clientId)}`);
    }
  }
}

/** @returns A request in a few words. */
export function describe({ request, xid }: Operation): string {
  return `${request.kind} ${request.path} (request ${xid})`.replace("  ", " ");
}
