import { describe, expect, test } from "bun:test";
import { JuteReader } from "../../../src/jute/reader.ts";
import { CreateFlag } from "../../../src/protocol/create_mode.ts";
import { decodeConnectResponse } from "../../../src/protocol/connect.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { sessionPassword } from "../../../src/protocol/session_id.ts";
import { needsGlobalSession } from "../../../src/server/local_sessions.ts";
import { opOf } from "../../../src/pipeline/op_table.ts";
import type { WriteOp } from "../../../src/pipeline/op.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { checkAndCreateBody, leaderBench, LearnerBench } from "./learner_bench.ts";
import { type BenchClient, createBody, readBody, type ReplicaBench } from "./replica_bench.ts";

const local = ["localSessionsEnabled=true"];
const upgradable = [...local, "localSessionsUpgradingEnabled=true"];

/** Opens a session and waits for nothing: a local one is there at once. */
function openLocal(bench: ReplicaBench, timeoutMs = 10_000): { client: BenchClient; id: bigint } {
  const client = bench.open();
  client.connect({ timeoutMs });
  bench.endTurn();
  const answer = decodeConnectResponse(new JuteReader(client.takeFrames()[0]));
  return { client, id: answer.sessionId };
}

function codesOf(client: BenchClient): number[][] {
  return client.take().map(({ xid, error }) => [xid, error]);
}

