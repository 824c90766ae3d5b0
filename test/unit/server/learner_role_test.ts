import { describe, expect, test } from "bun:test";
import { JuteReader } from "../../../src/jute/reader.ts";
import { decodeConnectResponse } from "../../../src/protocol/connect.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { PacketType, type QuorumPacket } from "../../../src/protocol/quorum_packet.ts";
import { create, setData } from "../tree/_txns.ts";
import { show } from "../zab/_zab.ts";
import { LearnerDesk } from "./_learner_desk.ts";
import { type BenchClient, createBody, readBody } from "./replica_bench.ts";

const session = 0x300000000000001n;
const other = 0x300000000000002n;

/** What a client was answered: request number, zxid and error. */
const answers = (client: BenchClient) =>
  client.take().map(({ xid, zxid, error }) => `${xid} ${show(zxid)} ${error}`);

describe("a follower", () => {
  test("acks what its disk has synced, in order, committed or not", () => {
    const desk = new LearnerDesk();
    const [first, second, third] = ["/a", "/b", "/c"].map((path) => desk.propose(create(path)));
    expect(desk.sent()).toEqual([]);
    desk.role.onDurable(second);
    expect(desk.sent()).toEqual(["ACK 5.1", "ACK 5.2"]);
    desk.role.onDurable(second);
    desk.role.onCommit(first);
    expect(desk.sent()).toEqual([]);
    desk.role.onDurable(third);
    expect(desk.sent()).toEqual(["ACK 5.3"]);
    expect(desk.logged).toEqual(["5.1", "5.2", "5.3"]);
  });

  test("applies what is committed and on its own disk, whichever comes first", () => {
    const desk = new LearnerDesk();
    const [first, second, third] = ["/a", "/b", "/c"].map((path) => desk.propose(create(path)));
    desk.role.onCommit(first);
    desk.role.onCommit(second);
    expect([desk.has("/a"), desk.role.outstandingCount]).toEqual([false, 3]);
    desk.role.onDurable(first);
    expect([desk.has("/a"), desk.has("/b"), desk.role.outstandingCount]).toEqual([true, false, 2]);
    desk.role.onDurable(third);
    expect([desk.has("/b"), desk.has("/c")]).toEqual([true, false]);
    expect(show(desk.bench.tree.lastProcessedZxid)).toBe("5.2");
    desk.role.onCommit(third);
    expect([desk.has("/c"), desk.role.outstandingCount]).toEqual([true, 0]);
    expect(desk.remembered).toEqual(["5.1", "5.2", "5.3"]);
  });
});

describe("a write of an own client", () => {
  /** What was forwarded: whose it is, its number, the operation and the body. */
  const requestIn = (packet: QuorumPacket) => {
    const data = packet.data();
    const [id, cxid, code] = [data.long(), data.int(), data.int()];
    return { id, cxid, code, body: packet.bytes.slice(data.position, data.end), ids: packet.authIds() };
  };

  test("is forwarded as it came, and answered from the txn that it became", () => {
    const desk = new LearnerDesk();
    const client = desk.client(session);
    client.request(7, OpCode.create, createBody("/mine"));
    const [packet] = desk.packets();
    expect([packet.type, show(packet.zxid)]).toEqual([PacketType.request, "-1"]);
    const request = requestIn(packet);
    expect([request.id, request.cxid, request.code]).toEqual([session, 7, OpCode.create]);
    const body = new JuteReader(request.body);
    expect([body.string(), Buffer.from(body.buffer()!).toString()]).toEqual(["/mine", "d"]);

    const zxid = desk.propose(create("/mine"), session, 7);
    desk.role.onDurable(zxid);
    desk.bench.endTurn();
    expect(answers(client)).toEqual([]);
    desk.role.onCommit(zxid);
    desk.bench.endTurn();
    const [reply] = client.take();
    expect([reply.xid, show(reply.zxid), reply.error, reply.body.string()]).toEqual([7, "5.1", 0, "/mine"]);
  });

  test("is told from others of its number and of its session, which get no answer here", () => {
    const desk = new LearnerDesk();
    const client = desk.client(session);
    client.request(7, OpCode.create, createBody("/mine"));
    const commit = (zxid: number) => {
      desk.role.onDurable(zxid);
      desk.role.onCommit(zxid);
      desk.bench.endTurn();
    };
    commit(desk.propose(create("/theirs"), other, 7));
    commit(desk.propose(create("/before"), session, 6));
    expect([desk.has("/theirs"), desk.has("/before"), answers(client)]).toEqual([true, true, []]);
    commit(desk.propose(create("/mine"), session, 7));
    expect(answers(client)).toEqual(["7 5.3 0"]);
  });

  test("that was refused is answered with the error, and those behind it in their turn", () => {
    const desk = new LearnerDesk();
    const client = desk.client(session);
    client.request(1, OpCode.create, createBody("/x/y"));
    client.request(2, OpCode.exists, readBody("/a"));
    client.request(3, OpCode.create, createBody("/a"));
    expect(desk.sent()).toEqual(["REQUEST -1", "REQUEST -1"]);
    const refused = desk.propose({ type: OpCode.error, code: ErrorCode.noNode }, session, 1);
    const done = desk.propose(create("/a"), session, 3);
    desk.role.onCommit(refused);
    desk.role.onCommit(done);
    desk.role.onDurable(done);
    desk.bench.endTurn();
    // The read ran between the two.
    expect(answers(client)).toEqual([`1 5.1 ${ErrorCode.noNode}`, `2 5.1 ${ErrorCode.noNode}`, "3 5.2 0"]);
  });

  test("is answered behind the events that it causes, also to itself", () => {
    const desk = new LearnerDesk();
    const client = desk.client(session);
    client.request(1, OpCode.exists, readBody("/a", true));
    client.request(2, OpCode.create, createBody("/a"));
    const zxid = desk.propose(create("/a"), session, 2);
    desk.role.onCommit(zxid);
    desk.role.onDurable(zxid);
    desk.bench.endTurn();
    expect(client.take().map(({ xid }) => xid)).toEqual([1, -1, 2]);
  });
});

