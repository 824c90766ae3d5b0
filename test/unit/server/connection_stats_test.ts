import { expect, test } from "bun:test";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { ConnectionStats } from "../../../src/server/connection_stats.ts";

test("a ping leaves the number of the last real request and replaces the rest", () => {
  const stats = new ConnectionStats(0);
  stats.onReply(OpCode.create, 7, 0x100000002, 1000, 5);
  stats.onReply(OpCode.ping, -2, 0x100000003, 1200, 1);
  expect(stats).toMatchObject({
    lastOp: OpCode.ping,
    lastXid: 7,
    lastZxid: 0x100000003,
    lastResponseAtMs: 1200,
    lastLatencyMs: 1,
    minLatencyMs: 1,
    maxLatencyMs: 5,
    avgLatencyMs: 3,
  });
});
