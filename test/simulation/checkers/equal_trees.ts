import { JuteWriter } from "../../../src/jute/writer.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "../../../src/tree/znode_store.ts";
import type { Checker, Fail } from "./checker.ts";
import type { ReferenceTree } from "./reference_tree.ts";

/** Once all is healed and quiet, every server holds the very znodes of the agreed history. */
export class EqualTrees implements Checker {
  readonly property = "EqualTrees";
  readonly #reference: ReferenceTree;
  readonly #stores: () => Iterable<readonly [server: number, store: ZnodeStore]>;
  readonly #fail: Fail;

  constructor(
    reference: ReferenceTree,
    stores: () => Iterable<readonly [server: number, store: ZnodeStore]>,
    fail: Fail,
  ) {
    this.#reference = reference;
    this.#stores = stores;
    this.#fail = fail;
  }

  onQuiet(): void {
    const expected = znodesOf(this.#reference.tree.store);
    for (const [server, store] of this.#stores()) {
      const held = znodesOf(store);
      for (const path of new Set([...expected.keys(), ...held.keys()])) {
        if (held.get(path) === expected.get(path)) continue;
        const what = held.has(path) ? expected.has(path) ? "another" : "a surplus" : "no";
        this.#fail(`server ${server} has ${what} ${path}`);
        break;
      }
    }
  }
}

/** @returns Each znode's persisted fields and data, as text, by path; what lies below /zookeeper is left out. */
function znodesOf(store: ZnodeStore): Map<string, string> {
  const znodes = new Map<string, string>();
  const writer = new JuteWriter();
  const visit = (ref: ZnodeRef) => {
    const path = store.pathOf(ref);
    if (path.startsWith("/zookeeper/")) return;
    writer.reset();
    store.writeStatPersisted(ref, writer);
    store.writeData(ref, writer);
    znodes.set(path, writer.view().toHex());
    for (let child = store.firstChildOf(ref); child !== noZnode; child = store.nextSiblingOf(child)) {
      visit(child);
    }
  };
  visit(store.root);
  return znodes;
}
