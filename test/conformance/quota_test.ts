/**
 * Quotas: limits below /zookeeper/quota, the statistics kept there, and their enforcement.
 *
 * @see Fact: apache/zookeeper Quotas.java, StatsTrack.java, DataTree.java (updateQuotaStat),
 *   ZooKeeperServer.java (checkQuota)
 */
import { expect } from "bun:test";
import { subOps } from "../wire/frames.ts";
import { conform, deleteAll, name, type Scratch } from "./harness.ts";

interface Quota {
  limits: string;
  stats: string;
  /** Text of the statistics. */
  usage(): Promise<string>;
}

/** Puts a quota on `path` in the way clients do, and removes it after `body`. */
async function withQuota(
  t: Scratch,
  path: string,
  limits: string,
  body: (quota: Quota) => Promise<void>,
): Promise<void> {
  const base = `/zookeeper/quota${path}`;
  const parts = base.split("/").slice(1);
  for (let i = 1; i <= parts.length; i++) await t.c.create(`/${parts.slice(0, i).join("/")}`);
  try {
    expect(await name(t.c.create(`${base}/zookeeper_limits`, { data: limits }))).toBe("OK");
    expect(await name(t.c.create(`${base}/zookeeper_stats`, { data: "count=0,bytes=0" }))).toBe("OK");
    await body({
      limits: `${base}/zookeeper_limits`,
      stats: `${base}/zookeeper_stats`,
      usage: async () => {
        await t.c.sync(base);
        return (await t.c.getData(`${base}/zookeeper_stats`)).body.text;
      },
    });
  } finally {
    await deleteAll(t.c, `/zookeeper/quota/${path.split("/")[1]}`);
  }
}

conform("creating the stats node counts the subtree afresh", async (t) => {
  await t.c.setData(t.root, "12345");
  await t.c.create(t.at("a"), { data: "123" });
  await t.c.create(t.at("a/b"), { data: null });
  await withQuota(t, t.root, "count=100,bytes=1000", async (quota) => {
    expect(await quota.usage()).toBe("count=3,bytes=8");
  });
});

conform("create, delete and setData below a quota rewrite the stats and not their version", async (t) => {
  await withQuota(t, t.root, "count=100,bytes=1000", async (quota) => {
    expect(await quota.usage()).toBe("count=1,bytes=0");
    const before = (await t.c.exists(quota.stats)).body.stat;
    await t.c.create(t.at("a"), { data: "123" });
    expect(await quota.usage()).toBe("count=2,bytes=3");
    await t.c.setData(t.at("a"), "12345");
    expect(await quota.usage()).toBe("count=2,bytes=5");
    await t.c.setData(t.root, "1");
    expect(await quota.usage()).toBe("count=2,bytes=6");
    await t.c.create(t.at("a/b"), { data: "1234" });
    expect(await quota.usage()).toBe("count=3,bytes=10");
    await t.c.multi([subOps.delete(t.at("a/b")), subOps.setData(t.at("a"), null)]);
    expect(await quota.usage()).toBe("count=2,bytes=1");
    const after = (await t.c.exists(quota.stats)).body.stat;
    expect({ ...after, dataLength: 0 }).toEqual({ ...before, dataLength: 0 });
  });
});

conform("sessions' ends give back what their ephemerals took", async (t) => {
  await withQuota(t, t.root, "count=100,bytes=1000", async (quota) => {
    const session = await t.open();
    await session.create(t.at("e"), { data: "123", flags: 1 });
    expect(await quota.usage()).toBe("count=2,bytes=3");
    await session.close();
    expect(await quota.usage()).toBe("count=1,bytes=0");
  });
});

conform("only the deepest limited ancestor keeps count", async (t) => {
  await t.c.create(t.at("a"));
  await withQuota(t, t.root, "count=100,bytes=1000", async (outer) => {
    await withQuota(t, t.at("a"), "count=100,bytes=1000", async (inner) => {
      await t.c.create(t.at("a/b"), { data: "12" });
      await t.c.create(t.at("c"), { data: "123" });
      expect(await inner.usage()).toBe("count=2,bytes=2");
      expect(await outer.usage()).toBe("count=3,bytes=3");
    });
  });
});

