import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { PagedZnodeStore } from "../../../src/tree/paged_znode_store.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { ownerRules, utf8 } from "./_txns.ts";
import { childrenOf, put, testZnodeStore } from "./znode_store_suite.ts";

const make = () => new PagedZnodeStore({ ownerRules, random: seededRandom(1) });

testZnodeStore("PagedZnodeStore", make);

describe("memory of PagedZnodeStore", () => {
  test("a new store takes less than 32 KB", () => {
    expect(make().totalBytes).toBeLessThan(32 * 1024);
  });

  test("8000 znodes are all found while the table grows under them, and while it shrinks", () => {
    const store = make();
    const count = 8000;
    put(store, "/bench");
    for (let index = 0; index < count; index++) {
      put(store, `/bench/a${index}`, new Uint8Array(100));
      const earlier = (index * 7919) % (index + 1);
      expect(store.findPath(`/bench/a${earlier}`)).not.toBe(noZnode);
      expect(store.findPath(`/bench/b${earlier}`)).toBe(noZnode);
    }
    expect(store.totalBytes / count).toBeLessThan(190);
    expect(childrenOf(store, store.findPath("/bench")).length).toBe(count);
    for (let index = 0; index < count; index++) {
      store.remove(store.findPath(`/bench/a${index}`));
      const later = index + 1 + (index * 7919) % (count - index);
      expect(store.findPath(`/bench/a${later}`) === noZnode).toBe(later === count);
      expect(store.findPath(`/bench/a${index}`)).toBe(noZnode);
    }
    expect(store.numChildrenOf(store.findPath("/bench"))).toBe(0);
  });

  test("deleting everything gives the memory back, and making it again takes no more than before", () => {
    const store = make();
    const random = seededRandom(3);
    put(store, "/p");
    const lengths = Array.from({ length: 5000 }, () => randomBelow(random, 120));
    let first = 0;
    for (let round = 0; round < 3; round++) {
      lengths.forEach((length, index) => put(store, `/p/${index}`, new Uint8Array(length)));
      first = first || store.totalBytes;
      expect(store.totalBytes).toBeLessThanOrEqual(first * 1.05);
      lengths.forEach((_, index) => store.remove(store.findPath(`/p/${(index * 1237) % lengths.length}`)));
      // An empty first page of each size stays.
      expect(store.totalBytes).toBeLessThan(first * 0.6);
    }
    expect(store.size).toBe(2);
  });

  test("after nine of ten deletes the rest has moved together and is unharmed", () => {
    const store = make();
    const random = seededRandom(9);
    const kept = new Map<string, Uint8Array>();
    const all: string[] = [];
    put(store, "/p");
    for (let index = 0; index < 10_000; index++) {
      const path = `/p/${index}`;
      const data = utf8.encode(`${path} `.repeat(12)).subarray(0, 100);
      put(store, path, data);
      all.push(path);
      kept.set(path, data);
    }
    const full = store.totalBytes;
    for (const path of all) {
      if (randomBelow(random, 10) === 0) continue;
      store.remove(store.findPath(path));
      kept.delete(path);
    }
    expect(store.totalBytes).toBeLessThan(full * 0.4);
    for (const [path, data] of kept) {
      const ref = store.findPath(path);
      expect(store.pathOf(ref)).toBe(path);
      expect(store.copyDataOf(ref)).toEqual(data);
    }
    expect(childrenOf(store, store.findPath("/p")).length).toBe(kept.size);
  });

  test("data that grows and shrinks again and again does not pile up", () => {
    const store = make();
    const refs = Array.from({ length: 50 }, (_, index) => put(store, `/n${index}`));
    let most = 0;
    for (let round = 0; round < 120; round++) {
      for (const ref of refs) store.setData(ref, new Uint8Array(20_000), 0, (round % 60) * 331);
      if (round < 60) most = Math.max(most, store.totalBytes);
      expect(store.totalBytes).toBeLessThanOrEqual(most * 1.2);
    }
    for (const ref of refs) store.setData(ref, new Uint8Array(0), 0, 0);
    expect(store.totalBytes).toBeLessThan(most);
  });

  test("paths with equal hash tags and neighbours in the table do not hide each other", () => {
    // Every key of the hash gives other collisions; a few hundred tables of a few hundred paths meet all cases.
    for (let key = 0; key < 100; key++) {
      const store = new PagedZnodeStore({ ownerRules, random: seededRandom(key) });
      for (let index = 0; index < 190; index++) put(store, `/${index}`);
      for (let index = 0; index < 190; index += 2) store.remove(store.findPath(`/${index}`));
      for (let index = 0; index < 190; index++) {
        expect(store.findPath(`/${index}`) !== noZnode).toBe(index % 2 === 1);
      }
    }
  });
});
