import { describe, expect, test } from "bun:test";
import { JuteReader } from "../../../src/jute/reader.ts";
import { CreateFlag } from "../../../src/protocol/create_mode.ts";
import { decodeConnectResponse } from "../../../src/protocol/connect.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { sessionPassword } from "../../../src/protocol/session_id.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { checkAndCreateBody, LearnerBench } from "./learner_bench.ts";
import { type BenchClient, createBody, readBody } from "./replica_bench.ts";

/** Opens a session at the follower, or takes one up there. */
function connect(bench: LearnerBench, sessionId = 0n): { client: BenchClient; id: bigint } {
  const client = bench.follower.open();
  client.connect({ sessionId, password: sessionPassword(sessionId) });
  bench.settle();
  const { sessionId: id } = decodeConnectResponse(new JuteReader(client.takeFrames()[0]));
  return { client, id };
}

function answers(client: BenchClient): number[][] {
  return client.take().map(({ xid, error }) => [xid, error]);
}

describe("a session at a follower", () => {
  test("is the leader's to open, and closing it removes it everywhere", () => {
    const bench = new LearnerBench();
    const { client, id } = connect(bench);
    expect(bench.takeSent()).toEqual([`REQUEST ${OpCode.createSession}`, "ACK"]);
    expect(bench.leader.tree.sessions.has(id)).toBe(true);
    client.request(1, OpCode.create, createBody("/e", CreateFlag.ephemeral));
    client.request(2, OpCode.closeSession);
    client.request(3, OpCode.exists, readBody("/"));
    bench.settle();
    expect(answers(client)).toEqual([[1, 0], [2, 0]]);
    expect(client.ended).toBe(true);
    expect([bench.leader.sessions.size, bench.follower.sessions.size]).toEqual([0, 0]);
    expect(bench.follower.tree.ephemerals.count).toBe(0);
  });

  test("is heard by the leader through each of its writes, not with the next PING only", () => {
    const bench = new LearnerBench();
    const { client, id } = connect(bench);
    const deadlineMs = () => bench.leader.sessions.get(id)!.deadlineMs;
    const before = deadlineMs();
    bench.leader.clock.nowMs += 3000;
    bench.leader.replica.beginTurn();
    client.request(5, OpCode.create, createBody("/a"));
    bench.settle();
    expect(deadlineMs()).toBe(before + 3000);
  });

  test("that has moved to the leader ends the connection it left at its next write, without a word", () => {
    const bench = new LearnerBench();
    const { client, id } = connect(bench);
    const moved = bench.leader.open();
    moved.connect({ sessionId: id, password: sessionPassword(id) });
    bench.settle();
    client.request(5, OpCode.exists, readBody("/"));
    bench.settle();
    expect(answers(client)).toEqual([[5, 0]]);
    client.request(6, OpCode.create, createBody("/a"));
    client.request(7, OpCode.exists, readBody("/a"));
    bench.settle();
    expect(client.takeFrames()).toEqual([]);
    expect(client.ended).toBe(true);
    expect(bench.leader.tree.sessions.has(id)).toBe(true);
  });

  test("answers nothing behind a write that found it moved, even when it has come back meanwhile", () => {
    const bench = new LearnerBench();
    const { client, id } = connect(bench);
    const session = bench.leader.sessions.get(id)!;
    const owner = session.owner;
    session.owner = {};
    client.request(6, OpCode.create, createBody("/a"));
    bench.deliver();
    session.owner = owner;
    client.request(7, OpCode.create, createBody("/b"));
    client.request(8, OpCode.sync, (body) => body.string("/"));
    bench.settle();
    expect(bench.leader.tree.store.findPath("/a")).toBe(noZnode);
    expect(bench.leader.tree.store.findPath("/b")).not.toBe(noZnode);
    expect(client.takeFrames()).toEqual([]);
    expect(client.ended).toBe(true);
  });

  test("is told of a multi that the leader refuses as a whole", () => {
    const bench = new LearnerBench();
    const { client, id } = connect(bench);
    bench.leader.sessions.get(id)!.closing = true;
    client.request(1, OpCode.multi, checkAndCreateBody(createBody("/a")));
    bench.settle();
    expect(answers(client)).toEqual([[1, ErrorCode.sessionExpired]]);
    const other = connect(bench).client;
    other.request(1, OpCode.multi, (body) => body.int(OpCode.create));
    bench.settle();
    expect(answers(other)).toEqual([[1, ErrorCode.marshallingError]]);
  });

  test("that its leader lets expire ends with its connection and its ephemerals", () => {
    const bench = new LearnerBench();
    const { client } = connect(bench);
    client.request(1, OpCode.create, createBody("/e", CreateFlag.ephemeral));
    bench.settle();
    client.take();
    bench.leader.clock.nowMs += 30_000;
    bench.leader.replica.tick();
    bench.settle();
    expect(client.takeFrames()).toEqual([]);
    expect(client.ended).toBe(true);
    expect(bench.follower.tree.ephemerals.count).toBe(0);
    expect(bench.follower.sessions.size).toBe(0);
  });

  test("taken up twice at once belongs to the later connection", () => {
    const bench = new LearnerBench();
    const { id } = connect(bench);
    const [first, second] = [bench.follower.open(), bench.follower.open()];
    for (const client of [first, second]) client.connect({ sessionId: id, password: sessionPassword(id) });
    bench.settle();
    expect(first.destroyed).toBe(true);
    expect(decodeConnectResponse(new JuteReader(second.takeFrames()[0])).sessionId).toBe(id);
    second.request(1, OpCode.create, createBody("/a"));
    bench.settle();
    expect(answers(second)).toEqual([[1, 0]]);
  });

  test("is told to the leader with the next ping, once, when its client was heard", () => {
    const bench = new LearnerBench();
    const { client, id } = connect(bench);
    connect(bench);
    bench.takeSent();
    for (const xid of [1, 2]) client.request(xid, OpCode.exists, readBody("/"));
    bench.ping();
    bench.ping();
    client.request(-2, OpCode.ping);
    bench.ping();
    const heard = `PING ${id.toString(16)} 10000`;
    expect(bench.takeSent()).toEqual([heard, "PING", "PING", heard, "PING"]);
  });

  test("asked for after its end was decided has expired", () => {
    const bench = new LearnerBench();
    const { client, id } = connect(bench);
    client.request(1, OpCode.closeSession);
    const late = bench.follower.open();
    late.connect({ sessionId: id, password: sessionPassword(id) });
    bench.settle();
    expect(answers(client)).toEqual([[1, 0]]);
    expect(decodeConnectResponse(new JuteReader(late.takeFrames()[0])).timeoutMs).toBe(0);
  });
});