describe("a sync", () => {
  test("waits for the commits that came before its answer", () => {
    const desk = new LearnerDesk();
    const client = desk.client(session);
    client.request(1, OpCode.sync, (body) => body.string("/"));
    client.request(2, OpCode.exists, readBody("/a"));
    expect([desk.sent(), desk.role.pendingSyncs]).toEqual([["REQUEST -1"], 1]);
    const first = desk.propose(create("/a"));
    const second = desk.propose(create("/b"));
    desk.role.onCommit(first);
    desk.role.onSynced();
    desk.bench.endTurn();
    expect([answers(client), desk.role.pendingSyncs]).toEqual([[], 1]);
    // What is committed later it does not wait for.
    desk.role.onCommit(second);
    desk.role.onDurable(first);
    desk.bench.endTurn();
    expect([answers(client), desk.role.pendingSyncs]).toEqual([["1 5.1 0", "2 5.1 0"], 0]);
  });

  test("with nothing to wait for is answered at once, and the oldest first", () => {
    const desk = new LearnerDesk();
    const clients = [desk.client(session), desk.client(other)];
    for (const client of clients) client.request(1, OpCode.sync, (body) => body.string("/"));
    desk.role.onSynced();
    desk.bench.endTurn();
    expect(clients.map(answers)).toEqual([["1 5.0 0"], []]);
    desk.role.onSynced();
    desk.bench.endTurn();
    expect(clients.map(answers)).toEqual([[], ["1 5.0 0"]]);
  });

  test("that waits for what the disk refuses is never answered: this server is behind for good", () => {
    const desk = new LearnerDesk();
    const client = desk.client(session);
    const [first, second] = ["/a", "/b"].map((path) => desk.propose(create(path)));
    client.request(1, OpCode.sync, (body) => body.string("/"));
    desk.role.onCommit(second);
    desk.role.onSynced();
    desk.refuse(second);
    desk.role.onDurable(first);
    desk.bench.endTurn();
    expect([answers(client), show(desk.bench.tree.lastProcessedZxid)]).toEqual([[], "5.1"]);
  });

  test("that nobody asked for means nothing", () => {
    const desk = new LearnerDesk();
    desk.role.onSynced();
    expect([desk.role.pendingSyncs, desk.sent()]).toEqual([0, []]);
  });
});

describe("a session that a client wants to take up", () => {
  const granted = (client: BenchClient) => {
    const frames = client.takeFrames();
    return frames.length === 0 ? null : decodeConnectResponse(new JuteReader(frames[0])).timeoutMs;
  };

  test("is the client's when the leader says so, and not before", () => {
    const desk = new LearnerDesk();
    const client = desk.takeUp(session);
    const [packet] = desk.packets();
    const data = packet.data();
    expect([packet.type, data.long(), data.int()]).toEqual([PacketType.revalidate, session, 10_000]);
    expect(granted(client)).toBeNull();
    desk.role.onRevalidated(session, true);
    desk.bench.endTurn();
    expect(granted(client)).toBe(10_000);
  });

  test("has expired when the leader says so", () => {
    const desk = new LearnerDesk();
    const client = desk.takeUp(session);
    desk.role.onRevalidated(session, false);
    desk.bench.endTurn();
    expect([granted(client), client.ended]).toEqual([0, true]);
  });

  test("is asked for once for each client, and answered in that order", () => {
    const desk = new LearnerDesk();
    const [first, second, stranger] = [desk.takeUp(session), desk.takeUp(session), desk.takeUp(other)];
    expect(desk.sent()).toEqual(["REVALIDATE -1", "REVALIDATE -1", "REVALIDATE -1"]);
    desk.role.onRevalidated(other, false);
    desk.role.onRevalidated(session, true);
    desk.bench.endTurn();
    expect([granted(first), granted(second), granted(stranger)]).toEqual([10_000, null, 0]);
    desk.role.onRevalidated(session, true);
    desk.bench.endTurn();
    expect([granted(second), first.destroyed || first.ended]).toEqual([10_000, true]);
  });

  test("of a client that has gone meanwhile is nobody's", () => {
    const desk = new LearnerDesk();
    const client = desk.takeUp(session);
    client.events.onClose(null);
    desk.role.onRevalidated(session, true);
    desk.role.onRevalidated(session, true);
    desk.bench.endTurn();
    expect([granted(client), desk.bench.sessions.size]).toEqual([null, 0]);
  });
});

