/**
 * sync, getEphemerals, getAllChildrenNumber, whoAmI, getChildren and ephemerals as they are seen from outside.
 *
 * @see Fact: apache/zookeeper FinalRequestProcessor.java, DataTree.java
 */
import { expect } from "bun:test";
import { createFlags, opcode } from "../wire/codes.ts";
import { conform, name } from "./harness.ts";

conform("sync echoes its path, whatever it is, and is no transaction", async (t) => {
  const before = (await t.c.ping()).zxid;
  for (const path of ["/", t.root, t.at("none"), "nonsense", ""]) {
    expect((await t.c.sync(path)).body.path).toBe(path);
  }
  expect((await t.c.ping()).zxid).toBe(before);
});

conform("sync echoes a null path as null", async (t) => {
  const reply = await t.c.sync(null);
  expect([reply.name, [...reply.rest]]).toEqual(["OK", [255, 255, 255, 255]]);
});

conform("sync without its path is undecodable", async (t) => {
  expect(await name(t.c.raw(opcode.sync, new Uint8Array(0)))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.ping())).toBe("OK");
});

conform("sync orders a session behind another's writes", async (t) => {
  const other = await t.open();
  for (let i = 0; i < 20; i++) {
    await t.c.setData(t.root, String(i));
    await other.sync(t.root);
    expect((await other.getData(t.root)).body.text).toBe(String(i));
  }
});

conform("getEphemerals lists the own session's ephemerals by text prefix", async (t) => {
  const other = await t.open();
  await t.c.create(t.at("aa"), { flags: 1 });
  await t.c.create(t.at("ab"), { flags: createFlags.ephemeralSequential });
  await t.c.create(t.at("b"), { flags: 1 });
  await t.c.create(t.at("plain"));
  await other.create(t.at("ac"), { flags: 1 });
  const mine = async (prefix: string | null) => (await t.c.getEphemerals(prefix)).body.paths.sort();
  const all = [t.at("aa"), t.at("ab0000000001"), t.at("b")];
  expect(await mine(t.at("a"))).toEqual(all.slice(0, 2));
  expect(await mine(t.root)).toEqual(all);
  expect(await mine("/")).toEqual(all);
  expect(await mine("")).toEqual(all);
  expect(await mine(" ")).toEqual(all);
  expect(await mine(null)).toEqual(all);
  expect(await mine("nonsense")).toEqual([]);
  await t.c.delete(t.at("b"));
  expect(await mine(null)).toEqual(all.slice(0, 2));
});

conform(
  "a prefix of getEphemerals that is blank by Java's trim, or a blank-edged /, means all",
  async (t) => {
    await t.c.create(t.at("e"), { flags: 1 });
    for (const prefix of ["\t", "\n", "\u0000", "\u0001", "\u001f ", " / ", "\t/\n"]) {
      expect([prefix, (await t.c.getEphemerals(prefix)).body.paths]).toEqual([prefix, [t.at("e")]]);
    }
    // Trimmed for the comparison with / only, and no-break spaces are no blanks to it.
    for (const prefix of ["\u00a0", ` ${t.root}`]) {
      expect([prefix, (await t.c.getEphemerals(prefix)).body.paths]).toEqual([prefix, []]);
    }
  },
);

conform("getAllChildrenNumber counts all descendants", async (t) => {
  expect((await t.c.getAllChildrenNumber(t.root)).body.total).toBe(0);
  for (const path of ["a", "a/b", "a/b/c", "ab", "d"]) await t.c.create(t.at(path));
  expect((await t.c.getAllChildrenNumber(t.root)).body.total).toBe(5);
  expect((await t.c.getAllChildrenNumber(t.at("a"))).body.total).toBe(2);
  expect((await t.c.getAllChildrenNumber(t.at("ab"))).body.total).toBe(0);
  const { total } = (await t.c.getAllChildrenNumber("/")).body;
  await t.c.create(t.at("e"));
  expect((await t.c.getAllChildrenNumber("/")).body.total).toBe(total + 1);
});

conform("whoAmI tells the connection's ids, the user without its secret", async (t) => {
  expect((await t.c.whoAmI()).body.users).toEqual([{ scheme: "ip", user: "127.0.0.1" }]);
  await t.c.auth("digest", "bob:secret");
  await t.c.auth("digest", "eve:other");
  const { users } = (await t.c.whoAmI()).body;
  const texts = users.map((user) => `${user.scheme}:${user.user}`).sort();
  expect(texts).toEqual(["digest:bob", "digest:eve", "ip:127.0.0.1"]);
});

conform("whoAmI ignores a body", async (t) => {
  expect(await name(t.c.raw(opcode.whoAmI, Uint8Array.of(1, 2, 3)))).toBe("OK");
});

conform("getChildren lists names without their path, each once", async (t) => {
  const names = Array.from({ length: 300 }, (_, i) => `n${i}`);
  await Promise.all(names.map((child) => t.c.create(t.at(child))));
  await t.c.create(t.at("n7/deep"));
  expect((await t.c.getChildren(t.root)).body.children.sort()).toEqual([...names].sort());
  const two = (await t.c.getChildren2(t.root)).body;
  expect([two.children.sort(), two.stat.numChildren]).toEqual([[...names].sort(), 300]);
});

conform("getChildren of a childless znode is an empty list", async (t) => {
  expect((await t.c.getChildren(t.root)).body.children).toEqual([]);
});

conform("an ephemeral is seen by all and may be changed and deleted by all", async (t) => {
  const other = await t.open();
  await t.c.create(t.at("e"), { flags: 1, data: "1" });
  expect((await other.getData(t.at("e"))).body).toMatchObject({
    text: "1",
    stat: { ephemeralOwner: t.c.id },
  });
  expect(await name(other.setData(t.at("e"), "2"))).toBe("OK");
  expect(await name(other.delete(t.at("e")))).toBe("OK");
  expect(await name(t.c.exists(t.at("e")))).toBe("NONODE");
  expect((await t.c.getEphemerals(t.root)).body.paths).toEqual([]);
});

conform("a session's end removes a thousand ephemerals under one zxid", async (t) => {
  const session = await t.open();
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => session.create(t.at(`e${i}`), { flags: 1 })));
  const before = (await t.c.ping()).zxid;
  const { zxid } = await session.closeSession();
  expect(zxid).toBe(before + 1n);
  expect((await t.c.getChildren2(t.root)).body).toMatchObject({
    children: [],
    stat: { pzxid: zxid, cversion: 2_000 },
  });
});

conform("an ephemeral created right before its session's end is gone too", async (t) => {
  const session = await t.open();
  const replies = await Promise.all([session.create(t.at("e"), { flags: 1 }), session.closeSession()]);
  expect(replies.map((reply) => reply.name)).toEqual(["OK", "OK"]);
  expect(await name(t.c.exists(t.at("e")))).toBe("NONODE");
});
