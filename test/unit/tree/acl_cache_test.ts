import { expect, test } from "bun:test";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { type Acl, encodeAcl, openAcl, readAcl } from "../../../src/protocol/acl.ts";
import { AclCache, openAclKey, skipAclVector, unknownAclKey } from "../../../src/tree/acl_cache.ts";

const ipAcl = [{ perms: 31, scheme: "ip", id: "127.0.0.1" }];

/** The list as it lies in a txn, with other bytes around it. */
function encoded(list: readonly Acl[] | null): { bytes: Uint8Array; start: number; end: number } {
  const writer = new JuteWriter();
  writer.int(0x01010101);
  writer.vector(list, encodeAcl);
  const end = writer.length;
  writer.int(0x01010101);
  return { bytes: writer.copy(), start: 4, end };
}

test("the open list has key -1 and is never kept; others get keys from 1, equal ones the same", () => {
  const acls = new AclCache();
  expect(acls.keyOf(openAcl)).toBe(openAclKey);
  expect(acls.size).toBe(0);
  expect(acls.get(-1)).toEqual(openAcl);
  expect(acls.keyOf(readAcl)).toBe(1);
  expect(acls.keyOf(ipAcl)).toBe(2);
  expect(acls.keyOf([...readAcl])).toBe(1);
  expect(acls.keyOf([])).toBe(3);
  expect(acls.get(2)).toEqual(ipAcl);
  expect(acls.get(3)).toEqual([]);
  expect(acls.size).toBe(3);
});

test("a list's bytes and the list itself lead to one key", () => {
  const acls = new AclCache();
  const key = acls.keyOf(ipAcl);
  const { bytes, start, end } = encoded(ipAcl);
  expect(acls.keyOfBytes(bytes, start, end)).toBe(key);
  const open = encoded(openAcl);
  expect(acls.keyOfBytes(open.bytes, open.start, open.end)).toBe(openAclKey);
  const none = encoded(null);
  expect(acls.keyOfBytes(none.bytes, none.start, none.end)).toBe(openAclKey);
});

test("null and empty ids are different lists, and come back as they were", () => {
  const acls = new AclCache();
  const withNull = [{ perms: 1, scheme: "auth", id: null }];
  const withEmpty = [{ perms: 1, scheme: "auth", id: "" }];
  const key = acls.keyOf(withNull);
  expect(acls.keyOf(withEmpty)).not.toBe(key);
  expect(acls.get(key)).toEqual(withNull);
});

test("a list goes with its last use, and its key is never given out again", () => {
  const acls = new AclCache();
  const key = acls.keyOf(ipAcl);
  acls.retain(key);
  acls.release(key);
  expect(acls.get(key)).toEqual(ipAcl);
  acls.release(key);
  expect(() => acls.get(key)).toThrow("no access control list has the key 1");
  expect(acls.size).toBe(0);
  expect(acls.keyOf(ipAcl)).toBe(2);
  expect(acls.lastKey).toBe(2);
});

test("a list that is not known permits nobody anything", () => {
  const acls = new AclCache();
  acls.retain(unknownAclKey);
  acls.release(unknownAclKey);
  acls.release(99);
  expect(acls.get(unknownAclKey)).toEqual([{ perms: 0, scheme: "world", id: "anyone" }]);
});

test("what a snapshot brings stays only where a znode uses it", () => {
  const acls = new AclCache();
  const load = (list: readonly Acl[]) => {
    const { bytes, start, end } = encoded(list);
    return acls.load(bytes, start, end);
  };
  const used = load(ipAcl);
  load(readAcl);
  expect(load(openAcl)).toBe(openAclKey);
  acls.retain(used);
  expect(acls.size).toBe(2);
  acls.purgeUnused();
  expect(acls.entries().map((entry) => entry.key)).toEqual([used]);
});

test("skipAclVector() ends where the vector ends", () => {
  for (const list of [openAcl, readAcl, ipAcl, [...ipAcl, ...openAcl], [], null]) {
    const { bytes, start, end } = encoded(list);
    expect(skipAclVector(new JuteReader(bytes, start, bytes.length))).toBe(end);
    if (list !== null && list.length > 0) {
      expect(() => skipAclVector(new JuteReader(bytes, start, end - 1))).toThrow();
    }
  }
});
