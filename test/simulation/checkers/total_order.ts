import { zxidText } from "./checker.ts";
import { type Delivery, DeliveryChecker } from "./deliveries.ts";

/** If any server delivers a before b, whoever delivers b has delivered a before it (TLA+ TotalOrder). */
export class TotalOrder extends DeliveryChecker {
  readonly property = "TotalOrder";

  protected onDelivery({ server, zxid, after, skipped }: Delivery): void {
    if (zxid <= after) {
      this.fail(`server ${server} delivered ${zxidText(zxid)} after ${zxidText(after)}`);
    }
    for (const first of skipped) {
      for (const other of this.deliveries.servers) {
        if (this.deliveries.has(other, first) && this.deliveries.has(other, zxid)) {
          this.fail(
            `server ${server} delivered ${zxidText(zxid)} without ${zxidText(first)}, ` +
              `which server ${other} delivered before it`,
          );
        }
      }
    }
  }
}
