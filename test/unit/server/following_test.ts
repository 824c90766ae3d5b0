/** A follower's office: how it comes to its leader's state, and what it does when that cannot be. */
import { describe, expect, test } from "bun:test";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { dirs } from "../storage/_logs.ts";
import { Offices, type Station } from "./_offices.ts";

const others = [2, 3] as const;

/** Three servers, of which the first leads. */
async function ensemble(writes = 0) {
  const offices = new Offices();
  const leader = offices.station(1);
  const [follower, third] = others.map((id) => offices.station(id));
  await leader.lead();
  follower.follow(1);
  await offices.settle();
  for (let count = 1; count <= writes; count++) leader.write(`/n${count}`);
  await offices.settle();
  return { offices, leader, follower, third };
}

/** The second server leads in epoch 12, and the third has what it logged alone as the leader of epoch 11. */
async function forked() {
  const { offices, leader: first, follower: second, third } = await ensemble(2);
  third.follow(1);
  await offices.settle();
  for (const station of [first, second, third]) station.leave();
  await third.lead();
  second.follow(3);
  await offices.settle();
  second.leave();
  await offices.settle();
  third.write("/lost");
  await offices.settle();
  third.leave();
  await second.lead();
  first.follow(2);
  await offices.settle();
  for (const station of [second, third]) {
    station.take();
    station.takeSent();
  }
  return { offices, leader: second, third };
}

const namesOn = ({ disk }: Station) =>
  disk.list(dirs.snapshots).filter((name) => /^(log|snapshot)/.test(name)).sort();

describe("a follower", () => {
  test("that lacks a few txns is sent them", async () => {
    const { offices, leader, third } = await ensemble(5);
    leader.takeSent();
    third.follow(1);
    await offices.settle();
    expect(leader.takeSent().slice(0, 4)).toEqual([
      "LEADERINFO 10.0",
      "DIFF 10.5",
      "NEWLEADER 10.0",
      "UPTODATE -1",
    ]);
    expect([third.has("/n5"), third.state]).toEqual([true, leader.state]);
  });

  test("with a tail that nobody else has cuts it off, on its disk, too", async () => {
    const { offices, leader, third } = await forked();
    expect(third.has("/lost")).toBe(true);
    third.follow(2);
    await offices.settle();
    expect(leader.takeSent()).toContain("TRUNC 10.2");
    expect([third.has("/lost"), third.state]).toEqual([false, leader.state]);
    const again = offices.station(3, third.disk);
    expect(again.has("/lost")).toBe(false);
  });

  test("that cannot cut it off comes again for a snapshot", async () => {
    const { offices, leader, third } = await forked();
    // It was sent a snapshot of that state, say: it has no older one.
    third.core.database.snapshots.takeNow();
    third.disk.remove(`${dirs.snapshots}/snapshot.0`);
    third.follow(2);
    await offices.settle();
    const reason = "it ordered a cut to 0xa00000002, which this disk does not hold";
    expect(third.take()).toEqual([`over: ${reason}; a snapshot next time`]);
    third.leave();
    expect(third.has("/lost")).toBe(true);
    leader.takeSent();
    third.follow(2, true);
    await offices.settle();
    expect(leader.takeSent()).toContain("SNAP 12.0");
    expect([third.has("/lost"), third.state]).toEqual([false, leader.state]);
    expect(namesOn(third)).toEqual([`snapshot.${makeZxid(12, 0).toString(16)}`]);
  });

  test("that loses its leader before NEWLEADER has the state it had", async () => {
    const { offices, leader, third } = await ensemble(5);
    const before = third.state;
    third.follow(1);
    while (!leader.sent.some((packet) => packet.startsWith("DIFF"))) await offices.turn();
    // What is on its way does not come any more.
    leader.office!.close("gone");
    third.leave();
    expect([third.state, third.core.database.currentEpoch]).toEqual([before, 0]);
    expect(offices.station(3, third.disk).state).toBe(before);
  });
});

