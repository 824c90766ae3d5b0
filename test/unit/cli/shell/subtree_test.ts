import { describe, expect, test } from "bun:test";
import { NoNodeError } from "../../../../mod.ts";
import { forEachPipelined, listSubtree, preorder, walkRequestsMax } from "../../../../cli/shell/subtree.ts";
import { FakeTree, fakeZooKeeper } from "./fake_zookeeper.ts";

const signal = new AbortController().signal;

async function walk(tree: FakeTree, root: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const batch of preorder(fakeZooKeeper(tree), root, { signal })) paths.push(...batch);
  return paths;
}

describe("preorder()", () => {
  test("gives each znode's children, sorted, before what is below them", async () => {
    const tree = new FakeTree().add("/b", "/a", "/a/y", "/a/x", "/a/x/1", "/b/z");
    expect(await walk(tree, "/")).toEqual(["/", "/a", "/b", "/a/x", "/a/y", "/a/x/1", "/b/z"]);
    expect(await walk(tree, "/a")).toEqual(["/a", "/a/x", "/a/y", "/a/x/1"]);
    expect(await walk(tree, "/b/z")).toEqual(["/b/z"]);
  });

  test("fails when the root is missing", async () => {
    await expect(walk(new FakeTree(), "/none")).rejects.toBeInstanceOf(NoNodeError);
  });

  test("passes over a znode that goes away meanwhile", async () => {
    const tree = new FakeTree().add("/a", "/a/x", "/b");
    tree.beforeAnswer = (request) => {
      if (request === "getChildren /a") {
        tree.nodes.delete("/a/x");
        tree.nodes.delete("/a");
      }
    };
    expect(await walk(tree, "/")).toEqual(["/", "/a", "/b"]);
  });

  test("keeps many requests under way, and never more than its bound", async () => {
    const tree = new FakeTree().addLeaves(2000);
    expect((await walk(tree, "/")).length).toBe(2001);
    expect(tree.requests.length).toBe(2001);
    expect(tree.underWayMost).toBeGreaterThan(walkRequestsMax / 2);
    expect(tree.underWayMost).toBeLessThanOrEqual(walkRequestsMax + 1);
  });

  test("waits for a slow reader instead of gathering the whole tree", async () => {
    const tree = new FakeTree().addLeaves(30_000);
    const batches = preorder(fakeZooKeeper(tree), "/", { signal });
    await batches.next();
    for (let asked = -1; asked !== tree.requests.length;) {
      asked = tree.requests.length;
      for (let turn = 0; turn < 50; turn++) await new Promise((done) => setImmediate(done));
    }
    expect(tree.requests.length).toBeLessThan(25_000);
    let rest = 0;
    for await (const batch of batches) rest += batch.length;
    expect(rest).toBe(30_000);
  });

  test("ends when it is interrupted", async () => {
    const abort = new AbortController();
    const tree = new FakeTree().add("/a", "/a/x");
    const batches = preorder(fakeZooKeeper(tree), "/", { signal: abort.signal });
    await batches.next();
    abort.abort();
    await expect(Array.fromAsync(batches)).rejects.toThrow("Interrupted");
  });
});

describe("listSubtree()", () => {
  test("gives parents before their children and reports how many it knows", async () => {
    const tree = new FakeTree().add("/a", "/a/x", "/a/x/1", "/a/y", "/b");
    const counts: number[] = [];
    const paths = await listSubtree(fakeZooKeeper(tree), "/a", {
      signal,
      onFound: (count) => counts.push(count),
    });
    expect(paths.toSorted()).toEqual(["/a", "/a/x", "/a/x/1", "/a/y"]);
    for (const [at, path] of paths.entries()) {
      expect(paths.slice(0, at + 1)).toContain(path === "/a" ? path : path.slice(0, path.lastIndexOf("/")));
    }
    expect(counts.at(-1)).toBe(4);
  });

  test("fails when the root is missing, and when it is interrupted", async () => {
    await expect(listSubtree(fakeZooKeeper(new FakeTree()), "/none", { signal })).rejects.toBeInstanceOf(
      NoNodeError,
    );
    const abort = new AbortController();
    abort.abort();
    await expect(listSubtree(fakeZooKeeper(new FakeTree()), "/", { signal: abort.signal })).rejects.toThrow(
      "Interrupted",
    );
  });
});

describe("forEachPipelined()", () => {
  test("begins in order, with so many at once", async () => {
    const begun: number[] = [];
    let underWay = 0;
    let most = 0;
    await forEachPipelined([1, 2, 3, 4, 5], 2, signal, async (item) => {
      begun.push(item);
      most = Math.max(most, ++underWay);
      await new Promise((done) => setImmediate(done));
      underWay--;
    });
    expect(begun).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  test("begins nothing new after a failure", async () => {
    const begun: number[] = [];
    const work = forEachPipelined([1, 2, 3, 4], 1, signal, (item) => {
      begun.push(item);
      return item === 2 ? Promise.reject(new Error("two")) : Promise.resolve();
    });
    await expect(work).rejects.toThrow("two");
    expect(begun).toEqual([1, 2]);
  });
});
