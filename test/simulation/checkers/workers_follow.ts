import type { TraceEvent } from "../../../src/base/trace.ts";
import { type Checker, type Fail, isWorker, serverOf, zxidText } from "./checker.ts";

/** A worker is never ahead of its server's main process: it applies no txn that this has not applied. */
export class WorkersFollow implements Checker {
  readonly property = "WorkersFollow";
  readonly #fail: Fail;
  /** Newest zxid in the tree of each main process. */
  readonly #held = new Map<number, number>();

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  onTrace(node: number, event: TraceEvent): void {
    if (event.kind !== "apply" && event.kind !== "load") return;
    if (!isWorker(node)) {
      this.#held.set(node, event.zxid);
      return;
    }
    const held = this.#held.get(serverOf(node)) ?? 0;
    if (event.kind === "load" || event.zxid <= held) return;
    this.#fail(
      `a worker of server ${serverOf(node)} applied ${
        zxidText(event.zxid)
      }, and its main process stands at ` +
        zxidText(held),
    );
  }
}
