import { describe, expect, test } from "bun:test";
import { decodeConnectResponse } from "../../../src/protocol/connect.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import type { JuteWriter } from "../../../src/jute/writer.ts";
import { encodeAcl, openAcl } from "../../../src/protocol/acl.ts";
import { OpCode, Xid } from "../../../src/protocol/op_code.ts";
import { PacketType } from "../../../src/protocol/quorum_packet.ts";
import { sessionPassword } from "../../../src/protocol/session_id.ts";
import { limits } from "../../../src/base/limits.ts";
import { QuorumLink } from "../../../src/server/quorum_link.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { FakeSocket } from "./_link_bench.ts";
import { type BenchClient, createBody, frame, readBody, ReplicaBench } from "./replica_bench.ts";

const connectAnswer = (payload: Uint8Array) => decodeConnectResponse(new JuteReader(payload));

describe("a session", () => {
  test("is answered only once its createSession txn is durable", () => {
    const bench = new ReplicaBench();
    const client = bench.open();
    client.connect();
    bench.endTurn();
    expect(client.takeFrames()).toEqual([]);
    bench.sync();
    expect(connectAnswer(client.takeFrames()[0]).timeoutMs).toBe(10_000);
  });

  test("requests sent along with the connect request are answered behind it", () => {
    const bench = new ReplicaBench();
    const client = bench.open();
    const connect = frame((payload) => {
      payload.int(0);
      payload.longNumber(0);
      payload.int(5000);
      payload.longNumber(0);
      payload.buffer(new Uint8Array(16));
    });
    const ping = frame((payload) => {
      payload.int(-2);
      payload.int(OpCode.ping);
    });
    client.sendRaw(new Uint8Array([...connect, ...ping]));
    bench.settle();
    expect(client.takeFrames().map((payload) => payload.length)).toEqual([36, 16]);
  });

  test("that is taken up again keeps its id, and what follows in the same chunk is served", () => {
    const bench = new ReplicaBench();
    const first = bench.session();
    const [session] = [...bench.tree.sessions.keys()];
    const second = bench.open();
    second.connect({ sessionId: session, password: sessionPassword(session), timeoutMs: 4000 });
    second.request(7, OpCode.exists, readBody("/"));
    bench.settle();
    const [answer, reply] = second.takeFrames();
    expect(connectAnswer(answer)).toMatchObject({ sessionId: session, timeoutMs: 4000 });
    expect(new JuteReader(reply).int()).toBe(7);
    expect(first.destroyed).toBe(true);
  });

  test("is refused with zeros to a stranger, whose try does not disturb the owner", () => {
    const bench = new ReplicaBench();
    const owner = bench.session();
    const [session] = [...bench.tree.sessions.keys()];
    const stranger = bench.open();
    stranger.connect({ sessionId: session });
    bench.settle();
    expect(connectAnswer(stranger.takeFrames()[0])).toMatchObject({ sessionId: 0n, timeoutMs: 0 });
    expect(stranger.ended).toBe(true);
    expect(owner.destroyed || owner.ended).toBe(false);
  });

  test("expires with its ephemerals, and its connection ends without a word", () => {
    const bench = new ReplicaBench();
    const client = bench.session(4000);
    client.request(1, OpCode.create, createBody("/e", 1));
    bench.settle();
    client.take();
    bench.clock.nowMs += 3000;
    bench.replica.tick();
    bench.settle();
    expect(bench.tree.store.findPath("/e")).not.toBe(noZnode);
    bench.clock.nowMs += 3000;
    bench.replica.tick();
    client.request(2, OpCode.exists, readBody("/e"));
    bench.settle();
    expect(bench.tree.store.findPath("/e")).toBe(noZnode);
    expect(client.takeFrames()).toEqual([]);
    expect(client.ended).toBe(true);
    expect(bench.sessions.size).toBe(0);
  });

  test("expires by and by where many do: what others ask for comes between, and who is heard lives on", () => {
    const bench = new ReplicaBench(["maxClientCnxns=0"]);
    const asking = bench.session(20_000);
    const silent: BenchClient[] = [];
    for (let index = 0; index < 1200; index++) silent.push(bench.session(4000));
    bench.clock.nowMs += 6000;
    bench.replica.tick();
    const closingAtOnce = [...bench.sessions.sessions()].filter((session) => session.closing).length;
    expect(closingAtOnce).toBeGreaterThan(0);
    expect(closingAtOnce).toBeLessThan(1200);
    bench.settle();
    asking.request(1, OpCode.exists, readBody("/"));
    bench.settle();
    expect(asking.take().map(({ xid }) => xid)).toEqual([1]);
    const left = silent.filter((client) => !client.ended);
    expect(left.length).toBe(1200 - closingAtOnce);
    left[0].request(-2, OpCode.ping);
    bench.settle();
    for (let go = 0; go < 10; go++) {
      bench.fireTimers();
      bench.settle();
    }
    expect(silent.filter((client) => !client.ended)).toEqual([left[0]]);
    expect(bench.sessions.size).toBe(2);
    expect(bench.clock.timers).toEqual([]);
  });

  test("does not expire for a time in which the process stood still and could hear nobody", () => {
    const bench = new ReplicaBench();
    bench.session(4000).request(1, OpCode.create, createBody("/e", 1));
    bench.settle();
    bench.clock.nowMs += 60_000;
    bench.replica.tick(59_000);
    bench.settle();
    expect(bench.tree.store.findPath("/e")).not.toBe(noZnode);
    bench.clock.nowMs += 6000;
    bench.replica.tick();
    bench.settle();
    expect(bench.tree.store.findPath("/e")).toBe(noZnode);
  });

  test("a client that has seen the future is sent away without a byte", () => {
    const bench = new ReplicaBench();
    const client = bench.open();
    client.connect({ lastZxidSeen: 99 });
    bench.settle();
    expect(client.takeFrames()).toEqual([]);
    expect(client.destroyed).toBe(true);
  });

  test("closing is answered after the events of its own ephemerals, and nothing behind it is", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    client.request(1, OpCode.create, createBody("/e", 1));
    client.request(2, OpCode.exists, readBody("/e", true));
    bench.settle();
    client.take();
    client.request(3, OpCode.closeSession);
    client.request(4, OpCode.exists, readBody("/"));
    bench.settle();
    expect(client.take().map((sent) => sent.xid)).toEqual([-1, 3]);
    expect(client.ended).toBe(true);
  });
});

