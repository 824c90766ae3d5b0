import type { TraceEvent } from "../../../src/base/trace.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";
import type { ReferenceTree } from "./reference_tree.ts";

/**
 * Every server's tree has, at each zxid, the digest of a tree that took the agreed history and nothing else: the
 * plain store's, whatever the server's own.
 */
export class EqualDigests implements Checker {
  readonly property = "EqualDigests";
  readonly #reference: ReferenceTree;
  readonly #fail: Fail;
  /** A leader's snapshot is whole only with the txns that are sent behind it. */
  readonly #completing = new Set<number>();

  constructor(reference: ReferenceTree, fail: Fail) {
    this.#reference = reference;
    this.#fail = fail;
  }

  onEnded(server: number): void {
    this.#completing.delete(server);
  }

  onTrace(server: number, event: TraceEvent): void {
    if (event.kind === "upToDate") this.#completing.delete(server);
    if (event.kind !== "apply" && event.kind !== "load") return;
    if (event.kind === "load") {
      if (event.from === "leader") this.#completing.add(server);
      else this.#completing.delete(server);
    }
    const digest = this.#reference.digestAt(event.zxid);
    if (this.#completing.has(server) || digest === undefined || digest === event.digest) return;
    this.#fail(
      `the tree of server ${server} has digest ${event.digest} at ${zxidText(event.zxid)}, not ${digest}`,
    );
  }
}
