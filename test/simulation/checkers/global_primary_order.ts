import type { TraceEvent } from "../../../src/base/trace.ts";
import { epochOf } from "../../../src/protocol/zxid.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";

/** Within one server, txns of a lower epoch are delivered before those of a higher one (TLA+ GlobalPrimaryOrder). */
export class GlobalPrimaryOrder implements Checker {
  readonly property = "GlobalPrimaryOrder";
  readonly #fail: Fail;
  /** Epoch of what each server in broadcast delivered last. */
  readonly #epochs = new Map<number, number>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#epochs.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "state") this.#epochs.delete(server);
    else if (event.kind === "established" || event.kind === "upToDate") this.#epochs.set(server, 0);
    else if (event.kind === "apply") {
      const before = this.#epochs.get(server);
      if (before === undefined) return;
      const epoch = epochOf(event.zxid);
      if (epoch < before) {
        this.#fail(`server ${server} delivered ${zxidText(event.zxid)} after a txn of epoch ${before}`);
      }
      this.#epochs.set(server, Math.max(epoch, before));
    }
  }
}
