import { describe } from "./acknowledged_writes.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";

/**
 * A session never sees the state go back, whichever servers it is connected to: the zxids of its answers do not
 * fall, also when a read-only server's session becomes another one elsewhere.
 */
export class ReadsNeverGoBack implements Checker {
  readonly property = "ReadsNeverGoBack";
  readonly #fail: Fail;
  readonly #seen = new Map<bigint, number>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onClient(event: ClientEvent): void {
    if (event.kind === "renewed") this.#seen.set(event.session, this.#seen.get(event.before) ?? 0);
    if (event.kind !== "replied") return;
    const { operation } = event;
    const { session, zxid } = operation;
    // A ping shows no state: clients do not remember its zxid either (ClientCnxn.readResponse).
    if (zxid <= 0 || operation.request.kind === "ping") return;
    const before = this.#seen.get(session) ?? 0;
    if (zxid < before) {
      this.#fail(
        `${describe(operation)} of ${operation.client} was answered at ${
          zxidText(zxid)
        }, after an answer at ` +
          zxidText(before),
      );
    }
    this.#seen.set(session, Math.max(zxid, before));
  }
}
