import type { TraceEvent } from "../../../src/base/trace.ts";
import type { Checker, Fail } from "./checker.ts";

/**
 * An epoch begins in one office only: of two quorums that accept it one server is in both, and its second word for it
 * counts for nobody (ZOOKEEPER-1343). Else two histories would be of one epoch, and the vote could not tell them apart.
 */
export class EpochsBeginOnce implements Checker {
  readonly property = "EpochsBeginOnce";
  readonly #fail: Fail;
  /** Who leads, and in which of its offices. */
  readonly #leading = new Map<number, number>();
  #offices = 0;
  readonly #begunIn = new Map<number, { readonly server: number; readonly office: number }>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#leading.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "state") {
      if (event.state === "LEADING") this.#leading.set(server, ++this.#offices);
      else this.#leading.delete(server);
    }
    const office = this.#leading.get(server);
    if (event.kind !== "currentEpoch" || office === undefined) return;
    const before = this.#begunIn.get(event.epoch);
    if (before === undefined) this.#begunIn.set(event.epoch, { server, office });
    else if (before.office !== office) {
      this.#fail(
        `server ${server} begins epoch ${event.epoch}, which server ${before.server} began in another office`,
      );
    }
  }
}
