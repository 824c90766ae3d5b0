import { expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import type { LoggedEntry } from "../../../src/zab/committed_log.ts";
import { LearnerBench } from "./learner_bench.ts";
import { createBody, readBody, ReplicaBench } from "./replica_bench.ts";

const members = ["initLimit=5", "syncLimit=2", "server.1=h:1:2", "server.2=h:3:4", "server.3=h:5:6"];

/** The first of three servers, which leads, and two clients of its own. */
function leading() {
  const bench = new ReplicaBench(members, 1, [1, 2, 3]);
  const clients = [bench.open(), bench.open()];
  for (const client of clients) client.connect();
  bench.endTurn();
  bench.role.onLearnerAck(2, bench.role.lastProposed);
  bench.settle();
  for (const client of clients) client.takeFrames();
  const [writer, reader] = clients;
  writer.request(1, OpCode.create, createBody("/a"));
  bench.endTurn();
  return { bench, role: bench.role, reader };
}

/** A sync, and a read behind it. */
function syncAndRead({ bench, reader }: ReturnType<typeof leading>): void {
  reader.request(1, OpCode.sync, readBody("/"));
  reader.request(2, OpCode.exists, readBody("/a"));
  bench.endTurn();
}

test("sync on a leader waits for what others have committed and its own disk has not synced", () => {
  const world = leading();
  const { bench, role, reader } = world;
  // Followers tell their clients of it from now on.
  for (const follower of [2, 3]) role.onLearnerAck(follower, role.lastProposed);
  expect(role.lastCommitted).toBe(role.lastProposed);
  syncAndRead(world);
  expect(reader.take()).toEqual([]);
  bench.settle();
  expect(reader.take().map(({ xid, error }) => [xid, error])).toEqual([[1, 0], [2, 0]]);
});

test("sync on a leader does not wait for what is not committed", () => {
  const world = leading();
  expect(world.role.outstandingCount).toBe(1);
  syncAndRead(world);
  expect(world.reader.take().map(({ xid, error }) => [xid, error])).toEqual([[1, 0], [2, ErrorCode.noNode]]);
});

test("sync on a leader waits until a quorum has said that it follows still", () => {
  const world = leading();
  const { bench, reader } = world;
  bench.followersAnswer = false;
  syncAndRead(world);
  bench.settle();
  expect(reader.take()).toEqual([]);
  bench.confirm();
  bench.settle();
  expect(reader.take().map(({ xid }) => xid)).toEqual([1, 2]);
});

test("or has acked what was proposed since, such as the client's own next write", () => {
  const { bench, role, reader } = leading();
  bench.followersAnswer = false;
  const ack = (zxid: number) => {
    for (const follower of [2, 3]) role.onLearnerAck(follower, zxid);
    bench.settle();
  };
  const before = role.lastProposed;
  reader.request(1, OpCode.sync, readBody("/"));
  reader.request(2, OpCode.create, createBody("/b"));
  bench.settle();
  ack(before);
  expect(reader.take()).toEqual([]);
  ack(role.lastProposed);
  expect(reader.take().map(({ xid, error }) => [xid, error])).toEqual([[1, 0], [2, 0]]);
});

test("a write behind a sync is answered behind it, though one sync of the disk lets both go on", () => {
  const { bench, role, reader } = leading();
  const commit = () => {
    for (const follower of [2, 3]) role.onLearnerAck(follower, role.lastProposed);
  };
  commit();
  reader.request(1, OpCode.sync, readBody("/"));
  reader.request(2, OpCode.create, createBody("/b"));
  commit();
  bench.endTurn();
  expect(reader.take()).toEqual([]);
  bench.settle();
  expect(reader.take().map(({ xid, error }) => [xid, error])).toEqual([[1, 0], [2, 0]]);
});

test("so it is on a follower, which the leader has answered before its disk has synced", () => {
  const bench = new LearnerBench();
  const clients = [bench.follower.open(), bench.follower.open()];
  for (const client of clients) client.connect();
  bench.settle();
  for (const client of clients) client.takeFrames();
  const [writer, reader] = clients;
  const { role, follower } = bench;
  const commit = ([entry]: readonly LoggedEntry[]) => {
    role.onProposal(entry);
    role.onCommit(entry.zxid);
    return entry.zxid;
  };
  writer.request(1, OpCode.create, createBody("/a"));
  commit(bench.relay());
  reader.request(1, OpCode.sync, readBody("/"));
  reader.request(2, OpCode.create, createBody("/b"));
  const proposed = bench.relay();
  role.onSynced();
  const zxid = commit(proposed);
  follower.endTurn();
  expect(reader.take()).toEqual([]);
  follower.replica.onDurable(zxid);
  follower.endTurn();
  expect(reader.take().map(({ xid, error }) => [xid, error])).toEqual([[1, 0], [2, 0]]);
});
