/** Both twins, for tests that hold on either. */
import { seededRandom } from "../../../src/base/random.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import { PagedZnodeStore } from "../../../src/tree/paged_znode_store.ts";
import type { ZnodeStore } from "../../../src/tree/znode_store.ts";
import { ownerRules } from "./_txns.ts";

/** Name and maker of each store. */
export const stores: readonly (readonly [string, () => ZnodeStore])[] = [
  ["object store", () => new ObjectZnodeStore({ ownerRules })],
  ["paged store", () => new PagedZnodeStore({ ownerRules, random: seededRandom(7) })],
];