describe("order on a connection", () => {
  test("nothing is answered before its txn is durable, and reads wait behind own writes only", () => {
    const bench = new ReplicaBench();
    const writer = bench.session();
    const reader = bench.session();
    writer.request(1, OpCode.create, createBody("/a"));
    writer.request(2, OpCode.exists, readBody("/a"));
    writer.request(3, OpCode.delete, (body) => {
      body.string("/a");
      body.int(-1);
    });
    writer.request(4, OpCode.exists, readBody("/a"));
    reader.request(1, OpCode.exists, readBody("/a"));
    bench.endTurn();
    expect(writer.take()).toEqual([]);
    expect(reader.take().map((sent) => sent.error)).toEqual([ErrorCode.noNode]);
    bench.sync();
    bench.endTurn();
    expect(writer.take().map((sent) => [sent.xid, sent.error])).toEqual([[1, 0], [2, 0], [3, 0], [
      4,
      ErrorCode.noNode,
    ]]);
  });

  test("a watch event comes before the reply of the write that caused it", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    client.request(1, OpCode.exists, readBody("/a", true));
    client.request(2, OpCode.create, createBody("/a"));
    bench.settle();
    const sent = client.take();
    expect(sent.map((one) => one.xid)).toEqual([1, -1, 2]);
    expect(sent[1].zxid).toBe(sent[2].zxid);
  });

  test("an undecodable request behind a write is answered in its place", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, OpCode.create, (body) => body.int(77));
    client.request(3, OpCode.ping);
    bench.settle();
    expect(client.take().map((sent) => [sent.xid, sent.error])).toEqual([[1, 0], [
      2,
      ErrorCode.marshallingError,
    ], [-2, 0]]);
  });

  test("an unknown operation is refused, ends the connection, and what follows is not looked at", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, 55);
    client.request(3, OpCode.create, createBody("/b"));
    bench.settle();
    expect(client.take().map((sent) => [sent.xid, sent.error])).toEqual([[1, 0], [
      2,
      ErrorCode.unimplemented,
    ]]);
    expect(client.ended).toBe(true);
    expect(bench.tree.store.findPath("/b")).toBe(noZnode);
  });
});

