/** The client against a scripted server: what each operation sends and how its answer is read. */
import { expect, test } from "bun:test";
import { BadArgumentsError, InvalidAclError, MultiError, NoNodeError } from "../../../src/client/errors.ts";
import type { CreateOptions } from "../../../src/client/types.ts";
import { decodeAcl, openAcl, readAcl } from "../../../src/protocol/acl.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import type { JuteReader } from "../../../src/jute/reader.ts";
import { dataBody, failure, writeStat } from "./fake_world.ts";
import { connectFake } from "./session.ts";

const createCases: [string, CreateOptions, number, number, number | null][] = [
  ["persistent", {}, OpCode.create2, 0, null],
  ["ephemeral", { mode: "ephemeral" }, OpCode.create2, 1, null],
  ["persistent sequential", { sequential: true }, OpCode.create2, 2, null],
  ["ephemeral sequential", { mode: "ephemeral", sequential: true }, OpCode.create2, 3, null],
  ["container", { mode: "container" }, OpCode.createContainer, 4, null],
  ["TTL", { ttlMs: 5 }, OpCode.createTTL, 5, 5],
  ["sequential TTL", { ttlMs: 0xffffffffff, sequential: true }, OpCode.createTTL, 6, 0xffffffffff],
];

test.each(createCases)(
  "create() of a %s znode sends its operation and flags",
  async (_, options, op, flags, ttlMs) => {
    const { world, client, connection } = await connectFake({ chroot: "/app" });
    const created = client.create("/a", "é", options);
    await world.settle();
    const request = connection.expect(op);
    expect(request.body.string()).toBe("/app/a");
    expect(request.body.buffer()).toEqual(new Uint8Array([0xc3, 0xa9]));
    expect(request.body.vector(decodeAcl)).toEqual([...openAcl]);
    expect(request.body.int()).toBe(flags);
    if (ttlMs !== null) expect(request.body.longNumber()).toBe(ttlMs);
    expect(request.body.remaining).toBe(0);
    connection.reply(request, {
      body: (writer) => {
        writer.string("/app/a0000000003");
        writeStat(writer, 6);
      },
    });
    expect(await created).toMatchObject({ path: "/a0000000003", stat: { version: 6 } });
  },
);

test("data may be bytes, a string, null or empty, and each arrives as it is", async () => {
  const { world, client, connection } = await connectFake();
  for (const data of [new Uint8Array([1, 0, 255]), "text", null, "", new Uint8Array(0)]) {
    void client.create("/a", data);
    await world.settle();
    const { body } = connection.expect(OpCode.create2);
    body.string();
    const sent = body.buffer();
    expect(sent).toEqual(typeof data === "string" ? new TextEncoder().encode(data) : data);
  }
});

test.each<[string, CreateOptions, string]>([
  ["a", {}, 'path must start with "/"'],
  ["/a/", {}, 'path must not end with "/"'],
  ["/a\u0000", {}, "invalid character"],
  ["/a", { ttlMs: 0 }, "a time to live is 1 to"],
  ["/a", { ttlMs: 1.5 }, "a time to live is 1 to"],
  ["/a", { ttlMs: 2 ** 40 }, "a time to live is 1 to"],
  ["/a", { ttlMs: 5, mode: "ephemeral" }, "only persistent znodes take a time to live"],
  ["/a", { mode: "container", sequential: true }, "containers cannot be sequential"],
])("create(%p, %p) is refused without asking", async (path, options, reason) => {
  const { world, client, connection } = await connectFake();
  const error = await failure(client.create(path, null, options));
  expect(error).toBeInstanceOf(BadArgumentsError);
  expect(error.message).toContain(reason);
  await world.settle();
  expect(connection.requests).toEqual([]);
});

test("a sequential create may end in a slash", async () => {
  const { world, client, connection } = await connectFake();
  void client.create("/a/", null, { sequential: true });
  await world.settle();
  expect(connection.expect(OpCode.create2).body.string()).toBe("/a/");
});

test("an empty ACL is refused without asking", async () => {
  const { client } = await connectFake();
  expect(await failure(client.create("/a", null, { acl: [] }))).toBeInstanceOf(InvalidAclError);
  expect(await failure(client.setAcl("/a", []))).toBeInstanceOf(InvalidAclError);
});

test("every operation refuses a bad path by itself and leaves the next request intact", async () => {
  const { world, client, connection } = await connectFake();
  const calls = [
    client.delete("x"),
    client.exists("x"),
    client.getData("x"),
    client.setData("x", null),
    client.getAcl("x"),
    client.setAcl("x", openAcl),
    client.getChildren("x"),
    client.sync("x"),
    client.getAllChildrenNumber("x"),
    client.addWatch("x", "persistent", () => {}),
    client.removeWatches("x"),
    client.multiRead([{ op: "getData", path: "x" }]),
    client.multi().create("/a").check("x", 1).commit(),
  ];
  for (const call of calls) expect(await failure(call)).toBeInstanceOf(BadArgumentsError);
  void client.delete("/a");
  await world.settle();
  const request = connection.expect(OpCode.delete);
  expect([request.body.string(), request.body.int(), request.body.remaining]).toEqual(["/a", -1, 0]);
});

