import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { packetName, PacketType } from "../../../src/protocol/quorum_packet.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { leaderPacket, RecordedLearner } from "./_learner_desk.ts";
import { option, packet, txn, zxid, zxids } from "./_zab.ts";
import { runScript } from "./script.ts";

const types = new Map(Object.values(PacketType).map((type) => [packetName(type), type]));

function begin(isObserver: boolean, words: readonly string[]): RecordedLearner {
  const started = new RecordedLearner({
    isObserver,
    acceptedEpoch: Number(option(words, "accepted")),
    currentEpoch: Number(option(words, "current")),
    lastZxid: zxid(option(words, "zxid")!),
    wantsSnapshot: words.includes("wantsSnapshot"),
  });
  started.learner.start();
  const epoch = option(words, "under") ?? option(words, "serves");
  if (epoch === undefined) return started;
  started.onPacket(leaderPacket(PacketType.leaderInfo, zxid(`${epoch}.0`)));
  if (option(words, "serves") !== undefined) {
    started.onPacket(leaderPacket(PacketType.diff, zxid(option(words, "zxid")!)));
    started.onPacket(leaderPacket(PacketType.newLeader, zxid(`${epoch}.0`)));
    started.onPacket(leaderPacket(PacketType.upToDate, -1));
  }
  started.take();
  return started;
}

/** A follower that has all its leader of epoch 5 has, in the phase after so many packets. */
function followerAfter(packets: number): RecordedLearner {
  const follower = begin(false, ["accepted=4", "current=4", "zxid=4.3"]);
  const way = [
    leaderPacket(PacketType.leaderInfo, zxid("5.0")),
    leaderPacket(PacketType.diff, zxid("4.3")),
    leaderPacket(PacketType.newLeader, zxid("5.0")),
    leaderPacket(PacketType.upToDate, -1),
  ];
  for (const packet of way.slice(0, packets)) follower.onPacket(packet);
  follower.take();
  return follower;
}

test("a learner does what learner.txt says", () => {
  let desk = followerAfter(0);
  const failures = runScript(fileURLToPath(new URL("learner.txt", import.meta.url)), (command, words) => {
    const type = types.get(words[0]);
    if (type !== undefined) {
      const leader = Number(option(words, "leader") ?? (words.includes("valid") ? 1 : 0));
      const named = words.slice(1).filter((word) => /^-?\d/.test(word));
      for (const zxid of named.length === 0 ? [-1] : zxids(named)) {
        desk.onPacket(leaderPacket(type, zxid, leader));
      }
      return desk.take();
    }
    switch (words[0]) {
      case "follower":
      case "observer":
        desk = begin(words[0] === "observer", words);
        return desk.take();
      case "uncuttable":
        desk.canCut = false;
        return [];
      case "full":
        desk.failing = command.slice("full ".length);
        return [];
      case "tree":
        desk.learner.onSnapshot();
        return desk.take();
      case "state": {
        const { phaseName, isSynced, isUpToDate, isTreeAhead, epoch } = desk.learner;
        const marks = [
          isSynced ? "synced" : "",
          isUpToDate ? "up to date" : "",
          isTreeAhead ? "tree ahead" : "",
        ];
        return [[`epoch ${epoch}`, phaseName, ...marks.filter((mark) => mark !== "")].join(", ")];
      }
      default:
        throw new Error(`unknown command: ${command}`);
    }
  });
  expect(failures).toEqual([]);
});

