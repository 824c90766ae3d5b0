/** The client against a scripted server: who hears of which event, in which order, and across connections. */
import { expect, test } from "bun:test";
import { limits } from "../../../src/base/limits.ts";
import { NoWatcherError, SessionExpiredError, WatchOverflowError } from "../../../src/client/errors.ts";
import type { WatchEvent, WatchListener } from "../../../src/client/types.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { EventType } from "../../../src/protocol/watch_event.ts";
import { dataBody, failure, notificationFrame, replyFrame, writeStat } from "./fake_world.ts";
import { connectFake, type FakeSession, reconnect } from "./session.ts";

/** A listener that writes down what it hears. */
function recorder(): { events: WatchEvent[]; listen: WatchListener; types: () => string[] } {
  const events: WatchEvent[] = [];
  return { events, listen: (event) => events.push(event), types: () => events.map(({ type }) => type) };
}

/** Sets all kinds of watch on /a and answers them. */
async function watchAll({ world, client, connection }: FakeSession, listen: WatchListener): Promise<void> {
  const answers = Promise.all([
    client.getData("/a", { watch: listen }),
    client.exists("/gone", { watch: listen }),
    client.getChildren("/a", { watch: listen }),
    client.addWatch("/p", "persistent", listen),
    client.addWatch("/r", "persistentRecursive", listen),
  ]);
  await world.settle();
  const data = connection.expect(OpCode.getData);
  data.body.string();
  expect(data.body.bool()).toBe(true);
  connection.reply(data, { zxid: 70, body: dataBody("x") });
  connection.reply(connection.expect(OpCode.exists), { zxid: 71, code: -101 });
  connection.reply(connection.expect(OpCode.getChildren2), {
    zxid: 72,
    body: (writer) => {
      writer.int(0);
      writeStat(writer);
    },
  });
  for (const mode of [0, 1]) {
    const request = connection.expect(OpCode.addWatch);
    request.body.string();
    expect(request.body.int()).toBe(mode);
    connection.reply(request, { zxid: 73, body: (writer) => writer.int(0) });
  }
  await answers;
}

test("a one-shot watch hears once, with the path the caller knows", async () => {
  const session = await connectFake({ chroot: "/app" });
  const { world, client, connection } = session;
  const heard = recorder();
  const answer = client.getData("/a", { watch: heard.listen });
  await world.settle();
  connection.reply(connection.expect(OpCode.getData), { body: dataBody("x") });
  await answer;
  connection.notify(EventType.nodeDataChanged, "/app/a", 55);
  connection.notify(EventType.nodeDataChanged, "/app/a", 56);
  await world.settle();
  expect(heard.events).toEqual([{ type: "NodeDataChanged", path: "/a", state: "connected", zxid: 55 }]);
});

test("a failed read sets no watch, a failed exists() does", async () => {
  const { world, client, connection } = await connectFake();
  const heard = recorder();
  const read = failure(client.getData("/a", { watch: heard.listen }));
  const looked = client.exists("/b", { watch: heard.listen });
  await world.settle();
  connection.reply(connection.expect(OpCode.getData), { code: -101 });
  connection.reply(connection.expect(OpCode.exists), { code: -101 });
  await Promise.all([read, looked]);
  connection.notify(EventType.nodeCreated, "/a");
  connection.notify(EventType.nodeCreated, "/b");
  await world.settle();
  expect(heard.events.map(({ path }) => path)).toEqual(["/b"]);
});

test("replies and events of one chunk are seen in the order in which they were sent", async () => {
  const { world, client, connection } = await connectFake();
  const seen: string[] = [];
  const read = async (path: string) => {
    await client.getData(path, { watch: ({ path }) => seen.push(`event ${path}`) });
    seen.push(`reply ${path}`);
  };
  const done = Promise.all([read("/a"), read("/b")]);
  await world.settle();
  const [one, two] = [connection.expect(OpCode.getData), connection.expect(OpCode.getData)];
  connection.sendBytes(
    replyFrame(one.xid, { body: dataBody("x") }),
    notificationFrame(EventType.nodeDataChanged, "/a"),
    replyFrame(two.xid, { body: dataBody("x") }),
    notificationFrame(EventType.nodeDeleted, "/b"),
  );
  await done;
  await world.settle();
  expect(seen).toEqual(["reply /a", "event /a", "reply /b", "event /b"]);
});

test("after a reconnect all watches are set again, from the newest zxid seen", async () => {
  const session = await connectFake();
  const heard = recorder();
  await watchAll(session, heard.listen);
  await reconnect(session);
  const { body } = session.connection.expect(OpCode.setWatches2);
  const strings = () => body.vector((reader) => reader.string());
  expect(body.long()).toBe(73n);
  expect([strings(), strings(), strings(), strings(), strings()]).toEqual([
    ["/a"],
    ["/gone"],
    ["/a"],
    ["/p"],
    ["/r"],
  ]);
  expect(body.remaining).toBe(0);
});