test("PING is answered with the sessions heard of since the last, and with no bytes, not null, for none", () => {
  const desk = new LearnerDesk();
  const client = desk.client(session);
  desk.role.onPing(0);
  desk.packets();
  desk.role.onPing(0x500000003);
  const [empty] = desk.packets();
  expect([empty.type, show(empty.zxid), empty.dataLength]).toEqual([PacketType.ping, "5.3", 0]);
  for (const xid of [1, 2]) client.request(xid, OpCode.exists, readBody("/"));
  desk.role.onPing(0);
  const [ping] = desk.packets();
  const data = ping.data();
  expect([ping.dataLength, data.long(), data.int()]).toEqual([12, session, 10_000]);
});

describe("a disk that takes no more", () => {
  test("ends the connection to the leader, and what it refused is neither acked nor applied", () => {
    const desk = new LearnerDesk();
    const [first, second, third] = ["/a", "/b", "/c"].map((path) => desk.propose(create(path)));
    for (const zxid of [first, second, third]) desk.role.onCommit(zxid);
    desk.role.onDurable(first);
    expect(desk.sent()).toEqual(["ACK 5.1"]);
    desk.refuse(second);
    expect(desk.owner.take()).toEqual(["closed: the disk takes no more (ENOSPC)"]);
    expect([desk.socket.destroyed, desk.role.outstandingCount]).toEqual([1, 0]);
    desk.role.finish();
    expect([desk.has("/a"), desk.has("/b"), desk.has("/c")]).toEqual([true, false, false]);
    expect(desk.remembered).toEqual(["5.1"]);
  });
});

describe("the end of an office", () => {
  test("brings all that is in the log into the tree, committed or not, without a word to anybody", () => {
    const desk = new LearnerDesk();
    const client = desk.client(session);
    client.request(1, OpCode.create, createBody("/a"));
    desk.packets();
    const first = desk.propose(create("/a"), session, 1);
    desk.propose(create("/b"));
    desk.role.onDurable(first);
    desk.packets();
    desk.role.finish();
    expect([desk.has("/a"), desk.has("/b"), show(desk.bench.tree.lastProcessedZxid)]).toEqual([
      true,
      true,
      "5.2",
    ]);
    expect([desk.remembered, desk.snapshotsStopped]).toEqual([["5.1", "5.2"], 1]);
    desk.role.onDurable(first + 1);
    expect([desk.sent(), client.takeFrames()]).toEqual([[], []]);
  });

  test("leaves a snapshot under way alone when the tree stays as it is", () => {
    const desk = new LearnerDesk();
    const zxid = desk.propose(create("/a"));
    desk.role.onCommit(zxid);
    desk.role.onDurable(zxid);
    desk.role.finish();
    expect(desk.snapshotsStopped).toBe(0);
  });
});

describe("an observer", () => {
  test("logs what it is told, applies it once it is durable, and acks nothing", () => {
    const desk = new LearnerDesk("observer");
    const zxid = desk.inform(create("/a"));
    expect([desk.logged, desk.has("/a")]).toEqual([["5.1"], false]);
    desk.role.onDurable(zxid);
    expect([desk.has("/a"), desk.sent()]).toEqual([true, []]);
    expect([desk.role.mode, desk.remembered]).toEqual(["observer", ["5.1"]]);
  });

  test("without a log applies it at once", () => {
    const desk = new LearnerDesk("observer", false);
    desk.inform(create("/a"));
    desk.inform(setData("/a", "new", 1));
    expect([desk.logged, desk.has("/a"), show(desk.bench.tree.lastProcessedZxid)]).toEqual([[], true, "5.2"]);
    desk.role.finish();
    expect(desk.snapshotsStopped).toBe(0);
  });

  test("answers its clients, and forwards their writes", () => {
    const desk = new LearnerDesk("observer");
    const client = desk.client(session);
    client.request(1, OpCode.create, createBody("/a"));
    expect(desk.sent()).toEqual(["REQUEST -1"]);
    const entry = desk.txn(create("/a"), session, 1);
    desk.role.onInform(entry);
    desk.role.onDurable(entry.zxid);
    desk.bench.endTurn();
    expect(answers(client)).toEqual(["1 5.1 0"]);
  });
});
