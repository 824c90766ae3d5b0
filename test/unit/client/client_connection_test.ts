/** The client against a scripted server: order, loss, waiting, the end of a session. */
import { expect, test } from "bun:test";
import { Client } from "../../../src/client/client.ts";
import { connectClient } from "../../../src/client/connect.ts";
import {
  AuthFailedError,
  BadArgumentsError,
  ClientClosedError,
  ConnectionLossError,
  MarshallingError,
  NoNodeError,
  SessionExpiredError,
  ThrottledOpError,
} from "../../../src/client/errors.ts";
import type { StateChange } from "../../../src/client/types.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { dataBody, failure, FakeWorld, frame, replyFrame, writeStat } from "./fake_world.ts";
import { connectFake, reconnect } from "./session.ts";

test("requests of one turn leave in one write, and answers go to them in order", async () => {
  const session = await connectFake();
  const { world, client, connection } = session;
  const writes = connection.writes;
  const answers = Promise.all([client.getData("/a"), client.setData("/b", "x", 3), client.exists("/c")]);
  await world.settle();
  expect(connection.writes).toBe(writes + 1);
  const one = connection.expect(OpCode.getData);
  const two = connection.expect(OpCode.setData);
  const three = connection.expect(OpCode.exists);
  expect([two.body.string(), two.body.string(), two.body.int()]).toEqual(["/b", "x", 3]);
  connection.sendBytes(
    replyFrame(one.xid, { zxid: 7, body: dataBody("hi", 2) }),
    replyFrame(two.xid, { zxid: 8, body: (writer) => writeStat(writer, 4) }),
    replyFrame(three.xid, { zxid: 8, code: -101 }),
  );
  const [data, stat, absent] = await answers;
  expect(new TextDecoder().decode(data.data!)).toBe("hi");
  expect([data.stat.version, stat.version, absent]).toEqual([2, 4, null]);
  expect(client.lastZxid).toBe(8);
});

test("an error code becomes an error of its class, with operation, path and code", async () => {
  const { world, client, connection } = await connectFake();
  const error = failure(client.delete("/a/b"));
  await world.settle();
  connection.reply(connection.expect(OpCode.delete), { code: -101 });
  expect(await error).toBeInstanceOf(NoNodeError);
  expect(await error).toMatchObject({
    code: -101,
    op: "delete",
    path: "/a/b",
    message: 'delete "/a/b": there is no such znode (NONODE)',
  });
});

test("a reply with another xid than the oldest request's ends the connection", async () => {
  const session = await connectFake();
  const { world, client, connection } = session;
  const lost = failure(client.getData("/a"));
  await world.settle();
  connection.reply({ xid: 99 });
  await world.settle();
  expect(connection.closed).toBe(true);
  expect((await lost).message).toContain(
    "a reply came with xid 99, but the oldest request, getData, has xid 1",
  );
  await world.advance(20);
  expect(client.state).toBe("connected");
});

test("a reply nobody waits for, or one without room for a header, ends the connection", async () => {
  for (const bytes of [replyFrame(1), frame((writer) => writer.int(1))]) {
    const { world, client, connection } = await connectFake();
    connection.sendBytes(bytes);
    await world.settle();
    expect(connection.closed).toBe(true);
    expect(client.state).toBe("disconnected");
  }
});

test("an answer that cannot be decoded fails its own request only", async () => {
  const { world, client, connection } = await connectFake();
  const broken = failure(client.getData("/a"));
  const whole = client.getData("/b");
  await world.settle();
  connection.reply(connection.expect(OpCode.getData), { body: (writer) => writer.int(50) });
  connection.reply(connection.expect(OpCode.getData), { body: dataBody("x") });
  expect(await broken).toBeInstanceOf(MarshallingError);
  expect((await whole).stat.version).toBe(0);
});

test("a connection cut amid pipelined requests: answered ones stand, writes are in doubt, reads are not", async () => {
  const session = await connectFake();
  const { world, client, connection } = session;
  const first = client.setData("/a", "1");
  const second = failure(client.setData("/a", "2"));
  const third = failure(client.getData("/a"));
  await world.settle();
  connection.reply(connection.expect(OpCode.setData), { body: (writer) => writeStat(writer, 1) });
  connection.close(new Error("read ECONNRESET"));
  expect((await first).version).toBe(1);
  expect(await second).toMatchObject({ code: -4, op: "setData", path: "/a", mayHaveHappened: true });
  expect((await second).message).toBe(
    'setData "/a": no answer, the connection to h1:2181 was lost: read ECONNRESET; ' +
      "it may have been done or not (CONNECTIONLOSS)",
  );
  expect(await third).toMatchObject({ op: "getData", mayHaveHappened: false });
});

