import { noZnode, type ZnodeRef, type ZnodeStore } from "./znode_store.ts";

/** Calls `visit` for every znode below `top`, parents before children; the store must not change meanwhile. */
export function forEachDescendant(store: ZnodeStore, top: ZnodeRef, visit: (ref: ZnodeRef) => void): void {
  const above: ZnodeRef[] = [];
  let ref = store.firstChildOf(top);
  while (ref !== noZnode) {
    visit(ref);
    const child = store.firstChildOf(ref);
    if (child !== noZnode) {
      above.push(ref);
      ref = child;
      continue;
    }
    let next = store.nextSiblingOf(ref);
    while (next === noZnode) {
      const parent = above.pop();
      if (parent === undefined) return;
      next = store.nextSiblingOf(parent);
    }
    ref = next;
  }
}

/** @returns How many znodes are below `top`. */
export function countDescendants(store: ZnodeStore, top: ZnodeRef): number {
  if (top === store.root) return store.size - 1;
  let count = 0;
  forEachDescendant(store, top, () => count++);
  return count;
}