describe("a local session of the leader", () => {
  test("is opened at once and leaves no txn, yet writes like any other", () => {
    const bench = leaderBench(local);
    const { client } = openLocal(bench);
    expect(bench.tree.lastProcessedZxid).toBe(0);
    expect(bench.tree.sessions.size).toBe(0);
    expect(bench.replica.localSessions.size).toBe(1);
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, OpCode.exists, readBody("/a"));
    bench.settle();
    expect(codesOf(client)).toEqual([[1, 0], [2, 0]]);
  });

  test("is refused an ephemeral, alone or in a multi, where it may not be upgraded", () => {
    const bench = leaderBench(local);
    const { client } = openLocal(bench);
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, OpCode.create, createBody("/e", CreateFlag.ephemeral));
    client.request(3, OpCode.multi, checkAndCreateBody(createBody("/m", CreateFlag.ephemeralSequential)));
    client.request(4, OpCode.multi, checkAndCreateBody(createBody("/p")));
    bench.settle();
    expect(codesOf(client)).toEqual([
      [1, 0],
      [2, ErrorCode.ephemeralOnLocalSession],
      [3, ErrorCode.ephemeralOnLocalSession],
      [4, 0],
    ]);
    // Two creates, and nothing for what was refused.
    expect(bench.tree.lastProcessedZxid).toBe(2);
  });

  test("becomes global ahead of its first ephemeral, under the same id", () => {
    const bench = leaderBench(upgradable);
    const { client, id } = openLocal(bench);
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, OpCode.create2, createBody("/e", CreateFlag.ephemeral));
    client.request(3, OpCode.create, createBody("/f", CreateFlag.ephemeral));
    bench.settle();
    expect(codesOf(client)).toEqual([[1, 0], [2, 0], [3, 0]]);
    expect(bench.tree.lastProcessedZxid).toBe(4);
    expect([...bench.tree.sessions]).toEqual([[id, 10_000]]);
    expect([...bench.tree.ephemerals.of(id)].sort()).toEqual(["/e", "/f"]);
    expect(bench.replica.localSessions.size).toBe(0);
    client.request(4, OpCode.closeSession);
    bench.settle();
    expect(codesOf(client)).toEqual([[4, 0]]);
    expect(bench.tree.store.findPath("/e")).toBe(noZnode);
  });

  test("ends without a txn when its client asks, behind what was asked before", () => {
    const bench = leaderBench(local);
    const { client } = openLocal(bench);
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, OpCode.closeSession);
    client.request(3, OpCode.exists, readBody("/a"));
    bench.endTurn();
    expect(client.takeFrames()).toEqual([]);
    bench.settle();
    expect(codesOf(client)).toEqual([[1, 0], [2, 0]]);
    expect(client.ended).toBe(true);
    expect(bench.replica.localSessions.size).toBe(0);
    expect(bench.tree.lastProcessedZxid).toBe(1);
  });

  test("expires when its client is silent, and lasts while it is heard", () => {
    const bench = leaderBench(local);
    const silent = openLocal(bench, 4000).client;
    const heard = openLocal(bench, 4000).client;
    for (let step = 0; step < 3; step++) {
      bench.clock.nowMs += 2000;
      heard.request(step, OpCode.exists, readBody("/"));
      bench.replica.tick();
      bench.settle();
    }
    expect([silent.destroyed, heard.destroyed]).toEqual([true, false]);
    expect(bench.replica.localSessions.size).toBe(1);
    expect(bench.tree.lastProcessedZxid).toBe(0);
  });

  test("is taken up again with its password on another connection, which ends the first", () => {
    const bench = leaderBench(local);
    const { client: first, id } = openLocal(bench);
    const stranger = bench.open();
    stranger.connect({ sessionId: id });
    bench.settle();
    expect(decodeConnectResponse(new JuteReader(stranger.takeFrames()[0])).timeoutMs).toBe(0);
    expect(first.destroyed).toBe(false);
    const second = bench.open();
    second.connect({ sessionId: id, password: sessionPassword(id), timeoutMs: 5000 });
    second.request(1, OpCode.create, createBody("/a"));
    bench.settle();
    const [answer, reply] = second.takeFrames();
    expect(decodeConnectResponse(new JuteReader(answer))).toMatchObject({ sessionId: id, timeoutMs: 5000 });
    expect(new JuteReader(reply).int()).toBe(1);
    expect(first.destroyed).toBe(true);
  });

  test("outlives a time without a leader, however long", () => {
    const bench = leaderBench(local);
    const { client, id } = openLocal(bench, 4000);
    bench.replica.becomeIdle();
    expect(client.destroyed).toBe(true);
    bench.clock.nowMs += 60_000;
    bench.replica.tick();
    bench.replica.becomeServing(bench.role);
    bench.replica.tick();
    const again = bench.open();
    again.connect({ sessionId: id, password: sessionPassword(id) });
    bench.endTurn();
    expect(decodeConnectResponse(new JuteReader(again.takeFrames()[0])).sessionId).toBe(id);
  });

  test("is told apart by mntr and dump", () => {
    const bench = leaderBench(upgradable);
    openLocal(bench);
    const { client, id } = openLocal(bench);
    client.request(1, OpCode.create, createBody("/e", CreateFlag.ephemeral));
    bench.settle();
    const ask = (word: "mntr" | "dump") => bench.ask(word);
    expect(ask("mntr")).toContain("zk_local_sessions\t1\n");
    expect(ask("mntr")).toContain("zk_global_sessions\t1\n");
    expect(ask("dump")).toMatch(
      new RegExp(
        "^SessionTracker dump:\nLocal Session Sets \\(1\\)/\\(1\\):\n.*\n\t0x\\w+\n" +
          `Global Session Sets \\(1\\)/\\(1\\):\n.*\n\t0x${id.toString(16)}\n`,
      ),
    );
  });
});

