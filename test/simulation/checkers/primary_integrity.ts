import type { TraceEvent } from "../../../src/base/trace.ts";
import { epochOf } from "../../../src/protocol/zxid.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";
import { Deliveries } from "./deliveries.ts";

/**
 * A leader in broadcast has itself delivered every txn of a lower epoch that any of its followers in broadcast has
 * (TLA+ PrimaryIntegrity).
 */
export class PrimaryIntegrity implements Checker {
  readonly property = "PrimaryIntegrity";
  readonly #deliveries: Deliveries;
  readonly #fail: Fail;
  /** Leader of each epoch, while it is in office. */
  readonly #leaders = new Map<number, number>();
  /** Epoch that each learner takes part in. */
  readonly #epochs = new Map<number, number>();

  constructor(history: AgreedHistory, fail: Fail) {
    this.#deliveries = new Deliveries(history);
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#leave(server);
    this.#deliveries.onEnded(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    const delivery = this.#deliveries.onTrace(server, event);
    if (event.kind === "state") this.#leave(server);
    else if (event.kind === "established") this.#leaders.set(event.epoch, server);
    else if (event.kind === "upToDate") {
      this.#epochs.set(server, event.epoch);
      this.#compare(server, this.#deliveries.positionOf(server));
    } else if (delivery !== null) this.#compare(server, delivery.zxid);
  }

  #compare(follower: number, zxid: number): void {
    const epoch = this.#epochs.get(follower);
    if (epoch === undefined || epochOf(zxid) >= epoch) return;
    const leader = this.#leaders.get(epoch);
    if (leader !== undefined && this.#deliveries.positionOf(leader) < zxid) {
      this.#fail(
        `server ${follower} has delivered ${zxidText(zxid)}, and server ${leader}, which leads it in epoch ` +
          `${epoch}, has not`,
      );
    }
  }

  #leave(server: number): void {
    this.#epochs.delete(server);
    for (const [epoch, leader] of this.#leaders) if (leader === server) this.#leaders.delete(epoch);
  }
}
