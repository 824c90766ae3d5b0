import { expect, test } from "bun:test";
import { EventType } from "../../../src/protocol/watch_event.ts";
import { catchUp, type NodeZxids, type WatchLists } from "../../../src/watch/catch_up.ts";

const nothing: WatchLists = { data: [], exist: [], child: [], persistent: [], recursive: [] };

/** What happens to `lists` when /old was last changed at 5 and /new at 6, and the client has seen 5. */
function outcome(lists: Partial<WatchLists>): string[] {
  const nodes = new Map<string, NodeZxids>([
    ["/old", { mzxid: 5, pzxid: 5 }],
    ["/data", { mzxid: 6, pzxid: 5 }],
    ["/children", { mzxid: 5, pzxid: 6 }],
  ]);
  const names = new Map<number, string>(Object.entries(EventType).map(([name, type]) => [type, name]));
  const seen: string[] = [];
  catchUp({ ...nothing, ...lists }, 5, (path) => nodes.get(path) ?? null, {
    tell: (type, path) => seen.push(`${names.get(type)} ${path}`),
    watch: (kind, path) => seen.push(`watch ${kind} ${path}`),
    watchPersistent: (path) => seen.push(`watch persistent ${path}`),
    watchRecursive: (path) => seen.push(`watch recursive ${path}`),
  });
  return seen;
}

test("a data watch hears of what came after the zxid the client has seen, and of a deletion", () => {
  expect(outcome({ data: ["/old", "/data", "/children", "/gone"] })).toEqual([
    "watch data /old",
    "nodeDataChanged /data",
    "watch data /children",
    "nodeDeleted /gone",
  ]);
});

test("an exists watch hears of a creation however old, and else is set in the data table", () => {
  expect(outcome({ exist: ["/old", "/gone"] })).toEqual(["nodeCreated /old", "watch data /gone"]);
});

test("a child watch hears of what came after the zxid the client has seen, and of a deletion", () => {
  expect(outcome({ child: ["/old", "/data", "/children", "/gone"] })).toEqual([
    "watch child /old",
    "watch child /data",
    "nodeChildrenChanged /children",
    "nodeDeleted /gone",
  ]);
});

test("persistent and recursive watches are set without events for the past", () => {
  expect(outcome({ persistent: ["/data", "/gone"], recursive: ["/children", "/gone"] })).toEqual([
    "watch persistent /data",
    "watch persistent /gone",
    "watch recursive /children",
    "watch recursive /gone",
  ]);
});

test("the lists are taken in the order data, exist, child, persistent, recursive", () => {
  const all = { data: ["/old"], exist: ["/old"], child: ["/old"], persistent: ["/old"], recursive: ["/old"] };
  expect(outcome(all)).toEqual([
    "watch data /old",
    "nodeCreated /old",
    "watch child /old",
    "watch persistent /old",
    "watch recursive /old",
  ]);
});
