/**
 * create, create2 and what they answer; path rules; sequence numbers.
 *
 * @see Fact: apache/zookeeper PrepRequestProcessor.java (pRequest2TxnCreate, validatePathForCreate),
 *   PathUtils.java, DataTree.java (createNode)
 */
import { expect } from "bun:test";
import { createFlags, opcode } from "../wire/codes.ts";
import { bodies, openAcl, subOps } from "../wire/frames.ts";
import { conform, name } from "./harness.ts";

conform("create answers the path, create2 the path and the Stat of a new znode", async (t) => {
  expect((await t.c.create(t.at("a"), { data: "hi" })).body).toEqual({ path: t.at("a") });
  const reply = await t.c.create2(t.at("b"), { data: "hello" });
  const { path, stat } = reply.body;
  expect(path).toBe(t.at("b"));
  expect(stat).toEqual({
    czxid: reply.zxid,
    mzxid: reply.zxid,
    ctime: stat.ctime,
    mtime: stat.ctime,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner: 0n,
    dataLength: 5,
    numChildren: 0,
    pzxid: reply.zxid,
  });
  expect((await t.c.exists(t.at("b"))).body.stat).toEqual(stat);
});

conform("the time of a znode is the server's wall clock in ms", async (t) => {
  const { ctime } = (await t.c.create2(t.at("a"))).body.stat;
  expect(Math.abs(Number(ctime) - Date.now())).toBeLessThan(600_000);
});

conform("an ephemeral belongs to its session, and create2 says so", async (t) => {
  const made = (await t.c.create2(t.at("a"), { flags: createFlags.ephemeral })).body;
  expect(made.stat.ephemeralOwner).toBe(t.c.id);
  const sequential = (await t.c.create2(t.at("b"), { flags: createFlags.ephemeralSequential })).body;
  expect(sequential.stat.ephemeralOwner).toBe(t.c.id);
  expect(sequential.path).toBe(t.at("b0000000001"));
});

const badPaths: [string, (root: string) => string][] = [
  ["empty", () => ""],
  ["without a leading slash", () => "a"],
  ["with a trailing slash", (root) => `${root}/a/`],
  ["with an empty component", (root) => `${root}//a`],
  ["with the component .", (root) => `${root}/.`],
  ["with the component ..", (root) => `${root}/..`],
  ["with the component . in its midst", (root) => `${root}/./a`],
  ["with the component .. in its midst", (root) => `${root}/../a`],
  ["with U+0000", (root) => `${root}/a\u0000b`],
  ["with U+0001", (root) => `${root}/a\u0001`],
  ["with U+001F", (root) => `${root}/a\u001f`],
  ["with U+007F", (root) => `${root}/a\u007f`],
  ["with U+009F", (root) => `${root}/a\u009f`],
  ["with U+E000", (root) => `${root}/a\ue000`],
  ["with U+F8FF", (root) => `${root}/a\uf8ff`],
  ["with U+FFF0", (root) => `${root}/a\ufff0`],
  ["with U+FFFD", (root) => `${root}/a\ufffd`],
  ["beyond the BMP", (root) => `${root}/a\u{1f600}`],
];
for (const [what, pathOf] of badPaths) {
  conform(`a path ${what} is BADARGUMENTS for create and not there for a read`, async (t) => {
    const path = pathOf(t.root);
    // A missing parent is noticed before anything but a missing slash or a NUL.
    const parent = path.slice(0, path.lastIndexOf("/"));
    const parentMissing = parent !== "" && parent !== t.root && !path.includes("\u0000");
    expect(await name(t.c.create(path))).toBe(parentMissing ? "NONODE" : "BADARGUMENTS");
    if (path !== "" && !path.includes("\u0000")) expect(await name(t.c.exists(path))).toBe("NONODE");
    if (path !== "") expect(await name(t.c.getData(path))).toBe("NONODE");
  });
}

conform("names that look odd but are legal work", async (t) => {
  for (
    const odd of [
      "...",
      "..a",
      ".a",
      "a.",
      " ",
      "a b",
      "~",
      "é",
      "日本語",
      "\u00a0",
      "\ud7ff",
      "\uffef",
      "zookeeper",
      "%2F",
      "\\",
    ]
  ) {
    expect([odd, await name(t.c.create(t.at(odd)))]).toEqual([odd, "OK"]);
  }
  expect((await t.c.getChildren2(t.root)).body.stat.numChildren).toBe(15);
});

