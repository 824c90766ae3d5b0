import { counterOf } from "../../../src/protocol/zxid.ts";
import { zxidText } from "./checker.ts";
import { type Delivery, DeliveryChecker } from "./deliveries.ts";

/**
 * What any two servers have committed agrees up to the shorter (TLA+ PrefixConsistency): each txn that a server
 * delivers is the agreed history's next one, byte for byte.
 */
export class PrefixConsistency extends DeliveryChecker {
  readonly property = "PrefixConsistency";

  protected onDelivery({ server, zxid, after, skipped }: Delivery, entry: Uint8Array): void {
    const agreed = this.history.committed(zxid);
    if (agreed === undefined) {
      const before = this.history.txns.findLast((txn) => txn.zxid < zxid);
      this.fail(
        `server ${server} applied ${zxidText(zxid)}; others have applied ` +
          `${zxidText(this.history.lastZxid)} without it, behind ${zxidText(before?.zxid ?? 0)}`,
      );
    } else if (!sameBytes(agreed.entry, entry)) {
      this.fail(`server ${server} applied another ${zxidText(zxid)} than the one agreed on`);
    } else if (after > agreed.before && counterOf(after) !== 0) {
      this.fail(
        `server ${server} applied ${zxidText(zxid)} behind ${zxidText(after)}, ` +
          `where others have it behind ${zxidText(agreed.before)}`,
      );
    } else if (skipped.length > 0) {
      this.fail(
        `server ${server} applied ${zxidText(zxid)} without ${zxidText(skipped[0])} before it`,
      );
    }
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
