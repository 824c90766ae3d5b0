import { describe, expect, test } from "bun:test";
import { JuteReader } from "../../../src/jute/reader.ts";
import { decodeConnectResponse } from "../../../src/protocol/connect.ts";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { sessionPassword } from "../../../src/protocol/session_id.ts";
import { ReadOnlyRole } from "../../../src/server/roles/read_only.ts";
import { leaderBench } from "./learner_bench.ts";
import { type BenchClient, createBody, readBody, type ReplicaBench } from "./replica_bench.ts";

/** A server with `/a`, made by a session that is still open, which has lost its quorum. */
function partitioned(settings: readonly string[] = []): { bench: ReplicaBench; global: bigint } {
  const bench = leaderBench(["readonlymode.enabled=true", ...settings]);
  const client = bench.session();
  client.request(1, OpCode.create, createBody("/a"));
  bench.settle();
  const [global] = bench.tree.sessions.keys();
  bench.replica.becomeIdle();
  bench.replica.becomeServing(new ReadOnlyRole(bench.replica));
  return { bench, global };
}

function connect(bench: ReplicaBench, options: Parameters<BenchClient["connect"]>[0] = { readOnly: true }) {
  const client = bench.open();
  client.connect(options);
  bench.settle();
  const [answer] = client.takeFrames();
  return {
    client,
    answer: answer === undefined ? null : decodeConnectResponse(new JuteReader(answer)),
  };
}

describe("a read-only server", () => {
  test("serves clients that put up with it and says so, and sends others away without a byte", () => {
    const { bench } = partitioned();
    const { answer } = connect(bench);
    expect(answer).toMatchObject({ readOnly: true, timeoutMs: 10_000 });
    const other = connect(bench, {});
    expect(other.answer).toBeNull();
    expect(other.client.destroyed).toBe(true);
  });

  test("answers reads and refuses all that would change something, in order", () => {
    const { bench } = partitioned();
    const { client } = connect(bench);
    const zxid = bench.tree.lastProcessedZxid;
    client.request(1, OpCode.getData, readBody("/a", true));
    client.request(2, OpCode.create, createBody("/b"));
    client.request(3, OpCode.create, createBody("/e", 1));
    client.request(4, OpCode.sync, (body) => body.string("/a"));
    client.request(5, OpCode.multi, (body) => body.int(0));
    client.request(6, OpCode.exists, readBody("/b"));
    client.request(-2, OpCode.ping);
    bench.settle();
    expect(client.take().map((sent) => [sent.xid, sent.error, sent.zxid])).toEqual([
      [1, 0, zxid],
      [2, ErrorCode.notReadOnly, zxid],
      [3, ErrorCode.notReadOnly, zxid],
      [4, ErrorCode.notReadOnly, zxid],
      [5, ErrorCode.notReadOnly, zxid],
      [6, ErrorCode.noNode, zxid],
      [-2, 0, zxid],
    ]);
    expect(bench.watches.watchCount).toBe(1);
    expect(bench.tree.lastProcessedZxid).toBe(zxid);
  });

  test("opens, expires and closes sessions by itself, without a txn", () => {
    const { bench, global } = partitioned();
    const zxid = bench.tree.lastProcessedZxid;
    const silent = connect(bench, { readOnly: true, timeoutMs: 4000 });
    const closing = connect(bench);
    closing.client.request(1, OpCode.closeSession);
    bench.settle();
    expect(closing.client.take().map((sent) => [sent.xid, sent.error])).toEqual([[1, 0]]);
    bench.clock.nowMs += 6000;
    bench.replica.tick();
    expect(silent.client.destroyed).toBe(true);
    const { sessionId } = silent.answer!;
    const late = connect(bench, { readOnly: true, sessionId, password: sessionPassword(sessionId) });
    expect(late.answer?.timeoutMs).toBe(0);
    expect(bench.replica.localSessions.size).toBe(0);
    expect([...bench.tree.sessions.keys()]).toEqual([global]);
    expect(bench.tree.lastProcessedZxid).toBe(zxid);
  });

  test("neither takes up nor expires a session that others may know: its client is sent away", () => {
    const { bench, global } = partitioned();
    for (const sessionId of [global, 77n]) {
      const { client, answer } = connect(bench, {
        readOnly: true,
        sessionId,
        password: sessionPassword(sessionId),
      });
      expect(answer).toBeNull();
      expect(client.destroyed).toBe(true);
    }
  });

  test("shows itself to isro, srvr and stat, and nothing while a leader is looked for", () => {
    const { bench } = partitioned();
    const ask = (word: "isro" | "srvr") => bench.ask(word);
    expect(ask("isro")).toBe("ro");
    expect(ask("srvr")).toContain("\nMode: read-only\n");
    expect(ask("srvr")).toContain("READ-ONLY mode; serving only read-only clients\n");
    bench.replica.becomeIdle();
    expect(ask("isro")).toBe("null");
    expect(ask("srvr")).toContain("not currently serving requests");
    bench.replica.becomeServing(bench.role);
    expect(ask("isro")).toBe("rw");
  });

  test("drops its clients when there is a leader, and what they had goes with it", () => {
    const { bench } = partitioned();
    const { client, answer } = connect(bench);
    bench.replica.becomeIdle();
    expect(client.destroyed).toBe(true);
    bench.replica.becomeServing(bench.role);
    expect(bench.replica.localSessions.size).toBe(0);
    const { sessionId } = answer!;
    const again = connect(bench, { readOnly: true, sessionId, password: sessionPassword(sessionId) });
    expect(again.answer?.timeoutMs).toBe(0);
    expect(connect(bench).answer).toMatchObject({ readOnly: false, timeoutMs: 10_000 });
  });

  test("where sessions are local, its own live on under a leader", () => {
    const { bench } = partitioned(["localSessionsEnabled=true"]);
    const { sessionId } = connect(bench).answer!;
    bench.replica.becomeIdle();
    bench.replica.becomeServing(bench.role);
    const { answer, client } = connect(bench, { sessionId, password: sessionPassword(sessionId) });
    expect(answer).toMatchObject({ sessionId, readOnly: false });
    client.request(1, OpCode.create, createBody("/b"));
    bench.settle();
    expect(client.take().map((sent) => sent.error)).toEqual([0]);
  });
});