describe("a full disk", () => {
  test("refuses the writes it cannot take, answers reads, and takes writes again when there is room", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, OpCode.exists, readBody("/a"));
    bench.endTurn();
    bench.refuse();
    bench.endTurn();
    expect(client.take().map((sent) => [sent.xid, sent.error])).toEqual([
      [1, ErrorCode.systemError],
      [2, ErrorCode.noNode],
    ]);
    client.request(3, OpCode.create, createBody("/a"));
    bench.settle();
    expect(client.take().map((sent) => [sent.xid, sent.error])).toEqual([[3, 0]]);
    expect(bench.tree.digestMismatches).toBe(0);
  });

  test("while older writes are still being synced, newer ones are refused until the tree has caught up", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    client.request(1, OpCode.create, createBody("/a"));
    const durable = bench.tree.lastProcessedZxid + 1;
    client.request(2, OpCode.create, createBody("/a/b"));
    bench.endTurn();
    bench.replica.onRefused(
      durable + 1,
      Object.assign(new Error("ENOSPC"), { code: "ENOSPC", path: "log.1" }) as never,
    );
    client.request(3, OpCode.create, createBody("/c"));
    bench.endTurn();
    bench.replica.onDurable(durable);
    bench.endTurn();
    expect(client.take().map((sent) => [sent.xid, sent.error])).toEqual([
      [1, 0],
      [2, ErrorCode.systemError],
      [3, ErrorCode.systemError],
    ]);
    expect(bench.tree.store.findPath("/a/b")).toBe(noZnode);
  });

  test("an expired session whose end cannot be logged is ended later", () => {
    const bench = new ReplicaBench();
    bench.session(4000).request(1, OpCode.create, createBody("/e", 1));
    bench.settle();
    bench.clock.nowMs += 6000;
    bench.replica.tick();
    bench.endTurn();
    bench.refuse();
    expect(bench.tree.store.findPath("/e")).not.toBe(noZnode);
    for (let round = 0; round < 10; round++) {
      bench.clock.nowMs += 6000;
      bench.replica.tick();
      bench.settle();
    }
    expect(bench.tree.store.findPath("/e")).toBe(noZnode);
  });
});

