import type { TraceEvent } from "../../../src/base/trace.ts";
import type { Checker, Fail } from "./checker.ts";

/** On each disk both epochs only rise, and the current one is never above the accepted one. */
export class Epochs implements Checker {
  readonly property = "Epochs";
  readonly #fail: Fail;
  readonly #accepted = new Map<number, number>();
  readonly #current = new Map<number, number>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onWiped(server: number): void {
    this.#accepted.delete(server);
    this.#current.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind !== "acceptedEpoch" && event.kind !== "currentEpoch") return;
    const { kind, epoch } = event;
    const epochs = kind === "acceptedEpoch" ? this.#accepted : this.#current;
    const before = epochs.get(server) ?? 0;
    if (epoch < before) this.#fail(`the ${kind} of server ${server} falls from ${before} to ${epoch}`);
    epochs.set(server, epoch);
    const accepted = this.#accepted.get(server);
    const current = this.#current.get(server) ?? 0;
    if (accepted !== undefined && current > accepted) {
      this.#fail(`server ${server} is in epoch ${current} and has accepted only ${accepted}`);
    }
  }
}
