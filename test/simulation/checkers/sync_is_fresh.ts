import type { TraceEvent } from "../../../src/base/trace.ts";
import { epochOf } from "../../../src/protocol/zxid.ts";
import { isWrite, type Operation } from "../clients/operation.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";

/**
 * Behind a sync a client sees every write that was acknowledged before it asked for the sync, unless another leader
 * has taken over meanwhile: the old one may not know of that yet, as in ZooKeeper.
 */
export class SyncIsFresh implements Checker {
  readonly property = "SyncIsFresh";
  readonly #fail: Fail;
  readonly #knownAt = new WeakMap<Operation, number>();
  #known = 0;
  #epoch = 0;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onTrace(_server: number, event: TraceEvent): void {
    if (event.kind === "established") this.#epoch = Math.max(this.#epoch, event.epoch);
  }

  onClient(event: ClientEvent): void {
    if (event.kind !== "invoked" && event.kind !== "replied") return;
    const { operation } = event;
    const { request, error, zxid } = operation;
    if (event.kind === "invoked") {
      if (request.kind === "sync") this.#knownAt.set(operation, this.#known);
      return;
    }
    if (error !== 0) return;
    if (isWrite(request)) this.#known = Math.max(this.#known, zxid);
    const known = this.#knownAt.get(operation) ?? 0;
    if (request.kind !== "sync" || zxid >= known || this.#epoch > epochOf(zxid)) return;
    this.#fail(
      `a sync of ${operation.client} was answered at ${zxidText(zxid)}, and ${zxidText(known)} had been ` +
        "acknowledged before",
    );
  }
}
