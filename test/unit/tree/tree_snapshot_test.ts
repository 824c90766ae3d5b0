/**
 * Writing a tree down while it changes, and reading it back.
 *
 * @see Fact: apache/zookeeper SerializeUtils.java, DataTree.java (serializeNode, deserialize)
 */
import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import { PagedZnodeStore } from "../../../src/tree/paged_znode_store.ts";
import { TreeSnapshotCursor, TreeSnapshotLoader } from "../../../src/tree/tree_snapshot.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { stores } from "./_stores.ts";
import { Applier, create, dump, makeTree, ownerRules, remove, setData, utf8 } from "./_txns.ts";

const ipAcl = [{ perms: 31, scheme: "ip", id: "127.0.0.1" }];
const otherAcl = [{ perms: 1, scheme: "digest", id: "u:x" }];

function writeAll(cursor: TreeSnapshotCursor): Uint8Array {
  const writer = new JuteWriter();
  expect(cursor.writeSome(writer, Infinity)).toBe(true);
  return writer.copy();
}

function load(tree: DataTree, bytes: Uint8Array): void {
  const loader = new TreeSnapshotLoader(tree);
  expect(loader.push(bytes, 0, bytes.length)).toBe(bytes.length);
  expect(loader.done).toBe(true);
}

function pathsIn(tree: DataTree): string[] {
  return dump(tree).split("\n").filter((line) => line.startsWith("/")).map((line) => line.split(" ")[0]);
}

/** A tree with something of everything. */
function furnish(at: Applier): void {
  at.apply({ type: OpCode.createSession, timeoutMs: 4000 }, 5n);
  at.apply({ type: OpCode.createSession, timeoutMs: 8000 }, -6n);
  at.apply(create("/a", { acl: ipAcl }));
  at.apply(create("/a/e", { ephemeral: true, data: null }), 5n);
  at.apply(create("/a/日本", { data: new Uint8Array(5000).fill(7), acl: otherAcl }));
  at.apply({
    type: OpCode.createContainer,
    path: "/c",
    data: new Uint8Array(0),
    acl: [],
    parentCVersion: -1,
  });
  at.apply({ type: OpCode.createTTL, path: "/t", data: null, acl: ipAcl, parentCVersion: -1, ttlMs: 100 });
  at.apply(setData("/", "root data", 1));
  at.apply({ type: OpCode.setACL, path: "/", acl: otherAcl, aversion: 1 });
  at.apply(create("/zookeeper/quota/a"));
  at.apply(create("/zookeeper/quota/a/zookeeper_limits", { data: utf8.encode("count=9,bytes=9") }));
  at.apply(create("/zookeeper/quota/a/zookeeper_stats"));
}

test("a fresh tree is written as Apache writes it, byte by byte", () => {
  const store = new PagedZnodeStore({ ownerRules, random: seededRandom(1) });
  const bytes = writeAll(new TreeSnapshotCursor(makeTree(store)));
  // A fresh snapshot.0 of Apache has these behind its 16 byte head, and seals both with this Adler-32.
  expect(bytes.length).toBe(411 - 16);
  const file = new Uint8Array(411);
  file.set([0x5a, 0x4b, 0x53, 0x4e, 0, 0, 0, 2, 255, 255, 255, 255, 255, 255, 255, 255]);
  file.set(bytes, 16);
  let [low, high] = [1, 0];
  for (const byte of file) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  expect(high * 65536 + low).toBe(0xb8a23b49);
});