test("a write that the network had not taken when the connection broke has not happened", async () => {
  const { world, client, connection } = await connectFake();
  connection.backlog = 1;
  const sent = failure(client.setData("/a", "1"));
  await world.settle();
  const held = failure(client.setData("/a", "2"));
  await world.settle();
  expect(connection.requests.length).toBe(1);
  connection.close();
  expect(await sent).toMatchObject({ mayHaveHappened: true });
  expect(await held).toMatchObject({ mayHaveHappened: false });
});

test("what a slow network held back goes out once it drains", async () => {
  const { world, client, connection } = await connectFake();
  connection.backlog = 1;
  void client.sync();
  await world.settle();
  void client.sync();
  await world.settle();
  expect(connection.requests.length).toBe(1);
  connection.drain();
  expect(connection.requests.length).toBe(2);
});

test("requests made while disconnected wait and go out after ids and watches", async () => {
  const session = await connectFake({ auth: [{ scheme: "digest", auth: "u:p" }] });
  const { world, client } = session;
  session.connection.expect(OpCode.auth);
  void client.getData("/w", { watch() {} });
  await world.settle();
  const watched = session.connection.expect(OpCode.getData);
  session.connection.reply(watched, { zxid: 44, body: dataBody("x") });
  session.connection.close();
  await world.settle();
  expect(client.state).toBe("disconnected");
  const one = client.getData("/a");
  const two = client.getData("/b");
  await world.advance(20);

  const again = session.connection;
  expect(again.seen).toMatchObject({
    sessionId: 0x77n,
    lastZxid: 44n,
    password: new Uint8Array(16).fill(0x77),
  });
  expect(again.requests.map(({ op }) => op)).toEqual([
    OpCode.auth,
    OpCode.setWatches,
    OpCode.getData,
    OpCode.getData,
  ]);
  const auth = again.expect(OpCode.auth);
  expect([auth.xid, auth.body.int(), auth.body.string(), auth.body.string()]).toEqual([
    -4,
    0,
    "digest",
    "u:p",
  ]);
  again.reply(again.expect(OpCode.setWatches));
  again.reply(again.expect(OpCode.getData), { body: dataBody("1") });
  again.reply(again.expect(OpCode.getData), { body: dataBody("2") });
  again.reply(auth);
  expect(new TextDecoder().decode((await one).data!)).toBe("1");
  expect(new TextDecoder().decode((await two).data!)).toBe("2");
});

test("a session that moved to another server goes on there; the old connection's requests fail", async () => {
  const world = new FakeWorld();
  world.server("h1:2181");
  world.server("h2:2181");
  const client = new Client(world, "h1:2181,h2:2181", { sessionTimeoutMs: 9_000 });
  await world.settle();
  const firstHost = client.server!;
  const lost = failure(client.setData("/a", "x"));
  await world.settle();
  world.server(firstHost).connection.close();
  await world.advance(20);
  expect(await lost).toBeInstanceOf(ConnectionLossError);
  expect(client.state).toBe("connected");
  expect(client.server).not.toBe(firstHost);
  expect(world.server(client.server!).connection.seen!.sessionId).toBe(0x77n);
});

test("requests wait through failed attempts, at most a session timeout when there is no session yet", async () => {
  const world = new FakeWorld();
  const client = new Client(world, "h1:2181", { sessionTimeoutMs: 9_000 });
  await world.settle();
  const early = failure(client.getData("/early"));
  await world.advance(5_000);
  const late = client.getData("/late");
  await world.advance(4_500);
  expect(await early).toMatchObject({ code: -4, mayHaveHappened: false });
  expect((await early).message).toContain("no server took it for 9000 ms; last: h1:2181: connection refused");
  const server = world.server("h1:2181");
  await world.advance(1_100);
  server.connection.reply(server.connection.expect(OpCode.getData), { body: dataBody("x") });
  expect((await late).stat.version).toBe(0);
});

test("a session nobody can serve in time expires: everything waiting fails and says so", async () => {
  const session = await connectFake();
  const { world, client, server } = session;
  const states: StateChange[] = [];
  client.onState((change) => states.push(change));
  server.mode = "refuse";
  session.connection.close();
  await world.settle();
  const waiting = failure(client.setData("/a", "x"));
  await world.advance(20_000);
  expect(await waiting).toBeInstanceOf(SessionExpiredError);
  expect(states.map(({ state }) => state)).toEqual(["disconnected", "expired"]);
  expect(states[1].reason).toContain("session 0x77 has expired: no server heard for 12000 ms");
  expect(await failure(client.getData("/a"))).toBeInstanceOf(SessionExpiredError);
  expect(world.clock.timers.size).toBe(0);
});

