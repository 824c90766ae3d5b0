/**
 * Which error wins when a request has several faults: one test per row of the table of checks. Each walks the
 * row from its last check to its first, adding one more fault at every step.
 *
 * @see Fact: apache/zookeeper PrepRequestProcessor.java (pRequest2Txn), FinalRequestProcessor.java (processRequest)
 */
import { expect } from "bun:test";
import { errorCode, perms, watcherType } from "../wire/codes.ts";
import { type Acl, subOps } from "../wire/frames.ts";
import type { WireSession } from "../wire/session.ts";
import { conform, name, type Scratch } from "./harness.ts";

/** Everything to everybody but these bits. */
const without = (...bits: number[]): Acl[] => [
  { perms: bits.reduce((left, bit) => left & ~bit, perms.all), scheme: "world", id: "anyone" },
];

/** Makes `name` with an ACL that leaves some bits out; ADMIN stays, so that the harness can sweep. */
async function barred(t: Scratch, path: string, ...bits: number[]): Promise<string> {
  (await t.c.create(path, { acl: without(...bits) })).body;
  return path;
}

const nul = "a\u0000b";

conform("create: flags, path, ACL, parent, CREATE, whole path, absence, ephemeral parent", async (t) => {
  const { c } = t;
  const ephemeral = t.at("ephemeral");
  await c.create(ephemeral, { flags: 1 });
  const closed = await barred(t, t.at("closed"), perms.create);
  await c.create(t.at("there"));
  expect(await name(c.create(`${ephemeral}/a`))).toBe("NOCHILDRENFOREPHEMERALS");
  expect(await name(c.create(`${ephemeral}/\u0001`))).toBe("BADARGUMENTS");
  expect(await name(c.create(`${closed}/\u0001`))).toBe("NOAUTH");
  expect(await name(c.create(t.at("none/\u0001")))).toBe("NONODE");
  expect(await name(c.create(t.at("none/\u0001"), { acl: [] }))).toBe("INVALIDACL");
  expect(await name(c.create(t.at(`none/${nul}`), { acl: [] }))).toBe("BADARGUMENTS");
  expect(await name(c.create(`none`, { acl: [] }))).toBe("BADARGUMENTS");
  expect(await name(c.create(t.at("there"), { acl: [] }))).toBe("INVALIDACL");
  expect(await name(c.create(t.at("there"), { flags: 9 }))).toBe("BADARGUMENTS");
});

conform(
  "#25 InvalidACL comes before NoNode, NoAuth before BadVersion, NodeExists before NoChildrenForEphemerals",
  async (t) => {
    const { c } = t;
    expect(await name(c.create(t.at("none/a"), { acl: [] }))).toBe("INVALIDACL");
    expect(await name(c.setACL(t.at("none"), []))).toBe("INVALIDACL");
    const locked = await barred(t, t.at("locked"), perms.write);
    expect(await name(c.setData(locked, "", 99))).toBe("NOAUTH");
    // No request can have both of the last two faults, as nothing exists below an ephemeral: each alone.
    await c.create(t.at("e"), { flags: 1 });
    expect(await name(c.create(t.at("e"), { flags: 1 }))).toBe("NODEEXISTS");
    expect(await name(c.create(t.at("e/a")))).toBe("NOCHILDRENFOREPHEMERALS");
  },
);

conform("#26 CREATE and DELETE are judged on the parent, even when the child is missing", async (t) => {
  const { c } = t;
  const parent = await barred(t, t.at("p"), perms.create, perms.delete);
  expect(await name(c.create(`${parent}/a`))).toBe("NOAUTH");
  expect(await name(c.delete(`${parent}/none`))).toBe("NOAUTH");
  const open = t.at("open");
  await c.create(open);
  await barred(t, `${open}/kid`, perms.create, perms.delete);
  expect(await name(c.create(`${open}/kid/a`))).toBe("NOAUTH");
  expect(await name(c.delete(`${open}/kid`))).toBe("OK");
});

conform("delete: path, parent, DELETE, node, version, children", async (t) => {
  const { c } = t;
  await c.create(t.at("full"));
  await c.create(t.at("full/kid"));
  const closed = await barred(t, t.at("closed"), perms.delete);
  expect(await name(c.delete(t.at("full"), 0))).toBe("NOTEMPTY");
  expect(await name(c.delete(t.at("full"), 5))).toBe("BADVERSION");
  expect(await name(c.delete(t.at("none"), 5))).toBe("NONODE");
  expect(await name(c.delete(`${closed}/none`, 5))).toBe("NOAUTH");
  expect(await name(c.delete(t.at("none/none")))).toBe("NONODE");
  expect(await name(c.delete(t.at(`none/${nul}`)))).toBe("BADARGUMENTS");
  expect(await name(c.delete("none"))).toBe("BADARGUMENTS");
  expect(await name(c.delete(""))).toBe("BADARGUMENTS");
});

conform("delete of the built-in znodes and of / is BADARGUMENTS", async (t) => {
  for (const path of ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]) {
    expect([path, await name(t.c.delete(path))]).toEqual([path, "BADARGUMENTS"]);
    expect([path, await name(t.c.delete(path, 77))]).toEqual([path, "BADARGUMENTS"]);
  }
});

