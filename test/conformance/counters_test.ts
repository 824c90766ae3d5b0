/**
 * Versions, cversion, pzxid and the other numbers of a Stat.
 *
 * @see Fact: apache/zookeeper DataTree.java (createNode, deleteNode, setData, setACL), DataNode.java (copyStat)
 */
import { expect } from "bun:test";
import { openAcl } from "../wire/frames.ts";
import type { Stat } from "../wire/reader.ts";
import type { WireSession } from "../wire/session.ts";
import { conform, name } from "./harness.ts";

const statOf = async (session: WireSession, path: string): Promise<Stat> =>
  (await session.exists(path)).body.stat;

conform(
  "#22 cversion counts creates and deletes of children: twice the creates less the children there are",
  async (t) => {
    expect((await statOf(t.c, t.root)).cversion).toBe(0);
    await t.c.create(t.at("a"));
    expect((await statOf(t.c, t.root)).cversion).toBe(1);
    await t.c.create(t.at("b"), { flags: 1 });
    expect((await statOf(t.c, t.root)).cversion).toBe(2);
    await t.c.delete(t.at("a"));
    expect(await statOf(t.c, t.root)).toMatchObject({ cversion: 3, numChildren: 1 });
    await t.c.create(t.at("b"));
    expect((await statOf(t.c, t.root)).cversion).toBe(3);
    await t.c.delete(t.at("b"));
    expect(await statOf(t.c, t.root)).toMatchObject({ cversion: 4, numChildren: 0 });
    await t.c.setData(t.root, "x");
    await t.c.create(t.at("c"));
    await t.c.create(t.at("c/d"));
    expect((await statOf(t.c, t.root)).cversion).toBe(5);
  },
);

conform("#22 / counts its children from -1, as its built-in child was never created", async (t) => {
  const before = await statOf(t.c, "/");
  await t.c.create(`${t.root}-sibling`);
  await t.c.delete(`${t.root}-sibling`);
  expect((await statOf(t.c, "/")).cversion).toBe(before.cversion + 2);
  // creates + deletes is odd or even as the children are, less the built-in one.
  expect((before.cversion + before.numChildren) & 1).toBe(0);
});

conform("creates and deletes move the parent's pzxid to their zxid and nothing else of it", async (t) => {
  const before = await statOf(t.c, t.root);
  const created = await t.c.create(t.at("a"));
  expect(await statOf(t.c, t.root)).toEqual({ ...before, cversion: 1, numChildren: 1, pzxid: created.zxid });
  const deleted = await t.c.delete(t.at("a"));
  expect(await statOf(t.c, t.root)).toEqual({ ...before, cversion: 2, pzxid: deleted.zxid });
});

conform("setData moves version, mzxid, mtime and dataLength; its answer is the new Stat", async (t) => {
  const before = (await t.c.create2(t.at("a"), { data: "12" })).body.stat;
  const reply = await t.c.setData(t.at("a"), "12345", 0);
  const after = reply.body.stat;
  expect(after).toEqual({ ...before, version: 1, mzxid: reply.zxid, mtime: after.mtime, dataLength: 5 });
  expect(after.mtime).toBeGreaterThanOrEqual(before.mtime);
  expect((await t.c.getData(t.at("a"))).body).toMatchObject({ text: "12345", stat: after });
});

conform("setData with the same data is a change all the same", async (t) => {
  await t.c.setData(t.root, "x");
  expect((await t.c.setData(t.root, "x")).body.stat.version).toBe(2);
});

conform("#27 setACL compares and bumps aversion and nothing else", async (t) => {
  const before = await statOf(t.c, t.root);
  expect(await name(t.c.setACL(t.root, openAcl, 1))).toBe("BADVERSION");
  expect((await t.c.setACL(t.root, openAcl, 0)).body.stat).toEqual({ ...before, aversion: 1 });
  expect(await name(t.c.setACL(t.root, openAcl, 0))).toBe("BADVERSION");
  expect((await t.c.setACL(t.root, openAcl, -1)).body.stat).toEqual({ ...before, aversion: 2 });
  expect(await statOf(t.c, t.root)).toEqual({ ...before, aversion: 2 });
  await t.c.setData(t.root, "x");
  expect((await t.c.setACL(t.root, openAcl, 2)).body.stat.aversion).toBe(3);
});

conform("version -1 skips the check, any other must be the current one", async (t) => {
  await t.c.create(t.at("a"));
  for (const version of [1, -2, 0x7fffffff, -0x80000000]) {
    expect(await name(t.c.setData(t.at("a"), "", version))).toBe("BADVERSION");
    expect(await name(t.c.delete(t.at("a"), version))).toBe("BADVERSION");
  }
  expect(await name(t.c.setData(t.at("a"), "", 0))).toBe("OK");
  expect(await name(t.c.setData(t.at("a"), "", 0))).toBe("BADVERSION");
  expect(await name(t.c.setData(t.at("a"), "", -1))).toBe("OK");
  expect(await name(t.c.delete(t.at("a"), 1))).toBe("BADVERSION");
  expect(await name(t.c.delete(t.at("a"), 2))).toBe("OK");
});

conform("a re-created znode starts over", async (t) => {
  await t.c.create(t.at("a"));
  await t.c.setData(t.at("a"), "x");
  await t.c.create(t.at("a/b"));
  await t.c.delete(t.at("a/b"));
  await t.c.delete(t.at("a"));
  const reply = await t.c.create2(t.at("a"));
  expect(reply.body.stat).toMatchObject({
    version: 0,
    cversion: 0,
    aversion: 0,
    czxid: reply.zxid,
    pzxid: reply.zxid,
  });
});

conform("a failed write changes no Stat", async (t) => {
  await t.c.create(t.at("a"));
  const [root, a] = [await statOf(t.c, t.root), await statOf(t.c, t.at("a"))];
  await t.c.create(t.at("a"));
  await t.c.setData(t.at("a"), "x", 9);
  await t.c.delete(t.at("a"), 9);
  await t.c.delete(t.root);
  await t.c.setACL(t.at("a"), openAcl, 9);
  expect(await statOf(t.c, t.root)).toEqual(root);
  expect(await statOf(t.c, t.at("a"))).toEqual(a);
});

conform("getData, exists, getACL and getChildren2 tell the same Stat", async (t) => {
  await t.c.create(t.at("a"));
  await t.c.setData(t.root, "abc");
  const stat = await statOf(t.c, t.root);
  expect(stat).toMatchObject({ version: 1, cversion: 1, dataLength: 3, numChildren: 1 });
  expect((await t.c.getData(t.root)).body.stat).toEqual(stat);
  expect((await t.c.getACL(t.root)).body.stat).toEqual(stat);
  expect((await t.c.getChildren2(t.root)).body.stat).toEqual(stat);
});

conform("an ended session's ephemerals move their parents' pzxid and cversion", async (t) => {
  const session = await t.open();
  await session.create(t.at("a"), { flags: 1 });
  await session.create(t.at("b"), { flags: 1 });
  expect((await statOf(t.c, t.root)).cversion).toBe(2);
  const { zxid } = await session.closeSession();
  expect(await statOf(t.c, t.root)).toMatchObject({ cversion: 4, numChildren: 0, pzxid: zxid });
});
