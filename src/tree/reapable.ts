import { type OwnerRules, ttlMsOf } from "../protocol/create_mode.ts";
import type { ZnodeRef, ZnodeStore } from "./znode_store.ts";

/** The znodes that a server deletes by itself once they are due: containers and TTL znodes. */
export class ReapableIndex {
  readonly #store: ZnodeStore;
  readonly #ownerRules: OwnerRules;
  readonly #containers = new Set<ZnodeRef>();
  readonly #ttls = new Set<ZnodeRef>();

  constructor(store: ZnodeStore, ownerRules: OwnerRules) {
    this.#store = store;
    this.#ownerRules = ownerRules;
  }

  add(ref: ZnodeRef, kind: "container" | "ttl"): void {
    if (kind === "container") this.#containers.add(ref);
    else this.#ttls.add(ref);
  }

  remove(ref: ZnodeRef): void {
    this.#containers.delete(ref);
    this.#ttls.delete(ref);
  }

  clear(): void {
    this.#containers.clear();
    this.#ttls.clear();
  }

  /** See DataTree.reapCandidates. */
  candidates(nowMs: number, neverUsedMs: number): string[] {
    const store = this.#store;
    const paths: string[] = [];
    for (const ref of this.#containers) {
      if (store.numChildrenOf(ref) > 0) continue;
      const isUsed = store.cversionOf(ref) > 0;
      if (isUsed || (neverUsedMs > 0 && nowMs - store.mtimeMsOf(ref) > neverUsedMs)) {
        paths.push(store.pathOf(ref));
      }
    }
    for (const ref of this.#ttls) {
      if (store.numChildrenOf(ref) > 0) continue;
      const ttlMs = ttlMsOf(store.ownerOf(ref), this.#ownerRules);
      if (ttlMs > 0 && nowMs - store.mtimeMsOf(ref) > ttlMs) paths.push(store.pathOf(ref));
    }
    return paths;
  }
}
