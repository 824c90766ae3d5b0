import type { TraceEvent } from "../../../src/base/trace.ts";
import type { Checker, Fail } from "./checker.ts";

/** No two servers lead, in synchronization or broadcast, with the same epoch at the same time (TLA+ Leadership1). */
export class Leadership1 implements Checker {
  readonly property = "Leadership1";
  readonly #fail: Fail;
  readonly #leading = new Set<number>();
  /** Epoch that each server holds office in. */
  readonly #offices = new Map<number, number>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#leave(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "state") {
      this.#leave(server);
      if (event.state === "LEADING") this.#leading.add(server);
    } else if ((event.kind === "currentEpoch" || event.kind === "established") && this.#leading.has(server)) {
      if (this.#offices.get(server) === event.epoch) return;
      for (const [other, epoch] of this.#offices) {
        if (other !== server && epoch === event.epoch) {
          this.#fail(`servers ${other} and ${server} both lead in epoch ${epoch}`);
        }
      }
      this.#offices.set(server, event.epoch);
    }
  }

  #leave(server: number): void {
    this.#leading.delete(server);
    this.#offices.delete(server);
  }
}
