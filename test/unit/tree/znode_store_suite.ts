/**
 * What every store of znodes does, run over both twins by their own test files.
 */
import { describe, expect, test } from "bun:test";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { ttlOwner } from "../../../src/protocol/create_mode.ts";
import { containerOwner } from "../../../src/protocol/session_id.ts";
import { decodeStat, statBytes, statPersistedBytes } from "../../../src/protocol/stat.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "../../../src/tree/znode_store.ts";
import { utf8 } from "./_txns.ts";

/** The persisted fields of a znode; what is absent is 0. */
export interface StatFields {
  czxid?: number;
  mzxid?: number;
  ctimeMs?: number;
  mtimeMs?: number;
  version?: number;
  cversion?: number;
  aversion?: number;
  owner?: bigint;
  pzxid?: number;
}

/** Encodes a StatPersisted. */
export function statOf(fields: StatFields = {}): Uint8Array {
  const writer = new JuteWriter();
  writer.longNumber(fields.czxid ?? 0);
  writer.longNumber(fields.mzxid ?? 0);
  writer.longNumber(fields.ctimeMs ?? 0);
  writer.longNumber(fields.mtimeMs ?? 0);
  writer.int(fields.version ?? 0);
  writer.int(fields.cversion ?? 0);
  writer.int(fields.aversion ?? 0);
  writer.long(fields.owner ?? 0n);
  writer.longNumber(fields.pzxid ?? 0);
  return writer.copy();
}

/** Adds a znode below one that is there, with its bytes away from their buffers' starts. */
export function put(
  store: ZnodeStore,
  path: string,
  data: Uint8Array | null = new Uint8Array(0),
  fields: StatFields = {},
  aclKey = -1,
): ZnodeRef {
  const bytes = utf8.encode(`##${path}##`);
  const parent = store.findPath(path.slice(0, path.lastIndexOf("/")));
  const content = new Uint8Array((data?.length ?? 0) + 3);
  content.set(data ?? [], 3);
  const stat = new Uint8Array(statPersistedBytes + 9);
  stat.set(statOf(fields), 9);
  return store.insert(parent, bytes, 2, bytes.length - 4, content, 3, data?.length ?? -1, aclKey, stat, 9);
}

/** The names that writeChildren gives, sorted. */
export function childrenOf(store: ZnodeStore, ref: ZnodeRef): string[] {
  const writer = new JuteWriter();
  store.writeChildren(ref, writer);
  const reader = new JuteReader(writer.bytes, 0, writer.length);
  const names = reader.vector((r) => r.string() ?? "") ?? [];
  expect(reader.remaining).toBe(0);
  return names.sort();
}

function replaceData(store: ZnodeStore, ref: ZnodeRef, data: Uint8Array | null): void {
  store.setData(ref, data ?? new Uint8Array(0), 0, data?.length ?? -1);
}

/** The bytes that `write` writes. */
function written(write: (writer: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter(1);
  write(writer);
  return writer.copy();
}

function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = index * 31 + seed;
  return bytes;
}

