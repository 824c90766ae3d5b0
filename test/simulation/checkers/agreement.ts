import { zxidText } from "./checker.ts";
import { type Delivery, DeliveryChecker } from "./deliveries.ts";

/** If one server delivered a and another b, then one of them delivered both (TLA+ Agreement). */
export class Agreement extends DeliveryChecker {
  readonly property = "Agreement";

  protected onDelivery({ server, zxid, skipped }: Delivery): void {
    for (const one of skipped) {
      for (const other of this.deliveries.servers) {
        if (this.deliveries.has(other, one) && !this.deliveries.has(other, zxid)) {
          this.fail(
            `server ${server} delivered ${zxidText(zxid)} and not ${zxidText(one)}, ` +
              `server ${other} the other way round`,
          );
        }
      }
    }
  }
}
