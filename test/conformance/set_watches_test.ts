/**
 * setWatches and setWatches2: what a client that was away catches up with.
 *
 * @see Fact: apache/zookeeper DataTree.java (setWatches), FinalRequestProcessor.java
 */
import { expect } from "bun:test";
import { opcode, watcherType } from "../wire/codes.ts";
import { bodies } from "../wire/frames.ts";
import { conform, name } from "./harness.ts";

conform(
  "#34 setWatches compares mzxid and pzxid strictly, and catches up before its reply with zxid -1",
  async (t) => {
    await t.c.create(t.at("a"));
    const changed = (await t.c.setData(t.at("a"), "x")).zxid;
    const grown = (await t.c.create(t.at("a/b"))).zxid;

    const behind = await t.open();
    expect(await name(behind.setWatches({ relativeZxid: changed - 1n, data: [t.at("a")] }))).toBe("OK");
    expect(behind.history.map((item) => item.kind)).toEqual(["event", "reply"]);
    expect(behind.takeArrivedEvents()).toEqual([
      { kind: "event", zxid: -1n, err: 0, text: `data ${t.at("a")}`, type: 3, state: 3, path: t.at("a") },
    ]);
    await behind.setWatches({ relativeZxid: grown - 1n, child: [t.at("a")] });
    expect(await t.events(behind)).toEqual(["children /a"]);

    const current = await t.open();
    await current.setWatches({ relativeZxid: changed, data: [t.at("a")] });
    await current.setWatches({ relativeZxid: grown, child: [t.at("a")] });
    expect(await t.events(current)).toEqual([]);
    await t.c.setData(t.at("a"), "y");
    await t.c.create(t.at("a/c"));
    expect(await t.events(current)).toEqual(["data /a", "children /a"]);
    // What caught up is not registered any more.
    expect(await t.events(behind)).toEqual([]);
  },
);

conform("#35 setWatches on a deleted znode fires NodeDeleted for the data and the child list", async (t) => {
  const { zxid } = await t.c.ping();
  await t.c.setWatches({ relativeZxid: zxid, data: [t.at("gone")] });
  expect(await t.events()).toEqual(["deleted /gone"]);
  await t.c.setWatches({ relativeZxid: zxid, child: [t.at("gone")] });
  expect(await t.events()).toEqual(["deleted /gone"]);
  await t.c.setWatches({ relativeZxid: zxid, data: [t.at("gone")], child: [t.at("gone")] });
  expect(await t.events()).toEqual(["deleted /gone", "deleted /gone"]);
});

conform("an exist list fires NodeCreated for what is there and waits for the rest", async (t) => {
  await t.c.create(t.at("there"));
  const { zxid } = await t.c.ping();
  await t.c.setWatches({ relativeZxid: zxid, exist: [t.at("there"), t.at("later")] });
  expect(await t.events()).toEqual(["created /there"]);
  await t.c.create(t.at("later"));
  await t.c.setData(t.at("there"), "x");
  expect(await t.events()).toEqual(["created /later"]);
});

conform("catch-up events come list by list in the order given", async (t) => {
  for (const path of ["a", "b", "c"]) await t.c.create(t.at(path));
  await t.c.setWatches({
    relativeZxid: 0n,
    data: [t.at("c"), t.at("a"), t.at("gone")],
    exist: [t.at("b"), t.at("a")],
    child: [t.at("b"), t.at("gone")],
  });
  expect(await t.events()).toEqual([
    "data /c",
    "data /a",
    "deleted /gone",
    "created /b",
    "created /a",
    "children /b",
    "deleted /gone",
  ]);
});

conform(
  "setWatches2 registers persistent and recursive watches and never catches up with them",
  async (t) => {
    await t.c.create(t.at("a"));
    await t.c.setWatches2({ relativeZxid: 0n, persistent: [t.at("a"), t.at("p")], recursive: [t.at("r")] });
    expect(await t.events()).toEqual([]);
    await t.c.setData(t.at("a"), "1");
    await t.c.setData(t.at("a"), "2");
    await t.c.create(t.at("p"));
    await t.c.create(t.at("p/kid"));
    await t.c.create(t.at("r"));
    await t.c.create(t.at("r/kid"));
    expect(await t.events()).toEqual([
      "data /a",
      "data /a",
      "created /p",
      "children /p",
      "created /r",
      "created /r/kid",
    ]);
  },
);

conform("setWatches2 serves the first three lists as setWatches does", async (t) => {
  await t.c.create(t.at("a"));
  await t.c.setWatches2({ relativeZxid: 0n, data: [t.at("a")], exist: [t.at("a")], child: [t.at("gone")] });
  expect(await t.events()).toEqual(["data /a", "created /a", "deleted /gone"]);
  const { zxid } = await t.c.ping();
  await t.c.setWatches2({ relativeZxid: zxid, data: [t.at("a")] });
  expect(await name(t.c.checkWatches(t.at("a"), watcherType.data))).toBe("OK");
});

conform("#11 setWatches is known by its opcode, and its xid is echoed", async (t) => {
  for (const xid of [-8, 4711, 0]) {
    const reply = await t.c.request(opcode.setWatches, "none", bodies.setWatches({ relativeZxid: 0n }), xid);
    expect([reply.xid, reply.name, reply.rest.length]).toEqual([xid, "OK", 0]);
    const second = await t.c.request(
      opcode.setWatches2,
      "none",
      bodies.setWatches2({ relativeZxid: 0n }),
      xid,
    );
    expect([second.xid, second.name, second.rest.length]).toEqual([xid, "OK", 0]);
  }
});

conform("setWatches with a null list is MARSHALLINGERROR", async (t) => {
  expect(await name(t.c.setWatches({ relativeZxid: 0n, data: null }))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.setWatches({ relativeZxid: 0n, exist: null }))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.setWatches({ relativeZxid: 0n, child: null }))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.setWatches2({ relativeZxid: 0n, persistent: null }))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.setWatches2({ relativeZxid: 0n, recursive: null }))).toBe("MARSHALLINGERROR");
  expect(await name(t.c.ping())).toBe("OK");
});

conform("a relativeZxid beyond any the server knows, or a negative one, is just a number", async (t) => {
  await t.c.setWatches({ relativeZxid: 0x7fffffffffffffffn, data: [t.root], child: [t.root] });
  expect(await t.events()).toEqual([]);
  const other = await t.open();
  await other.setWatches({ relativeZxid: -0x8000000000000000n, data: [t.root], child: [t.root] });
  expect(await t.events(other)).toEqual(["data .", "children ."]);
});

conform("catch-up does not ask for READ", async (t) => {
  await t.c.create(t.at("a"), { acl: [{ perms: 30, scheme: "world", id: "anyone" }] });
  await t.c.setWatches({ relativeZxid: 0n, data: [t.at("a")], child: [t.at("a")] });
  expect(await t.events()).toEqual(["data /a", "children /a"]);
});

conform("a setWatches of ten thousand paths is served whole", async (t) => {
  const gone = Array.from({ length: 10_000 }, (_, i) => t.at(`gone-${i}`));
  expect(await name(t.c.setWatches({ relativeZxid: 0n, data: gone }))).toBe("OK");
  expect(await t.events()).toEqual(gone.map((path) => `deleted ${path.slice(t.root.length)}`));
});
