import { counterOf } from "../../../src/protocol/zxid.ts";
import type { TraceEvent } from "../../../src/base/trace.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import type { Checker, Fail } from "./checker.ts";

/** A server has taken a txn into its tree. */
export interface Delivery {
  readonly server: number;
  readonly zxid: number;
  /** What it stood at before. */
  readonly after: number;
  /** Committed txns between the two, which it has skipped; in order. */
  readonly skipped: readonly number[];
}

interface Position {
  zxid: number;
  /** Txns skipped and not delivered since. */
  skipped: Set<number>;
}

/** Which txns each server has delivered, by the order agreed on. Hears of events after the history has. */
export class Deliveries {
  readonly #history: AgreedHistory;
  readonly #positions = new Map<number, Position>();
  /** Servers in broadcast. */
  readonly #serving = new Set<number>();

  constructor(history: AgreedHistory) {
    this.#history = history;
  }

  get servers(): Iterable<number> {
    return this.#positions.keys();
  }

  /** @returns The newest txn that the server has delivered; -1 before anything is known of it. */
  positionOf(server: number): number {
    const zxid = this.#positions.get(server)?.zxid ?? -1;
    // Counter 0 is the beginning of an epoch and no txn.
    return counterOf(zxid) === 0 ? this.#history.lastUpTo(zxid) : zxid;
  }

  has(server: number, zxid: number): boolean {
    const position = this.#positions.get(server);
    return position !== undefined && zxid <= position.zxid && !position.skipped.has(zxid);
  }

  onEnded(server: number): void {
    this.#positions.delete(server);
    this.#serving.delete(server);
  }

  /**
   * @returns The delivery that the event is; null when it is none. What a learner applies while it is synchronized is
   *   none: its leader may have no quorum for it yet, and it serves nobody.
   */
  onTrace(server: number, event: TraceEvent): Delivery | null {
    switch (event.kind) {
      case "state":
        this.#serving.delete(server);
        return null;
      case "established":
      case "upToDate":
        this.#serving.add(server);
        return null;
      case "load":
        this.#positions.set(server, { zxid: event.zxid, skipped: new Set() });
        return null;
      case "apply":
        return this.#onApply(server, event.zxid);
      default:
        return null;
    }
  }

  #onApply(server: number, zxid: number): Delivery | null {
    let position = this.#positions.get(server);
    if (position === undefined) {
      position = { zxid: 0, skipped: new Set() };
      this.#positions.set(server, position);
    }
    const after = position.zxid;
    position.zxid = Math.max(after, zxid);
    if (!this.#serving.has(server)) return null;
    const skipped = this.#between(after, zxid);
    for (const one of skipped) position.skipped.add(one);
    position.skipped.delete(zxid);
    return { server, zxid, after, skipped };
  }

  #between(after: number, zxid: number): number[] {
    const skipped: number[] = [];
    let before = this.#history.committed(zxid)?.before ?? 0;
    while (before > after && counterOf(before) !== 0) {
      skipped.unshift(before);
      before = this.#history.committed(before)?.before ?? 0;
    }
    return skipped;
  }
}

/** A checker of deliveries: keeps the record and is asked about each. */
export abstract class DeliveryChecker implements Checker {
  abstract readonly property: string;
  protected readonly deliveries: Deliveries;

  constructor(protected readonly history: AgreedHistory, protected readonly fail: Fail) {
    this.deliveries = new Deliveries(history);
  }

  onEnded(server: number): void {
    this.deliveries.onEnded(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    const delivery = this.deliveries.onTrace(server, event);
    if (delivery !== null && event.kind === "apply") this.onDelivery(delivery, event.entry);
  }

  /** @param entry The txn, as the server took it. */
  protected abstract onDelivery(delivery: Delivery, entry: Uint8Array): void;
}