test("a server that says the session is over ends it at once", async () => {
  const session = await connectFake();
  session.server.greet = () => ({ sessionId: 0n, timeoutMs: 0 });
  const waiting = session.client.connected();
  await reconnect(session);
  expect(session.client.state).toBe("expired");
  await waiting;
  expect(await failure(session.client.connected())).toBeInstanceOf(SessionExpiredError);
});

test("pings keep an idle session, and silence moves it to the next connection", async () => {
  const session = await connectFake();
  const { world, client } = session;
  const first = session.connection;
  await world.advance(3_000);
  first.reply(first.expect(OpCode.ping));
  await world.advance(3_000);
  first.reply(first.expect(OpCode.ping));
  expect(client.state).toBe("connected");
  await world.advance(6_000);
  expect(first.closed).toBe(true);
  await world.advance(20);
  expect(client.state).toBe("connected");
  expect(session.server.connections.length).toBe(2);
});

test("a ping does not disturb the order of replies", async () => {
  const { world, client, connection } = await connectFake();
  const answer = client.getData("/a");
  await world.settle();
  connection.reply({ xid: -2 }, { zxid: 900 });
  connection.reply(connection.expect(OpCode.getData), { zxid: 5, body: dataBody("x") });
  await answer;
  expect(client.lastZxid).toBe(5);
});

test("close() is the last request; earlier ones are answered, later ones refused", async () => {
  const { world, client, connection } = await connectFake();
  const before = client.getData("/a");
  const closed = client.close();
  const after = await failure(client.getData("/b"));
  await world.settle();
  const read = connection.expect(OpCode.getData);
  const close = connection.expect(OpCode.closeSession);
  expect(connection.requests).toEqual([]);
  connection.reply(read, { body: dataBody("x") });
  connection.reply(close);
  await before;
  await closed;
  expect(after).toBeInstanceOf(ClientClosedError);
  expect(client.state).toBe("closed");
  expect(connection.closed).toBe(true);
  expect(world.clock.timers.size).toBe(0);
  await client.close();
});

test("close() without a connection fails what waits and resolves", async () => {
  const world = new FakeWorld();
  const client = new Client(world, "h1:2181");
  const waiting = failure(client.getData("/a"));
  await client.close();
  expect(await waiting).toBeInstanceOf(ClientClosedError);
  await world.settle();
  expect(client.state).toBe("closed");
});

test("`await using` closes the session", async () => {
  const { world, client, connection } = await connectFake();
  const scope = (async () => {
    await using zk = client;
    return zk.sessionId;
  })();
  await world.settle();
  connection.reply(connection.expect(OpCode.closeSession));
  expect(await scope).toBe(0x77n);
  expect(client.state).toBe("closed");
});

test("refused credentials are the end of the client", async () => {
  const { world, client, connection } = await connectFake();
  const refused = failure(client.addAuth("bogus", "x"));
  const read = failure(client.getData("/a"));
  await world.settle();
  connection.reply(connection.expect(OpCode.auth), { code: -115 });
  connection.close();
  expect(await refused).toBeInstanceOf(AuthFailedError);
  expect((await refused).message).toContain('refused credentials of scheme "bogus"');
  expect(await read).toBeInstanceOf(AuthFailedError);
  expect(client.state).toBe("authFailed");
});

test("addAuth() resolves with the server's answer, which may overtake others; a reconnect sends it anew", async () => {
  const session = await connectFake();
  const { world, client } = session;
  const read = client.getData("/a");
  const added = client.addAuth("digest", new Uint8Array([1, 2]));
  await world.settle();
  const request = session.connection.expect(OpCode.getData);
  session.connection.reply(session.connection.expect(OpCode.auth));
  await added;
  session.connection.reply(request, { body: dataBody("x") });
  await read;
  await reconnect(session);
  expect(session.connection.expect(OpCode.auth).body.int()).toBe(0);
});

test("a request larger than a server takes is refused before it is sent, naming path and size", async () => {
  const { world, client, connection } = await connectFake();
  const error = await failure(client.setData("/big", new Uint8Array(1_048_576)));
  expect(error).toBeInstanceOf(BadArgumentsError);
  expect(error.message).toContain('setData "/big": the request takes 1048600 bytes');
  const answer = client.getData("/a");
  await world.settle();
  connection.reply(connection.expect(OpCode.getData), { body: dataBody("x") });
  await answer;
});

