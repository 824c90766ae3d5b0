/**
 * Persistent and recursive watches, and the removal of watches of every kind.
 *
 * @see Fact: apache/zookeeper WatchManager.java, WatchStats.java, WatcherMode.java, PathParentIterator.java,
 *   FinalRequestProcessor.java (addWatch, checkWatches, removeWatches)
 */
import { expect } from "bun:test";
import { perms, watcherType, watchMode } from "../wire/codes.ts";
import { openAcl, subOps } from "../wire/frames.ts";
import { conform, name } from "./harness.ts";

const oldModes = "a path had one watch mode per connection before 3.9.0";
const oldTypes = "watcher types 4 and 5 came with 3.9.0";
const { persistent, recursive } = watchMode;

conform(
  "a persistent watch tells of its znode and its children again and again, beyond deletion",
  async (t) => {
    expect((await t.c.addWatch(t.at("a"), persistent)).body.err).toBe(0);
    await t.c.create(t.at("a"));
    await t.c.setData(t.at("a"), "1");
    await t.c.setData(t.at("a"), "2");
    await t.c.create(t.at("a/b"));
    await t.c.setData(t.at("a/b"), "x");
    await t.c.delete(t.at("a/b"));
    await t.c.delete(t.at("a"));
    await t.c.create(t.at("a"));
    expect(await t.events()).toEqual([
      "created /a",
      "data /a",
      "data /a",
      "children /a",
      "children /a",
      "deleted /a",
      "created /a",
    ]);
  },
);

conform("#33 a recursive watch tells of its znode and all below it, without children events", async (t) => {
  await t.c.addWatch(t.root, recursive);
  await t.c.create(t.at("a"));
  await t.c.create(t.at("a/b"));
  await t.c.setData(t.at("a/b"), "x");
  await t.c.setData(t.root, "x");
  await t.c.delete(t.at("a/b"));
  await t.c.delete(t.at("a"));
  expect(await t.events()).toEqual([
    "created /a",
    "created /a/b",
    "data /a/b",
    "data .",
    "deleted /a/b",
    "deleted /a",
  ]);
});

conform("#33 / works as the base of a recursive watch", async (t) => {
  const watcher = await t.open();
  await watcher.addWatch("/", recursive);
  await t.c.create(t.at("a"));
  await t.c.delete(t.at("a"));
  expect((await t.events(watcher)).filter((text) => text.includes("/a"))).toEqual([
    "created /a",
    "deleted /a",
  ]);
});

conform("a recursive watch knows whole components only", async (t) => {
  await t.c.addWatch(t.at("a"), recursive);
  await t.c.create(t.at("ab"));
  await t.c.create(t.at("a"));
  await t.c.create(t.at("a/b"));
  expect(await t.events()).toEqual(["created /a", "created /a/b"]);
});

conform("#33 a children event reaches a recursive watcher that also holds a child watch there", async (t) => {
  await t.c.addWatch(t.root, recursive);
  await t.c.create(t.at("a"));
  await t.c.getChildren(t.at("a"), true);
  await t.c.create(t.at("a/b"));
  await t.c.create(t.at("a/c"));
  expect(await t.events()).toEqual(["created /a", "created /a/b", "children /a", "created /a/c"]);
});

conform("several recursive watches along a path tell of a change once", async (t) => {
  await t.c.create(t.at("a"));
  await t.c.addWatch(t.root, recursive);
  await t.c.addWatch(t.at("a"), recursive);
  await t.c.addWatch(t.at("a/b"), recursive);
  await t.c.create(t.at("a/b"));
  await t.c.setData(t.at("a/b"), "x");
  expect(await t.events()).toEqual(["created /a/b", "data /a/b"]);
});

conform("#32 standard, persistent and recursive watches live side by side on one path", async (t) => {
  await t.c.addWatch(t.root, persistent);
  await t.c.getData(t.root, true);
  await t.c.getChildren(t.root, true);
  await t.c.addWatch(t.root, recursive);
  await t.c.setData(t.root, "1");
  await t.c.create(t.at("a"));
  expect(await t.events()).toEqual(["data .", "created /a", "children ."]);
  expect(await name(t.c.checkWatches(t.root, watcherType.data))).toBe("NOWATCHER");
  expect(await name(t.c.checkWatches(t.root, watcherType.children))).toBe("NOWATCHER");
  expect(await name(t.c.checkWatches(t.root, watcherType.persistent))).toBe("OK");
  expect(await name(t.c.checkWatches(t.root, watcherType.recursive))).toBe("OK");
  await t.c.setData(t.root, "2");
  await t.c.create(t.at("b"));
  expect(await t.events()).toEqual(["data .", "created /b", "children ."]);
}, { except: { "apache-3.8": oldModes } });

conform("#32 removal takes the named kind of watch and leaves the others", async (t) => {
  const set = async () => {
    await t.c.getData(t.root, true);
    await t.c.getChildren(t.root, true);
    await t.c.addWatch(t.root, persistent);
    await t.c.addWatch(t.root, recursive);
  };
  const kinds = [watcherType.children, watcherType.data, watcherType.persistent, watcherType.recursive];
  for (const removed of kinds) {
    await set();
    expect(await name(t.c.removeWatches(t.root, removed))).toBe("OK");
    for (const kind of kinds) {
      expect([removed, kind, await name(t.c.checkWatches(t.root, kind))]).toEqual([
        removed,
        kind,
        kind === removed ? "NOWATCHER" : "OK",
      ]);
    }
    expect(await name(t.c.removeWatches(t.root, removed))).toBe("NOWATCHER");
  }
  await set();
  expect(await name(t.c.removeWatches(t.root, watcherType.any))).toBe("OK");
  for (const kind of [...kinds, watcherType.any]) {
    expect(await name(t.c.checkWatches(t.root, kind))).toBe("NOWATCHER");
  }
  await t.c.setData(t.root, "x");
  await t.c.create(t.at("a"));
  expect(await t.events()).toEqual([]);
}, { except: { "apache-3.8": oldTypes } });

