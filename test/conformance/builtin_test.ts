/**
 * /zookeeper and what every server has from the start.
 *
 * @see Fact: apache/zookeeper DataTree.java (constructor), ZooDefs.java (CONFIG_NODE)
 */
import { expect } from "bun:test";
import { conform, name } from "./harness.ts";
import { superCredentials } from "./settings.ts";

conform(
  "/zookeeper, its quota and config are there, with the children and ACLs they have in Apache",
  async (t) => {
    expect((await t.c.getChildren("/")).body.children).toContain("zookeeper");
    expect((await t.c.getChildren("/zookeeper")).body.children.sort()).toEqual(["config", "quota"]);
    const open = [{ perms: 31, scheme: "world", id: "anyone" }];
    expect((await t.c.getACL("/")).body.acl).toEqual(open);
    expect((await t.c.getACL("/zookeeper")).body.acl).toEqual(open);
    expect((await t.c.getACL("/zookeeper/quota")).body.acl).toEqual(open);
  },
);

conform("the Stats of the built-in znodes are all zero, but for what their children count", async (t) => {
  const { stat, data } = (await t.c.getData("/zookeeper")).body;
  expect(stat).toMatchObject({
    czxid: 0n,
    mzxid: 0n,
    ctime: 0n,
    mtime: 0n,
    version: 0,
    aversion: 0,
    ephemeralOwner: 0n,
  });
  expect(stat).toMatchObject({ cversion: -2, numChildren: 2, pzxid: 0n, dataLength: 0 });
  expect(data).toEqual(new Uint8Array(0));
});

conform(
  "#37 /zookeeper/config is there, world-readable, watchable, and not to be changed by anyone but super",
  async (t) => {
    const { acl, stat } = (await t.c.getACL("/zookeeper/config")).body;
    expect(acl).toEqual([{ perms: 1, scheme: "world", id: "anyone" }]);
    expect(stat).toMatchObject({ aversion: -1, version: 0, czxid: 0n });
    expect((await t.c.getData("/zookeeper/config", true)).body.data).toEqual(new Uint8Array(0));
    expect(await name(t.c.setData("/zookeeper/config", "x"))).toBe("NOAUTH");
    expect(await name(t.c.create("/zookeeper/config/a"))).toBe("NOAUTH");
    expect(await name(t.c.setACL("/zookeeper/config", acl))).toBe("NOAUTH");
    expect(await t.events()).toEqual([]);
  },
);

conform("#37 super may set /zookeeper/config, and its watchers are told", async (t) => {
  const boss = await t.open();
  await boss.auth("digest", superCredentials);
  const before = (await t.c.getData("/zookeeper/config", true)).body.stat;
  expect((await boss.setData("/zookeeper/config", "")).body.stat.version).toBe(before.version + 1);
  expect(await t.c.takeEvents()).toEqual(["data /zookeeper/config"]);
}, { needsPrepared: true });

conform("znodes may be made below /zookeeper as its ACL allows", async (t) => {
  const path = `/zookeeper${t.root}`;
  expect(await name(t.c.create(path))).toBe("OK");
  expect(await name(t.c.setData(path, "x"))).toBe("OK");
  expect(await name(t.c.delete(path))).toBe("OK");
});