test("a reply larger than allowed, and bytes of another protocol, end the connection with the reason", async () => {
  const large = await connectFake({ replyBytesMax: 1000 });
  const lost = failure(large.client.getData("/a"));
  await large.world.settle();
  large.connection.sendBytes(replyFrame(1, { body: (writer) => writer.buffer(new Uint8Array(1000)) }));
  expect((await lost).message).toContain("a reply of 1020 bytes is larger than replyBytesMax allows");

  const world = new FakeWorld();
  world.server("h1:2181").greet = () => null;
  const client = new Client(world, "h1:2181", { sessionTimeoutMs: 9_000 });
  await world.settle();
  world.server("h1:2181").connection.sendBytes(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n"));
  await world.settle();
  const error = failure(client.connected(0));
  await world.advance(0);
  expect((await error).message).toContain("does not speak ZooKeeper's protocol");
});

test("a client with too much under way takes no more, and recovers", async () => {
  const { world, client, connection } = await connectFake({ requestsMax: 2 });
  const answers = [client.sync(), client.sync()];
  const error = await failure(client.sync());
  expect(error).toBeInstanceOf(ThrottledOpError);
  expect(error.message).toContain("2 requests have no answer yet");
  await world.settle();
  for (let count = 0; count < 2; count++) connection.reply(connection.expect(OpCode.sync));
  await Promise.all(answers);
  void client.sync();
  await world.settle();
  connection.expect(OpCode.sync);
});

test("connected() gives up in time and tells what the last server said", async () => {
  const world = new FakeWorld();
  const client = new Client(world, "h1:2181", { sessionTimeoutMs: 9_000 });
  const error = failure(client.connected(500));
  await world.advance(500);
  expect(await error).toBeInstanceOf(ConnectionLossError);
  expect((await error).message).toContain("within 500 ms; last: h1:2181: connection refused");
});

test("connect() closes the client when it gives up", async () => {
  const world = new FakeWorld();
  world.server("h1:2181").mode = "silent";
  const error = failure(connectClient(world, "h1:2181", { connectTimeoutMs: 700 }));
  await world.advance(700);
  expect((await error).message).toContain("last: no answer from h1:2181");
  await world.advance(1);
  expect(world.clock.timers.size).toBe(0);
});

test("a silent server is left for the next one", async () => {
  const world = new FakeWorld();
  world.server("h1:2181").mode = "silent";
  world.server("h2:2181");
  const client = new Client(world, "h1:2181,h2:2181", { sessionTimeoutMs: 9_000 });
  await world.advance(4_600);
  expect(client.state).toBe("connected");
  expect(client.server).toBe("h2:2181");
});

test("on a read-only server the client says so, and moves once another takes writes", async () => {
  const world = new FakeWorld();
  const one = world.server("h1:2181");
  const two = world.server("h2:2181");
  one.isro = two.isro = "ro";
  one.greet = two.greet = () => ({ sessionId: 0x11n, timeoutMs: 9_000, readOnly: true });
  const client = new Client(world, "h1:2181,h2:2181", { sessionTimeoutMs: 9_000, readOnlyAllowed: true });
  await world.settle();
  expect(client.state).toBe("connectedReadOnly");
  const other = client.server === "h1:2181" ? two : one;
  other.isro = "rw";
  other.greet = () => ({ sessionId: 0x22n, timeoutMs: 9_000 });
  await world.advance(120);
  expect(client.state).toBe("connected");
  expect(client.sessionId).toBe(0x22n);
  expect(other.connection.seen!.sessionId).toBe(0n);
});

test("state changes are told in order, until the listener is taken off", async () => {
  const session = await connectFake();
  const seen: string[] = [];
  const off = session.client.onState(({ previous, state, server }) =>
    seen.push(`${previous}>${state} ${server}`)
  );
  await reconnect(session);
  expect(seen).toEqual(["connected>disconnected h1:2181", "disconnected>connected h1:2181"]);
  off();
  await reconnect(session);
  expect(seen.length).toBe(2);
});

test("a listener that throws surfaces as an uncaught error and harms nobody", async () => {
  const session = await connectFake();
  const seen: string[] = [];
  session.client.onState(() => {
    throw new Error("mine");
  });
  session.client.onState(({ state }) => seen.push(state));
  await reconnect(session);
  expect(seen).toEqual(["disconnected", "connected"]);
  await session.world.advance(0);
  expect(session.world.clock.uncaught).toEqual([new Error("mine"), new Error("mine")]);
});

test("bad options and connection strings are refused at once", () => {
  const world = new FakeWorld();
  expect(() => new Client(world, "")).toThrow(BadArgumentsError);
  expect(() => new Client(world, "h1", { sessionTimeoutMs: 0 })).toThrow("a session timeout is 1 to");
});

test("a session can be handed over to another client", async () => {
  const world = new FakeWorld();
  const server = world.server("h1:2181");
  const password = new Uint8Array(16).fill(3);
  const client = new Client(world, "h1:2181", { session: { id: 0x99n, password } });
  await world.settle();
  expect(server.connection.seen).toMatchObject({ sessionId: 0x99n, password });
  expect(client.sessionId).toBe(0x99n);
});
