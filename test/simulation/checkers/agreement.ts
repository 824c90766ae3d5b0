import type { TraceEvent } from "../../../src/base/trace.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";
import { Deliveries } from "./deliveries.ts";

/** If one server delivered a and another b, then one of them delivered both (TLA+ Agreement). */
export class Agreement implements Checker {
  readonly property = "Agreement";
  readonly #deliveries: Deliveries;
  readonly #fail: Fail;

  constructor(history: AgreedHistory, fail: Fail) {
    this.#deliveries = new Deliveries(history);
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#deliveries.onEnded(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    const delivery = this.#deliveries.onTrace(server, event);
    if (delivery === null) return;
    for (const skipped of delivery.skipped) {
      for (const other of this.#deliveries.servers) {
        if (this.#deliveries.has(other, skipped) && !this.#deliveries.has(other, delivery.zxid)) {
          this.#fail(
            `server ${server} delivered ${zxidText(delivery.zxid)} and not ${zxidText(skipped)}, ` +
              `server ${other} the other way round`,
          );
        }
      }
    }
  }
}
