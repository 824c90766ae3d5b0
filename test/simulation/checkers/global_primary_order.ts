import type { TraceEvent } from "../../../src/base/trace.ts";
import { epochOf } from "../../../src/protocol/zxid.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";

/** Within one server, txns of a lower epoch are delivered before those of a higher one (TLA+ GlobalPrimaryOrder). */
export class GlobalPrimaryOrder implements Checker {
  readonly property = "GlobalPrimaryOrder";
  readonly #fail: Fail;
  readonly #epochs = new Map<number, number>();
  /** Completing a leader's snapshot, when what it held already comes once more. */
  readonly #repeating = new Set<number>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#epochs.delete(server);
    this.#repeating.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "load") {
      this.#epochs.set(server, epochOf(event.zxid));
      if (event.from === "leader") this.#repeating.add(server);
      else this.#repeating.delete(server);
    } else if (event.kind === "upToDate") {
      this.#repeating.delete(server);
    } else if (event.kind === "apply") {
      const epoch = epochOf(event.zxid);
      const before = this.#epochs.get(server) ?? 0;
      if (epoch < before && !this.#repeating.has(server)) {
        this.#fail(`server ${server} delivered ${zxidText(event.zxid)} after a txn of epoch ${before}`);
      }
      this.#epochs.set(server, Math.max(epoch, before));
    }
  }
}