test("without persistent watches the older setWatches does", async () => {
  const session = await connectFake();
  const { world, client } = session;
  const answer = client.getData("/a", { watch() {} });
  await world.settle();
  session.connection.reply(session.connection.expect(OpCode.getData), { zxid: 5, body: dataBody("x") });
  await answer;
  await reconnect(session);
  const { body } = session.connection.expect(OpCode.setWatches);
  expect(body.long()).toBe(5n);
  expect(body.vector((reader) => reader.string())).toEqual(["/a"]);
});

test("without watches nothing is set again", async () => {
  const session = await connectFake();
  await reconnect(session);
  expect(session.connection.requests).toEqual([]);
});

test("persistent watches are told of a gap, one-shot watches are made good by the server", async () => {
  const session = await connectFake();
  const heard = recorder();
  await watchAll(session, heard.listen);
  await reconnect(session);
  expect(heard.events).toEqual([
    { type: "None", path: "/p", state: "connected", zxid: -1 },
    { type: "None", path: "/r", state: "connected", zxid: -1 },
  ]);
  session.connection.notify(EventType.nodeDeleted, "/a");
  await session.world.settle();
  expect(heard.types().slice(2)).toEqual(["NodeDeleted"]);
});

test("the end of the session is the last event of every watch", async () => {
  const session = await connectFake();
  const heard = recorder();
  await watchAll(session, heard.listen);
  session.server.greet = () => ({ sessionId: 0n, timeoutMs: 0 });
  await reconnect(session);
  expect(heard.events.map(({ type, path, state }) => `${type} ${path} ${state}`)).toEqual([
    "None /a expired",
    "None /gone expired",
    "None /a expired",
    "None /p expired",
    "None /r expired",
  ]);
});

test("removeWatches() asks the server by type, then tells the listeners", async () => {
  const session = await connectFake();
  const { world, client, connection } = session;
  const heard = recorder();
  await watchAll(session, heard.listen);
  const removed = client.removeWatches("/a", "data");
  await world.settle();
  const request = connection.expect(OpCode.removeWatches);
  expect([request.body.string(), request.body.int()]).toEqual(["/a", 2]);
  expect(heard.events).toEqual([]);
  connection.reply(request);
  await removed;
  expect(heard.events).toEqual([{ type: "DataWatchRemoved", path: "/a", state: "connected", zxid: -1 }]);
  connection.notify(EventType.nodeDataChanged, "/a");
  connection.notify(EventType.nodeChildrenChanged, "/a");
  await world.settle();
  expect(heard.types().slice(1)).toEqual(["NodeChildrenChanged"]);
});

test("a watch set right behind a removal stays", async () => {
  const session = await connectFake();
  const { world, client, connection } = session;
  const heard = recorder();
  await watchAll(session, () => {});
  const removed = client.removeWatches("/a", "data");
  const read = client.getData("/a", { watch: heard.listen });
  await world.settle();
  const [remove, get] = [connection.expect(OpCode.removeWatches), connection.expect(OpCode.getData)];
  connection.sendBytes(replyFrame(remove.xid), replyFrame(get.xid, { body: dataBody("x") }));
  await Promise.all([removed, read]);
  connection.notify(EventType.nodeDataChanged, "/a");
  await world.settle();
  expect(heard.types()).toEqual(["NodeDataChanged"]);
});

test("removing one of several listeners asks nobody", async () => {
  const session = await connectFake();
  const { world, client, connection } = session;
  const [one, two] = [recorder(), recorder()];
  await watchAll(session, one.listen);
  await watchAll(session, two.listen);
  await client.removeWatches("/p", "persistent", { listener: one.listen });
  await world.settle();
  expect(connection.requests).toEqual([]);
  expect(one.types()).toEqual(["PersistentWatchRemoved"]);
  connection.notify(EventType.nodeCreated, "/p");
  await world.settle();
  expect([one.types().length, two.types()]).toEqual([1, ["NodeCreated"]]);
});

test("removeWatches() without such a watch fails without asking", async () => {
  const session = await connectFake();
  await watchAll(session, () => {});
  expect(await failure(session.client.removeWatches("/p", "data"))).toBeInstanceOf(NoWatcherError);
  expect(session.connection.requests).toEqual([]);
});

test("with `local` a watch is forgotten although the connection broke; without it stays", async () => {
  for (const local of [true, false]) {
    const session = await connectFake();
    await watchAll(session, () => {});
    const removed = session.client.removeWatches("/p", "persistent", { local }).catch(() => "failed");
    await session.world.settle();
    await reconnect(session);
    expect(await removed).toBe(local ? undefined : "failed");
    expect(session.connection.requests.map(({ op }) => op)).toEqual([OpCode.setWatches2]);
    await reconnect(session);
    const { body } = session.connection.expect(OpCode.setWatches2);
    body.long();
    for (let list = 0; list < 3; list++) body.vector((reader) => reader.string());
    expect(body.vector((reader) => reader.string())).toEqual(local ? [] : ["/p"]);
  }
});