conform("a removed watch does not fire, and nothing is sent about its removal", async (t) => {
  await t.c.getData(t.root, true);
  await t.c.getChildren(t.root, true);
  expect(await name(t.c.removeWatches(t.root, watcherType.data))).toBe("OK");
  await t.c.setData(t.root, "x");
  expect(await t.events()).toEqual([]);
  await t.c.create(t.at("a"));
  expect(await t.events()).toEqual(["children ."]);
});

conform("checkWatches and removeWatches know the exact path and the own connection only", async (t) => {
  const other = await t.open();
  await t.c.create(t.at("a"));
  await other.getData(t.at("a"), true);
  await t.c.addWatch(t.root, recursive);
  expect(await name(t.c.checkWatches(t.at("a"), watcherType.any))).toBe("NOWATCHER");
  expect(await name(t.c.removeWatches(t.at("a"), watcherType.any))).toBe("NOWATCHER");
  expect(await name(other.checkWatches(t.at("a"), watcherType.data))).toBe("OK");
  expect(await name(other.checkWatches(t.at("a"), watcherType.children))).toBe("NOWATCHER");
  expect(await name(t.c.checkWatches(t.root, watcherType.any))).toBe("OK");
  // Asking changes nothing.
  await t.c.setData(t.at("a"), "x");
  expect(await t.events(other)).toEqual(["data /a"]);
  expect(await t.events()).toEqual(["data /a"]);
}, { except: { "apache-3.8": "a recursive watch above counted as one here before 3.9.0" } });

conform("an exists watch on an absent znode counts as a data watch", async (t) => {
  await t.c.exists(t.at("a"), true);
  expect(await name(t.c.checkWatches(t.at("a"), watcherType.data))).toBe("OK");
  expect(await name(t.c.removeWatches(t.at("a"), watcherType.data))).toBe("OK");
  await t.c.create(t.at("a"));
  expect(await t.events()).toEqual([]);
});

conform("a persistent watch is in both tables: it is any, but neither data nor children", async (t) => {
  await t.c.addWatch(t.root, persistent);
  expect(await name(t.c.checkWatches(t.root, watcherType.any))).toBe("OK");
  expect(await name(t.c.checkWatches(t.root, watcherType.data))).toBe("NOWATCHER");
  expect(await name(t.c.checkWatches(t.root, watcherType.children))).toBe("NOWATCHER");
  expect(await name(t.c.removeWatches(t.root, watcherType.persistent))).toBe("OK");
  await t.c.setData(t.root, "x");
  await t.c.create(t.at("a"));
  expect(await t.events()).toEqual([]);
}, { except: { "apache-3.8": oldTypes } });

conform("addWatch repeated does not stack", async (t) => {
  for (let i = 0; i < 3; i++) await t.c.addWatch(t.root, persistent);
  await t.c.setData(t.root, "x");
  expect(await t.events()).toEqual(["data ."]);
  expect(await name(t.c.removeWatches(t.root, watcherType.any))).toBe("OK");
  expect(await name(t.c.removeWatches(t.root, watcherType.any))).toBe("NOWATCHER");
});

conform(
  "an unreadable znode's events are withheld from persistent and recursive watches, which stay",
  async (t) => {
    const watcher = await t.open();
    await watcher.addWatch(t.root, recursive);
    await t.c.create(t.at("a"), { acl: [{ perms: perms.all & ~perms.read, scheme: "world", id: "anyone" }] });
    await t.c.setData(t.at("a"), "1");
    await t.c.setACL(t.at("a"), openAcl);
    await t.c.setData(t.at("a"), "2");
    await t.c.setACL(t.at("a"), [{ perms: perms.all & ~perms.read, scheme: "world", id: "anyone" }]);
    await t.c.delete(t.at("a"));
    await t.c.create(t.at("b"));
    expect(await t.events(watcher)).toEqual(["data /a", "created /b"]);
  },
);

conform("a recursive watch tells of every operation of a multi", async (t) => {
  await t.c.addWatch(t.root, recursive);
  const { zxid } = await t.c.multi([
    subOps.create(t.at("a")),
    subOps.setData(t.at("a"), "1"),
    subOps.setData(t.at("a"), "2"),
    subOps.delete(t.at("a")),
  ]);
  await t.c.ping();
  const events = t.c.takeArrivedEvents();
  expect(t.relative(events.map((event) => event.text))).toEqual([
    "created /a",
    "data /a",
    "data /a",
    "deleted /a",
  ]);
  if (events[0].zxid !== -1n) expect(events.map((event) => event.zxid)).toEqual([zxid, zxid, zxid, zxid]);
});

conform("a persistent watch and a standard one on one path tell of a change once", async (t) => {
  await t.c.addWatch(t.root, persistent);
  await t.c.getData(t.root, true);
  await t.c.setData(t.root, "x");
  expect(await t.events()).toEqual(["data ."]);
});
