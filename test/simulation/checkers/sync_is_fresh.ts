import { isWrite, type Operation } from "../clients/operation.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";

/**
 * Behind a sync a client sees every write that was acknowledged to anybody before it asked for the sync, also where
 * another leader has taken over that its own does not know of yet: there ZooKeeper's sync is answered from the past.
 */
export class SyncIsFresh implements Checker {
  readonly property = "SyncIsFresh";
  readonly #fail: Fail;
  readonly #knownAt = new WeakMap<Operation, number>();
  #known = 0;

  constructor(fail: Fail) {
    this.#fail = fail;
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
    if (request.kind !== "sync" || zxid >= known) return;
    this.#fail(
      `a sync of ${operation.client} was answered at ${zxidText(zxid)}, and ${zxidText(known)} had been ` +
        "acknowledged before",
    );
  }
}