test("while disconnected, `local` forgets at once and leaving a stream waits for nobody", async () => {
  const session = await connectFake();
  const stream = await openStream(session);
  await watchAll(session, () => {});
  session.server.mode = "refuse";
  session.connection.close();
  await session.world.settle();
  await session.client.removeWatches("/p", "persistent", { local: true });
  await stream.return();
  session.server.mode = "accept";
  await session.world.advance(1_000);
  const { body } = session.connection.expect(OpCode.setWatches2);
  body.long();
  for (let list = 0; list < 3; list++) body.vector((reader) => reader.string());
  expect(body.vector((reader) => reader.string())).toEqual([]);
  expect(body.vector((reader) => reader.string())).toEqual(["/r"]);
  expect(session.connection.requests).toEqual([]);
});

/** Opens a stream and answers its request. */
async function openStream({ world, client, connection }: FakeSession, path = "/s") {
  const opened = client.watch(path, { recursive: true });
  await world.settle();
  connection.reply(connection.expect(OpCode.addWatch), { body: (writer) => writer.int(0) });
  return await opened;
}

test("a watch stream gives events that came before and while it is read, and removes its watch at the end", async () => {
  const session = await connectFake();
  const { world, connection } = session;
  const stream = await openStream(session);
  connection.notify(EventType.nodeCreated, "/s/1");
  connection.notify(EventType.nodeCreated, "/s/2");
  await world.settle();
  const seen: string[] = [];
  const loop = (async () => {
    for await (const { path } of stream) if (seen.push(path) === 3) break;
  })();
  await world.settle();
  expect(seen).toEqual(["/s/1", "/s/2"]);
  connection.notify(EventType.nodeDeleted, "/s/3");
  await world.settle();
  const request = connection.expect(OpCode.removeWatches);
  expect([request.body.string(), request.body.int()]).toEqual(["/s", 5]);
  connection.reply(request);
  await loop;
  expect(seen).toEqual(["/s/1", "/s/2", "/s/3"]);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("servers that know no type of persistent watch are asked to remove any", async () => {
  const session = await connectFake();
  const stream = await openStream(session);
  const ended = stream.return();
  await session.world.settle();
  session.connection.reply(session.connection.expect(OpCode.removeWatches), { code: -5 });
  await session.world.settle();
  const request = session.connection.expect(OpCode.removeWatches);
  expect([request.body.string(), request.body.int()]).toEqual(["/s", 3]);
  session.connection.reply(request);
  expect((await ended).done).toBe(true);
});

test("a stream throws when the session expires and ends when the client is closed", async () => {
  const expiring = await connectFake();
  const stream = await openStream(expiring);
  const next = failure(stream.next());
  expiring.server.greet = () => ({ sessionId: 0n, timeoutMs: 0 });
  await reconnect(expiring);
  expect(await next).toBeInstanceOf(SessionExpiredError);
  expect((await stream.next()).done).toBe(true);

  const closing = await connectFake();
  const other = await openStream(closing);
  const end = other.next();
  const closed = closing.client.close();
  await closing.world.settle();
  closing.connection.reply(closing.connection.expect(OpCode.closeSession));
  await closed;
  expect((await end).done).toBe(true);
  expect((await other.return()).done).toBe(true);
});

test("a stream that nobody reads ends with an error after what it could hold", async () => {
  const session = await connectFake();
  const { world, connection } = session;
  const stream = await openStream(session);
  const event = notificationFrame(EventType.nodeCreated, "/s/1");
  for (let count = 0; count <= limits.watchStreamEventsMax; count++) connection.sendBytes(event);
  await world.settle();
  connection.reply(connection.expect(OpCode.removeWatches));
  for (let count = 0; count < limits.watchStreamEventsMax; count++) await stream.next();
  expect(await failure(stream.next())).toBeInstanceOf(WatchOverflowError);
  expect((await stream.next()).done).toBe(true);
});

test("getConfig() watches the ensemble's members, whatever the chroot", async () => {
  const session = await connectFake({ chroot: "/app" });
  const { world, client, connection } = session;
  const heard = recorder();
  const answer = client.getConfig({ watch: heard.listen });
  await world.settle();
  connection.reply(connection.expect(OpCode.getData), { body: dataBody("server.1=") });
  await answer;
  connection.notify(EventType.nodeDataChanged, "/zookeeper/config", 9);
  await world.settle();
  expect(heard.events).toMatchObject([{ type: "NodeDataChanged", path: "/zookeeper/config" }]);
});