for (const [name, makeStore] of stores) {
  const make = () => new Applier(makeTree(makeStore()));

  describe(`snapshots of a tree on the ${name}`, () => {
    for (const [other, makeOther] of stores) {
      test(`what was written loads into a tree on the ${other}, and is the same`, () => {
        const at = make();
        furnish(at);
        const cursor = new TreeSnapshotCursor(at.tree);
        expect(cursor.zxid).toBe(12);
        const bytes = writeAll(cursor);
        const loaded = makeTree(makeOther());
        new Applier(loaded).apply(create("/before"));
        load(loaded, bytes);
        loaded.lastProcessedZxid = cursor.zxid;
        expect(dump(loaded)).toBe(dump(at.tree));
        expect(loaded.quotas.exceeds("/a/x", 10, 0)).toBe(false);
        expect([...loaded.quotas.paths]).toEqual(["/a"]);
      });
    }

    test("it can be written in pieces of any size", () => {
      const at = make();
      furnish(at);
      const whole = writeAll(new TreeSnapshotCursor(at.tree));
      for (const budget of [1, 50, 200, 60_000]) {
        const cursor = new TreeSnapshotCursor(at.tree);
        const writer = new JuteWriter();
        let calls = 1;
        while (!cursor.writeSome(writer, budget)) calls++;
        expect(writer.copy()).toEqual(whole);
        expect(calls > 1).toBe(budget < 60_000);
        expect(cursor.writeSome(writer, budget)).toBe(true);
        expect(writer.length).toBe(whole.length);
      }
    });

    test("it can be read in pieces of any size; wanted says how much is missing", () => {
      const at = make();
      furnish(at);
      const bytes = writeAll(new TreeSnapshotCursor(at.tree));
      for (const step of [1, 7, 64]) {
        const loaded = make().tree;
        const loader = new TreeSnapshotLoader(loaded);
        let consumed = 0;
        for (let end = 0; end < bytes.length; end = Math.min(end + step, bytes.length)) {
          expect(loader.done).toBe(false);
          const before = loader.wanted;
          const used = loader.push(bytes, consumed, end);
          if (used > 0) expect(end - consumed).toBeGreaterThanOrEqual(before);
          consumed += used;
          expect(consumed + loader.wanted).toBeGreaterThan(end);
        }
        consumed += loader.push(bytes, consumed, bytes.length);
        expect(loader.done).toBe(true);
        expect(consumed).toBe(bytes.length);
        loaded.lastProcessedZxid = 12;
        expect(dump(loaded)).toBe(dump(at.tree));
      }
    });

    test("bytes behind the end are left alone", () => {
      const bytes = writeAll(new TreeSnapshotCursor(make().tree));
      const longer = new Uint8Array(bytes.length + 50).fill(0xff);
      longer.set(bytes, 10);
      const loader = new TreeSnapshotLoader(make().tree);
      expect(loader.push(longer, 10, longer.length)).toBe(bytes.length);
      expect(loader.done).toBe(true);
      expect(loader.push(longer, 10 + bytes.length, longer.length)).toBe(0);
    });

    test("what was created since the start is left out, what was deleted since may be missing", () => {
      const at = make();
      for (const path of ["/a", "/a/x", "/b", "/b/x"]) at.apply(create(path));
      const cursor = new TreeSnapshotCursor(at.tree);
      const writer = new JuteWriter();
      cursor.writeSome(writer, 1);
      at.apply(create("/new"));
      at.apply(create("/new/child"));
      at.apply(create("/a/new"));
      at.apply(remove("/b/x"));
      at.apply(remove("/a/x"));
      at.apply(create("/a/x"));
      at.apply({ type: OpCode.createSession, timeoutMs: 1 }, 8n);
      expect(cursor.writeSome(writer, Infinity)).toBe(true);
      const loaded = make().tree;
      load(loaded, writer.copy());
      expect(pathsIn(loaded).filter((path) => !path.startsWith("/zookeeper"))).toEqual(["/", "/a", "/b"]);
      expect(loaded.sessions.size).toBe(0);
    });

    test("the cursor outlives every removal of the znode it stands at", () => {
      // Stop before each znode in turn, remove that znode or its whole branch, and go on.
      for (let stop = 0; stop < 12; stop++) {
        for (const doomed of ["/a/1/x", "/a/1", "/a/2", "/a", "/b", "/c/1", "/c"]) {
          const at = make();
          const all = ["/a", "/a/1", "/a/1/x", "/a/2", "/b", "/c", "/c/1"];
          for (const path of all) at.apply(create(path));
          const cursor = new TreeSnapshotCursor(at.tree);
          const writer = new JuteWriter();
          for (let step = 0; step < stop; step++) cursor.writeSome(writer, 1);
          const gone = all.filter((path) => path === doomed || path.startsWith(`${doomed}/`)).reverse();
          for (const path of gone) at.apply(remove(path));
          at.apply(create("/new"));
          expect(cursor.writeSome(writer, Infinity)).toBe(true);
          const loaded = make().tree;
          load(loaded, writer.copy());
          const left = new Set(pathsIn(loaded));
          for (const path of all) if (!gone.includes(path)) expect(left.has(path)).toBe(true);
          expect(left.has("/new")).toBe(false);
        }
      }
    });

    test("a list that came after the start is written as unknown, and replay brings it", () => {
      const at = make();
      at.apply(create("/a", { acl: ipAcl }));
      const cursor = new TreeSnapshotCursor(at.tree);
      const writer = new JuteWriter();
      at.apply({ type: OpCode.setACL, path: "/a", acl: otherAcl, aversion: 1 });
      cursor.writeSome(writer, Infinity);
      // Behind "/a" and its one byte of data: a key that no server ever gives out.
      const pathAt = writer.copy().findLastIndex((byte, index, all) =>
        byte === 0x2f && all[index + 1] === 0x61
      );
      expect(new DataView(writer.bytes.buffer).getBigInt64(pathAt + 2 + 5)).toBe(-2n);
      const replayed = new Applier(make().tree);
      load(replayed.tree, writer.copy());
      replayed.tree.lastProcessedZxid = cursor.zxid;
      const key = () => replayed.tree.store.aclKeyOf(replayed.tree.store.findPath("/a"));
      expect(replayed.tree.acls.get(key())).toEqual([{ perms: 0, scheme: "world", id: "anyone" }]);
      replayed.zxid = cursor.zxid;
      replayed.apply({ type: OpCode.setACL, path: "/a", acl: otherAcl, aversion: 1 });
      expect(replayed.tree.acls.get(key())).toEqual(otherAcl);
      expect(dump(replayed.tree)).toBe(dump(at.tree));
    });

    test("a cursor that gives up is told of removals no more", () => {
      const at = make();
      at.apply(create("/a"));
      const cursor = new TreeSnapshotCursor(at.tree);
      cursor.close();
      at.apply(remove("/a"));
      at.tree.beginLoad();
      expect(at.tree.store.size).toBe(1);
    });

    test("a tree is not loaded while a cursor walks it", () => {
      const { tree } = make();
      const cursor = new TreeSnapshotCursor(tree);
      expect(() => new TreeSnapshotLoader(tree)).toThrow("broken rule");
      cursor.close();
      expect(new TreeSnapshotLoader(tree).done).toBe(false);
    });

    test("a snapshot from before 3.5 gets its /zookeeper/config", () => {
      const at = make();
      at.apply(remove("/zookeeper/config"));
      const bytes = writeAll(new TreeSnapshotCursor(at.tree));
      const loaded = make().tree;
      load(loaded, bytes);
      expect(loaded.store.findPath("/zookeeper/config")).not.toBe(noZnode);
      expect(loaded.digest).toBe(at.tree.digest);
    });
  });

  describe(`bad snapshots on the ${name}`, () => {
    const stat = new Uint8Array(60);
    const build = (fill: (writer: JuteWriter) => void): Uint8Array => {
      const writer = new JuteWriter();
      writer.int(0);
      writer.int(0);
      fill(writer);
      return writer.copy();
    };
    const znode = (writer: JuteWriter, path: string | null) => {
      writer.string(path);
      writer.buffer(null);
      writer.longNumber(-1);
      writer.raw(stat);
    };

    const cases: [string, Uint8Array, string][] = [
      [
        "a znode without its parent",
        build((w) => ["", "/a/b"].forEach((path) => znode(w, path))),
        "lacks the parent of /a/b",
      ],
      ["a znode before the root", build((w) => znode(w, "/a")), "lacks the parent of /a"],
      [
        "a path without a slash",
        build((w) => ["", "a"].forEach((path) => znode(w, path))),
        "lacks the parent of a",
      ],
      ["a znode twice", build((w) => ["", "/a", "/a"].forEach((path) => znode(w, path))), "has /a twice"],
      ["two roots", build((w) => ["", ""].forEach((path) => znode(w, path))), "two roots"],
      ["no root", build((w) => w.string("/")), "no root"],
      ["a null path", build((w) => znode(w, null)), "null"],
      ["a path of impossible length", build((w) => w.int(0x7fffffff)), "unreasonable length"],
      ["a negative length", build((w) => w.int(-2)), "unreasonable length"],
    ];
    for (const [what, bytes, message] of cases) {
      test(`${what} is refused`, () => {
        const loader = new TreeSnapshotLoader(make().tree);
        expect(() => loader.push(bytes, 0, bytes.length)).toThrow(message);
      });
    }

    test("a snapshot cut short is not done", () => {
      const at = make();
      furnish(at);
      const bytes = writeAll(new TreeSnapshotCursor(at.tree));
      for (let length = 0; length < bytes.length; length += 97) {
        const loader = new TreeSnapshotLoader(make().tree);
        loader.push(bytes, 0, length);
        expect(loader.done).toBe(false);
      }
    });
  });
}