describe("a local session of a follower", () => {
  test("stays there: only its writes go to the leader", () => {
    const bench = new LearnerBench(local);
    const { client } = openLocal(bench.follower);
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, OpCode.exists, readBody("/a"));
    bench.settle();
    expect(bench.takeSent()).toEqual([`REQUEST ${OpCode.create}`, "ACK"]);
    expect(codesOf(client)).toEqual([[1, 0], [2, 0]]);
    expect(bench.leader.sessions.size).toBe(0);
    client.request(3, OpCode.closeSession);
    bench.settle();
    expect(codesOf(client)).toEqual([[3, 0]]);
    expect(bench.takeSent()).toEqual([]);
  });

  test("is made known to the leader ahead of the ephemeral it creates", () => {
    const bench = new LearnerBench(upgradable);
    const { client, id } = openLocal(bench.follower);
    client.request(1, OpCode.create, createBody("/a"));
    client.request(2, OpCode.multi, checkAndCreateBody(createBody("/e", CreateFlag.ephemeral)));
    bench.settle();
    expect(bench.takeSent().filter((packet) => packet !== "ACK")).toEqual([
      `REQUEST ${OpCode.create}`,
      `REQUEST ${OpCode.createSession}`,
      `REQUEST ${OpCode.multi}`,
    ]);
    expect(codesOf(client)).toEqual([[1, 0], [2, 0]]);
    expect([...bench.leader.tree.ephemerals.of(id)]).toEqual(["/e"]);
    expect(bench.follower.tree.digest).toBe(bench.leader.tree.digest);
  });

  test("that was upgraded is the leader's to know once the follower has lost it in between", () => {
    const bench = new LearnerBench(upgradable);
    const { client, id } = openLocal(bench.follower);
    client.request(1, OpCode.create, createBody("/e", CreateFlag.ephemeral));
    bench.settle();
    bench.follow();
    bench.takeSent();
    const again = bench.follower.open();
    again.connect({ sessionId: id, password: sessionPassword(id) });
    bench.settle();
    expect(bench.takeSent()).toEqual(["REVALIDATE"]);
    expect(decodeConnectResponse(new JuteReader(again.takeFrames()[0])).sessionId).toBe(id);
  });

  test("has expired for whoever asks another server for it", () => {
    const bench = new LearnerBench(local);
    const { id } = openLocal(bench.follower);
    const moved = bench.leader.open();
    moved.connect({ sessionId: id, password: sessionPassword(id) });
    bench.settle();
    expect(decodeConnectResponse(new JuteReader(moved.takeFrames()[0])).timeoutMs).toBe(0);
  });
});

describe("what a leader thinks of a session that a follower forwards for and that it does not know", () => {
  const own = (1n << 56n) | 5n;
  const foreign = (2n << 56n) | 5n;

  function forward(settings: readonly string[], sessionId: bigint, flags: number): number {
    const bench = leaderBench(settings);
    const body = new JuteWriter();
    createBody("/x", flags)(body);
    bench.role.submitForwarded({
      from: {},
      sessionId,
      session: null,
      cxid: 1,
      code: OpCode.create,
      op: opOf(OpCode.create) as WriteOp,
      authIds: [],
      body: new JuteReader(body.copy()),
    });
    bench.settle();
    return bench.tree.store.size - leaderBench().tree.store.size;
  }

  test("it may be local there, but never own an ephemeral", () => {
    expect(forward(local, foreign, CreateFlag.persistent)).toBe(1);
    expect(forward(local, foreign, CreateFlag.ephemeral)).toBe(0);
  });

  test("it has expired when the leader itself made it, or no session is local", () => {
    expect(forward(local, own, CreateFlag.persistent)).toBe(0);
    expect(forward([], foreign, CreateFlag.persistent)).toBe(0);
  });
});

test("what makes an ephemeral is seen without moving the reader, and nonsense makes none", () => {
  const needs = (code: number, write: (body: JuteWriter) => void, cut = 0) => {
    const body = new JuteWriter();
    write(body);
    const reader = new JuteReader(body.copy(), 0, body.length - cut);
    const found = needsGlobalSession(opOf(code) as WriteOp, reader);
    expect(reader.position).toBe(0);
    return found;
  };
  const ephemeral = createBody("/e", CreateFlag.ephemeral);
  expect(needs(OpCode.create, ephemeral)).toBe(true);
  expect(needs(OpCode.create, ephemeral, 1)).toBe(false);
  expect(needs(OpCode.create, createBody("/e", CreateFlag.persistentSequential))).toBe(false);
  expect(needs(OpCode.createContainer, ephemeral)).toBe(false);
  expect(needs(OpCode.multi, checkAndCreateBody(ephemeral))).toBe(true);
  expect(needs(OpCode.multi, checkAndCreateBody(ephemeral), 1)).toBe(false);
  expect(needs(OpCode.setData, ephemeral)).toBe(false);
});