describe("a follower's disk", () => {
  test("that is full at NEWLEADER ends the office, and nothing is acked or begun", async () => {
    const { offices, leader, third } = await ensemble(3);
    const before = third.state;
    third.disk.fault = ({ operation, path }) =>
      operation === "write" && path.includes("log.") ? "ENOSPC" : null;
    third.follow(1);
    await offices.settle();
    expect(third.take().filter((line) => !line.startsWith("told"))).toEqual([
      "the disk failed",
      expect.stringContaining("over: the disk failed: "),
    ]);
    expect(third.takeSent()).toEqual(["ACKEPOCH 0.0"]);
    third.leave();
    expect([third.state, third.core.database.currentEpoch]).toEqual([before, 0]);
    third.disk.fault = null;
    third.follow(1);
    await offices.settle();
    expect(third.state).toBe(leader.state);
  });

  test("that does not take a promise ends the office before it is given", async () => {
    const { offices, third } = await ensemble();
    third.disk.fault = ({ path }) => path.includes("acceptedEpoch") ? "EIO" : null;
    third.follow(1);
    await offices.settle();
    expect(third.take()).toEqual(["the disk failed", expect.stringContaining("over: the disk failed: ")]);
    expect([third.takeSent(), third.core.database.acceptedEpoch]).toEqual([[], 9]);
  });

  test("that is full in broadcast ends the office, with what it took and no more", async () => {
    const { offices, leader, follower, third } = await ensemble();
    third.follow(1);
    await offices.settle();
    leader.write("/a");
    await offices.settle();
    third.take();
    third.takeSent();
    third.disk.capacityBytes = third.disk.usedBytes;
    leader.write("/large", new Uint8Array(300_000));
    leader.write("/b");
    await offices.settle();
    expect(third.take()).toEqual(["over: the disk takes no more (ENOSPC)"]);
    expect(third.takeSent()).toEqual([]);
    third.leave();
    expect([third.has("/a"), third.has("/large"), third.has("/b")]).toEqual([true, false, false]);
    third.disk.capacityBytes = Infinity;
    third.follow(1);
    await offices.settle();
    expect([third.has("/large"), third.state, follower.state]).toEqual([true, leader.state, leader.state]);
    expect(offices.station(3, third.disk).has("/large")).toBe(true);
  });
});

describe("a leader that cannot be reached", () => {
  test("is dialled some times, then given up", async () => {
    const offices = new Offices();
    const follower = offices.station(2);
    follower.follow(1);
    await offices.settle();
    await offices.pass(2000);
    expect(offices.network.dials.filter((dial) => dial.startsWith("h1:"))).toHaveLength(9);
    expect(follower.take()).toEqual([expect.stringContaining("over: the leader cannot be reached: ")]);
    await offices.pass(20_000);
    expect(follower.take()).toEqual([]);
  });

  test("at one of its addresses is followed at another, over one connection", async () => {
    const offices = new Offices();
    const [leader, follower] = [offices.station(1), offices.station(2)];
    await leader.lead();
    // The first does not answer in time, and the second refuses.
    offices.network.silent.add(9001);
    follower.follow(1, false, [9001, 9002]);
    await offices.settle();
    expect(follower.take().at(-1)).toBe("up to date in epoch 10");
    await offices.network.listen("h1", 9001, (socket) => ({
      onData: () => expect.unreachable("a second connection says something"),
      onDrain() {},
      onClose: () => socket.end(),
    }));
    offices.network.giveUpSilent();
    await offices.settle();
    leader.write("/a");
    await offices.settle();
    expect([follower.has("/a"), follower.take(), offices.network.openConnections]).toEqual([true, [], 1]);
  });

  test("is dialled for longer while it speaks on the election port", async () => {
    const offices = new Offices();
    const [leader, follower] = [offices.station(1), offices.station(2)];
    follower.linked = true;
    follower.follow(1);
    await offices.settle();
    await offices.pass(2500);
    expect(follower.take()).toEqual([]);
    await leader.lead();
    await offices.pass(500);
    expect(follower.take().at(-1)).toBe("up to date in epoch 10");
  });

  test("and is let go of is not followed when the dial gets through after all", async () => {
    const offices = new Offices();
    const [leader, follower] = [offices.station(1), offices.station(2)];
    await leader.lead();
    follower.follow(1).close("no longer wanted");
    await offices.settle();
    expect([follower.take(), leader.take(), offices.network.openConnections]).toEqual([[], [], 0]);
  });
});

describe("a leader that is silent", () => {
  test("is left after initLimit before it has sent all, and after syncLimit then", async () => {
    const { offices, leader, third } = await ensemble();
    third.follow(1);
    while (third.sent.length === 0) await offices.turn();
    for (const socket of offices.network.sockets.slice(-2)) socket.stalled = true;
    await offices.pass(9000);
    expect(third.take()).toEqual([]);
    await offices.pass(1500);
    expect(third.take()).toEqual(["over: the leader was silent for 10000 ms"]);
    third.leave();

    third.follow(1);
    await offices.settle();
    expect(third.take().at(-1)).toBe("up to date in epoch 10");
    for (const socket of offices.network.sockets.slice(-2)) socket.stalled = true;
    await offices.pass(5500);
    expect(third.take()).toEqual(["over: the leader was silent for 5000 ms"]);
    expect(leader.take()).toEqual(["established in epoch 10"]);
  });
});
