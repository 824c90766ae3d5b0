/**
 * @see Fact: apache/zookeeper StatsTrack.java, Quotas.java, DataTree.java (updateQuotaStat, setupQuota),
 *   ZooKeeperServer.java (checkQuota)
 */
import { describe, expect, test } from "bun:test";
import type { Logger } from "../../../src/base/log.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { DataTree } from "../../../src/tree/data_tree.ts";
import { StatsTrack } from "../../../src/tree/stats_track.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { stores } from "./_stores.ts";
import { Applier, create, ownerRules, remove, setData, utf8 } from "./_txns.ts";

describe("the text of limits and usage", () => {
  test("is read with either separator, absent and empty keys being -1", () => {
    const track = new StatsTrack("count=5,bytes=-1=;byteHardLimit=10;countHardLimit=");
    expect([track.count, track.bytes, track.byteHardLimit, track.countHardLimit]).toEqual([
      5n,
      -1n,
      10n,
      -1n,
    ]);
    expect(new StatsTrack("").count).toBe(-1n);
    expect(new StatsTrack("bytes=3;count=4").count).toBe(4n);
    expect(new StatsTrack("count=9223372036854775807").count).toBe(9223372036854775807n);
  });

  test("is written with count and bytes first and the other keys sorted behind a stray =", () => {
    expect(new StatsTrack().toString()).toBe("count=-1,bytes=-1");
    const track = new StatsTrack("countHardLimit=2;byteHardLimit=1;bytes=8");
    expect(track.toString()).toBe("count=-1,bytes=8=;byteHardLimit=1;countHardLimit=2");
    track.count = 7n;
    track.countHardLimit = 70n;
    expect(track.toString()).toBe("count=7,bytes=8=;byteHardLimit=1;countHardLimit=70");
    expect(new StatsTrack(track.toString()).toString()).toBe(track.toString());
  });

  test("limits nothing where it cannot be read", () => {
    const junk = new StatsTrack("count=abc,bytes,=4,;;byteHardLimit=99999999999999999999;countHardLimit=1e3");
    expect(junk.toString()).toBe("count=-1,bytes=-1");
  });
});

