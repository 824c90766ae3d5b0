import type { TraceEvent } from "../../../src/base/trace.ts";
import { epochOf } from "../../../src/protocol/zxid.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";
import { Deliveries } from "./deliveries.ts";

/**
 * What a leader proposed in one epoch is delivered in the order of its proposals, without gaps (TLA+
 * LocalPrimaryOrder, for all pairs).
 */
export class LocalPrimaryOrder implements Checker {
  readonly property = "LocalPrimaryOrder";
  readonly #deliveries: Deliveries;
  readonly #fail: Fail;
  /** Each proposal's predecessor in its epoch. */
  readonly #before = new Map<number, number>();
  readonly #lastOfEpoch = new Map<number, number>();

  constructor(history: AgreedHistory, fail: Fail) {
    this.#deliveries = new Deliveries(history);
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#deliveries.onEnded(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "propose") return this.#onPropose(server, event.zxid);
    const delivery = this.#deliveries.onTrace(server, event);
    if (delivery === null) return;
    const before = this.#before.get(delivery.zxid);
    if (before !== undefined && !this.#deliveries.has(server, before)) {
      this.#fail(`server ${server} delivered ${zxidText(delivery.zxid)} before ${zxidText(before)}`);
    }
  }

  #onPropose(server: number, zxid: number): void {
    const epoch = epochOf(zxid);
    const last = this.#lastOfEpoch.get(epoch);
    if (last !== undefined && zxid !== last + 1) {
      this.#fail(`server ${server} proposed ${zxidText(zxid)} behind ${zxidText(last)}`);
    }
    if (last !== undefined) this.#before.set(zxid, last);
    this.#lastOfEpoch.set(epoch, zxid);
  }
}
