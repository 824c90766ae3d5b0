import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { parentPath } from "../../../src/protocol/path.ts";
import { EventType, WatcherType } from "../../../src/protocol/watch_event.ts";
import { type Watcher, type WatcherPaths, WatchManager } from "../../../src/watch/watch_manager.ts";

class RecordingWatcher implements Watcher {
  watches: WatcherPaths | null = null;
  readonly name: string;
  readonly #log: string[];
  constructor(name: string, log: string[]) {
    this.name = name;
    this.#log = log;
  }
  onWatch(type: EventType, path: string, aclKey: number, zxid: number): void {
    this.#log.push(`${this.name} ${type} ${path} acl=${aclKey} zxid=${zxid}`);
  }
}

const nodeAcl = 11;
const parentAcl = 22;

class World {
  readonly manager = new WatchManager();
  readonly log: string[] = [];
  zxid = 0;

  watcher(name = "w"): RecordingWatcher {
    return new RecordingWatcher(name, this.log);
  }
  create(path: string): string[] {
    this.manager.onCreated(path, nodeAcl, parentPath(path), parentAcl, ++this.zxid);
    return this.taken();
  }
  delete(path: string): string[] {
    this.manager.onDeleted(path, nodeAcl, parentPath(path), parentAcl, ++this.zxid);
    return this.taken();
  }
  set(path: string): string[] {
    this.manager.onDataChanged(path, nodeAcl, ++this.zxid);
    return this.taken();
  }
  taken(): string[] {
    return this.log.splice(0);
  }
}

describe("standard watches", () => {
  test("a data watch tells of a creation, a change and a deletion, once each time it is set", () => {
    const world = new World();
    const watcher = world.watcher();
    world.manager.add(watcher, "data", "/a");
    expect(world.create("/a")).toEqual(["w 1 /a acl=11 zxid=1"]);
    expect(world.set("/a")).toEqual([]);
    world.manager.add(watcher, "data", "/a");
    expect(world.set("/a")).toEqual(["w 3 /a acl=11 zxid=3"]);
    world.manager.add(watcher, "data", "/a");
    expect(world.delete("/a")).toEqual(["w 2 /a acl=11 zxid=4"]);
    expect(world.create("/a")).toEqual([]);
  });

  test("a child watch tells of children coming and going, by the parent's path and ACL", () => {
    const world = new World();
    const watcher = world.watcher();
    world.manager.add(watcher, "child", "/a");
    expect(world.set("/a")).toEqual([]);
    expect(world.create("/a/b")).toEqual(["w 4 /a acl=22 zxid=2"]);
    expect(world.create("/a/c")).toEqual([]);
    world.manager.add(watcher, "child", "/a");
    expect(world.delete("/a/b")).toEqual(["w 4 /a acl=22 zxid=4"]);
  });

  test("the root's children are watched like others", () => {
    const world = new World();
    world.manager.add(world.watcher(), "child", "/");
    expect(world.create("/a")).toEqual(["w 4 / acl=22 zxid=1"]);
  });

  test("repeats do not stack", () => {
    const world = new World();
    const watcher = world.watcher();
    for (let count = 0; count < 3; count++) world.manager.add(watcher, "data", "/a");
    expect(world.manager.watchCount).toBe(1);
    expect(world.set("/a")).toEqual(["w 3 /a acl=11 zxid=1"]);
    expect(world.set("/a")).toEqual([]);
  });

  test("a deletion is told once to a connection that watches data and children, and both watches are spent", () => {
    const world = new World();
    const both = world.watcher("both");
    const child = world.watcher("child");
    world.manager.add(both, "data", "/a");
    world.manager.add(both, "child", "/a");
    world.manager.add(child, "child", "/a");
    expect(world.delete("/a")).toEqual(["both 2 /a acl=11 zxid=1", "child 2 /a acl=11 zxid=1"]);
    expect(world.manager.idle).toBe(true);
  });

  test("a connection that watches a znode and its parent's children hears of a deletion by both paths", () => {
    const world = new World();
    const watcher = world.watcher();
    world.manager.add(watcher, "child", "/a");
    world.manager.add(watcher, "child", "/a/b");
    expect(world.delete("/a/b")).toEqual(["w 2 /a/b acl=11 zxid=1", "w 4 /a acl=22 zxid=1"]);
  });
});