for (const [name, makeStore] of stores) {
  describe(`quotas on the ${name}`, () => {
    function makeTree(logger: Logger = silentLogger): Applier {
      const at = new Applier(new DataTree({ store: makeStore(), ownerRules, digestEnabled: true, logger }));
      at.idle = true;
      return at;
    }

    function addQuota(at: Applier, path: string, limits: string): void {
      const parts = path.split("/").slice(1);
      parts.forEach((_, index) =>
        at.apply(create(`/zookeeper/quota/${parts.slice(0, index + 1).join("/")}`))
      );
      at.apply(create(`/zookeeper/quota${path}/zookeeper_limits`, { data: utf8.encode(limits) }));
      at.apply(create(`/zookeeper/quota${path}/zookeeper_stats`, { data: utf8.encode("count=0,bytes=0") }));
    }

    function usageOf(at: Applier, path: string): string {
      const ref = at.tree.store.findPath(`/zookeeper/quota${path}/zookeeper_stats`);
      return new TextDecoder().decode(at.tree.store.copyDataOf(ref) ?? utf8.encode("null"));
    }

    test("making the usage znode counts what is there; creates, changes and deletes then keep it up", () => {
      const at = makeTree();
      at.apply(create("/q", { data: utf8.encode("12345") }));
      at.apply(create("/q/a", { data: null }));
      expect(at.tree.quotas.active).toBe(false);
      addQuota(at, "/q", "count=10,bytes=-1");
      expect(at.tree.quotas.active).toBe(true);
      expect(usageOf(at, "/q")).toBe("count=2,bytes=5");
      at.apply(create("/q/a/b", { data: utf8.encode("xyz") }));
      expect(usageOf(at, "/q")).toBe("count=3,bytes=8");
      at.apply(setData("/q/a", "1234567", 1));
      expect(usageOf(at, "/q")).toBe("count=3,bytes=15");
      at.apply(setData("/q/a", null, 2));
      expect(usageOf(at, "/q")).toBe("count=3,bytes=8");
      at.apply(remove("/q/a/b"));
      expect(usageOf(at, "/q")).toBe("count=2,bytes=5");
      at.apply(create("/qq"));
      expect(usageOf(at, "/q")).toBe("count=2,bytes=5");
    });

    test("ephemerals that go with their session are counted out", () => {
      const at = makeTree();
      at.apply(create("/q"));
      addQuota(at, "/q", "count=10,bytes=-1");
      at.apply(create("/q/e", { ephemeral: true, data: utf8.encode("1234") }), 9n);
      expect(usageOf(at, "/q")).toBe("count=2,bytes=5");
      at.apply({ type: OpCode.closeSession, paths: ["/q/e"] }, 9n);
      expect(usageOf(at, "/q")).toBe("count=1,bytes=1");
    });

    test("usage is rewritten without touching version, mzxid or digest", () => {
      const at = makeTree();
      at.apply(create("/q"));
      addQuota(at, "/q", "count=10,bytes=-1");
      const ref = at.tree.store.findPath("/zookeeper/quota/q/zookeeper_stats");
      const mzxid = at.tree.store.mzxidOf(ref);
      at.apply(create("/q/a"));
      expect(at.tree.store.versionOf(ref)).toBe(0);
      expect(at.tree.store.mzxidOf(ref)).toBe(mzxid);
    });

    test("only the deepest limit at or above a znode counts it", () => {
      const at = makeTree();
      for (const path of ["/a", "/a/b", "/a/b/c"]) at.apply(create(path));
      addQuota(at, "/a", "count=10,bytes=-1");
      addQuota(at, "/a/b", "count=10,bytes=-1");
      expect(at.tree.quotas.deepestLimited("/a/b/c")).toBe("/a/b");
      expect(at.tree.quotas.deepestLimited("/a/x")).toBe("/a");
      expect(at.tree.quotas.deepestLimited("/ab")).toBe(null);
      expect(usageOf(at, "/a")).toBe("count=3,bytes=3");
      at.apply(create("/a/b/d"));
      expect(usageOf(at, "/a/b")).toBe("count=3,bytes=3");
      expect(usageOf(at, "/a")).toBe("count=3,bytes=3");
    });

    test("deleting a limit ends it, and leaves those of paths below in force", () => {
      const at = makeTree();
      for (const path of ["/a", "/a/b"]) at.apply(create(path));
      addQuota(at, "/a", "count=10,bytes=-1");
      addQuota(at, "/a/b", "count=10,bytes=-1");
      at.apply(remove("/zookeeper/quota/a/zookeeper_limits"));
      expect([...at.tree.quotas.paths]).toEqual(["/a/b"]);
      at.apply(create("/a/x"));
      expect(usageOf(at, "/a")).toBe("count=2,bytes=2");
    });

    test("a limit on / is ignored, and harms nothing", () => {
      const at = makeTree();
      at.apply(create("/zookeeper/quota/zookeeper_limits", { data: utf8.encode("count=1,bytes=1") }));
      at.apply(create("/zookeeper/quota/zookeeper_stats"));
      expect(at.tree.quotas.active).toBe(false);
      at.apply(create("/a"));
      expect(at.tree.quotas.exceeds("/a", 1, 100)).toBe(false);
      at.apply(remove("/zookeeper/quota/zookeeper_limits"));
      expect(at.tree.store.findPath("/a")).not.toBe(noZnode);
    });

    test("znodes that only look like limits are none", () => {
      const at = makeTree();
      for (const path of ["/a", "/zookeeper/quotas", "/zookeeper/quota/b"]) at.apply(create(path));
      for (const parent of ["", "/a", "/zookeeper", "/zookeeper/quotas"]) {
        at.apply(create(`${parent}/zookeeper_limits`, { data: utf8.encode("count=1,bytes=1") }));
        at.apply(create(`${parent}/zookeeper_stats`));
      }
      at.apply(create("/zookeeper/quota/b/my_zookeeper_limits"));
      expect(at.tree.quotas.active).toBe(false);
      addQuota(at, "/b", "count=1,bytes=1");
      at.apply(remove("/a/zookeeper_limits"));
      at.apply(remove("/zookeeper/zookeeper_limits"));
      expect([...at.tree.quotas.paths]).toEqual(["/b"]);
    });

    test("hard limits refuse what would go beyond them, soft ones only warn", () => {
      const warned: string[] = [];
      const at = makeTree({ ...silentLogger, warn: (message) => warned.push(message) });
      at.apply(create("/q", { data: utf8.encode("1234") }));
      addQuota(at, "/q", "count=-1,bytes=5=;byteHardLimit=10;countHardLimit=2");
      const { quotas } = at.tree;
      expect(quotas.exceeds("/q/a", 1, 6)).toBe(false);
      expect(quotas.exceeds("/q/a", 1, 7)).toBe(true);
      expect(quotas.exceeds("/q", 0, 6)).toBe(false);
      expect(quotas.exceeds("/q", 0, 7)).toBe(true);
      expect(quotas.exceeds("/q", 0, -4)).toBe(false);
      expect(quotas.exceeds("/other", 5, 700)).toBe(false);
      at.apply(create("/q/a", { data: null }));
      expect(quotas.exceeds("/q/b", 1, 0)).toBe(true);
      expect(quotas.exceeds("/q/a", 0, 1)).toBe(false);
      warned.length = 0;
      at.apply(setData("/zookeeper/quota/q/zookeeper_limits", "count=1,bytes=5", 1));
      expect(quotas.exceeds("/q/b", 1, 9)).toBe(false);
      expect(warned.length).toBe(2);
    });

    test("limits without their usage znode, or with junk in it, count and refuse nothing and break nothing", () => {
      const at = makeTree();
      at.apply(create("/q"));
      at.apply(create("/zookeeper/quota/q"));
      at.apply(create("/zookeeper/quota/q/zookeeper_limits", { data: utf8.encode("countHardLimit=0") }));
      at.apply(create("/q/a"));
      expect(at.tree.quotas.exceeds("/q/a", 1, 1)).toBe(false);
      at.apply(create("/zookeeper/quota/q/zookeeper_stats"));
      expect(usageOf(at, "/q")).toBe("count=2,bytes=2");
      at.apply(setData("/zookeeper/quota/q/zookeeper_stats", "junk", 1));
      at.apply(create("/q/b"));
      expect(usageOf(at, "/q")).toBe("count=0,bytes=0");
      at.apply(setData("/zookeeper/quota/q/zookeeper_limits", null, 1));
      expect(at.tree.quotas.exceeds("/q/a", 1, 1)).toBe(false);
    });
  });
}
