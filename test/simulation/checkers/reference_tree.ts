import { silentLogger } from "../../../src/base/log.ts";
import { DataTree } from "../../../src/tree/data_tree.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import type { AgreedHistory } from "./agreed_history.ts";

const ownerRules = { extendedTypes: true, emulate353Ttl: false };

/** A tree, in the plain store, that takes the agreed history and nothing else. */
export class ReferenceTree {
  readonly tree: DataTree;
  readonly #digests = new Map<number, bigint>();

  constructor(history: AgreedHistory) {
    const tree = this.tree = new DataTree({
      store: new ObjectZnodeStore({ ownerRules }),
      ownerRules,
      digestEnabled: true,
      logger: silentLogger,
    });
    this.#digests.set(0, tree.digest);
    history.onCommitted(({ zxid, entry }) => {
      tree.apply(entry, 0, entry.length, null, null);
      this.#digests.set(zxid, tree.digest);
    });
  }

  /** @returns The digest once that zxid was applied; undefined when it is not committed. */
  digestAt(zxid: number): bigint | undefined {
    return this.#digests.get(zxid);
  }
}
