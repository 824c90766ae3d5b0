/**
 * ACLs and the schemes world, auth, digest, ip and super.
 *
 * @see Fact: apache/zookeeper ZooKeeperServer.java (checkACL), PrepRequestProcessor.java (fixupACL),
 *   DigestAuthenticationProvider.java, IPAuthenticationProvider.java
 */
import { expect } from "bun:test";
import { opcode, perms } from "../wire/codes.ts";
import { type Acl, bodies, openAcl } from "../wire/frames.ts";
import type { Reply } from "../wire/session.ts";
import { conform, name } from "./harness.ts";
import { superCredentials } from "./settings.ts";

/** base64(SHA-1("u:p")) as Apache prints it. */
const digestUP = "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=";

const acl = (bits: number, scheme: string | null, id: string | null): Acl => ({ perms: bits, scheme, id });

const invalid: [string, Acl[] | null][] = [
  ["null", null],
  ["empty", []],
  ["of an unknown scheme", [acl(31, "nobody", "x")]],
  ["of a null scheme", [acl(31, null, "x")]],
  ["of an empty scheme", [acl(31, "", "")]],
  ["of world with another id", [acl(31, "world", "someone")]],
  ["of world with an empty id", [acl(31, "world", "")]],
  ["of auth without any", [acl(31, "auth", "")]],
  ["of digest without colon", [acl(31, "digest", "user")]],
  ["of digest with two colons", [acl(31, "digest", "a:b:c")]],
  ["of digest with an empty second part", [acl(31, "digest", "a:")]],
  ["of ip that is a name", [acl(31, "ip", "localhost")]],
  ["of ip with 33 bits", [acl(31, "ip", "127.0.0.1/33")]],
  ["of ip with negative bits", [acl(31, "ip", "127.0.0.1/-1")]],
  ["of ip with three numbers", [acl(31, "ip", "127.0.1")]],
  ["of super", [acl(31, "super", "")]],
  ["with one bad entry among good ones", [acl(31, "world", "anyone"), acl(31, "world", "x")]],
];
for (const [what, list] of invalid) {
  conform(`an ACL ${what} is INVALIDACL for create and setACL`, async (t) => {
    expect(await name(t.c.create(t.at("a"), { acl: list }))).toBe("INVALIDACL");
    expect(await name(t.c.setACL(t.root, list))).toBe("INVALIDACL");
    expect(await name(t.c.exists(t.at("a")))).toBe("NONODE");
    expect((await t.c.getACL(t.root)).body.acl).toEqual([...openAcl]);
  });
}

const valid: [string, Acl[]][] = [
  ["of digest", [acl(31, "world", "anyone"), acl(1, "digest", digestUP)]],
  ["of digest with an empty user", [acl(31, "world", "anyone"), acl(1, "digest", ":x")]],
  ["of an ip", [acl(31, "world", "anyone"), acl(1, "ip", "10.1.2.3")]],
  ["of a network", [acl(31, "world", "anyone"), acl(1, "ip", "10.1.0.0/16")]],
  ["of 0 bits", [acl(31, "world", "anyone"), acl(1, "ip", "0.0.0.0/0")]],
  ["of 32 bits", [acl(31, "world", "anyone"), acl(1, "ip", "10.0.0.1/32")]],
  ["with perms 0", [acl(31, "world", "anyone"), acl(0, "ip", "10.0.0.1")]],
  ["with perms beyond ALL", [acl(0x7fffffff, "world", "anyone")]],
  ["with negative perms", [acl(-1, "world", "anyone")]],
];
for (const [what, list] of valid) {
  conform(`an ACL ${what} is legal and kept as given`, async (t) => {
    expect(await name(t.c.create(t.at("a"), { acl: list }))).toBe("OK");
    expect((await t.c.getACL(t.at("a"))).body.acl).toEqual(list);
    expect((await t.c.setACL(t.at("a"), list)).body.stat.aversion).toBe(1);
  });
}

conform("exact duplicates in an ACL are dropped, near ones are kept", async (t) => {
  const list = [
    acl(1, "world", "anyone"),
    acl(30, "world", "anyone"),
    acl(1, "world", "anyone"),
    acl(1, "ip", "10.0.0.1"),
  ];
  await t.c.create(t.at("a"), { acl: list });
  expect((await t.c.getACL(t.at("a"))).body.acl).toEqual([list[0], list[1], list[3]]);
});

