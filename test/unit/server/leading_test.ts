/** A leader's office and its followers', over links in memory. */
import { describe, expect, test } from "bun:test";
import { limits } from "../../../src/base/limits.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { encodeAcl, openAcl } from "../../../src/protocol/acl.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import {
  learnerProtocolVersion,
  PacketType,
  type QuorumPacket,
  writeLearnerInfo,
  writePacket,
} from "../../../src/protocol/quorum_packet.ts";
import { containerOwner, noSession } from "../../../src/protocol/session_id.ts";
import { txnTypeOf } from "../../../src/protocol/txn.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import type { Leading } from "../../../src/server/roles/leading.ts";
import { packetsIn, showPacket, zxid } from "../zab/_zab.ts";
import { MemorySocket } from "./_memory_network.ts";
import { Offices, quorumPortOf, type Station } from "./_offices.ts";

/** The first of three servers leads, the second follows; epoch 10, as the disks have accepted 9. */
async function ensemble() {
  const offices = new Offices();
  const leader = offices.station(1);
  const follower = offices.station(2);
  await leader.lead();
  follower.follow(1);
  await offices.settle();
  return { offices, leader, follower };
}

/** A learner whose packets a test writes itself. */
class RawLearner {
  readonly offices: Offices;
  closed = false;
  #socket!: MemorySocket;
  #bytes: Uint8Array[] = [];

  constructor(offices: Offices) {
    this.offices = offices;
  }

  async connect(): Promise<this> {
    const dialled = this.offices.network.dial("h1", quorumPortOf(1), 1000, (socket) => {
      this.#socket = socket as MemorySocket;
      return {
        onData: (bytes) => this.#bytes.push(bytes),
        onDrain: () => {},
        onClose: () => this.closed = true,
      };
    });
    await this.offices.settle();
    await dialled;
    return this;
  }

  async send(write: (out: JuteWriter) => void): Promise<void> {
    const out = new JuteWriter();
    write(out);
    this.#socket.write(out.view());
    await this.offices.settle();
  }

  /** FOLLOWERINFO. */
  introduce(serverId: number): Promise<void> {
    const info = { serverId, protocolVersion: learnerProtocolVersion, configVersion: 0 };
    return this.send((out) => writeLearnerInfo(out, PacketType.followerInfo, zxid("9.0"), info));
  }

  /** ACKEPOCH of one that has nothing. */
  acceptEpoch(): Promise<void> {
    return this.send((out) => writePacket(out, PacketType.ackEpoch, 0, new Uint8Array(4)));
  }

  ack(at: string): Promise<void> {
    return this.send((out) => writePacket(out, PacketType.ack, zxid(at), null));
  }

  /** Says who it is, accepts the epoch and acks what it is sent, up to being up to date. */
  async join(serverId: number): Promise<void> {
    await this.introduce(serverId);
    await this.acceptEpoch();
    await this.ack("10.0");
  }