conform("an exists of a path with NUL is BADARGUMENTS, other reads answer NONODE", async (t) => {
  expect(await name(t.c.exists(t.at("a\u0000")))).toBe("BADARGUMENTS");
  expect(await name(t.c.getData(t.at("a\u0000")))).toBe("NONODE");
  expect(await name(t.c.getChildren(t.at("a\u0000")))).toBe("NONODE");
  expect(await name(t.c.getACL(t.at("a\u0000")))).toBe("NONODE");
});

conform("the empty path is an alias of / for reads", async (t) => {
  expect(await name(t.c.exists(""))).toBe("OK");
  expect((await t.c.getChildren("")).body.children).toContain("zookeeper");
});

conform("a null path is MARSHALLINGERROR", async (t) => {
  expect(await name(t.c.create(null))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.delete(null))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.exists(null))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.getData(null))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.getChildren(null))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.getChildren2(null))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.getACL(null))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.ping())).toBe("OK");
});

conform("a null path is BADARGUMENTS for setData and setACL", async (t) => {
  expect(await name(t.c.setData(null, ""))).toBe("BADARGUMENTS");
  expect(await name(t.c.setACL(null, openAcl))).toBe("BADARGUMENTS");
});

for (const flags of [-1, 7, 8, 100, 0x7fffffff]) {
  conform(`create with flags ${flags} is BADARGUMENTS before anything else is looked at`, async (t) => {
    expect(await name(t.c.create(t.at("a"), { flags }))).toBe("BADARGUMENTS");
    expect(await name(t.c.create("nonsense", { flags, acl: null }))).toBe("BADARGUMENTS");
    expect(await name(t.c.create2(t.at("a"), { flags }))).toBe("BADARGUMENTS");
    expect(await name(t.c.createContainer(t.at("a"), { flags }))).toBe("BADARGUMENTS");
    expect(await name(t.c.exists(t.at("a")))).toBe("NONODE");
  });
}

conform("create of / answers NODEEXISTS, and below nothing NONODE", async (t) => {
  expect(await name(t.c.create("/"))).toBe("NODEEXISTS");
  expect(await name(t.c.create(t.at("none/a")))).toBe("NONODE");
});

conform("create knows no children of ephemerals", async (t) => {
  await t.c.create(t.at("e"), { flags: 1 });
  expect(await name(t.c.create(t.at("e/a")))).toBe("NOCHILDRENFOREPHEMERALS");
  expect(await name(t.c.create(t.at("e/a"), { flags: 2 }))).toBe("NOCHILDRENFOREPHEMERALS");
});

conform(
  "#23 the sequence number is the parent's create counter, moved by every create and never by a delete",
  async (t) => {
    const sequential = async (flags = 2) => (await t.c.create(t.at("s"), { flags })).body.path;
    expect(await sequential()).toBe(t.at("s0000000000"));
    await t.c.create(t.at("plain"));
    expect(await sequential()).toBe(t.at("s0000000002"));
    await t.c.delete(t.at("plain"));
    await t.c.delete(t.at("s0000000002"));
    expect(await sequential(3)).toBe(t.at("s0000000003"));
    expect(await name(t.c.create(t.at("s0000000003")))).toBe("NODEEXISTS");
    expect(await sequential()).toBe(t.at("s0000000004"));
    await t.c.create2(t.at("other"), { flags: 1 });
    expect((await t.c.create2(t.at("t"), { flags: 2 })).body.path).toBe(t.at("t0000000006"));
  },
);

conform("pipelined sequential creates of two sessions never share a number", async (t) => {
  const other = await t.open();
  const replies = await Promise.all(
    Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? t.c : other).create(t.at("s"), { flags: 2 })),
  );
  const suffixes = replies.map((reply) => Number(reply.body.path.slice(-10))).sort((a, b) => a - b);
  expect(suffixes).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

conform("a sequential create meets NODEEXISTS when its name is taken", async (t) => {
  await t.c.create(t.at("s0000000001"));
  expect(await name(t.c.create(t.at("s"), { flags: 2 }))).toBe("NODEEXISTS");
  // A failed create moves no counter.
  expect((await t.c.create(t.at("x"), { flags: 2 })).body.path).toBe(t.at("x0000000001"));
});

conform("#24 a sequential create may end in a slash: the name is the number alone", async (t) => {
  expect((await t.c.create(`${t.root}/`, { flags: 2 })).body.path).toBe(t.at("0000000000"));
  expect((await t.c.create2(`${t.root}/`, { flags: 3 })).body.path).toBe(t.at("0000000001"));
  expect(await name(t.c.create(`${t.root}/`))).toBe("BADARGUMENTS");
  expect(await name(t.c.create(t.at("none/")))).toBe("NONODE");
  expect(await name(t.c.create(t.at("none/"), { flags: 2 }))).toBe("NONODE");
});

