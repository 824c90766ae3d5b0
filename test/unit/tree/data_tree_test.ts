/**
 * What a txn does to the tree, live and when it is replayed over state that has seen part of what follows.
 *
 * @see Fact: apache/zookeeper DataTree.java (processTxn, createNode, deleteNode), FileTxnSnapLog.java
 */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../../src/base/log.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { readAcl } from "../../../src/protocol/acl.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { decodeStat, type Stat } from "../../../src/protocol/stat.ts";
import type { TxnBody } from "../../../src/protocol/txn.ts";
import { DataTree } from "../../../src/tree/data_tree.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { stores } from "./_stores.ts";
import { Applier, create, dump, entryOf, makeTree, ownerRules, remove, setData } from "./_txns.ts";

function statOf(tree: DataTree, path: string): Stat {
  const writer = new JuteWriter();
  tree.store.writeStat(tree.store.findPath(path), writer);
  return decodeStat(new JuteReader(writer.bytes, 0, writer.length));
}

function textOf(tree: DataTree, path: string): string | null {
  const data = tree.store.copyDataOf(tree.store.findPath(path));
  return data === null ? null : new TextDecoder().decode(data);
}

function has(tree: DataTree, path: string): boolean {
  return tree.store.findPath(path) !== noZnode;
}

const ipAcl = [{ perms: 31, scheme: "ip", id: "127.0.0.1" }];
const otherAcl = [{ perms: 1, scheme: "digest", id: "u:x" }];