conform("soft limits never refuse", async (t) => {
  await withQuota(t, t.root, "count=1,bytes=1", async (quota) => {
    expect(await name(t.c.create(t.at("a"), { data: "12345" }))).toBe("OK");
    expect(await quota.usage()).toBe("count=2,bytes=5");
  });
});

conform("an enforced hard limit refuses the create and the setData that would exceed it", async (t) => {
  await withQuota(t, t.root, "count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=3", async (quota) => {
    expect(await name(t.c.create(t.at("a"), { data: "123" }))).toBe("OK");
    expect(await name(t.c.create(t.at("b"), { data: "123" }))).toBe("QUOTAEXCEEDED");
    expect(await name(t.c.setData(t.at("a"), "123456"))).toBe("QUOTAEXCEEDED");
    expect(await name(t.c.setData(t.at("a"), "12345"))).toBe("OK");
    expect(await name(t.c.create(t.at("b"), { data: "1" }))).toBe("QUOTAEXCEEDED");
    expect(await name(t.c.create(t.at("b"), { data: "" }))).toBe("OK");
    expect(await name(t.c.create(t.at("c"), { data: "" }))).toBe("QUOTAEXCEEDED");
    expect(await quota.usage()).toBe("count=3,bytes=5");
    await t.c.delete(t.at("b"));
    expect(await name(t.c.setData(t.at("a"), "1"))).toBe("OK");
    expect(await name(t.c.create(t.at("c"), { data: "1234" }))).toBe("OK");
    expect(await quota.usage()).toBe("count=3,bytes=5");
  });
}, { needsPrepared: true });

conform("quota comes after absence and before the version", async (t) => {
  await withQuota(t, t.root, "count=-1,bytes=-1=;byteHardLimit=3;countHardLimit=2", async () => {
    await t.c.create(t.at("a"));
    expect(await name(t.c.create(t.at("a")))).toBe("NODEEXISTS");
    expect(await name(t.c.create(t.at("b")))).toBe("QUOTAEXCEEDED");
    expect(await name(t.c.setData(t.at("a"), "123456", 77))).toBe("QUOTAEXCEEDED");
    expect(await name(t.c.setData(t.at("a"), "123", 77))).toBe("BADVERSION");
  });
}, { needsPrepared: true });

conform("a hard limit holds for every operation of a multi", async (t) => {
  await withQuota(t, t.root, "count=-1,bytes=-1=;countHardLimit=2", async (quota) => {
    const entries =
      (await t.c.multi([subOps.setData(t.root, "x"), subOps.create(t.at("a")), subOps.create(t.at("a"))]))
        .body.entries;
    expect(entries.map((entry) => entry.err)).toEqual([0, 0, -110]);
    await t.c.create(t.at("a"));
    const over = (await t.c.multi([subOps.check(t.root, 0), subOps.create(t.at("b"))])).body.entries;
    expect(over.map((entry) => entry.err)).toEqual([0, -125]);
    expect(await quota.usage()).toBe("count=2,bytes=0");
  });
}, { needsPrepared: true });

conform("deleting the limits node lifts the quota and leaves the last stats", async (t) => {
  await withQuota(t, t.root, "count=-1,bytes=-1=;countHardLimit=1", async (quota) => {
    expect(await name(t.c.create(t.at("a")))).toBe("QUOTAEXCEEDED");
    await t.c.delete(quota.limits);
    expect(await name(t.c.create(t.at("a")))).toBe("OK");
    expect(await quota.usage()).toBe("count=1,bytes=0");
  });
}, { needsPrepared: true });

conform("a limit changed by setData holds from then on", async (t) => {
  await withQuota(t, t.root, "count=-1,bytes=-1=;countHardLimit=1", async (quota) => {
    expect(await name(t.c.create(t.at("a")))).toBe("QUOTAEXCEEDED");
    await t.c.setData(quota.limits, "count=-1,bytes=-1=;countHardLimit=2");
    expect(await name(t.c.create(t.at("a")))).toBe("OK");
    expect(await name(t.c.create(t.at("b")))).toBe("QUOTAEXCEEDED");
  });
}, { needsPrepared: true });