conform("permissions of several entries add up", async (t) => {
  await t.c.create(t.at("a"), {
    acl: [acl(perms.read, "world", "anyone"), acl(perms.write | perms.admin, "ip", "127.0.0.1")],
  });
  expect(await name(t.c.setData(t.at("a"), "x"))).toBe("OK");
  expect((await t.c.getData(t.at("a"))).body.text).toBe("x");
  expect(await name(t.c.create(t.at("a/b")))).toBe("NOAUTH");
});

conform("nothing is inherited: a child of a locked znode is as open as its own ACL", async (t) => {
  await t.c.create(t.at("a"), { acl: [acl(perms.create | perms.delete | perms.admin, "world", "anyone")] });
  await t.c.create(t.at("a/b"), { data: "x" });
  expect(await name(t.c.getData(t.at("a")))).toBe("NOAUTH");
  expect((await t.c.getData(t.at("a/b"))).body.text).toBe("x");
});

conform("each permission opens its own operations", async (t) => {
  const cases: [number, string, (path: string) => Promise<Reply>][] = [
    [perms.read, "getData", (path) => t.c.getData(path)],
    [perms.read, "getChildren", (path) => t.c.getChildren(path)],
    [perms.write, "setData", (path) => t.c.setData(path, "")],
    [perms.create, "create", (path) => t.c.create(`${path}/x`)],
    [perms.delete, "delete", (path) => t.c.delete(`${path}/none`)],
    [perms.admin, "setACL", (path) => t.c.setACL(path, openAcl)],
  ];
  for (const [bit, op, call] of cases) {
    const only = (await t.c.create(t.at("n"), { flags: 2, acl: [acl(bit, "world", "anyone")] })).body.path;
    const allBut =
      (await t.c.create(t.at("n"), { flags: 2, acl: [acl(31 & ~bit, "world", "anyone")] })).body.path;
    expect([op, await name(call(allBut))]).toEqual([op, "NOAUTH"]);
    expect([op, await name(call(only))]).toEqual([op, op === "delete" ? "NONODE" : "OK"]);
  }
});

conform("digest opens to the right password on this connection only", async (t) => {
  const other = await t.open();
  await other.auth("digest", "u:wrong");
  await t.c.auth("digest", "u:p");
  await t.c.create(t.at("a"), { acl: [acl(31, "digest", digestUP)] });
  expect(await name(t.c.getData(t.at("a")))).toBe("OK");
  expect(await name(other.getData(t.at("a")))).toBe("NOAUTH");
  await other.auth("digest", "u:p");
  expect(await name(other.getData(t.at("a")))).toBe("OK");
});

conform("the digest is SHA-1 over the whole UTF-8 text, the user ends at the first colon", async (t) => {
  await t.c.auth("digest", "é:p:q");
  await t.c.create(t.at("a"), { acl: [acl(31, "auth", "")] });
  const sha = new Bun.CryptoHasher("sha1").update("é:p:q").digest("base64");
  expect((await t.c.getACL(t.at("a"))).body.acl).toEqual([acl(31, "digest", `é:${sha}`)]);
});

conform(
  "auth stands for every digest of the connection, its own id is ignored, and ip does not count",
  async (t) => {
    await t.c.auth("digest", "u:p");
    await t.c.create(t.at("a"), { acl: [acl(15, "auth", "whatever")] });
    expect((await t.c.getACL(t.at("a"))).body.acl).toEqual([acl(15, "digest", "u:x")]);
    await t.c.auth("digest", "v:p");
    await t.c.create(t.at("b"), { acl: [acl(31, "auth", null)] });
    const { acl: list } = (await t.c.getACL(t.at("b"))).body;
    expect(list.map((entry) => `${entry.perms}:${entry.scheme}:${entry.id?.split(":")[0]}`).sort()).toEqual([
      "31:digest:u",
      "31:digest:v",
    ]);
  },
);

conform("getACL hides a digest from those without ADMIN", async (t) => {
  const list = [acl(perms.read, "world", "anyone"), acl(31, "digest", digestUP)];
  await t.c.create(t.at("a"), { acl: list });
  expect((await t.c.getACL(t.at("a"))).body.acl).toEqual([list[0], acl(31, "digest", "u:x")]);
  await t.c.auth("digest", "u:p");
  expect((await t.c.getACL(t.at("a"))).body.acl).toEqual(list);
});

