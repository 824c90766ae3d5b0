import type { TraceEvent } from "../../../src/base/trace.ts";
import { epochOf } from "../../../src/protocol/zxid.ts";
import { zxidText } from "./checker.ts";
import { type Delivery, DeliveryChecker } from "./deliveries.ts";

/**
 * What a leader proposed in one epoch is delivered in the order of its proposals, without gaps (TLA+
 * LocalPrimaryOrder, for all pairs).
 */
export class LocalPrimaryOrder extends DeliveryChecker {
  readonly property = "LocalPrimaryOrder";
  /** Each proposal's predecessor in its epoch. */
  readonly #before = new Map<number, number>();
  readonly #lastOfEpoch = new Map<number, number>();

  override onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "propose") this.#onPropose(server, event.zxid);
    else super.onTrace(server, event);
  }

  protected onDelivery({ server, zxid }: Delivery): void {
    const before = this.#before.get(zxid);
    if (before !== undefined && !this.deliveries.has(server, before)) {
      this.fail(`server ${server} delivered ${zxidText(zxid)} before ${zxidText(before)}`);
    }
  }

  #onPropose(server: number, zxid: number): void {
    const epoch = epochOf(zxid);
    const last = this.#lastOfEpoch.get(epoch);
    if (last !== undefined && zxid !== last + 1) {
      this.fail(`server ${server} proposed ${zxidText(zxid)} behind ${zxidText(last)}`);
    }
    if (last !== undefined) this.#before.set(zxid, last);
    this.#lastOfEpoch.set(epoch, zxid);
  }
}