describe("a learner's leader that sends nonsense", () => {
  /** What may come after so many packets of {@link followerAfter}. */
  const expected: readonly (readonly number[])[] = [
    [PacketType.leaderInfo],
    [PacketType.diff, PacketType.trunc, PacketType.snap],
    [
      PacketType.proposal,
      PacketType.commit,
      PacketType.inform,
      PacketType.commitAndActivate,
      PacketType.informAndActivate,
      PacketType.newLeader,
      PacketType.ping,
    ],
    [
      PacketType.proposal,
      PacketType.commit,
      PacketType.inform,
      PacketType.commitAndActivate,
      PacketType.informAndActivate,
      PacketType.upToDate,
      PacketType.ping,
    ],
    [
      PacketType.proposal,
      PacketType.commit,
      PacketType.commitAndActivate,
      PacketType.ping,
      PacketType.revalidate,
      PacketType.sync,
      PacketType.upToDate,
    ],
  ];

  test("is left at every packet that cannot come in the phase it is in", () => {
    for (const [after, allowed] of expected.entries()) {
      for (const type of [...Object.values(PacketType), 0, 20, -1]) {
        if (allowed.includes(type)) continue;
        const follower = followerAfter(after);
        follower.onPacket(leaderPacket(type as PacketType, zxid("5.0")));
        expect(follower.take()).toEqual([`leave: it sent ${packetName(type)} where that cannot come`]);
      }
    }
  });

  test("is not heard any more once it is left", () => {
    const follower = followerAfter(4);
    follower.onPacket(leaderPacket(PacketType.snap, zxid("5.0")));
    follower.take();
    for (const type of Object.values(PacketType)) follower.onPacket(leaderPacket(type, zxid("5.1")));
    follower.learner.onSnapshot();
    expect(follower.take()).toEqual([]);
    expect(follower.learner.isUpToDate).toBe(false);
  });

  test("has no txn logged that is cut short, has another zxid inside or is of an unknown type", () => {
    const { bytes } = txn(zxid("5.1"));
    const unknown = bytes.slice();
    unknown[31] = 99;
    const check = bytes.slice();
    check[31] = 13;
    const cases: [Uint8Array | null, string][] = [
      [null, "what it calls 0x500000001 is no txn of that zxid"],
      [bytes.slice(0, 0), "what it calls 0x500000001 is no txn of that zxid"],
      [bytes.slice(0, 31), "what it calls 0x500000001 is no txn of that zxid"],
      [txn(zxid("5.2")).bytes, "what it calls 0x500000001 is no txn of that zxid"],
      [txn(zxid("4.1")).bytes, "what it calls 0x500000001 is no txn of that zxid"],
      [unknown, "0x500000001 cannot be applied: it is of type 99, which is unknown here"],
      [check, "0x500000001 cannot be applied: it is of type 13, which is unknown here"],
    ];
    for (const after of [2, 3, 4]) {
      for (const [data, reason] of cases) {
        const follower = followerAfter(after);
        follower.onPacket(packet(PacketType.proposal, zxid("5.1"), data));
        expect(follower.take()).toEqual([`leave: ${reason}`]);
      }
    }
    const out = new JuteWriter();
    out.long(1n);
    const observer = begin(true, ["accepted=4", "current=4", "zxid=4.3"]);
    for (
      const [type, at] of [[PacketType.leaderInfo, "5.0"], [PacketType.diff, "4.3"]] as const
    ) observer.onPacket(leaderPacket(type, zxid(at)));
    observer.take();
    observer.onPacket(packet(PacketType.informAndActivate, zxid("5.1"), out.copy()));
    expect(observer.take()).toEqual(["leave: what it calls 0x500000001 is no txn of that zxid"]);
  });

  test("has no epoch accepted that its zxids could not hold", () => {
    for (const epoch of [0x200000, 0x7fffffff]) {
      const follower = followerAfter(0);
      follower.onPacket(leaderPacket(PacketType.leaderInfo, epoch * 0x100000000));
      expect(follower.take()).toEqual([`leave: its epoch ${epoch} is out of reason`]);
    }
    const follower = followerAfter(0);
    follower.onPacket(leaderPacket(PacketType.leaderInfo, makeZxid(0x1fffff, 0)));
    expect(follower.take()).toEqual(["accept epoch 2097151", "send ACKEPOCH 4.3, current epoch 4"]);
  });
});

test("a learner forgets no outstanding proposal, however many there are", () => {
  const follower = followerAfter(4);
  let committed = 0;
  for (let counter = 1; counter <= 5000; counter++) {
    follower.onPacket(leaderPacket(PacketType.proposal, makeZxid(5, counter)));
    if (counter > 100) follower.onPacket(leaderPacket(PacketType.commit, makeZxid(5, ++committed)));
  }
  while (committed < 5000) follower.onPacket(leaderPacket(PacketType.commit, makeZxid(5, ++committed)));
  expect(follower.take().filter((line) => line.startsWith("commit"))).toHaveLength(5000);
  follower.onPacket(leaderPacket(PacketType.commit, makeZxid(5, 5001)));
  expect(follower.take()).toEqual(["leave: it committed 0x500001389 where nothing was due"]);
});