test("with a chroot, paths go out below it, but not those of getConfig() and getEphemerals()", async () => {
  const { world, client, connection } = await connectFake({ chroot: "/app" });
  void client.getChildren("/");
  void client.sync();
  void client.getConfig();
  void client.getEphemerals("/app/x");
  await world.settle();
  expect(connection.expect(OpCode.getChildren2).body.string()).toBe("/app");
  expect(connection.expect(OpCode.sync).body.string()).toBe("/app");
  expect(connection.expect(OpCode.getData).body.string()).toBe("/zookeeper/config");
  expect(connection.expect(OpCode.getEphemerals).body.string()).toBe("/app/x");
});

test("ACLs, children, counts, identities and null data are read as they come", async () => {
  const { world, client, connection } = await connectFake();
  const acl = client.getAcl("/a");
  const children = client.getChildren("/a");
  const count = client.getAllChildrenNumber("/a");
  const identities = client.whoAmI();
  const paths = client.getEphemerals();
  const data = client.getData("/a");
  await world.settle();
  connection.reply(connection.expect(OpCode.getACL), {
    body: (writer) => {
      writer.vector(readAcl, (to, { perms, scheme, id }) => {
        to.int(perms);
        to.string(scheme);
        to.string(id);
      });
      writeStat(writer, 1);
    },
  });
  connection.reply(connection.expect(OpCode.getChildren2), {
    body: (writer) => {
      writer.vector(["b", "a"], (to, name) => to.string(name));
      writeStat(writer, 2);
    },
  });
  connection.reply(connection.expect(OpCode.getAllChildrenNumber), { body: (writer) => writer.int(12) });
  connection.reply(connection.expect(OpCode.whoAmI), {
    body: (writer) => {
      writer.int(1);
      writer.string("digest");
      writer.string("u");
    },
  });
  connection.reply(connection.expect(OpCode.getEphemerals), { body: (writer) => writer.int(-1) });
  connection.reply(connection.expect(OpCode.getData), {
    body: (writer) => {
      writer.buffer(null);
      writeStat(writer);
    },
  });
  expect(await acl).toMatchObject({ acl: [...readAcl], stat: { version: 1 } });
  expect(await children).toMatchObject({ children: ["b", "a"], stat: { version: 2 } });
  expect(await count).toBe(12);
  expect(await identities).toEqual([{ scheme: "digest", user: "u" }]);
  expect(await paths).toEqual([]);
  expect((await data).data).toBeNull();
});

test("setAcl() sends its entries and the aversion", async () => {
  const { world, client, connection } = await connectFake();
  void client.setAcl("/a", readAcl, 4);
  await world.settle();
  const { body } = connection.expect(OpCode.setACL);
  expect([body.string(), body.vector(decodeAcl), body.int()]).toEqual(["/a", [...readAcl], 4]);
});

test("reconfig() sends lists as text and -1 for any config version", async () => {
  const { world, client, connection } = await connectFake();
  void client.reconfig({ joining: ["server.4=h:1:2;3", "server.5=h:4:5;6"], leaving: [1, "2"] });
  void client.reconfig({ newMembers: "server.1=h:1:2;3", fromConfig: 0x100000005 });
  await world.settle();
  const one = connection.expect(OpCode.reconfig).body;
  expect([one.string(), one.string(), one.string(), one.long()]).toEqual([
    "server.4=h:1:2;3,server.5=h:4:5;6",
    "1,2",
    null,
    -1n,
  ]);
  const two = connection.expect(OpCode.reconfig).body;
  expect([two.string(), two.string(), two.string(), two.long()]).toEqual([
    null,
    null,
    "server.1=h:1:2;3",
    0x100000005n,
  ]);
  expect(await failure(client.reconfig({ newMembers: "", leaving: "1" }))).toBeInstanceOf(BadArgumentsError);
});