/** Declares the suite for one store. */
export function testZnodeStore(name: string, make: () => ZnodeStore): void {
  describe(name, () => {
    test("a new store has a bare root under both its names", () => {
      const store = make();
      expect(store.size).toBe(1);
      expect(store.approximateBytes).toBe(1);
      expect(store.findPath("/")).toBe(store.root);
      expect(store.findPath("")).toBe(store.root);
      expect(store.find(utf8.encode("a/b"), 1, 1)).toBe(store.root);
      expect(store.find(utf8.encode("a/b"), 2, 0)).toBe(store.root);
      expect(store.pathOf(store.root)).toBe("/");
      expect(store.parentOf(store.root)).toBe(noZnode);
      expect(store.firstChildOf(store.root)).toBe(noZnode);
      expect(store.nextSiblingOf(store.root)).toBe(noZnode);
      expect(store.dataLengthOf(store.root)).toBe(0);
      expect(store.aclKeyOf(store.root)).toBe(-1);
      expect(written((writer) => store.writePath(store.root, writer))).toEqual(
        new Uint8Array([0, 0, 0, 1, 0x2f]),
      );
    });

    test("a znode is found by its path's bytes, wherever they lie, and by nothing else", () => {
      const store = make();
      const a = put(store, "/a");
      const ab = put(store, "/a/b");
      expect(store.size).toBe(3);
      const request = utf8.encode("xx/a/byy");
      expect(store.find(request, 2, 4)).toBe(ab);
      expect(store.find(request, 2, 2)).toBe(a);
      expect(store.findPath("/a/b")).toBe(ab);
      for (const absent of ["/b", "/a/", "/a/c", "/a/b/", "a", "/a/bb", "//a", "/A"]) {
        expect(store.findPath(absent)).toBe(noZnode);
      }
    });

    test("every field comes back as it was inserted", () => {
      const store = make();
      const fields = {
        czxid: 0x1fffff_fffffffe,
        mzxid: 0x100000002,
        ctimeMs: 1_700_000_000_123,
        mtimeMs: -5,
        version: -2147483648,
        cversion: 2147483647,
        aversion: -1,
        owner: -0x7000000000000001n,
        pzxid: 0x100000000,
      };
      const ref = put(store, "/field", utf8.encode("data"), fields, 77);
      expect(store.czxidOf(ref)).toBe(fields.czxid);
      expect(store.mzxidOf(ref)).toBe(fields.mzxid);
      expect(store.pzxidOf(ref)).toBe(fields.pzxid);
      expect(store.ctimeMsOf(ref)).toBe(fields.ctimeMs);
      expect(store.mtimeMsOf(ref)).toBe(fields.mtimeMs);
      expect(store.versionOf(ref)).toBe(fields.version);
      expect(store.cversionOf(ref)).toBe(fields.cversion);
      expect(store.aversionOf(ref)).toBe(fields.aversion);
      expect(store.ownerOf(ref)).toBe(fields.owner);
      expect(store.aclKeyOf(ref)).toBe(77);
      expect(store.dataLengthOf(ref)).toBe(4);
      expect(store.copyDataOf(ref)).toEqual(utf8.encode("data"));
      expect(written((writer) => store.writeStatPersisted(ref, writer))).toEqual(statOf(fields));
    });

    test("values beyond the exact numbers keep all their bits in snapshots", () => {
      const store = make();
      const stat = statOf();
      stat.fill(0x7f, 0, 32);
      stat.fill(0x81, 52, 60);
      const path = utf8.encode("/huge");
      const ref = store.insert(store.root, path, 0, 5, path, 0, 0, -1, stat, 0);
      expect(written((writer) => store.writeStatPersisted(ref, writer))).toEqual(stat);
    });

    test("setters change their field and no other", () => {
      const store = make();
      const ref = put(store, "/set", utf8.encode("data"), { czxid: 1, ctimeMs: 2, owner: 3n });
      store.setAclKey(ref, 5);
      store.setAversion(ref, -6);
      store.setModified(ref, 7, 0x900000009, 1_700_000_000_123);
      store.setCversion(ref, -8);
      store.setPzxid(ref, 0xb0000000b);
      expect(store.aclKeyOf(ref)).toBe(5);
      const expected = statOf({
        czxid: 1,
        mzxid: 0x900000009,
        ctimeMs: 2,
        mtimeMs: 1_700_000_000_123,
        version: 7,
        cversion: -8,
        aversion: -6,
        owner: 3n,
        pzxid: 0xb0000000b,
      });
      expect(written((writer) => store.writeStatPersisted(ref, writer))).toEqual(expected);
      const copy = new Uint8Array(expected.length + 2).fill(0xaa);
      store.copyStat(ref, new DataView(copy.buffer), 1);
      expect(copy).toEqual(Uint8Array.of(0xaa, ...expected, 0xaa));
      const other = statOf({ czxid: 11, ctimeMs: 12, version: 13, owner: 14n, pzxid: 15 });
      store.setStat(ref, other, 0);
      expect(written((writer) => store.writeStatPersisted(ref, writer))).toEqual(other);
      expect(store.copyDataOf(ref)).toEqual(utf8.encode("data"));
    });

    test("a Stat shows 2 x creations - children, the data's length and who owns an ephemeral", () => {
      const store = make();
      const ref = put(store, "/p", utf8.encode("12345"), { cversion: 3, owner: 9n, pzxid: 4, version: 2 });
      put(store, "/p/one");
      put(store, "/p/two");
      const bytes = written((writer) => store.writeStat(ref, writer));
      expect(bytes.length).toBe(statBytes);
      const stat = decodeStat(new JuteReader(bytes));
      expect(stat.cversion).toBe(4);
      expect(stat.numChildren).toBe(2);
      expect(stat.dataLength).toBe(5);
      expect(stat.ephemeralOwner).toBe(9n);
      expect(stat.pzxid).toBe(4);
      expect(stat.version).toBe(2);
    });

    test("the cversion of a Stat wraps as an int32 does", () => {
      const store = make();
      const ref = put(store, "/wrap", null, { cversion: 2147483647 });
      const stat = decodeStat(new JuteReader(written((writer) => store.writeStat(ref, writer))));
      expect(stat.cversion).toBe(-2);
      expect(stat.dataLength).toBe(0);
    });

    test("a Stat hides the owners of containers and TTL znodes", () => {
      const store = make();
      for (const owner of [containerOwner, ttlOwner(1000)]) {
        const ref = put(store, `/owner${owner}`, null, { owner });
        const stat = decodeStat(new JuteReader(written((writer) => store.writeStat(ref, writer))));
        expect(stat.ephemeralOwner).toBe(0n);
        expect(store.ownerOf(ref)).toBe(owner);
      }
    });

    test("null data and empty data are told apart", () => {
      const store = make();
      const none = put(store, "/none", null);
      const empty = put(store, "/empty", new Uint8Array(0));
      expect(store.dataLengthOf(none)).toBe(-1);
      expect(store.dataLengthOf(empty)).toBe(0);
      expect(store.copyDataOf(none)).toBe(null);
      expect(store.copyDataOf(empty)).toEqual(new Uint8Array(0));
      expect(written((writer) => store.writeData(none, writer))).toEqual(
        new Uint8Array([255, 255, 255, 255]),
      );
      expect(written((writer) => store.writeData(empty, writer))).toEqual(new Uint8Array([0, 0, 0, 0]));
      replaceData(store, none, new Uint8Array(0));
      replaceData(store, empty, null);
      expect(store.dataLengthOf(none)).toBe(0);
      expect(store.dataLengthOf(empty)).toBe(-1);
    });

    test("data of any length replaces data of any other, and handles stay", () => {
      const store = make();
      const lengths = [0, 1, 3, 4, 47, 48, 49, 100, 255, 1000, 4000, 5000, 70_000, 1_100_000];
      const neighbour = put(store, "/neighbour", patterned(40, 1));
      const ref = put(store, "/grows", patterned(2, 9), { version: 6 });
      let before = 2;
      const bytes = store.approximateBytes;
      for (const length of [...lengths, ...[...lengths].reverse(), 70_000, 2, 4000]) {
        const data = patterned(length, length);
        replaceData(store, ref, data);
        expect(store.approximateBytes).toBe(bytes + length - 2);
        expect(store.dataLengthOf(ref)).toBe(length);
        expect(Bun.hash(store.copyDataOf(ref)!)).toBe(Bun.hash(data));
        const reply = written((writer) => store.writeData(ref, writer));
        expect(reply.length).toBe(4 + length);
        expect(Bun.hash(reply.subarray(4))).toBe(Bun.hash(data));
        expect(store.findPath("/grows")).toBe(ref);
        before = length;
      }
      expect(store.dataLengthOf(ref)).toBe(before);
      expect(store.versionOf(ref)).toBe(6);
      expect(store.pathOf(ref)).toBe("/grows");
      expect(store.copyDataOf(neighbour)).toEqual(patterned(40, 1));
      expect(childrenOf(store, store.root)).toEqual(["grows", "neighbour"]);
    });

    test("a znode with children keeps them when its data moves it", () => {
      const store = make();
      const parent = put(store, "/p");
      for (let index = 0; index < 5; index++) put(store, `/p/c${index}`, patterned(index, 0));
      for (const length of [10, 2000, 100_000, 0]) {
        replaceData(store, parent, patterned(length, 3));
        expect(store.numChildrenOf(parent)).toBe(5);
        expect(childrenOf(store, parent)).toEqual(["c0", "c1", "c2", "c3", "c4"]);
        expect(store.parentOf(store.findPath("/p/c3"))).toBe(parent);
      }
      for (let index = 0; index < 5; index++) {
        const child = store.findPath(`/p/c${index}`);
        for (const length of [5000, 1]) {
          replaceData(store, child, patterned(length, 4));
          expect(childrenOf(store, parent)).toEqual(["c0", "c1", "c2", "c3", "c4"]);
        }
      }
    });

    test("children come and go in any order, and their list stays whole", () => {
      const store = make();
      const parent = put(store, "/p");
      const names = ["a", "b", "c", "d", "e", "f"];
      const expected = new Set<string>();
      const check = () => {
        expect(childrenOf(store, parent)).toEqual([...expected].sort());
        expect(store.numChildrenOf(parent)).toBe(expected.size);
        const walked: string[] = [];
        for (let ref = store.firstChildOf(parent); ref !== noZnode; ref = store.nextSiblingOf(ref)) {
          expect(store.parentOf(ref)).toBe(parent);
          walked.push(store.pathOf(ref).slice(3));
        }
        expect(walked.sort()).toEqual([...expected].sort());
      };
      const step = (name: string) => {
        if (expected.delete(name)) store.remove(store.findPath(`/p/${name}`));
        else {
          put(store, `/p/${name}`);
          expected.add(name);
        }
        check();
      };
      check();
      for (const name of [...names, "c", "a", "f", "c", "b", "d", "e", "c", "a", "f", "a"]) step(name);
    });

    test("a deleted znode is gone, and its place can be taken by another", () => {
      const store = make();
      const bytes = store.approximateBytes;
      const ref = put(store, "/gone", patterned(50, 0), { version: 3 }, 8);
      store.remove(ref);
      expect(store.findPath("/gone")).toBe(noZnode);
      expect(store.size).toBe(1);
      expect(store.approximateBytes).toBe(bytes);
      expect(childrenOf(store, store.root)).toEqual([]);
      const again = put(store, "/gone", null);
      expect(store.versionOf(again)).toBe(0);
      expect(store.dataLengthOf(again)).toBe(-1);
      expect(store.aclKeyOf(again)).toBe(-1);
      expect(store.numChildrenOf(again)).toBe(0);
    });

    test("only a childless znode may be removed, and never the root", () => {
      const store = make();
      const parent = put(store, "/p");
      put(store, "/p/c");
      expect(() => store.remove(parent)).toThrow("broken rule");
      expect(() => store.remove(store.root)).toThrow("broken rule");
      expect(store.size).toBe(3);
    });

    test("paths may hold any UTF-8 and be as long as a frame", () => {
      const store = make();
      const long = `/${"n".repeat(1_000_000)}`;
      const paths = ["/ä", "/日本語", "/日本語/ゆ", "/with space", long, `${long}/child`];
      for (const path of paths) put(store, path, utf8.encode(path.slice(0, 5)));
      for (const path of paths) {
        const ref = store.findPath(path);
        expect(ref).not.toBe(noZnode);
        expect(store.pathOf(ref) === path).toBe(true);
        expect(store.copyDataOf(ref)).toEqual(utf8.encode(path.slice(0, 5)));
      }
      expect(childrenOf(store, store.findPath("/日本語"))).toEqual(["ゆ"]);
      expect(childrenOf(store, store.findPath(long))).toEqual(["child"]);
      const written68 = written((writer) => store.writePath(store.findPath("/ä"), writer));
      expect(written68).toEqual(new Uint8Array([0, 0, 0, 3, 0x2f, 0xc3, 0xa4]));
    });

    test("the digest covers path, data and every field, and leaves out what is below /zookeeper", () => {
      const store = make();
      expect(store.digestOf(store.root)).toBe(crcOf(new Uint8Array(60)));
      const fields = {
        czxid: 1,
        mzxid: 2,
        pzxid: 3,
        ctimeMs: 4,
        mtimeMs: 5,
        version: 6,
        cversion: 7,
        aversion: 8,
      };
      const ref = put(store, "/dig", utf8.encode("data"), { ...fields, owner: 9n });
      const inOrder = new JuteWriter();
      inOrder.raw(utf8.encode("/digdata"));
      for (const long of [1, 2, 3, 4, 5]) inOrder.longNumber(long);
      for (const int of [6, 7, 8]) inOrder.int(int);
      inOrder.long(9n);
      expect(store.digestOf(ref)).toBe(crcOf(inOrder.copy()));
      expect(store.contentCrcOf(ref)).toBe(crcOf(utf8.encode("/digdata")));
      store.setCversion(ref, 8);
      expect(store.digestOf(ref)).not.toBe(crcOf(inOrder.copy()));
      put(store, "/zookeeper");
      put(store, "/zookeeperx");
      const below = put(store, "/zookeeper/x");
      expect(store.digestOf(store.findPath("/zookeeper"))).not.toBe(0);
      expect(store.digestOf(store.findPath("/zookeeperx"))).not.toBe(0);
      expect(store.digestOf(below)).toBe(0);
    });

    test("clearing leaves a bare root, and the store is as good as new", () => {
      const store = make();
      for (let index = 0; index < 500; index++) put(store, `/n${index}`, patterned(index * 20, 1));
      put(store, "/n1/child");
      replaceData(store, store.root, patterned(9, 9));
      store.setStat(store.root, statOf({ cversion: 5 }), 0);
      store.clear();
      expect(store.size).toBe(1);
      expect(store.approximateBytes).toBe(1);
      expect(store.findPath("/n1")).toBe(noZnode);
      expect(store.firstChildOf(store.root)).toBe(noZnode);
      expect(written((writer) => store.writeStatPersisted(store.root, writer))).toEqual(statOf());
      expect(store.dataLengthOf(store.root)).toBe(0);
      put(store, "/n1", patterned(7, 7));
      expect(store.copyDataOf(store.findPath("/n1"))).toEqual(patterned(7, 7));
      expect(store.size).toBe(2);
    });

    test("writers are written to behind what they hold already", () => {
      const store = make();
      const ref = put(store, "/w", patterned(60, 2));
      const writer = new JuteWriter(8);
      writer.int(0x01020304);
      store.writeData(ref, writer);
      store.writeStat(ref, writer);
      store.writePath(ref, writer);
      store.writeChildren(store.root, writer);
      writer.int(0x05060708);
      const reader = new JuteReader(writer.bytes, 0, writer.length);
      expect(reader.int()).toBe(0x01020304);
      expect(reader.buffer()).toEqual(patterned(60, 2));
      expect(decodeStat(reader).dataLength).toBe(60);
      expect(reader.string()).toBe("/w");
      expect(reader.vector((r) => r.string())).toEqual(["w"]);
      expect(reader.int()).toBe(0x05060708);
      expect(reader.remaining).toBe(0);
    });
  });
}

/** CRC-32 bit by bit, to judge the tables by. */
function crcOf(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