  packets(): QuorumPacket[] {
    return packetsIn(Uint8Array.from(Buffer.concat(this.#bytes.splice(0))));
  }

  received(): string[] {
    return this.packets().map(showPacket);
  }
}

describe("a leader and a follower", () => {
  test("come to an epoch, a history and a quorum, packet by packet", async () => {
    const { leader, follower } = await ensemble();
    expect(follower.takeSent().concat(leader.takeSent())).toEqual([
      "ACKEPOCH 0.0",
      "ACK 10.0",
      "ACK 10.0",
      "LEADERINFO 10.0",
      "DIFF 0.0",
      "NEWLEADER 10.0",
      "UPTODATE -1",
    ]);
    expect(leader.take()).toEqual(["established in epoch 10"]);
    expect(follower.take()).toEqual(['told "the configuration"', "up to date in epoch 10"]);
    for (const { core: { database } } of [leader, follower]) {
      expect([database.acceptedEpoch, database.currentEpoch]).toEqual([10, 10]);
    }
  });

  test("log, ack and commit what is written, and hold the same", async () => {
    const { offices, leader, follower } = await ensemble();
    leader.takeSent();
    follower.takeSent();
    leader.write("/a");
    leader.write("/b");
    await offices.settle();
    expect(leader.takeSent()).toEqual(["PROPOSAL 10.1", "PROPOSAL 10.2", "COMMIT 10.1", "COMMIT 10.2"]);
    expect(follower.takeSent()).toEqual(["ACK 10.1", "ACK 10.2"]);
    expect([follower.has("/b"), follower.state]).toEqual([true, leader.state]);
  });

  test("stay together by PINGs alone, and part when one is not heard", async () => {
    const { offices, leader, follower } = await ensemble();
    leader.take();
    follower.take();
    await offices.pass(20_000);
    expect([leader.take(), follower.take()]).toEqual([[], []]);
    for (const socket of offices.network.sockets) socket.stalled = true;
    await offices.pass(6000);
    expect(follower.take()).toEqual(["over: the leader was silent for 5000 ms"]);
    expect(leader.take()).toEqual(["over: only the servers 1 are left, which is no quorum"]);
  });

  test("of an epoch without a txn go back to the zxid of before", async () => {
    const { leader, follower } = await ensemble();
    expect([leader, follower].map(({ state }) => state.split(" ")[0])).toEqual(["10.0", "10.0"]);
    for (const station of [leader, follower]) station.leave();
    expect([leader, follower].map(({ state }) => state.split(" ")[0])).toEqual(["0.0", "0.0"]);
  });
});

describe("what is proposed and not committed when an office ends", () => {
  test("is the next office's to commit, and reaches its followers", async () => {
    const { offices, leader, follower } = await ensemble();
    leader.write("/a");
    await offices.settle();
    follower.leave();
    await offices.settle();
    leader.write("/b");
    leader.write("/c");
    await offices.settle();
    expect(leader.has("/b")).toBe(false);
    leader.leave();
    expect([leader.has("/b"), leader.has("/c")]).toEqual([true, true]);
    leader.takeSent();
    await leader.lead();
    follower.follow(1);
    await offices.settle();
    expect(leader.takeSent()).toEqual([
      "LEADERINFO 11.0",
      "DIFF 10.3",
      "NEWLEADER 11.0",
      "UPTODATE -1",
    ]);
    expect([follower.has("/c"), follower.state]).toEqual([true, leader.state]);
  });

  test("is cut off again where the next leader does not have it", async () => {
    const { offices, leader, follower } = await ensemble();
    leader.write("/a");
    await offices.settle();
    follower.leave();
    await offices.settle();
    leader.write("/lost");
    await offices.settle();
    leader.leave();
    const before = leader.state;
    follower.takeSent();
    // Server 2, with 3, makes an epoch of its own; then 1 comes back.
    await follower.lead();
    const third = offices.station(3);
    third.follow(2);
    await offices.settle();
    follower.write("/b");
    await offices.settle();
    leader.take();
    leader.follow(2);
    await offices.settle();
    expect(follower.takeSent()).toContain("TRUNC 10.1");
    expect(leader.take()).toEqual([
      "a tree is loaded at 10.1",
      'told "the configuration"',
      "up to date in epoch 11",
    ]);
    expect([leader.has("/lost"), leader.has("/b"), leader.state]).toEqual([false, true, follower.state]);
    expect([third.state, leader.state]).toEqual([follower.state, third.state]);
    expect(before).not.toBe(leader.state);
  });
});

describe("a tree that is sent while writes go on", () => {
  test("is followed by what changed it and then by NEWLEADER, so that nobody serves a state between two", async () => {
    const { offices, leader, follower } = await ensemble();
    const large = new Uint8Array(100_000);
    for (let index = 0; index < 40; index++) leader.write(`/n${index}`, large.fill(index));
    await offices.settle();
    // Its memory of committed txns is gone, and with it the way by differences.
    leader.core.database.committedLog.clear(leader.core.tree.lastProcessedZxid);
    leader.takeSent();

    const third = offices.station(3);
    third.follow(1);
    let turns = 0;
    while (!third.lines.some((line) => line.startsWith("up to date"))) {
      expect(++turns).toBeLessThan(50);
      await offices.turn();
      if (
        leader.sent.some((packet) => packet.startsWith("SNAP")) && !leader.sent.includes("NEWLEADER 10.0")
      ) {
        for (const at of [0, 39]) leader.write(`/n${at}`, large.fill(100 + turns));
      }
    }
    const sent = leader.takeSent();
    const newLeader = sent.indexOf("NEWLEADER 10.0");
    expect(sent.filter((packet) => packet.startsWith("SNAP"))).toHaveLength(1);
    // Some of it was committed while the tree was on its way.
    expect(sent.slice(0, newLeader).filter((packet) => packet.startsWith("COMMIT")).length).toBeGreaterThan(
      2,
    );
    const upToDate = third.trace.findIndex(({ kind }) => kind === "upToDate");
    const applied = third.trace.slice(0, upToDate).filter((event) => event.kind === "apply");
    // What it begins to serve is a state that the leader was in, too.
    const served = applied.at(-1)!;
    const same = leader.trace.find((event) => event.kind === "apply" && event.zxid === served.zxid);
    expect(same).toMatchObject({ digest: served.digest });
    await offices.settle();
    expect([third.state, follower.state]).toEqual([leader.state, leader.state]);
  });

  test("counts as the voice of both while it does come, however long that takes", async () => {
    const { offices, leader } = await ensemble();
    for (let index = 0; index < 40; index++) leader.write(`/n${index}`, new Uint8Array(100_000));
    await offices.settle();
    leader.takeSent();
    leader.core.database.committedLog.clear(leader.core.tree.lastProcessedZxid);
    const third = offices.station(3);
    third.follow(1);
    while (!leader.sent.some((packet) => packet.startsWith("SNAP"))) await offices.turn();
    const toThird = offices.network.sockets.at(-1)!;
    let pieces = 0;
    while (!leader.sent.includes("NEWLEADER 10.0") || toThird.stalled) {
      // Some pieces every seven seconds, and initLimit is ten.
      toThird.stalled = true;
      await offices.pass(7000);
      toThird.drain();
      expect(++pieces).toBeLessThan(20);
    }
    await offices.settle();
    expect(pieces).toBeGreaterThan(3);
    expect(third.take().filter((line) => line.startsWith("over"))).toEqual([]);
    expect(third.state).toBe(leader.state);
  });

  test("is given up when it stops coming", async () => {
    const { offices, leader } = await ensemble();
    for (let index = 0; index < 40; index++) leader.write(`/n${index}`, new Uint8Array(100_000));
    await offices.settle();
    leader.takeSent();
    leader.core.database.committedLog.clear(leader.core.tree.lastProcessedZxid);
    const third = offices.station(3);
    const before = third.state;
    third.follow(1);
    while (!leader.sent.some((packet) => packet.startsWith("SNAP"))) await offices.turn();
    await offices.turn();
    offices.network.sockets.at(-1)!.stalled = true;
    await offices.pass(11_000);
    expect(third.take()).toEqual(["over: the leader was silent for 10000 ms"]);
    expect(third.state).not.toBe(before);
    third.leave();
    expect([third.state, third.take()]).toEqual([before, ["a tree is loaded at 0.0"]]);
  });
});

describe("a membership that was proposed under the last leader", () => {
  test("comes into force with the next one's office, and counts alone from then on", async () => {
    const offices = new Offices();
    const leader = offices.station(1);
    await leader.lead([new Majority([1, 2, 3]), new Majority([1, 4, 5])]);
    const [old, fresh] = [await new RawLearner(offices).connect(), await new RawLearner(offices).connect()];
    const learners = [old, fresh];
    await old.introduce(2);
    expect(old.received()).toEqual([]);
    await fresh.introduce(4);
    for (const learner of learners) await learner.acceptEpoch();
    await old.ack("10.0");
    expect(leader.take()).toEqual([]);
    await fresh.ack("10.0");
    expect(leader.take()).toEqual(["established in epoch 10"]);
    for (const learner of learners) learner.packets();

    leader.write("/a");
    await offices.settle();
    // With the leader two of the old three.
    await old.ack("10.1");
    expect(old.received()).toEqual(["PROPOSAL 10.1"]);
    await fresh.ack("10.1");
    expect(fresh.received()).toEqual(["PROPOSAL 10.1", "COMMIT 10.1"]);
  });
});

describe("acks that come together", () => {
  test("commit all that they cover, with the ack of NEWLEADER that answers UPTODATE among them", async () => {
    const offices = new Offices();
    const leader = offices.station(1);
    await leader.lead();
    const learner = await new RawLearner(offices).connect();
    await learner.introduce(2);
    await learner.acceptEpoch();
    await learner.ack("10.0");
    for (const path of ["/a", "/b", "/c"]) leader.write(path);
    await offices.settle();
    learner.packets();
    await learner.send((out) => {
      for (const at of ["10.0", "10.1", "10.2", "10.3"]) writePacket(out, PacketType.ack, zxid(at), null);
    });
    expect(learner.received()).toEqual(["COMMIT 10.1", "COMMIT 10.2", "COMMIT 10.3"]);
    expect(leader.has("/c")).toBe(true);
  });

  test("leave the entries alone for learners that lag, and not who asked for them", async () => {
    const { offices, leader } = await ensemble();
    leader.write("/a");
    await offices.settle();
    const { committedLog } = leader.core.database;
    expect(Object.keys(committedLog.at(committedLog.length - 1)).toSorted()).toEqual([
      "bytes",
      "end",
      "start",
      "zxid",
    ]);
  });
});

describe("learners that do not take what they are sent", () => {
  test("cost little where they are no members: the one with the most to take is dropped", async () => {
    const { offices, leader } = await ensemble();
    const joined: RawLearner[] = [];
    const sockets: MemorySocket[] = [];
    for (const id of [3, 98, 99]) {
      // Strangers are brought up to date every half tick at most.
      await offices.pass(500);
      const learner = await new RawLearner(offices).connect();
      await learner.join(id);
      const socket = offices.network.sockets.at(-1)!;
      socket.stalled = true;
      joined.push(learner);
      sockets.push(socket);
    }
    const look = async (...megabytes: number[]) => {
      for (const [index, socket] of sockets.entries()) socket.backlog = megabytes[index] * 1024 * 1024;
      leader.write("/a");
      await offices.settle();
      await offices.pass(500);
      return joined.map(({ closed }) => closed);
    };
    expect(await look(200, 33, 30)).toEqual([false, false, false]);
    expect(await look(200, 33, 32)).toEqual([false, true, false]);
  });
});

describe("learners that ask for more than can be decided", () => {
  const session = 0x300000000000001n;
  /** A create whose data takes a megabyte. */
  const megabyte = (cxid: number) => (out: JuteWriter) => {
    const body = new JuteWriter();
    body.long(session);
    body.int(cxid);
    body.int(OpCode.create);
    body.string(`/${cxid}`);
    body.buffer(new Uint8Array(1024 * 1024));
    body.vector(openAcl, encodeAcl);
    body.int(0);
    writePacket(out, PacketType.request, -1, body.copy());
  };
  const question = (id: number) => (out: JuteWriter) => {
    const data = new JuteWriter();
    data.longNumber(id);
    data.int(5000);
    writePacket(out, PacketType.revalidate, -1, data.copy());
  };

  /** The follower's acks come when the test wants. */
  async function withLearner(id: number) {
    const { offices, leader, follower } = await ensemble();
    await offices.pass(500);
    const learner = await new RawLearner(offices).connect();
    await learner.join(id);
    const socket = offices.network.sockets.at(-1)!;
    const [followers] = offices.network.sockets;
    const hold = () => followers.pause();
    const release = async () => {
      followers.resume();
      await offices.settle();
    };
    return { offices, leader, follower, learner, socket, hold, release };
  }

  test("and are no members, are read no further before half of it is", async () => {
    const { leader, learner, socket, hold, release } = await withLearner(99);
    hold();
    for (let cxid = 1; cxid <= 20; cxid++) await learner.send(megabyte(cxid));
    expect([leader.role!.outstandingCount, socket.paused, learner.closed]).toEqual([4, true, false]);
    await release();
    expect([leader.core.tree.lastProcessedZxid, socket.paused]).toEqual([zxid("10.20"), false]);
  });

  test("and are members, are read on: among what they say is what decides it", async () => {
    const { leader, learner, socket, hold } = await withLearner(3);
    hold();
    for (let cxid = 1; cxid <= 20; cxid++) await learner.send(megabyte(cxid));
    expect([leader.role!.outstandingCount, socket.paused]).toEqual([20, false]);
    await learner.ack("10.20");
    expect(leader.core.tree.lastProcessedZxid).toBe(zxid("10.20"));
  });

  test("and become members, are read on at once", async () => {
    const { offices, leader, learner, socket, hold } = await withLearner(99);
    hold();
    for (let cxid = 1; cxid <= 8; cxid++) await learner.send(megabyte(cxid));
    expect(socket.paused).toBe(true);
    offices.memberIds = [1, 2, 3, 99];
    (leader.office as Leading).setMembership([new Majority([1, 99])], 0);
    await offices.settle();
    expect([leader.role!.outstandingCount, socket.paused]).toEqual([8, false]);
    for (let cxid = 9; cxid <= 20; cxid++) await learner.send(megabyte(cxid));
    expect([leader.role!.outstandingCount, socket.paused]).toEqual([20, false]);
  });

  test("after sessions of which nothing is certain, are no members: so it is with questions", async () => {
    const { offices, learner, socket, hold, release } = await withLearner(99);
    hold();
    for (let chunk = 0; chunk < 20; chunk++) {
      await learner.send((out) => {
        for (let id = 1; id <= 1000; id++) question(id)(out);
      });
    }
    expect(socket.paused).toBe(true);
    learner.packets();
    await release();
    await offices.settle();
    expect(socket.paused).toBe(false);
    expect(learner.packets().filter(({ type }) => type === PacketType.revalidate).length).toBe(20_000);
  });

  test("after sessions of which nothing is certain, are hung up on, members too, before it costs much", async () => {
    const { leader, follower, learner, hold } = await withLearner(3);
    hold();
    const chunk = (out: JuteWriter) => {
      for (let id = 1; id <= 1000; id++) question(id)(out);
    };
    let chunks = 0;
    while (!learner.closed && chunks < 100) {
      await learner.send(chunk);
      chunks++;
    }
    expect(chunks).toBe(Math.ceil((limits.sessionsInDoubtMax + 1) / 1000));
    expect([leader.take(), follower.take().at(-1)]).toEqual([
      ["established in epoch 10"],
      "up to date in epoch 10",
    ]);
  });
});

describe("a connection in the name of a learner that follows", () => {
  test("takes its place when that is silent for a tick, and not before", async () => {
    const { offices, leader, follower } = await ensemble();
    const other = await new RawLearner(offices).connect();
    await other.introduce(2);
    await other.acceptEpoch();
    await offices.pass(5000);
    expect(other.received()).toEqual(["LEADERINFO 10.0"]);
    leader.write("/a");
    await offices.settle();
    expect([follower.has("/a"), follower.take().at(-1)]).toEqual([true, "up to date in epoch 10"]);
    offices.network.sockets[0].stalled = true;
    await offices.pass(2000);
    expect(other.received()).toEqual(["DIFF 10.1", "PROPOSAL 10.1", "COMMIT 10.1", "NEWLEADER 10.0"]);
    await other.ack("10.0");
    expect([other.received().at(-1), leader.take()]).toEqual(["UPTODATE -1", ["established in epoch 10"]]);
  });
});

describe("a learner that sends nonsense", () => {
  /** What it sends once it is up to date, or at first; the leader and its other follower go on. */
  async function costsOneLink(send: (learner: RawLearner) => Promise<void>): Promise<void> {
    const { offices, leader, follower } = await ensemble();
    const learner = await new RawLearner(offices).connect();
    await send(learner);
    expect(learner.closed).toBe(true);
    leader.take();
    leader.write("/after");
    await offices.settle();
    expect([follower.has("/after"), leader.take()]).toEqual([true, []]);
  }

  const raw = (type: PacketType, at: string, data: Uint8Array | null = null) => (out: JuteWriter) =>
    writePacket(out, type, zxid(at), data);

  test("at first is hung up on, and nobody else", async () => {
    await costsOneLink((learner) => learner.send(raw(PacketType.ack, "5.0")));
    await costsOneLink((learner) => learner.send((out) => out.raw(new Uint8Array(100).fill(0x7f))));
    await costsOneLink((learner) => learner.send(raw(99 as PacketType, "5.0")));
    await costsOneLink((learner) =>
      learner.send((out) => {
        writeLearnerInfo(out, PacketType.followerInfo, zxid("0.0"), {
          serverId: 3,
          protocolVersion: learnerProtocolVersion,
          configVersion: 0,
        });
        // Of an epoch that no number holds.
        out.bytes.fill(0x7f, 4, 8);
      })
    );
  });

  test("out of turn is hung up on, and what it acked does not count", async () => {
    const info = { serverId: 3, protocolVersion: learnerProtocolVersion, configVersion: 0 };
    const hello = (out: JuteWriter) => writeLearnerInfo(out, PacketType.followerInfo, zxid("9.0"), info);
    await costsOneLink(async (learner) => {
      await learner.send(hello);
      await learner.send(hello);
    });
    await costsOneLink(async (learner) => {
      await learner.send(hello);
      await learner.send(raw(PacketType.ack, "10.1"));
    });
    await costsOneLink(async (learner) => {
      await learner.send(hello);
      await learner.send(raw(PacketType.ackEpoch, "0.0"));
    });
    await costsOneLink(async (learner) => {
      await learner.send(hello);
      await learner.send(raw(PacketType.ackEpoch, "0.0", new Uint8Array(4)));
      await learner.send(raw(PacketType.request, "-1", new Uint8Array(16)));
    });
  });

  test("before it is up to date is hung up on by whatever is a later learner's to say", async () => {
    const touch = new Uint8Array(12);
    for (const send of [raw(PacketType.ping, "5.0", touch), raw(PacketType.revalidate, "-1", touch)]) {
      const steps = [
        (learner: RawLearner) => learner.introduce(3),
        (learner: RawLearner) => learner.acceptEpoch(),
      ];
      for (let count = 1; count <= steps.length; count++) {
        await costsOneLink(async (learner) => {
          for (const step of steps.slice(0, count)) await step(learner);
          await learner.send(send);
        });
      }
    }
  });

  test("before it is up to date may say little", async () => {
    for (const bytes of [5000, 100_000]) {
      await costsOneLink((learner) =>
        learner.send(raw(PacketType.followerInfo, "9.0", new Uint8Array(bytes)))
      );
    }
  });

  test("once it is up to date, too", async () => {
    for (
      const packet of [
        // Of an epoch to come, of a txn to come, of one that never was.
        raw(PacketType.ack, "11.0"),
        raw(PacketType.ack, "10.1"),
        raw(PacketType.ack, "10.4294967295"),
        raw(PacketType.ping, "5.0"),
        raw(PacketType.ping, "5.0", new Uint8Array(11)),
        raw(PacketType.proposal, "10.1", new Uint8Array(40)),
        raw(PacketType.request, "-1", new Uint8Array(3)),
        raw(PacketType.revalidate, "-1", new Uint8Array(8)),
        raw(PacketType.upToDate, "-1"),
      ]
    ) {
      await costsOneLink(async (learner) => {
        await learner.join(3);
        expect(learner.received().at(-1)).toBe("UPTODATE -1");
        await learner.send(packet);
      });
    }
  });
});

describe("what a learner asks", () => {
  const request = (
    sessionId: bigint,
    cxid: number,
    code: number,
    write: (out: JuteWriter) => void = () => {},
  ) => {
    const body = new JuteWriter();
    body.long(sessionId);
    body.int(cxid);
    body.int(code);
    write(body);
    return (out: JuteWriter) => writePacket(out, PacketType.request, -1, body.copy());
  };

  async function withLearner() {
    const { offices, leader, follower } = await ensemble();
    const learner = await new RawLearner(offices).connect();
    await learner.join(3);
    learner.packets();
    return { offices, leader, follower, learner };
  }

  const pong = (out: JuteWriter) => writePacket(out, PacketType.ping, -1, new Uint8Array(0));

  test("as sync is answered once a quorum follows still, behind all that was under way", async () => {
    const { offices, leader, follower, learner } = await withLearner();
    await learner.send(request(1n, 1, OpCode.sync));
    expect(learner.received()).toEqual(["PING 10.0", "SYNC 0.0"]);
    await learner.send(pong);
    follower.leave();
    await offices.settle();
    // Nobody else can say so now.
    await learner.send(request(1n, 2, OpCode.sync));
    expect(learner.received()).toEqual(["PING 10.0"]);
    await learner.send(pong);
    expect(learner.received()).toEqual(["SYNC 0.0"]);
    leader.write("/a");
    await offices.settle();
    await learner.send(request(1n, 3, OpCode.sync));
    await learner.send(pong);
    expect(learner.received()).toEqual(["PROPOSAL 10.1", "PING 10.1"]);
    await learner.ack("10.1");
    expect(learner.received()).toEqual(["COMMIT 10.1", "SYNC 0.0"]);
  });

  test("as sync is answered before what was proposed behind it, by the acks of that", async () => {
    const { offices, leader, follower, learner } = await withLearner();
    follower.leave();
    await offices.settle();
    leader.write("/a");
    await offices.settle();
    await learner.send(request(1n, 1, OpCode.sync));
    await learner.ack("10.1");
    // They may have been on their way when it was asked.
    expect(learner.received()).toEqual(["PROPOSAL 10.1", "PING 10.1", "COMMIT 10.1"]);
    leader.write("/b");
    await offices.settle();
    await learner.ack("10.2");
    expect(learner.received()).toEqual(["PROPOSAL 10.2", "SYNC 0.0", "COMMIT 10.2"]);
  });

  test("may be as large as jute.maxbuffer lets it, and is then in the trees that are sent, too", async () => {
    const offices = new Offices(["jute.maxbuffer=4000000"]);
    const leader = offices.station(1);
    await leader.lead();
    const learner = await new RawLearner(offices).connect();
    await learner.join(2);
    const id = 0x200000000000001n;
    await learner.send(request(id, 0, OpCode.createSession, (out) => out.int(4000)));
    await learner.ack("10.1");
    await learner.send(request(id, 1, OpCode.create, (out) => {
      out.string("/large");
      out.buffer(new Uint8Array(3_500_000));
      out.vector(openAcl, encodeAcl);
      out.int(0);
    }));
    await learner.ack("10.2");
    expect(leader.has("/large")).toBe(true);

    leader.core.database.committedLog.clear(leader.core.tree.lastProcessedZxid);
    const third = offices.station(3);
    third.follow(1);
    await offices.settle();
    expect([third.has("/large"), third.state]).toEqual([true, leader.state]);
  });

  test("as a session that is ending already, or that can be none, is refused by a txn", async () => {
    const { offices, leader, learner } = await withLearner();
    const id = 0x300000000000001n;
    const begin = (session: bigint) => request(session, 0, OpCode.createSession, (out) => out.int(4000));
    await learner.send(begin(id));
    await learner.ack("10.1");
    learner.packets();
    const { sessions } = leader.core.replica;
    sessions.get(id)!.closing = true;
    for (const session of [id, noSession, containerOwner]) {
      await learner.send(begin(session));
      const txn = learner.packets().find(({ type }) => type === PacketType.proposal)!;
      expect(txnTypeOf(txn.bytes, txn.dataStart)).toBe(OpCode.error);
    }
    await learner.ack("10.4");
    await offices.settle();
    expect([...sessions.sessions()].map((session) => session.id)).toEqual([id]);
    expect([...leader.core.tree.sessions.keys()]).toEqual([id]);
  });

  test("as the end of a session that ends already, or has ended, is refused by a txn", async () => {
    const { leader, learner } = await withLearner();
    const id = 0x300000000000001n;
    let counter = 0;
    const sendAndSee = async (write: Parameters<typeof learner.send>[0]) => {
      await learner.send(write);
      const txn = learner.packets().find(({ type }) => type === PacketType.proposal)!;
      await learner.ack(`10.${++counter}`);
      learner.packets();
      return txnTypeOf(txn.bytes, txn.dataStart);
    };
    await sendAndSee(request(id, 0, OpCode.createSession, (out) => out.int(4000)));
    const { sessions } = leader.core.replica;
    sessions.get(id)!.closing = true;
    expect(await sendAndSee(request(id, 1, OpCode.closeSession))).toBe(OpCode.error);
    sessions.get(id)!.closing = false;
    expect(await sendAndSee(request(id, 2, OpCode.closeSession))).toBe(OpCode.closeSession);
    expect(await sendAndSee(request(id, 3, OpCode.closeSession))).toBe(OpCode.error);
  });

  test("of a session that is not there is answered once a quorum follows for certain", async () => {
    const { offices, leader, follower, learner } = await withLearner();
    follower.leave();
    await offices.settle();
    const data = new JuteWriter();
    data.long(7n);
    data.int(5000);
    const ask = () => learner.send((out) => writePacket(out, PacketType.revalidate, -1, data.copy()));
    const pong = () =>
      learner.send((out) => writePacket(out, PacketType.ping, zxid("10.0"), new Uint8Array(0)));
    await ask();
    await ask();
    expect(learner.received()).toEqual(["PING 10.0"]);
    await pong();
    expect(learner.received()).toEqual(["REVALIDATE -1", "PING 10.0"]);
    await pong();
    expect(learner.received()).toEqual(["REVALIDATE -1"]);

    await ask();
    expect(learner.received()).toEqual(["PING 10.0"]);
    leader.leave();
    await offices.settle();
    expect(learner.received()).toEqual([]);
  });

  test("of a session that begins before a quorum has said that it follows is answered by what it is then", async () => {
    const { offices, leader, follower, learner } = await withLearner();
    follower.leave();
    await offices.settle();
    const id = 0x300000000000001n;
    const data = new JuteWriter();
    data.long(id);
    data.int(5000);
    await learner.send((out) => writePacket(out, PacketType.revalidate, -1, data.copy()));
    await learner.send(request(id, 0, OpCode.createSession, (out) => out.int(4000)));
    learner.packets();
    await learner.send((out) => writePacket(out, PacketType.ping, zxid("10.0"), new Uint8Array(0)));
    const answer = learner.packets().find(({ type }) => type === PacketType.revalidate)!.data();
    expect([answer.long(), answer.bool()]).toEqual([id, true]);
    expect(leader.core.replica.sessions.get(id)?.timeoutMs).toBe(5000);
  });

  test("of a session is true while it is open, and keeps it alive", async () => {
    const { offices, leader, learner } = await withLearner();
    const id = 0x300000000000001n;
    await learner.send(request(id, 0, OpCode.createSession, (out) => out.int(4000)));
    await learner.ack("10.1");
    learner.packets();
    expect(leader.core.replica.sessions.get(id)?.timeoutMs).toBe(4000);
    const data = new JuteWriter();
    data.long(id);
    data.int(5000);
    await learner.send((out) => writePacket(out, PacketType.revalidate, -1, data.copy()));
    const [valid] = learner.packets();
    const reader = valid.data();
    expect([valid.type, reader.long(), reader.bool()]).toEqual([PacketType.revalidate, id, true]);
    expect(leader.core.replica.sessions.get(id)?.timeoutMs).toBe(5000);
    data.reset();
    data.long(id + 1n);
    data.int(5000);
    await learner.send((out) => writePacket(out, PacketType.revalidate, -1, data.copy()));
    // Not before another follower, or this one, has said that it follows still.
    const [ping, answer] = learner.packets();
    const unknown = answer.data();
    expect([ping.type, answer.type]).toEqual([PacketType.ping, PacketType.revalidate]);
    expect([unknown.long(), unknown.bool()]).toEqual([id + 1n, false]);

    // Heard of in a PING, it lives on; then it expires.
    const heard = async () => {
      data.reset();
      data.long(id);
      data.int(5000);
      await learner.send((out) => writePacket(out, PacketType.ping, zxid("10.1"), data.copy()));
    };
    for (let round = 0; round < 4; round++) {
      await offices.pass(3000);
      await heard();
      leader.core.replica.tick();
      await offices.settle();
      expect(leader.core.replica.sessions.get(id)?.closing).toBe(false);
    }
    await offices.pass(4000);
    await learner.send((out) => writePacket(out, PacketType.ping, zxid("10.1"), new Uint8Array(0)));
    await offices.pass(4000);
    leader.core.replica.tick();
    await offices.settle();
    expect(leader.core.replica.sessions.get(id)?.closing ?? true).toBe(true);
  });
});

describe("a leader's disk", () => {
  const failing = (station: Station, path: string) => {
    station.disk.fault = (call) => call.operation !== "read" && call.path.includes(path) ? "ENOSPC" : null;
  };

  test("that does not take the promise of an epoch ends the office before anybody hears of it", async () => {
    for (const path of ["acceptedEpoch", "currentEpoch"]) {
      const offices = new Offices();
      const leader = offices.station(1);
      failing(leader, path);
      await leader.lead();
      const learner = await new RawLearner(offices).connect();
      await learner.join(2);
      expect(leader.take().map((line) => line.split(":")[0])).toEqual(["the disk failed", "over"]);
      expect(learner.received()).toEqual(path === "acceptedEpoch" ? [] : ["LEADERINFO 10.0"]);
    }
  });
});