describe("persistent watches", () => {
  test("a persistent watch tells of everything, through deletion and re-creation", () => {
    const world = new World();
    world.manager.addPersistent(world.watcher(), "/a");
    expect(world.create("/a")).toEqual(["w 1 /a acl=11 zxid=1"]);
    expect(world.set("/a")).toEqual(["w 3 /a acl=11 zxid=2"]);
    expect(world.create("/a/b")).toEqual(["w 4 /a acl=22 zxid=3"]);
    expect(world.set("/a/b")).toEqual([]);
    expect(world.delete("/a/b")).toEqual(["w 4 /a acl=22 zxid=5"]);
    expect(world.delete("/a")).toEqual(["w 2 /a acl=11 zxid=6"]);
    expect(world.create("/a")).toEqual(["w 1 /a acl=11 zxid=7"]);
  });

  test("a standard watch on the same path is told together with the persistent one, which stays", () => {
    const world = new World();
    const watcher = world.watcher();
    world.manager.addPersistent(watcher, "/a");
    world.manager.add(watcher, "data", "/a");
    expect(world.set("/a")).toEqual(["w 3 /a acl=11 zxid=1"]);
    expect(world.manager.has(watcher, "/a", WatcherType.data)).toBe(false);
    expect(world.manager.has(watcher, "/a", WatcherType.persistent)).toBe(true);
    expect(world.set("/a")).toEqual(["w 3 /a acl=11 zxid=2"]);
  });
});

describe("recursive watches", () => {
  test("a recursive watch tells of the whole subtree but of no lists of children", () => {
    const world = new World();
    world.manager.addRecursive(world.watcher(), "/a");
    expect(world.create("/a")).toEqual(["w 1 /a acl=11 zxid=1"]);
    expect(world.create("/a/b")).toEqual(["w 1 /a/b acl=11 zxid=2"]);
    expect(world.set("/a/b/c/d")).toEqual(["w 3 /a/b/c/d acl=11 zxid=3"]);
    expect(world.delete("/a/b")).toEqual(["w 2 /a/b acl=11 zxid=4"]);
    expect(world.set("/ab")).toEqual([]);
    expect(world.create("/")).toEqual([]);
  });

  test("the root works as base", () => {
    const world = new World();
    world.manager.addRecursive(world.watcher(), "/");
    expect(world.set("/")).toEqual(["w 3 / acl=11 zxid=1"]);
    expect(world.set("/a")).toEqual(["w 3 /a acl=11 zxid=2"]);
    expect(world.delete("/a/b/c")).toEqual(["w 2 /a/b/c acl=11 zxid=3"]);
  });

  test("one event is told once though several recursive bases match", () => {
    const world = new World();
    const watcher = world.watcher();
    for (const base of ["/", "/a", "/a/b"]) world.manager.addRecursive(watcher, base);
    world.manager.add(watcher, "data", "/a/b");
    expect(world.set("/a/b")).toEqual(["w 3 /a/b acl=11 zxid=1"]);
    expect(world.set("/a/b")).toEqual(["w 3 /a/b acl=11 zxid=2"]);
  });

  test("a child watch beside a recursive one still tells of lists of children", () => {
    const world = new World();
    const watcher = world.watcher();
    world.manager.addRecursive(watcher, "/a");
    world.manager.add(watcher, "child", "/a");
    expect(world.create("/a/b")).toEqual(["w 1 /a/b acl=11 zxid=1", "w 4 /a acl=22 zxid=1"]);
    expect(world.create("/a/c")).toEqual(["w 1 /a/c acl=11 zxid=2"]);
  });

  test("a recursive watcher is not told again of a deletion through its child watch", () => {
    const world = new World();
    const watcher = world.watcher();
    world.manager.addRecursive(watcher, "/");
    world.manager.add(watcher, "child", "/a");
    expect(world.delete("/a")).toEqual(["w 2 /a acl=11 zxid=1"]);
    expect(world.manager.has(watcher, "/a", WatcherType.any)).toBe(false);
  });
});

