/**
 * The same random changes made to both stores leave both the same; the seed is in the test's title.
 */
import { expect, test } from "bun:test";
import { type Random, randomBelow, seededRandom } from "../../../src/base/random.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import { PagedZnodeStore } from "../../../src/tree/paged_znode_store.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "../../../src/tree/znode_store.ts";
import { ownerRules, pick, utf8 } from "./_txns.ts";
import { childrenOf, put } from "./znode_store_suite.ts";

/** Everything a store says of one znode, handles aside. */
function describeZnode(store: ZnodeStore, ref: ZnodeRef): string {
  const writer = new JuteWriter();
  store.writePath(ref, writer);
  store.writeData(ref, writer);
  store.writeStat(ref, writer);
  store.writeStatPersisted(ref, writer);
  const parent = store.parentOf(ref);
  return [
    Bun.hash(writer.copy()),
    store.pathOf(ref),
    parent === noZnode ? "" : store.pathOf(parent),
    store.dataLengthOf(ref),
    store.aclKeyOf(ref),
    store.digestOf(ref),
    store.contentCrcOf(ref),
    childrenOf(store, ref).join(" "),
  ].join("|");
}

/** Changes both stores alike, checking as it goes. */
class Twins {
  readonly stores: readonly ZnodeStore[];
  readonly paths: string[] = ["/"];
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.stores = [
      new ObjectZnodeStore({ ownerRules }),
      new PagedZnodeStore({ ownerRules, random: seededRandom(seed + 1) }),
    ];
  }

  step(lengths: readonly number[], growing: boolean): void {
    const path = pick(this.#random, this.paths);
    const choice = randomBelow(this.#random, 10);
    if (choice < (growing ? 6 : 2)) this.#insert(path, pick(this.#random, lengths));
    else if (choice < (growing ? 7 : 7)) this.#remove(path);
    else this.#change(path, pick(this.#random, lengths));
  }

  check(): void {
    const [object, paged] = this.stores;
    expect(paged.size).toBe(this.paths.length);
    expect(object.size).toBe(this.paths.length);
    expect(paged.approximateBytes).toBe(object.approximateBytes);
    for (const path of this.paths) {
      expect(describeZnode(paged, paged.findPath(path))).toBe(describeZnode(object, object.findPath(path)));
    }
  }

  removeAll(): void {
    while (this.paths.length > 1) {
      const leaves = this.paths.filter((path) =>
        path !== "/" && this.stores[0].numChildrenOf(this.stores[0].findPath(path)) === 0
      );
      for (const path of leaves) this.#remove(path);
    }
  }

  #insert(parent: string, length: number): void {
    const name = String.fromCharCode(97 + randomBelow(this.#random, 26)).repeat(1 + length % 40);
    const path = `${parent === "/" ? "" : parent}/${name}${randomBelow(this.#random, 1000)}`;
    if (this.stores[0].findPath(path) !== noZnode) return;
    const fields = {
      czxid: randomBelow(this.#random, 2 ** 31) * 2 ** 20,
      mtimeMs: this.#random.uint32(),
      cversion: this.#random.uint32() | 0,
      owner: randomBelow(this.#random, 4) === 0 ? BigInt(this.#random.uint32()) : 0n,
    };
    const data = this.#data(length);
    for (const store of this.stores) put(store, path, data, fields, length % 7 - 1);
    this.paths.push(path);
  }

  #remove(path: string): void {
    if (path === "/" || this.stores[0].numChildrenOf(this.stores[0].findPath(path)) > 0) return;
    for (const store of this.stores) {
      store.remove(store.findPath(path));
      expect(store.findPath(path)).toBe(noZnode);
    }
    this.paths.splice(this.paths.indexOf(path), 1);
  }

  #change(path: string, length: number): void {
    const data = this.#data(length);
    const value = this.#random.uint32() | 0;
    for (const store of this.stores) {
      const ref = store.findPath(path);
      store.setData(ref, data ?? utf8.encode("unused"), 0, data?.length ?? -1);
      store.setModified(ref, value, Math.abs(value) * 2 ** 19, value);
      store.setPzxid(ref, Math.abs(value));
      store.setCversion(ref, ~value);
      store.setAversion(ref, value ^ 0x5555);
      store.setAclKey(ref, value & 0xff);
    }
  }

  #data(length: number): Uint8Array | null {
    if (length === 13) return null;
    const first = this.#random.uint32();
    return Uint8Array.from({ length }, (_, index) => (first + index * 7) & 0xff);
  }
}

const smallLengths = [0, 1, 5, 13, 60, 100, 101, 150, 300];
const anyLengths = [...smallLengths, 999, 4000, 4100, 9000, 70_000];

for (const seed of [1, 2, 3]) {
  test(`2000 random changes leave both stores the same, and emptying them too (seed ${seed})`, () => {
    const twins = new Twins(seed);
    for (let index = 0; index < 2000; index++) {
      twins.step(seed === 1 ? anyLengths : smallLengths, index % 1000 < 600);
      if (index % 400 === 0) twins.check();
    }
    twins.check();
    twins.removeAll();
    twins.check();
    for (let index = 0; index < 200; index++) twins.step(smallLengths, true);
    twins.check();
  });
}
