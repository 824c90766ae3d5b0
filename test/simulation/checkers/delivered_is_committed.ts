import type { TraceEvent } from "../../../src/base/trace.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";

/**
 * A server delivers what a leader has committed, and not before: a commit of the leader's own, or its having a quorum
 * for all that it began with.
 */
export class DeliveredIsCommitted implements Checker {
  readonly property = "DeliveredIsCommitted";
  readonly #fail: Fail;
  readonly #leading = new Set<number>();
  /** Newest zxid that each server holds. */
  readonly #held = new Map<number, number>();
  readonly #serving = new Set<number>();
  #committed = 0;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#leading.delete(server);
    this.#serving.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    switch (event.kind) {
      case "state":
        if (event.state === "LEADING") this.#leading.add(server);
        else this.#leading.delete(server);
        this.#serving.delete(server);
        return;
      case "upToDate":
        this.#serving.add(server);
        return;
      case "load":
        this.#held.set(server, event.zxid);
        return;
      case "established":
        this.#serving.add(server);
        this.#committed = Math.max(this.#committed, this.#held.get(server) ?? 0);
        return;
      case "commit":
        if (this.#leading.has(server)) this.#committed = Math.max(this.#committed, event.zxid);
        return;
      case "apply":
        this.#held.set(server, event.zxid);
        if (event.zxid <= this.#committed || !this.#serving.has(server)) return;
        this.#fail(
          `server ${server} delivered ${zxidText(event.zxid)}, and no leader has committed beyond ` +
            zxidText(this.#committed),
        );
    }
  }
}