describe("removing and asking", () => {
  const kinds = {
    [WatcherType.children]: (manager: WatchManager, watcher: Watcher) => manager.add(watcher, "child", "/a"),
    [WatcherType.data]: (manager: WatchManager, watcher: Watcher) => manager.add(watcher, "data", "/a"),
    [WatcherType.persistent]: (manager: WatchManager, watcher: Watcher) =>
      manager.addPersistent(watcher, "/a"),
    [WatcherType.persistentRecursive]: (manager: WatchManager, watcher: Watcher) =>
      manager.addRecursive(watcher, "/a"),
  };
  const types = [1, 2, 4, 5] as const;

  test("each type removes its own mode and leaves the others", () => {
    for (const removed of types) {
      const world = new World();
      const watcher = world.watcher();
      for (const type of types) kinds[type](world.manager, watcher);
      expect(world.manager.remove(watcher, "/a", removed)).toBe(true);
      expect(world.manager.remove(watcher, "/a", removed)).toBe(false);
      for (const type of types) expect(world.manager.has(watcher, "/a", type)).toBe(type !== removed);
      expect(world.manager.has(watcher, "/a", WatcherType.any)).toBe(true);
    }
  });

  test("each type alone is found by itself and by any, and nothing else", () => {
    for (const set of types) {
      const world = new World();
      const watcher = world.watcher();
      kinds[set](world.manager, watcher);
      for (const type of types) expect(world.manager.has(watcher, "/a", type)).toBe(type === set);
      expect(world.manager.has(watcher, "/a", WatcherType.any)).toBe(true);
      expect(world.manager.has(watcher, "/a/b", WatcherType.any)).toBe(false);
      expect(world.manager.has(world.watcher(), "/a", WatcherType.any)).toBe(false);
    }
  });

  test("any removes all modes at a path, and other paths stay", () => {
    const world = new World();
    const watcher = world.watcher();
    for (const type of types) kinds[type](world.manager, watcher);
    world.manager.add(watcher, "data", "/b");
    expect(world.manager.remove(watcher, "/a", WatcherType.any)).toBe(true);
    expect(world.create("/a")).toEqual([]);
    expect(world.set("/b")).toEqual(["w 3 /b acl=11 zxid=2"]);
    expect(world.manager.idle).toBe(true);
  });

  test("removing one watcher's watch leaves another's on the same path", () => {
    const world = new World();
    const [one, other] = [world.watcher("one"), world.watcher("other")];
    world.manager.add(one, "data", "/a");
    world.manager.add(other, "data", "/a");
    expect(world.manager.remove(one, "/a", WatcherType.data)).toBe(true);
    expect(world.set("/a")).toEqual(["other 3 /a acl=11 zxid=1"]);
  });

  test("a connection that is gone leaves nothing behind", () => {
    const world = new World();
    const [one, other] = [world.watcher("one"), world.watcher("other")];
    for (const path of ["/a", "/a/b", "/c"]) {
      world.manager.add(one, "data", path);
      world.manager.add(one, "child", path);
      world.manager.addPersistent(one, path);
      world.manager.addRecursive(one, path);
    }
    world.manager.add(other, "data", "/a");
    world.manager.removeAll(one);
    expect(one.watches).toBeNull();
    expect(world.manager.watchCount).toBe(1);
    expect([...world.manager.byWatcher()]).toEqual([[other, ["/a"]]]);
    world.manager.removeAll(other);
    world.manager.removeAll(other);
    expect(world.manager.idle).toBe(true);
    expect(world.manager.dataPathCount).toBe(0);
    expect([...world.manager.byPath()]).toEqual([]);
  });

  test("a connection that is gone hears nothing more and counts for nothing while sweeps forget its many watches", () => {
    const world = new World();
    const { manager } = world;
    const [one, other] = [world.watcher("one"), world.watcher("other")];
    const path = (index: number) => `/n/${index}`;
    for (let index = 0; index < 1000; index++) {
      if (index % 3 === 0) manager.add(one, "data", path(index));
      if (index % 3 === 1) manager.addPersistent(one, path(index));
      if (index % 3 === 2) manager.addRecursive(one, path(index));
      if (index % 2 === 0) manager.add(other, "data", path(index));
    }
    manager.removeAll(one);
    expect(one.watches).toBeNull();
    expect(manager.needsSweep).toBe(true);
    expect(manager.watchCount).toBe(500);
    expect(manager.dataWatcherCount).toBe(1);
    expect([...manager.byWatcher()].map(([watcher]) => watcher)).toEqual([other]);
    expect([...manager.byPath()].every(([, watchers]) => watchers.length === 1 && watchers[0] === other))
      .toBe(true);
    // It comes back, as one that was never here, and another takes its place at a path.
    manager.add(one, "data", path(1));
    manager.add(other, "data", path(3));
    for (let index = 0; index < 4; index++) world.set(path(index)).forEach((line) => world.log.push(line));
    expect(world.taken().map((line) => line.slice(0, -7).trim())).toEqual([
      "other 3 /n/0 acl=11",
      "one 3 /n/1 acl=11",
      "other 3 /n/2 acl=11",
      "other 3 /n/3 acl=11",
    ]);
    manager.add(one, "data", path(4));
    let sweeps = 0;
    for (; manager.needsSweep; sweeps++) manager.sweep(150);
    expect(sweeps).toBeGreaterThan(5);
    expect(world.set(path(4)).length).toBe(2);
    manager.removeAll(one);
    manager.removeAll(other);
    while (manager.needsSweep) manager.sweep(Infinity);
    expect(manager.idle).toBe(true);
    expect(manager.dataPathCount).toBe(0);
  });

  test("a watcher may drop itself or another while it is told", () => {
    const manager = new WatchManager();
    const told: number[] = [];
    const watchers: Watcher[] = [];
    for (let index = 0; index < 6; index++) {
      watchers.push({
        watches: null,
        onWatch() {
          told.push(index);
          manager.removeAll(watchers[index]);
          manager.removeAll(watchers[index ^ 1]);
        },
      });
      manager.addPersistent(watchers[index], "/a");
      manager.addRecursive(watchers[index], "/");
    }
    manager.onDeleted("/a", 0, "/", 0, 1);
    expect(told).toEqual([0, 2, 4]);
    expect(manager.idle).toBe(true);
  });
});

