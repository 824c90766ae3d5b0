import { describe, expect, test } from "bun:test";
import { systemHasher } from "../../../src/io/system_hasher.ts";
import { Access } from "../../../src/pipeline/auth/access.ts";
import { DigestAuth } from "../../../src/pipeline/auth/digest_auth.ts";
import { IpAuth } from "../../../src/pipeline/auth/ip_auth.ts";
import { type Acl, type AuthId, openAcl, Perms } from "../../../src/protocol/acl.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";

const digest = new DigestAuth(systemHasher, {
  algorithm: "SHA1",
  superDigest: "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
});
const access = new Access([digest, new IpAuth()], false);
const bytes = (text: string) => new TextEncoder().encode(text);
const bob: AuthId = { scheme: "digest", id: "bob:hash" };
const local: AuthId = { scheme: "ip", id: "127.0.0.1" };
const acl = (scheme: string | null, id: string | null, perms: number = Perms.all): Acl => ({
  perms,
  scheme,
  id,
});

describe("digest", () => {
  test("turns user and password into the id that Apache makes", () => {
    expect(digest.authenticate(bytes("u:p"))).toEqual([{
      scheme: "digest",
      id: "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=",
    }]);
  });

  test("adds super to who knows the super password", () => {
    expect(digest.authenticate(bytes("super:test"))).toEqual([
      { scheme: "super", id: "" },
      { scheme: "digest", id: "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" },
    ]);
  });

  test("never refuses, even without a colon", () => {
    expect(digest.authenticate(bytes("nobody"))[0].id).toStartWith("nobody:");
  });

  test.each([["a:b", true], ["a:b:", true], ["a", false], ["a:b:c", false], [":", false], ["", false]])(
    "an ACL id %p is valid: %p",
    (id, valid) => expect(digest.isValidAclId(id)).toBe(valid),
  );
});

describe("ip", () => {
  const ip = new IpAuth();
  test.each([
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.2", false],
    ["10.1.2.3", "10.1.0.0/16", true],
    ["10.2.2.3", "10.1.0.0/16", false],
    ["10.1.2.3", "10.1.2.0/23", true],
    ["10.1.4.3", "10.1.2.0/23", false],
    ["10.1.2.3", "0.0.0.0/0", true],
    ["0:0:0:0:0:0:0:1", "::1", true],
    ["2001:db8:0:0:0:0:0:5", "2001:db8::/32", true],
    ["127.0.0.1", "::/0", false],
  ])(
    "a client at %p is meant by %p: %p",
    (client, entry, meant) => expect(ip.matches(client, entry)).toBe(meant),
  );

  test.each([
    ["1.2.3.4", true],
    ["1.2.3.4/32", true],
    ["1.2.3.4/33", false],
    ["1.2.3", false],
    ["1.2.3.256", false],
    ["::1/128", true],
    ["::1/129", false],
    ["1::2::3", false],
    ["1:2:3:4:5:6:7", false],
    ["1.2.3.4/x", false],
    ["host", false],
  ])("an ACL id %p is valid: %p", (id, valid) => expect(ip.isValidAclId(id)).toBe(valid));
});

describe("checking", () => {
  test("one shared permission bit in one entry that means the client is enough", () => {
    const list = [acl("digest", "bob:hash", Perms.read), acl("ip", "127.0.0.1", Perms.write)];
    expect(access.allows(list, Perms.read | Perms.admin, [bob])).toBe(true);
    expect(access.allows(list, Perms.write, [bob])).toBe(false);
    expect(access.allows(list, Perms.write, [local])).toBe(true);
    expect(access.allows(list, Perms.delete, [bob, local])).toBe(false);
  });

  test("an empty list and the super user are never refused", () => {
    expect(access.allows([], Perms.admin, [])).toBe(true);
    expect(access.allows([acl("digest", "x:y", 0)], Perms.admin, [{ scheme: "super", id: "" }])).toBe(true);
  });

  test("skipACL lets everybody in", () => {
    expect(new Access([digest], true).allows([acl("digest", "x:y", 0)], Perms.admin, [])).toBe(true);
  });
});

describe("storing", () => {
  test("exact duplicates are dropped, others stay in order", () => {
    const other = acl("world", "anyone", Perms.read);
    expect(access.storable([...openAcl, other, ...openAcl], [])).toEqual([...openAcl, other]);
  });

  test("entries that differ in anything are no duplicates", () => {
    const list = [
      acl("ip", "1.1.1.1"),
      acl("ip", "1.1.1.1", Perms.read),
      acl("ip", "1.1.1.2"),
      acl("digest", "ip:1.1.1.1"),
      acl("digest", "null:x"),
    ];
    expect(access.storable([...list, ...list], [])).toEqual(list);
    expect(access.storable([...openAcl, acl("world", null)], [])).toBe(ErrorCode.marshallingError);
  });

  test("a list that would grow beyond any txn is refused before it takes the memory", () => {
    const ids = Array.from({ length: 4096 }, (_, index) => ({ scheme: "digest", id: `user${index}:hash` }));
    const list = Array.from({ length: 100_000 }, (_, index) => acl("auth", "", index));
    expect(access.storable(list, ids)).toBe(ErrorCode.marshallingError);
  });

  test("an entry of scheme auth becomes the client's own ids, but not its address", () => {
    const carol = { scheme: "digest", id: "carol:hash" };
    expect(access.storable([acl("auth", "ignored", Perms.read)], [local, bob, carol])).toEqual([
      acl("digest", "bob:hash", Perms.read),
      acl("digest", "carol:hash", Perms.read),
    ]);
    expect(access.storable([acl("auth", null)], [local])).toBe(ErrorCode.invalidACL);
  });

  test.each([
    [null, ErrorCode.invalidACL],
    [[], ErrorCode.invalidACL],
    [[acl(null, "x")], ErrorCode.invalidACL],
    [[acl("world", "somebody")], ErrorCode.invalidACL],
    [[acl("world", null)], ErrorCode.marshallingError],
    [[acl("super", "x")], ErrorCode.invalidACL],
    [[acl("digest", "nocolon")], ErrorCode.invalidACL],
    [[acl("ip", "nowhere")], ErrorCode.invalidACL],
  ])("%j is answered %p", (list, error) => expect(access.storable(list, [bob])).toBe(error));
});
