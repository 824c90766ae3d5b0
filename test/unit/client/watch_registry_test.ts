import { expect, test } from "bun:test";
import type { WatchListener } from "../../../src/client/types.ts";
import { WatchRegistry } from "../../../src/client/watch_registry.ts";
import { EventType } from "../../../src/protocol/watch_event.ts";

const one: WatchListener = () => {};
const other: WatchListener = () => {};

test("creation and change spend data and exist watches and leave child watches", () => {
  const registry = new WatchRegistry();
  registry.add("data", "/a", one);
  registry.add("exist", "/a", other);
  registry.add("child", "/a", one);
  expect([...registry.take(EventType.nodeDataChanged, "/a")]).toEqual([one, other]);
  expect(registry.take(EventType.nodeDataChanged, "/a").size).toBe(0);
  expect([...registry.take(EventType.nodeChildrenChanged, "/a")]).toEqual([one]);
  expect(registry.size).toBe(0);
});

test("deletion spends all three, and a listener on several lists hears once", () => {
  const registry = new WatchRegistry();
  registry.add("data", "/a", one);
  registry.add("child", "/a", one);
  expect([...registry.take(EventType.nodeDeleted, "/a")]).toEqual([one]);
  expect(registry.size).toBe(0);
});

test("persistent watches stay, at their own path only", () => {
  const registry = new WatchRegistry();
  registry.add("persistent", "/a", one);
  for (const type of [EventType.nodeDeleted, EventType.nodeCreated, EventType.nodeChildrenChanged]) {
    expect([...registry.take(type, "/a")]).toEqual([one]);
  }
  expect(registry.take(EventType.nodeCreated, "/a/b").size).toBe(0);
});

test("recursive watches hear of every descendant, but not that children changed", () => {
  const registry = new WatchRegistry();
  registry.add("recursive", "/a", one);
  registry.add("recursive", "/", other);
  expect([...registry.take(EventType.nodeCreated, "/a/b/c")]).toEqual([one, other]);
  expect([...registry.take(EventType.nodeCreated, "/ab")]).toEqual([other]);
  expect([...registry.take(EventType.nodeDataChanged, "/")]).toEqual([other]);
  expect(registry.take(EventType.nodeChildrenChanged, "/a").size).toBe(0);
});

test("removal by type tells every listener once per kind of event", () => {
  const registry = new WatchRegistry();
  for (const kind of ["data", "exist", "child", "persistent", "recursive"] as const) {
    registry.add(kind, "/a", one);
  }
  expect(registry.remove("/a", "data")).toEqual([{ listener: one, type: "DataWatchRemoved" }]);
  expect(registry.has("/a", "data")).toBe(false);
  expect(registry.remove("/a", "any").map(({ type }) => type)).toEqual([
    "ChildWatchRemoved",
    "PersistentWatchRemoved",
  ]);
  expect(registry.size).toBe(0);
});

test("removal of one listener leaves the others", () => {
  const registry = new WatchRegistry();
  registry.add("child", "/a", one);
  registry.add("child", "/a", other);
  expect(registry.hasOthers("/a", "children", one)).toBe(true);
  expect(registry.remove("/a", "children", one)).toEqual([{ listener: one, type: "ChildWatchRemoved" }]);
  expect(registry.hasOthers("/a", "children", other)).toBe(false);
  expect(registry.has("/a", "any", other)).toBe(true);
  expect(registry.has("/a", "any", one)).toBe(false);
});

test("batches hold every path once and stay near 128 KiB of path text", () => {
  const registry = new WatchRegistry();
  const paths = Array.from({ length: 3_000 }, (_, index) => `/${"x".repeat(90)}${index}`);
  for (const path of paths) registry.add("data", path, one);
  registry.add("recursive", "/r", one);
  const batches = registry.batches();
  expect(batches.length).toBe(3);
  expect(batches.flatMap((batch) => batch.data)).toEqual(paths);
  expect(batches.flatMap((batch) => batch.recursive)).toEqual(["/r"]);
  for (const batch of batches) {
    expect(batch.data.reduce((units, path) => units + path.length, 0)).toBeLessThanOrEqual(128 * 1024);
  }
});
