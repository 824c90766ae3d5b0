import type { TraceEvent } from "../../../src/base/trace.ts";
import type { Checker, Fail } from "./checker.ts";

/** For each epoch, at most one server was ever an established leader, and once (TLA+ Leadership2). */
export class Leadership2 implements Checker {
  readonly property = "Leadership2";
  readonly #fail: Fail;
  readonly #leaders = new Map<number, number>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind !== "established") return;
    const other = this.#leaders.get(event.epoch);
    if (other !== undefined) {
      this.#fail(`server ${server} is the leader of epoch ${event.epoch}, which server ${other} was before`);
    }
    this.#leaders.set(event.epoch, server);
  }
}