describe("counts", () => {
  test("counts are of the data table as wchs shows them, and of both for mntr", () => {
    const world = new World();
    const [one, other, third] = [world.watcher(), world.watcher(), world.watcher()];
    world.manager.add(one, "data", "/a");
    world.manager.addRecursive(one, "/a");
    world.manager.addPersistent(one, "/b");
    world.manager.add(other, "data", "/a");
    world.manager.add(third, "child", "/c");
    const { dataWatchCount, dataPathCount, dataWatcherCount, watchCount, idle } = world.manager;
    expect({ dataWatchCount, dataPathCount, dataWatcherCount, watchCount, idle }).toEqual({
      dataWatchCount: 3,
      dataPathCount: 2,
      dataWatcherCount: 2,
      watchCount: 5,
      idle: false,
    });
    expect([...world.manager.byWatcher()]).toEqual([[one, ["/a", "/b"]], [other, ["/a"]]]);
    expect([...world.manager.byPath()]).toEqual([["/a", [one, other]], ["/b", [one]]]);
  });

  test("ten thousand watchers of one znode are each told once, and nothing is left", () => {
    const world = new World();
    for (let index = 0; index < 10_000; index++) world.manager.add(world.watcher(`w${index}`), "data", "/a");
    const told = world.delete("/a");
    expect(told.length).toBe(10_000);
    expect(new Set(told).size).toBe(10_000);
    expect(world.manager.idle).toBe(true);
  });
});

/** What the manager must do, in the plainest form: a list of watches that every trigger walks through. */
class PlainWatches {
  entries: {
    watcher: string;
    table: "data" | "child";
    mode: "standard" | "persistent" | "recursive";
    path: string;
  }[] = [];

