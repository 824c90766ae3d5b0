import type { TraceEvent } from "../../../src/base/trace.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";

/** Every txn that a server delivers was proposed by some leader, under that zxid only once (TLA+ Integrity). */
export class Integrity implements Checker {
  readonly property = "Integrity";
  readonly #fail: Fail;
  readonly #proposed = new Map<number, { readonly leader: number; readonly entry: Uint8Array }>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "propose") {
      const before = this.#proposed.get(event.zxid);
      if (before !== undefined) {
        this.#fail(`server ${server} proposed ${zxidText(event.zxid)}, as server ${before.leader} had`);
      }
      this.#proposed.set(event.zxid, { leader: server, entry: event.entry.slice() });
    } else if (event.kind === "apply") {
      const proposed = this.#proposed.get(event.zxid);
      if (proposed === undefined) {
        this.#fail(`server ${server} delivered ${zxidText(event.zxid)}, which nobody proposed`);
      } else if (!proposed.entry.every((byte, at) => byte === event.entry[at])) {
        this.#fail(`server ${server} delivered ${zxidText(event.zxid)} otherwise than it was proposed`);
      }
    }
  }
}