conform("setData: path, node, WRITE, version", async (t) => {
  const { c } = t;
  const locked = await barred(t, t.at("locked"), perms.write);
  expect(await name(c.setData(t.root, "", 5))).toBe("BADVERSION");
  expect(await name(c.setData(locked, "", 5))).toBe("NOAUTH");
  expect(await name(c.setData(t.at("none"), "", 5))).toBe("NONODE");
  expect(await name(c.setData(t.at(nul), "", 5))).toBe("BADARGUMENTS");
  expect(await name(c.setData("none", "", 5))).toBe("BADARGUMENTS");
  expect(await name(c.setData(t.at("none/"), "", 5))).toBe("BADARGUMENTS");
  expect(await name(c.setData(t.at("\u0001"), "", 5))).toBe("BADARGUMENTS");
});

conform("setACL: path, ACL, node, ADMIN, aversion", async (t) => {
  const { c } = t;
  const locked = t.at("locked");
  await c.create(locked, { acl: without(perms.admin) });
  const acl = without();
  expect(await name(c.setACL(t.root, acl, 5))).toBe("BADVERSION");
  expect(await name(c.setACL(locked, acl, 5))).toBe("NOAUTH");
  expect(await name(c.setACL(t.at("none"), acl, 5))).toBe("NONODE");
  expect(await name(c.setACL(t.at("none"), [], 5))).toBe("INVALIDACL");
  expect(await name(c.setACL(t.at("none/"), [], 5))).toBe("BADARGUMENTS");
  expect(await name(c.setACL("none", [], 5))).toBe("BADARGUMENTS");
});

/** The sub-error of a multi of one check. */
async function check(session: WireSession, path: string, version: number): Promise<number> {
  return (await session.multi([subOps.check(path, version)])).body.entries[0].err;
}

conform("check: path, node, READ, version", async (t) => {
  const { c } = t;
  const hidden = await barred(t, t.at("hidden"), perms.read);
  expect(await check(c, t.root, 0)).toBe(errorCode.OK);
  expect(await check(c, t.root, -1)).toBe(errorCode.OK);
  expect(await check(c, t.root, 5)).toBe(errorCode.BADVERSION);
  expect(await check(c, hidden, 5)).toBe(errorCode.NOAUTH);
  expect(await check(c, t.at("none"), 5)).toBe(errorCode.NONODE);
  expect(await check(c, t.at("none/"), 5)).toBe(errorCode.BADARGUMENTS);
  expect(await check(c, "none", 5)).toBe(errorCode.BADARGUMENTS);
});

conform("getData, getChildren, getChildren2 and getAllChildrenNumber: node, READ", async (t) => {
  const { c } = t;
  const hidden = await barred(t, t.at("hidden"), perms.read);
  const reads = [
    (path: string) => c.getData(path),
    (path: string) => c.getChildren(path),
    (path: string) => c.getChildren2(path),
    (path: string) => c.getAllChildrenNumber(path),
  ];
  for (const read of reads) {
    expect(await name(read(t.root))).toBe("OK");
    expect(await name(read(hidden))).toBe("NOAUTH");
    expect(await name(read(t.at("none")))).toBe("NONODE");
    expect(await name(read("nonsense"))).toBe("NONODE");
    expect(await name(read(t.at("none/")))).toBe("NONODE");
  }
});

conform("exists needs READ on a znode that is there", async (t) => {
  const hidden = await barred(t, t.at("hidden"), perms.read);
  expect(await name(t.c.exists(hidden))).toBe("NOAUTH");
  expect(await name(t.c.exists(t.at("none")))).toBe("NONODE");
}, { except: { "apache-3.8": "exists asked for no permission before 3.8.4 and 3.9.2" } });

conform("getACL needs READ or ADMIN", async (t) => {
  const { c } = t;
  expect(await name(c.getACL(await barred(t, t.at("r"), perms.read)))).toBe("OK");
  expect(await name(c.getACL(await barred(t, t.at("a"), perms.admin)))).toBe("OK");
  expect(await name(c.getACL(await barred(t, t.at("ra"), perms.admin, perms.read)))).toBe("NOAUTH");
  expect(await name(c.getACL(t.at("none")))).toBe("NONODE");
});

conform(
  "sync, addWatch, setWatches, getEphemerals and ping ask neither for a znode nor for a permission",
  async (t) => {
    const { c } = t;
    const hidden = await barred(t, t.at("hidden"), perms.read, perms.write, perms.create, perms.delete);
    for (const path of [hidden, t.at("none"), "nonsense", ""]) {
      expect((await c.sync(path)).body.path).toBe(path);
      expect((await c.addWatch(path, 0)).body.err).toBe(0);
      expect(await name(c.getEphemerals(path))).toBe("OK");
    }
    expect(await name(c.setWatches({ relativeZxid: 0x7fffffffffffffffn, data: [hidden], child: [hidden] })))
      .toBe("OK");
  },
);

conform("checkWatches and removeWatches: type, then presence", async (t) => {
  const { c } = t;
  for (const type of [0, -1, 6, 99]) {
    expect(await name(c.checkWatches(t.root, type))).toBe("MARSHALLINGERROR");
    expect(await name(c.removeWatches(t.root, type))).toBe("MARSHALLINGERROR");
  }
  expect(await name(c.checkWatches(t.root, watcherType.any))).toBe("NOWATCHER");
  expect(await name(c.removeWatches("nonsense", watcherType.any))).toBe("NOWATCHER");
});

conform("addWatch with an unknown mode is MARSHALLINGERROR", async (t) => {
  for (const mode of [-1, 2, 99]) expect(await name(t.c.addWatch(t.root, mode))).toBe("MARSHALLINGERROR");
});

conform("reconfig on a server without dynamic configuration is RECONFIGDISABLED", async (t) => {
  const reply = await t.c.raw(
    16,
    new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
  );
  expect(reply.name).toBe("RECONFIGDISABLED");
  expect(await name(t.c.ping())).toBe("OK");
});