  add(entry: PlainWatches["entries"][number]): void {
    const { watcher, table, mode, path } = entry;
    if (
      !this.entries.some((one) =>
        one.watcher === watcher && one.table === table && one.mode === mode && one.path === path
      )
    ) this.entries.push(entry);
  }

  trigger(table: "data" | "child", path: string, suppressed: Set<string>): Set<string> {
    const told = new Set<string>();
    this.entries = this.entries.filter((one) => {
      if (one.table !== table) return true;
      const below = path !== one.path && (one.path === "/" || path.startsWith(`${one.path}/`));
      if (one.path === path || (one.mode === "recursive" && below)) told.add(one.watcher);
      return one.path !== path || one.mode !== "standard";
    });
    return new Set([...told].filter((name) => !suppressed.has(name)));
  }
}

test("under random use the manager tells exactly what a plain list of watches would", () => {
  const paths = ["/", "/a", "/a/b", "/a/b/c", "/a/bb", "/ab", "/c"];
  const none = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(items: readonly T[]): T => items[randomBelow(random, items.length)];
    const world = new World();
    const plain = new PlainWatches();
    const watchers = ["p", "q", "r"].map((name) => world.watcher(name));
    for (let step = 0; step < 300; step++) {
      const watcher = pick(watchers);
      const path = pick(paths);
      const base = { watcher: watcher.name, path };
      switch (randomBelow(random, 8)) {
        case 0: {
          const table = pick(["data", "child"] as const);
          world.manager.add(watcher, table, path);
          plain.add({ ...base, table, mode: "standard" });
          break;
        }
        case 1:
          world.manager.addPersistent(watcher, path);
          plain.add({ ...base, table: "data", mode: "persistent" });
          plain.add({ ...base, table: "child", mode: "persistent" });
          break;
        case 2:
          world.manager.addRecursive(watcher, path);
          plain.add({ ...base, table: "data", mode: "recursive" });
          break;
        case 3: {
          const type = pick([1, 2, 3, 4, 5] as const);
          const before = plain.entries.length;
          plain.entries = plain.entries.filter((one) =>
            one.watcher !== watcher.name || one.path !== path ||
            !(type === 3 || (type === 1 && one.table === "child" && one.mode === "standard") ||
              (type === 2 && one.table === "data" && one.mode === "standard") ||
              (type === 4 && one.mode === "persistent") || (type === 5 && one.mode === "recursive"))
          );
          const had = plain.entries.length < before;
          expect(world.manager.has(watcher, path, type)).toBe(had);
          expect(world.manager.remove(watcher, path, type)).toBe(had);
          break;
        }
        case 4:
          if (randomBelow(random, 4) !== 0) break;
          world.manager.removeAll(watcher);
          plain.entries = plain.entries.filter((one) => one.watcher !== watcher.name);
          break;
        default: {
          const change = pick(["create", "delete", "set"] as const);
          if (path === "/" && change !== "set") break;
          const expected: string[] = [];
          const expectTold = (names: Set<string>, type: number, about: string) => {
            for (const name of names) expected.push(`${name} ${type} ${about}`);
          };
          if (change === "set") expectTold(plain.trigger("data", path, none), 3, path);
          else {
            const told = plain.trigger("data", path, none);
            expectTold(told, change === "create" ? 1 : 2, path);
            if (change === "delete") expectTold(plain.trigger("child", path, told), 2, path);
            expectTold(plain.trigger("child", parentPath(path), none), 4, parentPath(path));
          }
          const seen = world[change](path).map((line) => line.replace(/ acl=.*/, ""));
          expect(seen.sort()).toEqual(expected.sort());
        }
      }
      const distinct = (table: string) =>
        new Set(plain.entries.filter((one) => one.table === table).map((one) => `${one.watcher} ${one.path}`))
          .size;
      expect(world.manager.watchCount).toBe(distinct("data") + distinct("child"));
      expect(world.manager.dataWatchCount).toBe(distinct("data"));
    }
    for (const watcher of watchers) world.manager.removeAll(watcher);
    expect(world.manager.idle).toBe(true);
    expect(world.manager.dataWatcherCount).toBe(0);
  }
});