conform("a path is validated after the number was appended", async (t) => {
  expect((await t.c.create(t.at("."), { flags: 2 })).body.path).toBe(t.at(".0000000000"));
  expect((await t.c.create(t.at(".."), { flags: 2 })).body.path).toBe(t.at("..0000000001"));
  expect(await name(t.c.create(t.at("\u0001"), { flags: 2 }))).toBe("BADARGUMENTS");
});

conform("#19 a failed write consumes a zxid, and its reply carries it", async (t) => {
  const first = await t.c.create(t.at("a"));
  const failed = await t.c.create(t.at("a"));
  expect([failed.name, failed.zxid]).toEqual(["NODEEXISTS", first.zxid + 1n]);
  const deleted = await t.c.delete(t.at("none"));
  expect([deleted.name, deleted.zxid]).toEqual(["NONODE", first.zxid + 2n]);
  const badVersion = await t.c.setData(t.at("a"), "", 7);
  expect([badVersion.name, badVersion.zxid]).toEqual(["BADVERSION", first.zxid + 3n]);
  const noAcl = await t.c.setACL(t.at("a"), []);
  expect([noAcl.name, noAcl.zxid]).toEqual(["INVALIDACL", first.zxid + 4n]);
  const badFlags = await t.c.create(t.at("b"), { flags: 9 });
  expect([badFlags.name, badFlags.zxid]).toEqual(["BADARGUMENTS", first.zxid + 5n]);
  const multi = await t.c.multi([subOps.delete(t.at("none"))]);
  expect([multi.name, multi.zxid]).toEqual(["OK", first.zxid + 6n]);
  expect((await t.c.create2(t.at("c"))).body.stat.czxid).toBe(first.zxid + 7n);
});

conform("a reply carries the zxid last applied, also that of a failed read", async (t) => {
  const { zxid } = await t.c.create(t.at("a"));
  expect((await t.c.getData(t.at("none"))).zxid).toBe(zxid);
  expect((await t.c.exists(t.at("a"))).zxid).toBe(zxid);
  expect((await t.c.sync("/")).zxid).toBe(zxid);
  expect((await t.c.whoAmI()).zxid).toBe(zxid);
});

conform("pipelined writes see each other before they are committed", async (t) => {
  const replies = await Promise.all([
    t.c.create(t.at("a")),
    t.c.create(t.at("a/b")),
    t.c.setData(t.at("a/b"), "x", 0),
    t.c.setData(t.at("a/b"), "y", 0),
    t.c.delete(t.at("a")),
    t.c.delete(t.at("a/b"), 1),
    t.c.delete(t.at("a")),
    t.c.delete(t.at("a")),
  ]);
  expect(replies.map((reply) => reply.name)).toEqual([
    "OK",
    "OK",
    "OK",
    "BADVERSION",
    "NOTEMPTY",
    "OK",
    "OK",
    "NONODE",
  ]);
});

conform(
  "a read behind a write of its session sees it, and a write behind a read does not overtake it",
  async (t) => {
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => [t.c.setData(t.root, String(i)), t.c.getData(t.root)]).flat(),
    );
    const texts = replies.filter((reply) => reply.type === opcode.getData).map((reply) =>
      (reply.body as { text: string }).text
    );
    expect(texts).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  },
);

conform("createTTL with flags that are not TTL's and a ttl is BADARGUMENTS", async (t) => {
  for (const flags of [0, 1, 2, 3, 4]) {
    expect(await name(t.c.createTTL(t.at("a"), 1000n, { flags }))).toBe("BADARGUMENTS");
  }
  for (const flags of [0, 1, 2, 3, 4]) {
    expect(await name(t.c.createTTL(t.at("a"), 0n, { flags }))).toBe("BADARGUMENTS");
  }
});

conform("a create body may name its data and ACL as null, and each has its own answer", async (t) => {
  expect(await name(t.c.raw(opcode.create, bodies.create(t.at("a"), null, null, 0)))).toBe("INVALIDACL");
  expect(await name(t.c.raw(opcode.create, bodies.create(t.at("a"), null, [], 0)))).toBe("INVALIDACL");
  expect(await name(t.c.raw(opcode.create, bodies.create(t.at("a"), null, openAcl, 0)))).toBe("OK");
});