test("a transaction sends its operations in order and ends them", async () => {
  const { world, client, connection } = await connectFake({ chroot: "/app" });
  const done = client.multi()
    .check("/c", 7)
    .create("/n", "1", { sequential: true })
    .create("/t", null, { ttlMs: 9 })
    .setData("/s", "2", 3)
    .delete("/d")
    .commit();
  await world.settle();
  const request = connection.expect(OpCode.multi);
  const { body } = request;
  const header = () => [body.int(), body.bool(), body.int()];
  expect(header()).toEqual([OpCode.check, false, -1]);
  expect([body.string(), body.int()]).toEqual(["/app/c", 7]);
  expect(header()).toEqual([OpCode.create2, false, -1]);
  expect(createBody(body)).toEqual(["/app/n", "1", 2]);
  expect(header()).toEqual([OpCode.createTTL, false, -1]);
  expect(createBody(body)).toEqual(["/app/t", null, 5]);
  expect(body.longNumber()).toBe(9);
  expect(header()).toEqual([OpCode.setData, false, -1]);
  expect([body.string(), body.string(), body.int()]).toEqual(["/app/s", "2", 3]);
  expect(header()).toEqual([OpCode.delete, false, -1]);
  expect([body.string(), body.int()]).toEqual(["/app/d", -1]);
  expect(header()).toEqual([-1, true, -1]);
  expect(body.remaining).toBe(0);

  connection.reply(request, {
    body: (writer) => {
      const result = (type: number) => {
        writer.int(type);
        writer.bool(false);
        writer.int(0);
      };
      result(OpCode.check);
      result(OpCode.create2);
      writer.string("/app/n0000000001");
      writeStat(writer, 1);
      result(OpCode.create); // Servers before 3.8.2 answer create2 so.
      writer.string("/app/t");
      result(OpCode.setData);
      writeStat(writer, 4);
      result(OpCode.delete);
      writer.int(-1);
      writer.bool(true);
      writer.int(-1);
    },
  });
  expect(await done).toMatchObject([
    { op: "check", path: "/c" },
    { op: "create", path: "/n0000000001", stat: { version: 1 } },
    { op: "create", path: "/t", stat: null },
    { op: "setData", path: "/s", stat: { version: 4 } },
    { op: "delete", path: "/d" },
  ]);
});

test("a failed transaction names the operation at fault", async () => {
  const { world, client, connection } = await connectFake();
  const failed = failure(client.multi().setData("/a", "x").check("/b", 3).delete("/c").commit());
  await world.settle();
  connection.reply(connection.expect(OpCode.multi), {
    body: (writer) => {
      for (const code of [0, -101, -2]) {
        writer.int(-1);
        writer.bool(false);
        writer.int(code);
        writer.int(code);
      }
      writer.int(-1);
      writer.bool(true);
      writer.int(-1);
    },
  });
  const error = await failed;
  expect(error).toBeInstanceOf(MultiError);
  expect(error).toMatchObject({
    code: -101,
    index: 1,
    path: "/b",
    codes: [0, -101, -2],
    message:
      'multi "/b": nothing was done, as operation 2 of 3 (check) failed: there is no such znode (NONODE)',
  });
  expect((error as MultiError).cause).toBeInstanceOf(NoNodeError);
});

test("empty transactions and reads are answered without asking", async () => {
  const { world, client, connection } = await connectFake();
  expect(await client.multi().commit()).toEqual([]);
  expect(await client.multiRead([])).toEqual([]);
  await world.settle();
  expect(connection.requests).toEqual([]);
});

test("multiRead() answers each read by itself", async () => {
  const { world, client, connection } = await connectFake();
  const answers = client.multiRead([
    { op: "getData", path: "/a" },
    { op: "getChildren", path: "/b" },
    { op: "getData", path: "/none" },
  ]);
  await world.settle();
  const request = connection.expect(OpCode.multiRead);
  connection.reply(request, {
    body: (writer) => {
      writer.int(OpCode.getData);
      writer.bool(false);
      writer.int(0);
      dataBody("x", 5)(writer);
      writer.int(OpCode.getChildren);
      writer.bool(false);
      writer.int(0);
      writer.vector(["k"], (to, name) => to.string(name));
      writer.int(-1);
      writer.bool(false);
      writer.int(-101);
      writer.int(-101);
      writer.int(-1);
      writer.bool(true);
      writer.int(-1);
    },
  });
  const [one, two, three] = await answers;
  expect(one).toMatchObject({ op: "getData", path: "/a", stat: { version: 5 } });
  expect(two).toEqual({ op: "getChildren", path: "/b", children: ["k"] });
  expect(three).toMatchObject({ op: "error", path: "/none" });
  expect(three.op === "error" && three.error).toBeInstanceOf(NoNodeError);
});

test("rawRequest() sends any bytes and hands out the answer's", async () => {
  const { world, client, connection } = await connectFake();
  const answer = client.rawRequest(77, new Uint8Array([1, 2, 3]));
  await world.settle();
  const request = connection.expect(77);
  expect(request.body.remaining).toBe(3);
  connection.reply(request, { zxid: 9, body: (writer) => writer.int(5) });
  expect(await answer).toEqual({ zxid: 9, body: new Uint8Array([0, 0, 0, 5]) });
});

test("data handed out has memory of its own, so that it keeps nothing else alive", async () => {
  const { world, client, connection } = await connectFake();
  const answer = client.getData("/a");
  await world.settle();
  connection.reply(connection.expect(OpCode.getData), { body: dataBody("keep") });
  const { data } = await answer;
  expect(data!.buffer.byteLength).toBe(4);
});

function createBody(body: JuteReader): [string | null, string | null, number] {
  const path = body.string();
  const data = body.string();
  body.vector(decodeAcl);
  return [path, data, body.int()];
}