describe("pressure", () => {
  test("a client with too many requests waiting is no longer read, and read again when they are answered", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    for (let xid = 1; xid <= limits.connectionRequestsWaitingMax; xid++) {
      client.request(xid, OpCode.create, createBody(`/n${xid}`));
    }
    expect(client.isPaused).toBe(true);
    bench.settle();
    expect(client.isPaused).toBe(false);
    expect(client.take().length).toBe(limits.connectionRequestsWaitingMax);
  });

  test("what a paused client had sent is logged as soon as it may go on, without new input", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    const frames: number[] = [];
    for (let xid = 1; xid <= limits.connectionRequestsWaitingMax + 1; xid++) {
      frames.push(...frame((payload) => {
        payload.int(xid);
        payload.int(OpCode.create);
        createBody(`/n${xid}`)(payload);
      }));
    }
    client.sendRaw(new Uint8Array(frames));
    bench.endTurn();
    bench.sync();
    expect(bench.clock.turns.length).toBe(1);
    bench.settle();
    expect(client.take().length).toBe(limits.connectionRequestsWaitingMax + 1);
  });

  test("too many requests stop clients that wait only when the turn they came in has not answered them", () => {
    const bench = new ReplicaBench(["globalOutstandingLimit=2"]);
    const [one, other] = [bench.session(), bench.session()];
    for (let xid = 1; xid <= 5; xid++) one.request(xid, OpCode.create, createBody(`/one${xid}`));
    expect(one.isPaused).toBe(false);
    bench.endTurn();
    other.request(1, OpCode.exists, readBody("/"));
    expect(other.isPaused).toBe(false);
    other.request(2, OpCode.create, createBody("/other"));
    one.request(6, OpCode.create, createBody("/one6"));
    expect([one.isPaused, other.isPaused]).toEqual([true, true]);
    bench.settle();
    expect([one.isPaused, other.isPaused]).toEqual([false, false]);
    expect([one.take().length, other.take().length]).toEqual([6, 2]);
  });

  test("clients that always ask for more than there is room for are served alike", () => {
    const bench = new ReplicaBench(["globalOutstandingLimit=20"]);
    const clients = Array.from({ length: 8 }, () => ({ client: bench.session(), served: 0, asked: 0 }));
    const ask = (of: typeof clients[number], count: number) => {
      for (let more = 0; more < count; more++) {
        of.client.request(++of.asked, OpCode.create, createBody("/one"));
      }
    };
    for (const each of clients) ask(each, 50);
    for (let turn = 0; turn < 100; turn++) {
      bench.endTurn();
      bench.sync();
      for (const each of clients) {
        const answers = each.client.take().length;
        each.served += answers;
        ask(each, answers);
      }
    }
    const served = clients.map((each) => each.served).sort((a, b) => a - b);
    expect(served[7] - served[0]).toBeLessThan(served[7] / 4);
  });

  test("clients that do not read their replies take no room from others", () => {
    const bench = new ReplicaBench(["globalOutstandingLimit=20", "maxClientCnxns=0"]);
    for (let count = 0; count < 40; count++) {
      const stuck = bench.session();
      stuck.unsentBytes = limits.outboundBytesPause + 1;
      stuck.request(1, OpCode.exists, readBody("/"));
    }
    bench.endTurn();
    const client = bench.session();
    for (let xid = 1; xid <= 1000; xid++) client.request(xid, OpCode.create, createBody("/one"));
    for (let turn = 0; turn < 2; turn++) {
      bench.endTurn();
      bench.sync();
    }
    client.take();
    expect(client.isPaused).toBe(true);
    for (let turn = 0; turn < 10; turn++) {
      bench.endTurn();
      bench.sync();
    }
    expect(client.take().length).toBeGreaterThan(150);
  });

  test("a client without requests under way gets one, however many others' there are all the time", () => {
    const bench = new ReplicaBench(["globalOutstandingLimit=2"]);
    const sessions = () => Array.from({ length: 4 }, () => bench.session());
    const [early, late] = [sessions(), sessions()];
    const client = bench.session();
    let answers = 0;
    for (let turn = 1; turn <= 10; turn++) {
      for (const other of early) other.request(turn, OpCode.create, createBody("/one"));
      if (turn === 2) {
        for (let xid = 1; xid <= 4; xid++) client.request(xid, OpCode.create, createBody("/one"));
      }
      bench.endTurn();
      const { lastProposed } = bench.role;
      for (const other of late) other.request(turn, OpCode.create, createBody("/one"));
      bench.sync(lastProposed);
      answers += client.take().length;
      expect(bench.replica.waitingCount).toBeGreaterThan(2);
    }
    expect(answers).toBe(4);
  });

  test("of questions after sessions on a leader turns further clients away, and those of sessions that are open not", () => {
    const bench = new ReplicaBench(["initLimit=5", "syncLimit=2", "server.1=h:1:2", "server.2=h:3:4"], 1, [
      1,
      2,
    ]);
    const open = bench.sessions.add(0x100000000000007n, 10_000, bench.clock.monotonicMs()).id;
    const ask = (sessionId: bigint) => {
      const client = bench.open();
      client.connect({ sessionId, password: sessionPassword(sessionId) });
      bench.endTurn();
      return client;
    };
    const waiting = ask(0x100000000000009n);
    bench.mayDoubt = false;
    const refused = ask(0x100000000000009n);
    expect([waiting.destroyed, refused.destroyed, ask(open).destroyed]).toEqual([false, true, false]);
    expect([waiting.takeFrames(), refused.takeFrames()]).toEqual([[], []]);
  });

  test("far too many requests stop clients that wait in the midst of the turn", () => {
    const bench = new ReplicaBench(["globalOutstandingLimit=2"]);
    const client = bench.session();
    for (let xid = 1; xid <= 2 * limits.turnRequestsFactor; xid++) {
      client.request(xid, OpCode.create, createBody(`/n${xid}`));
    }
    expect(client.isPaused).toBe(false);
    client.request(0, OpCode.create, createBody("/last"));
    expect(client.isPaused).toBe(true);
    bench.settle();
    expect(client.isPaused).toBe(false);
  });

  test("a client that does not read its replies is no longer read until they have gone out", () => {
    const bench = new ReplicaBench();
    const client = bench.session();
    client.unsentBytes = limits.outboundBytesPause + 1;
    client.request(1, OpCode.exists, readBody("/"));
    bench.endTurn();
    expect(client.isPaused).toBe(true);
    client.unsentBytes = 0;
    client.events.onDrain();
    expect(client.isPaused).toBe(false);
  });

  test("more connections from one address than allowed are dropped at the door", () => {
    const bench = new ReplicaBench(["maxClientCnxns=2"]);
    bench.open();
    bench.open();
    expect(bench.open().destroyed).toBe(true);
  });

  test("a connection that never asks for a session is closed after a while", () => {
    const bench = new ReplicaBench();
    const client = bench.open();
    bench.clock.nowMs += 11_000;
    bench.replica.tick();
    expect(client.destroyed).toBe(true);
  });
});