conform("ip matches the peer's address and its networks", async (t) => {
  const cases: [string, string][] = [
    ["127.0.0.1", "OK"],
    ["127.0.0.1/32", "OK"],
    ["127.0.0.0/8", "OK"],
    ["127.1.0.0/15", "OK"],
    ["0.0.0.0/0", "OK"],
    ["127.0.0.2", "NOAUTH"],
    ["127.0.0.2/31", "NOAUTH"],
    ["10.0.0.0/8", "NOAUTH"],
  ];
  for (const [id, expected] of cases) {
    const { path } = (await t.c.create(t.at("n"), { flags: 2, acl: [acl(31, "ip", id)] })).body;
    expect([id, await name(t.c.getData(path))]).toEqual([id, expected]);
  }
});

conform("super opens everything and asks no scheme", async (t) => {
  await t.c.create(t.at("a"), { acl: [acl(0, "world", "anyone")] });
  expect(await name(t.c.getData(t.at("a")))).toBe("NOAUTH");
  await t.c.auth("digest", superCredentials);
  expect(await name(t.c.getData(t.at("a")))).toBe("OK");
  expect(await name(t.c.setACL(t.at("a"), [acl(1, "digest", digestUP)]))).toBe("OK");
  expect((await t.c.getACL(t.at("a"))).body.acl).toEqual([acl(1, "digest", digestUP)]);
  expect(await name(t.c.create(t.at("a/b")))).toBe("OK");
  expect(await name(t.c.delete(t.at("a/b")))).toBe("OK");
  const users = (await t.c.whoAmI()).body.users.map((user) => `${user.scheme}:${user.user}`).sort();
  expect(users).toEqual(["digest:super", "ip:127.0.0.1", "super:"]);
}, { needsPrepared: true });

conform("#12 a failed auth answers AUTHFAILED with zxid 0 and closes", async (t) => {
  for (const scheme of ["nobody", "world", "", "sasl", "auth", "super"]) {
    const session = await t.open();
    const answers = Promise.all([session.auth(scheme, "x:y", 77), session.exists(t.root)]);
    const [refused, later] = await answers;
    expect([scheme, refused.name, refused.xid, refused.zxid]).toEqual([scheme, "AUTHFAILED", 77, 0n]);
    expect(later.name).toBe("CLOSED");
    await session.ended();
  }
});

conform("#11 auth is known by its opcode, its xid is echoed and its zxid is 0", async (t) => {
  for (const xid of [-4, 4711, 0]) {
    const reply = await t.c.request(opcode.auth, "none", bodies.auth("digest", "u:p"), xid);
    expect([reply.xid, reply.name, reply.zxid, reply.rest.length]).toEqual([xid, "OK", 0n, 0]);
  }
});

conform("digest takes any credentials, also without a colon, empty or null of them", async (t) => {
  expect(await name(t.c.auth("digest", "nocolon"))).toBe("OK");
  expect(await name(t.c.auth("digest", ""))).toBe("OK");
  expect(await name(t.c.ping())).toBe("OK");
});

conform("ip as an auth request is accepted", async (t) => {
  expect(await name(t.c.auth("ip", "1.2.3.4"))).toBe("OK");
  expect((await t.c.whoAmI()).body.users).toEqual([{ scheme: "ip", user: "127.0.0.1" }]);
});

conform("auth pipelined before a request holds for that request", async (t) => {
  await t.c.create(t.at("a"), { acl: [acl(31, "digest", digestUP)] });
  const replies = await Promise.all([t.c.auth("digest", "u:p"), t.c.getData(t.at("a"))]);
  expect(replies.map((reply) => reply.name)).toEqual(["OK", "OK"]);
});

conform("a request pipelined before auth is judged without it", async (t) => {
  await t.c.create(t.at("a"), { acl: [acl(31, "digest", digestUP)] });
  const replies = await Promise.all([
    t.c.getData(t.at("a")),
    t.c.setData(t.at("a"), "x"),
    t.c.auth("digest", "u:p"),
  ]);
  expect(replies.map((reply) => reply.name)).toEqual(["NOAUTH", "NOAUTH", "OK"]);
});

conform("sasl on a server without it answers a null token and keeps the connection", async (t) => {
  const reply = await t.c.request(opcode.sasl, "token", bodies.sasl(""));
  expect([reply.name, reply.zxid]).toEqual(["OK", 0n]);
  expect(reply.body.token).toBeNull();
  expect(await name(t.c.ping())).toBe("OK");
});