for (const [name, makeStore] of stores) {
  const make = () => new Applier(makeTree(makeStore()));

  describe(`a new tree on the ${name}`, () => {
    test("has the root, /zookeeper, its quota and its config, as Apache's", () => {
      const { tree } = make();
      expect(tree.store.size).toBe(4);
      expect(tree.nodeCountReported).toBe(5);
      expect(tree.store.approximateBytes).toBe(44);
      expect(tree.lastProcessedZxid).toBe(0);
      expect(statOf(tree, "/").cversion).toBe(-1);
      expect(statOf(tree, "/zookeeper").cversion).toBe(-2);
      expect(statOf(tree, "/zookeeper/config").aversion).toBe(-1);
      expect(textOf(tree, "/zookeeper/config")).toBe("");
      const aclOf = (path: string) => tree.acls.get(tree.store.aclKeyOf(tree.store.findPath(path)));
      expect(aclOf("/zookeeper/config")).toEqual(readAcl);
      expect(aclOf("/zookeeper/quota")[0].perms).toBe(31);
      expect(tree.countDescendants(tree.store.root)).toBe(3);
      expect(tree.countDescendants(tree.store.findPath("/zookeeper"))).toBe(2);
    });

    test("has the digest 0x51c6d660", () => {
      expect(make().tree.digest).toBe(0x51c6d660n);
    });
  });

  describe(`creates on the ${name}`, () => {
    test("a create sets every field from its txn and counts for the parent", () => {
      const at = make();
      expect(at.apply(create("/a"))).toEqual(["1 0 /a"]);
      expect(at.apply(create("/a/b", { data: null, parentCVersion: 1 }))).toEqual(["1 0 /a/b"]);
      expect(statOf(at.tree, "/a/b")).toEqual({
        czxid: 2,
        mzxid: 2,
        ctime: 2000,
        mtime: 2000,
        version: 0,
        cversion: 0,
        aversion: 0,
        ephemeralOwner: 0n,
        dataLength: 0,
        numChildren: 0,
        pzxid: 2,
      });
      expect(textOf(at.tree, "/a/b")).toBe(null);
      const parent = statOf(at.tree, "/a");
      expect(parent.cversion).toBe(1);
      expect(parent.pzxid).toBe(2);
      expect(parent.mzxid).toBe(1);
      expect(at.tree.lastProcessedZxid).toBe(2);
      expect(at.told).toEqual([
        "created /a acl=-1 in / acl=-1 zxid=1",
        "created /a/b acl=-1 in /a acl=-1 zxid=2",
      ]);
    });

    test("a create below a missing parent is passed over", () => {
      const at = make();
      const before = dump(at.tree);
      expect(at.apply(create("/no/b", { acl: ipAcl }))).toEqual([`1 ${ErrorCode.noNode} -`]);
      expect(at.told).toEqual([]);
      expect(dump(at.tree).replace("zxid 1", "zxid 0")).toBe(before);
    });

    for (const type of [OpCode.create, OpCode.create2] as const) {
      test(`a create (type ${type}) of what is there keeps data and stat, takes the ACL and raises the parent`, () => {
        const at = make();
        at.apply(create("/p"));
        at.apply(create("/p/a", { parentCVersion: 1, acl: otherAcl }));
        at.apply(setData("/p/a", "kept", 4));
        const before = statOf(at.tree, "/p/a");
        const body = {
          ...create("/p/a", { acl: ipAcl, parentCVersion: 5, ephemeral: true }),
          type,
        } as TxnBody;
        expect(at.apply(body)).toEqual([`${type} ${ErrorCode.nodeExists} /p/a`]);
        expect(statOf(at.tree, "/p/a")).toEqual(before);
        expect(textOf(at.tree, "/p/a")).toBe("kept");
        expect(at.tree.acls.get(at.tree.store.aclKeyOf(at.tree.store.findPath("/p/a")))).toEqual(ipAcl);
        // The list of before is used by nobody any more.
        expect(at.tree.acls.size).toBe(2);
        expect(at.tree.ephemerals.count).toBe(0);
        expect(at.tree.store.cversionOf(at.tree.store.findPath("/p"))).toBe(5);
        expect(statOf(at.tree, "/p").pzxid).toBe(4);
        expect(at.told.length).toBe(3);
      });
    }

    test("a parent's cversion and pzxid never go back", () => {
      const at = make();
      at.apply(create("/p"));
      at.apply(create("/p/a", { parentCVersion: 9 }));
      at.apply(create("/p/b", { parentCVersion: 4 }));
      expect(at.tree.store.cversionOf(at.tree.store.findPath("/p"))).toBe(9);
      expect(statOf(at.tree, "/p").pzxid).toBe(2);
      expect(statOf(at.tree, "/p").numChildren).toBe(2);
    });

    test("without the parent's cversion (logs before 3.4) it is one more", () => {
      const at = make();
      at.apply(create("/p"));
      const full = entryOf(create("/p/a"), { zxid: 2 });
      at.zxid = 2;
      expect(at.applyEntry(full.subarray(0, full.length - 4))).toEqual(["1 0 /p/a"]);
      at.apply(create("/p/b", { parentCVersion: -1 }));
      expect(at.tree.store.cversionOf(at.tree.store.findPath("/p"))).toBe(2);
    });

    test("ephemerals, containers and TTL znodes are noted by kind, and forgotten when deleted", () => {
      const at = make();
      const common = { data: null, acl: [], parentCVersion: -1 };
      at.apply(create("/e", { ephemeral: true }), 77n);
      at.apply({ type: OpCode.createContainer, path: "/c", ...common });
      at.apply({ type: OpCode.createTTL, path: "/t", ...common, ttlMs: 1500 });
      expect([...at.tree.ephemerals.of(77n)]).toEqual(["/e"]);
      expect([...at.tree.ephemerals.sessions()]).toEqual([77n]);
      expect(statOf(at.tree, "/e").ephemeralOwner).toBe(77n);
      expect(statOf(at.tree, "/c").ephemeralOwner).toBe(0n);
      expect(at.tree.store.ownerOf(at.tree.store.findPath("/c"))).toBe(-0x8000000000000000n);
      expect(at.tree.store.ownerOf(at.tree.store.findPath("/t"))).toBe(-0x100000000000000n + 1500n);
      expect(at.tree.reapCandidates(1e12, 1).sort()).toEqual(["/c", "/t"]);
      for (const path of ["/e", "/c", "/t"]) at.apply(remove(path));
      expect(at.tree.reapCandidates(1e12, 1)).toEqual([]);
      expect(at.tree.ephemerals.count).toBe(0);
      expect([...at.tree.ephemerals.sessions()]).toEqual([]);
    });
  });

  describe(`reaping on the ${name}`, () => {
    const common = { data: null, acl: [], parentCVersion: -1 };

    test("a container is due once its last child is gone, one never used after its time, or never", () => {
      const at = make();
      at.apply({ type: OpCode.createContainer, path: "/used", ...common });
      at.apply({ type: OpCode.createContainer, path: "/unused", ...common });
      at.apply(create("/used/child", { parentCVersion: 1 }));
      const now = 100_000;
      expect(at.tree.reapCandidates(now, 0)).toEqual([]);
      // Made at 2000 ms.
      expect(at.tree.reapCandidates(now, now - 2000)).toEqual([]);
      expect(at.tree.reapCandidates(now, now - 2001)).toEqual(["/unused"]);
      at.apply(remove("/used/child"));
      expect(at.tree.reapCandidates(now, 0)).toEqual(["/used"]);
    });

    test("a TTL znode is due when childless and unchanged for longer than its time", () => {
      const at = make();
      at.apply({ type: OpCode.createTTL, path: "/t", ...common, ttlMs: 500 });
      expect(at.tree.reapCandidates(1500, 0)).toEqual([]);
      expect(at.tree.reapCandidates(1501, 0)).toEqual(["/t"]);
      at.apply(setData("/t", "again", 1));
      expect(at.tree.reapCandidates(2500, 0)).toEqual([]);
      expect(at.tree.reapCandidates(2501, 0)).toEqual(["/t"]);
      at.apply(create("/t/child", { parentCVersion: 1 }));
      expect(at.tree.reapCandidates(1e9, 0)).toEqual([]);
    });
  });

  describe(`deletes on the ${name}`, () => {
    test("a delete takes the znode out and moves the parent's pzxid only", () => {
      const at = make();
      at.apply(create("/p"));
      at.apply(create("/p/a", { parentCVersion: 1, acl: ipAcl }));
      at.told = [];
      expect(at.apply(remove("/p/a"))).toEqual(["2 0 -"]);
      expect(has(at.tree, "/p/a")).toBe(false);
      const parent = statOf(at.tree, "/p");
      expect([parent.pzxid, parent.cversion, parent.numChildren]).toEqual([3, 2, 0]);
      expect(at.tree.acls.size).toBe(1);
      expect(at.told).toEqual(["deleted /p/a acl=2 in /p acl=-1 zxid=3"]);
    });

    test("a deleted znode's ACL can still be read while its deletion is told", () => {
      const at = make();
      at.apply(create("/a", { acl: ipAcl }));
      let seen: unknown;
      at.onDeleted = (_path, aclKey) => seen = at.tree.acls.get(aclKey);
      at.apply(remove("/a"));
      expect(seen).toEqual(ipAcl);
    });

    test("a delete of what is missing raises the parent's pzxid first; a missing parent is passed over", () => {
      const at = make();
      at.apply(create("/p"));
      expect(at.apply(remove("/p/gone"))).toEqual([`2 ${ErrorCode.noNode} -`]);
      expect(statOf(at.tree, "/p").pzxid).toBe(2);
      expect(at.apply(remove("/no/gone"))).toEqual([`2 ${ErrorCode.noNode} -`]);
      expect(at.told.length).toBe(1);
    });

    test("a replayed delete never lowers the parent's pzxid", () => {
      const at = make();
      at.apply(create("/p"));
      at.zxid = 9;
      at.apply(create("/p/late", { parentCVersion: 1 }));
      at.zxid = 4;
      at.apply(remove("/p/early"));
      expect(statOf(at.tree, "/p").pzxid).toBe(10);
      expect(at.tree.lastProcessedZxid).toBe(10);
    });

    test("a znode that a snapshot caught with children of later txns goes with them, and replay makes them anew", () => {
      const live = make();
      live.apply(create("/p"));
      live.apply(create("/p/x", { parentCVersion: 1, acl: ipAcl, ephemeral: true }), 5n);
      live.apply(create("/p/y", { parentCVersion: 2, acl: ipAcl }));
      const digestBefore = live.tree.digest;
      const before = dump(live.tree);
      // As if /p had been deleted and made again before its children came.
      live.zxid = -1;
      expect(live.apply(remove("/p"))).toEqual(["2 0 -"]);
      expect(live.tree.store.size).toBe(4);
      expect(live.tree.ephemerals.count).toBe(0);
      expect(live.tree.acls.size).toBe(1);
      live.apply(create("/p"));
      live.apply(create("/p/x", { parentCVersion: 1, acl: ipAcl, ephemeral: true }), 5n);
      live.apply(create("/p/y", { parentCVersion: 2, acl: ipAcl }));
      // Only the root's counter has seen one create more.
      live.tree.store.setCversion(live.tree.store.root, 1);
      const normal = (text: string) => text.replace(/digest.*/, "");
      expect(normal(dump(live.tree))).toBe(normal(before));
      expect(live.tree.digest).not.toBe(digestBefore);
    });
  });

  describe(`setData and setACL on the ${name}`, () => {
    test("setData sets data, version, mzxid and mtime, and tells of it", () => {
      const at = make();
      at.apply(create("/a"));
      at.told = [];
      expect(at.apply(setData("/a", "new data", 1))).toEqual(["5 0 /a"]);
      const stat = statOf(at.tree, "/a");
      expect([stat.version, stat.mzxid, stat.mtime, stat.dataLength]).toEqual([1, 2, 2000, 8]);
      expect([stat.czxid, stat.pzxid, stat.ctime, stat.cversion]).toEqual([1, 1, 1000, 0]);
      expect(at.told).toEqual(["changed /a acl=-1 zxid=2"]);
      expect(at.apply(setData("/", "root", 1))).toEqual(["5 0 /"]);
      expect(textOf(at.tree, "/")).toBe("root");
      expect(at.apply(setData("/none", "x", 1))).toEqual([`5 ${ErrorCode.noNode} -`]);
    });

    test("reconfig writes as setData does", () => {
      const at = make();
      const data = new TextEncoder().encode("server.1=a");
      at.apply({ type: OpCode.reconfig, path: "/zookeeper/config", data, version: -1 });
      expect(textOf(at.tree, "/zookeeper/config")).toBe("server.1=a");
      expect(at.told).toEqual(["changed /zookeeper/config acl=1 zxid=1"]);
    });

    test("setACL sets the list and aversion and nothing else, and tells nobody", () => {
      const at = make();
      at.apply(create("/a", { acl: ipAcl }));
      const before = statOf(at.tree, "/a");
      at.told = [];
      expect(at.apply({ type: OpCode.setACL, path: "/a", acl: otherAcl, aversion: 3 })).toEqual(["7 0 /a"]);
      expect(statOf(at.tree, "/a")).toEqual({ ...before, aversion: 3 });
      expect(at.tree.acls.get(at.tree.store.aclKeyOf(at.tree.store.findPath("/a")))).toEqual(otherAcl);
      expect(at.tree.acls.size).toBe(2);
      expect(at.told).toEqual([]);
      const missing = at.apply({ type: OpCode.setACL, path: "/none", acl: ipAcl, aversion: 1 });
      expect(missing).toEqual([`7 ${ErrorCode.noNode} -`]);
      expect(at.tree.acls.size).toBe(2);
    });
  });

  describe(`sessions on the ${name}`, () => {
    test("createSession notes the timeout, closeSession deletes what its txn lists and what else it owns", () => {
      const at = make();
      expect(at.apply({ type: OpCode.createSession, timeoutMs: 4000 }, 5n)).toEqual(["-10 0 -"]);
      expect([...at.tree.sessions]).toEqual([[5n, 4000]]);
      for (const path of ["/e1", "/e2", "/e3"]) at.apply(create(path, { ephemeral: true }), 5n);
      at.apply(create("/other", { ephemeral: true }), 6n);
      at.told = [];
      const paths = ["/e2", "/gone/deeper", null, "/e1"];
      expect(at.apply({ type: OpCode.closeSession, paths }, 5n)).toEqual(["-11 0 -"]);
      expect(at.told).toEqual(
        ["/e2", "/e1", "/e3"].map((path) => `deleted ${path} acl=-1 in / acl=-1 zxid=6`),
      );
      expect(at.tree.sessions.size).toBe(0);
      expect([...at.tree.ephemerals.sessions()]).toEqual([6n]);
      expect(at.tree.ephemerals.count).toBe(1);
    });

    for (const digest of [undefined, 0x0000000200000003n]) {
      test(`closeSession without a body, ${digest === undefined ? "and without" : "but with"} a digest, deletes what it owns`, () => {
        const at = make();
        at.apply(create("/e1", { ephemeral: true }), 5n);
        at.zxid++;
        const header = { zxid: at.zxid, clientId: 5n };
        at.applyEntry(entryOf({ type: OpCode.closeSession, paths: null }, header, digest));
        expect(has(at.tree, "/e1")).toBe(false);
        expect(at.tree.digestMismatches).toBe(digest === undefined ? 0 : 1);
      });
    }

    test("closeSession of an empty list takes the digest behind it for a digest", () => {
      const at = make();
      at.applyEntry(
        entryOf({ type: OpCode.closeSession, paths: [] }, { zxid: 1, clientId: 5n }, 0x51c6d660n),
      );
      expect(at.tree.digestMismatches).toBe(0);
    });
  });

  describe(`multis on the ${name}`, () => {
    const multi = (...txns: TxnBody[]): TxnBody => ({ type: OpCode.multi, txns });

    test("its parts are applied in order, each told before the next, and share one zxid", () => {
      const at = make();
      const order: string[] = [];
      at.onTxn = (type, error, ref) => {
        const path = ref === noZnode ? "-" : at.tree.store.pathOf(ref);
        order.push(`${type} ${error} ${path} v${ref === noZnode ? "" : at.tree.store.versionOf(ref)}`);
      };
      at.onCreated = (path) => order.push(`created ${path} at ${at.tree.lastProcessedZxid}`);
      at.apply(
        multi(
          create("/a"),
          setData("/a", "2", 1),
          { type: OpCode.check, path: "/a", version: 1 },
          remove("/a"),
        ),
      );
      expect(order).toEqual(["created /a at 0", "1 0 /a v0", "5 0 /a v1", "13 0 /a v1", "2 0 - v"]);
      expect(at.tree.lastProcessedZxid).toBe(1);
      expect(at.apply(multi())).toEqual([]);
      expect(at.tree.lastProcessedZxid).toBe(2);
    });

    test("with an error among its parts it changes nothing: 0 before it, its code, -2 behind", () => {
      const at = make();
      const before = dump(at.tree);
      const outcomes = at.apply(
        multi(create("/a"), { type: OpCode.error, code: -103 }, remove("/b"), {
          type: OpCode.error,
          code: -2,
        }),
      );
      expect(outcomes).toEqual(["-1 0 -", "-1 -103 -", "-1 -2 -", "-1 -2 -"]);
      expect(at.told).toEqual([]);
      expect(dump(at.tree).replace("zxid 1", "zxid 0")).toBe(before);
    });

    test("a part of a type that no multi has stops it before anything is changed", () => {
      const at = make();
      const before = dump(at.tree);
      expect(() => at.apply(multi(create("/a"), { type: OpCode.createSession, timeoutMs: 1 }))).toThrow(
        "unknown",
      );
      expect(dump(at.tree)).toBe(before);
    });

    test("a failing part of a replayed multi is passed over alone", () => {
      const at = make();
      at.apply(create("/a"));
      const outcomes = at.apply(multi(create("/a"), create("/b"), remove("/c/d"), setData("/a", "z", 7)));
      expect(outcomes).toEqual(["1 -110 /a", "1 0 /b", "2 -101 -", "5 0 /a"]);
      expect(textOf(at.tree, "/a")).toBe("z");
    });
  });

  describe(`digests on the ${name}`, () => {
    test("the digest a txn carries is compared once the txn is in; a difference only counts", () => {
      const right = make();
      right.apply(create("/a"));
      const expected = right.tree.digest;
      const at = make();
      at.applyEntry(entryOf(create("/a"), { zxid: 1 }, expected));
      expect(at.tree.digestMismatches).toBe(0);
      at.applyEntry(entryOf(setData("/a", "b", 1), { zxid: 2 }, expected));
      expect(at.tree.digestMismatches).toBe(1);
      expect(textOf(at.tree, "/a")).toBe("b");
    });

    test("a digest of another version is not compared", () => {
      const at = make();
      const entry = entryOf(create("/a"), { zxid: 1 }, 123n);
      entry[entry.length - 9] = 3;
      at.applyEntry(entry);
      expect(at.tree.digestMismatches).toBe(0);
    });

    test("what goes on below /zookeeper does not count", () => {
      const at = make();
      const before = at.tree.digest;
      at.apply(setData("/zookeeper/config", "x", -1));
      at.apply(create("/zookeeper/quota/a", { parentCVersion: 1 }));
      expect(at.tree.digest).toBe(before);
      at.apply(create("/zookeeper/a", { parentCVersion: 1 }));
      expect(at.tree.digest).not.toBe(before);
    });

    test("after a snapshot nothing is compared or recorded until replay reaches the digest noted in it", () => {
      const at = make();
      at.tree.digestAudit.expect({ zxid: 3, version: 2, digest: 5n }, 1);
      at.applyEntry(entryOf(create("/a"), { zxid: 2 }, 99n));
      expect(at.tree.digestMismatches).toBe(0);
      expect(at.tree.digestAudit.recorded).toBe(null);
      at.applyEntry(entryOf({ type: OpCode.error, code: -1 }, { zxid: 3 }));
      expect(at.tree.digestMismatches).toBe(1); // 5n was wrong.
      expect(at.tree.digestAudit.recorded).toEqual({ zxid: 3, version: 2, digest: at.tree.digest });
      at.applyEntry(entryOf(create("/b"), { zxid: 4 }, 99n));
      expect(at.tree.digestMismatches).toBe(2);
    });

    test("a digest noted for the snapshot's own zxid is compared at once, an older one is ignored", () => {
      const at = make();
      at.tree.digestAudit.expect({ zxid: 7, version: 2, digest: 0x51c6d660n }, 7);
      expect(at.tree.digestMismatches).toBe(0);
      at.tree.digestAudit.expect({ zxid: 7, version: 2, digest: 1n }, 7);
      expect(at.tree.digestMismatches).toBe(1);
      at.tree.digestAudit.expect({ zxid: 6, version: 2, digest: 1n }, 7);
      expect(at.tree.digestMismatches).toBe(1);
    });

    test("every 128th zxid's digest is remembered, the newest 1024 of them", () => {
      const at = make();
      for (let index = 1; index <= 1030; index++) {
        at.applyEntry(entryOf({ type: OpCode.error, code: 0 }, { zxid: index * 128 - 1 }));
        at.applyEntry(entryOf({ type: OpCode.error, code: 0 }, { zxid: index * 128 }));
      }
      const history = at.tree.digestAudit.history;
      expect(history.length).toBe(1024);
      expect(history[0].zxid).toBe(7 * 128);
      expect(history[1023].zxid).toBe(1030 * 128);
    });

    test("with digests off none is kept or compared", () => {
      const tree = new DataTree({
        store: makeStore(),
        ownerRules,
        digestEnabled: false,
        logger: silentLogger,
      });
      new Applier(tree).applyEntry(entryOf(create("/a"), { zxid: 1 }, 5n));
      expect(tree.digestMismatches).toBe(0);
      expect(tree.digest).toBe(0n);
    });
  });

  describe(`malformed txns on the ${name}`, () => {
    test("an unknown type throws and changes nothing, the zxid neither", () => {
      const at = make();
      const before = dump(at.tree);
      for (const type of [0, 3, 99, OpCode.check, OpCode.getData]) {
        const entry = entryOf({ type: OpCode.error, code: 0 }, { zxid: 1, type });
        expect(() => at.applyEntry(entry)).toThrow("txn");
      }
      expect(dump(at.tree)).toBe(before);
    });

    test("a txn cut short anywhere throws and changes nothing", () => {
      const bodies: TxnBody[] = [
        create("/a", { acl: ipAcl }),
        setData("/zookeeper/quota", "xyz", 1),
        remove("/zookeeper/quota"),
        { type: OpCode.setACL, path: "/zookeeper/quota", acl: ipAcl, aversion: 1 },
        { type: OpCode.createSession, timeoutMs: 1 },
        { type: OpCode.error, code: -1 },
        { type: OpCode.createTTL, path: "/t", data: null, acl: [], parentCVersion: 1, ttlMs: 9 },
      ];
      for (const body of bodies) {
        const entry = entryOf(body, { zxid: 1 });
        const at = make();
        const before = dump(at.tree);
        for (let length = 0; length < entry.length; length++) {
          // Without its last field a create is whole, in the form before 3.4.
          if (body.type === OpCode.create && length >= entry.length - 4) continue;
          expect(() => at.applyEntry(entry.subarray(0, length))).toThrow();
        }
        expect(dump(at.tree)).toBe(before);
      }
    });

    test("a path that cannot be is refused", () => {
      const at = make();
      for (const path of ["", "/", "a", "a/b"]) {
        expect(() => at.apply(create(path))).toThrow("impossible path");
        expect(() => at.apply(remove(path))).toThrow("impossible path");
      }
    });
  });

  test(`while nobody listens nothing is told (${name})`, () => {
    const at = make();
    at.idle = true;
    at.apply(create("/a"));
    at.apply(setData("/a", "b", 1));
    at.apply(remove("/a"));
    expect(at.told).toEqual([]);
  });
}
