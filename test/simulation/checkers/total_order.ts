import type { TraceEvent } from "../../../src/base/trace.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";
import { Deliveries } from "./deliveries.ts";

/** If any server delivers a before b, whoever delivers b has delivered a before it (TLA+ TotalOrder). */
export class TotalOrder implements Checker {
  readonly property = "TotalOrder";
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
    const { zxid, after, skipped } = delivery;
    if (zxid <= after) {
      this.#fail(`server ${server} delivered ${zxidText(zxid)} after ${zxidText(after)}`);
    }
    for (const first of skipped) {
      for (const other of this.#deliveries.servers) {
        if (this.#deliveries.has(other, first) && this.#deliveries.has(other, zxid)) {
          this.#fail(
            `server ${server} delivered ${zxidText(zxid)} without ${zxidText(first)}, ` +
              `which server ${other} delivered before it`,
          );
        }
      }
    }
  }
}