describe("four-letter words", () => {
  test("are answered as a connection's first bytes, even one byte at a time", () => {
    const bench = new ReplicaBench();
    const client = bench.open();
    let text = "";
    client.write = (bytes) => {
      text += new TextDecoder().decode(bytes);
      return 0;
    };
    for (const letter of "ruok") client.sendRaw(new TextEncoder().encode(letter));
    bench.endTurn();
    expect(text).toBe("imok");
    expect(client.ended).toBe(true);
  });
});

test("ids that a client's server could not tell its leader are not proved: it ends like any other that fails", () => {
  const bench = new ReplicaBench();
  const client = bench.session();
  const user = (bytes: number) => (payload: JuteWriter) => {
    payload.int(0);
    payload.string("digest");
    payload.buffer(new TextEncoder().encode(`${"u".repeat(bytes)}:secret`));
  };
  client.request(-4, OpCode.auth, user(340_000));
  client.request(1, OpCode.exists, readBody("/"));
  bench.settle();
  expect(client.takeFrames()).toHaveLength(2);
  client.request(-4, OpCode.auth, user(340_001));
  client.request(2, OpCode.exists, readBody("/"));
  bench.settle();
  expect([client.takeFrames().length, client.ended]).toEqual([1, true]);
});

test("the end of a turn hands on to servers before it sends to clients, however many are to be told of a change", () => {
  const bench = new ReplicaBench();
  const order: string[] = [];
  const watchers = Array.from({ length: 20 }, () => bench.session());
  for (const watcher of watchers) watcher.request(1, OpCode.exists, readBody("/a", true));
  bench.settle();
  for (const watcher of watchers) {
    watcher.take();
    watcher.write = () => {
      order.push("client");
      return 0;
    };
  }
  const socket = new FakeSocket();
  socket.write = () => {
    order.push("server");
    return 0;
  };
  const link = new QuorumLink(bench.replica, socket, undefined);
  watchers[0].request(2, OpCode.create, createBody("/a"));
  bench.endTurn();
  link.send(PacketType.commit, 1, null);
  bench.sync();
  expect(order).toEqual(["server", ...watchers.map(() => "client")]);
});

describe("buffers for what goes out", () => {
  const data = new Uint8Array(10_000);
  const create = (path: string) => (body: JuteWriter) => {
    body.string(path);
    body.buffer(data);
    body.vector(openAcl, encodeAcl);
    body.int(0);
  };

  test("are held by those who are owed something, and by nobody afterwards", () => {
    const bench = new ReplicaBench(["maxClientCnxns=0"]);
    const { outBuffers } = bench.replica;
    const clients = Array.from({ length: 100 }, () => bench.session());
    clients[0].request(1, OpCode.create, create("/large"));
    bench.settle();
    for (const client of clients) {
      client.request(2, OpCode.getData, readBody("/large"));
      bench.settle();
      expect(client.take().at(-1)!.body.buffer()!.length).toBe(10_000);
    }
    const forOne = outBuffers.freeBytes;
    expect(forOne).toBeLessThan(40_000);
    for (const client of clients) client.request(3, OpCode.getData, readBody("/large"));
    expect(outBuffers.freeBytes).toBe(0);
    bench.settle();
    for (const client of clients) expect(client.take().map(({ xid }) => xid)).toEqual([3]);
    expect(outBuffers.freeBytes).toBeGreaterThan(99 * 10_000);
    for (const client of clients) client.events.onClose(null);
    bench.settle();
    expect(outBuffers.freeBytes).toBeGreaterThan(99 * 10_000);
  });

  test("of a client that is dropped in the middle of an answer are clean for the next", () => {
    const bench = new ReplicaBench();
    const [slow, other] = [bench.session(), bench.session()];
    slow.unsentBytes = limits.outboundBytesMax;
    slow.request(1, OpCode.exists, readBody("/"));
    slow.request(2, OpCode.create, createBody("/a"));
    slow.request(Xid.setWatches, OpCode.setWatches, (body) => {
      body.longNumber(0);
      body.vector(["/gone"], (writer, path) => writer.string(path));
      body.int(0);
      body.int(0);
    });
    bench.settle();
    expect(slow.destroyed).toBe(true);
    for (let xid = 1; xid <= 3; xid++) {
      other.request(xid, OpCode.exists, readBody("/a"));
      bench.settle();
      expect(other.take().map((sent) => [sent.xid, sent.error])).toEqual([[xid, 0]]);
    }
  });
});
