import type { TraceEvent } from "../../../src/base/trace.ts";
import { counterOf } from "../../../src/protocol/zxid.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";
import { Deliveries } from "./deliveries.ts";

/**
 * What any two servers have committed agrees up to the shorter (TLA+ PrefixConsistency): each txn that a server
 * delivers is the agreed history's next one, byte for byte.
 */
export class PrefixConsistency implements Checker {
  readonly property = "PrefixConsistency";
  readonly #history: AgreedHistory;
  readonly #deliveries: Deliveries;
  readonly #fail: Fail;

  constructor(history: AgreedHistory, fail: Fail) {
    this.#history = history;
    this.#deliveries = new Deliveries(history);
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#deliveries.onEnded(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    const delivery = this.#deliveries.onTrace(server, event);
    if (delivery === null || event.kind !== "apply") return;
    const { zxid, entry } = event;
    const agreed = this.#history.committed(zxid);
    if (agreed === undefined) {
      const before = this.#history.txns.findLast((txn) => txn.zxid < zxid);
      this.#fail(
        `server ${server} applied ${zxidText(zxid)}; others have applied ` +
          `${zxidText(this.#history.lastZxid)} without it, behind ${zxidText(before?.zxid ?? 0)}`,
      );
    } else if (!sameBytes(agreed.entry, entry)) {
      this.#fail(`server ${server} applied another ${zxidText(zxid)} than the one agreed on`);
    } else if (delivery.after > agreed.before && counterOf(delivery.after) !== 0) {
      this.#fail(
        `server ${server} applied ${zxidText(zxid)} behind ${zxidText(delivery.after)}, ` +
          `where others have it behind ${zxidText(agreed.before)}`,
      );
    } else if (delivery.skipped.length > 0) {
      this.#fail(
        `server ${server} applied ${zxidText(zxid)} without ${zxidText(delivery.skipped[0])} before it`,
      );
    }
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
