import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { AssertionError } from "../../../src/base/assert.ts";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { zxidToHex } from "../../../src/protocol/zxid.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import { Leader, type LeaderEffects } from "../../../src/zab/leader.ts";
import { quorum } from "./_zab.ts";
import { runScript } from "./script.ts";

const unexpected: LeaderEffects = {
  commit: (zxid) => expect(`commit of ${zxid}`).toBe("nothing"),
  reject: (from) => expect(`reject of ${from}`).toBe("nothing"),
};

test("a leader does what leader.txt says", () => {
  let leader = new Leader(new Majority([1]), 0);
  let reconfigZxid = -1;
  const failures = runScript(fileURLToPath(new URL("leader.txt", import.meta.url)), (command, words) => {
    const seen: string[] = [];
    const effects: LeaderEffects = {
      commit: (zxid) => {
        seen.push(`commit 0x${zxidToHex(zxid)}`);
        if (zxid !== reconfigZxid) return;
        seen.push("the new membership is in force");
        leader.onReconfigCommitted(effects);
      },
      reject: (from, reason) => seen.push(`reject ${from}: ${reason}`),
    };
    switch (words[0]) {
      case "ensemble": {
        const voters = Array.from({ length: Number(words[1]) }, (_, index) => index + 1);
        leader = new Leader(new Majority(voters), Number(words[2].slice("start=".length)));
        reconfigZxid = -1;
        return [];
      }
      case "propose":
        for (let count = Number(words[1] ?? 1); count > 0; count--) leader.propose(leader.lastProposed + 1);
        return [];
      case "reconfig":
        reconfigZxid = leader.lastProposed + 1;
        leader.propose(reconfigZxid);
        leader.onReconfigProposed(reconfigZxid, quorum(words[1]));
        return [];
      case "ack":
        leader.onAck(Number(words[1]), Number(words[2]), effects);
        return seen;
      case "resynced":
        leader.onResynced(Number(words[1]), Number(words[2]));
        return [];
      case "refuse":
        leader.onRefused(Number(words[1]));
        return [];
      case "state":
        return [
          `proposed 0x${zxidToHex(leader.lastProposed)} committed 0x${zxidToHex(leader.lastCommitted)} ` +
          `outstanding ${leader.outstandingCount}`,
        ];
      default:
        throw new Error(`unknown command: ${command}`);
    }
  });
  expect(failures).toEqual([]);
});

describe("a leader's own rules", () => {
  test("a gap or a repeat among proposals is a bug", () => {
    const leader = new Leader(new Majority([1]), 10);
    leader.propose(11);
    for (const zxid of [10, 11, 13, 0x100000000]) expect(() => leader.propose(zxid)).toThrow(AssertionError);
  });

  test("what is committed, acked by anybody or not proposed cannot be refused", () => {
    const leader = new Leader(new Majority([1, 2, 3]), 0);
    for (let zxid = 1; zxid <= 4; zxid++) leader.propose(zxid);
    leader.onAck(2, 2, unexpected);
    for (const zxid of [0, 1, 2, 5]) expect(() => leader.onRefused(zxid)).toThrow(AssertionError);
    leader.onRefused(3);
    expect(leader.lastProposed).toBe(2);
  });
});

test("with acks in any interleaving, a proposal is committed once, in order, when a majority has it", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const size = 1 + randomBelow(random, 7);
    const voters = Array.from({ length: size }, (_, index) => index + 1);
    const leader = new Leader(new Majority(voters), 0);
    const acked = new Map(voters.map((voter) => [voter, 0]));
    let committed = 0;
    for (let step = 0; step < 300; step++) {
      if (randomBelow(random, 3) === 0) {
        leader.propose(leader.lastProposed + 1);
        continue;
      }
      const from = voters[randomBelow(random, size)];
      const zxid = randomBelow(random, leader.lastProposed + 1);
      acked.set(from, Math.max(acked.get(from)!, zxid));
      leader.onAck(from, zxid, { ...unexpected, commit: (next) => expect(next).toBe(++committed) });
      const majority = (upTo: number) =>
        [...acked.values()].filter((reached) => reached >= upTo).length * 2 > size;
      expect(committed === 0 || majority(committed)).toBe(true);
      expect(majority(committed + 1)).toBe(false);
    }
    expect(leader.lastCommitted).toBe(committed);
  }
});

test("whatever is acked and forgotten around a change of the membership, each txn waits for the majorities it needs", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed);
    const some = () => [1, 2, 3, 4, 5, 6, 7].filter(() => randomBelow(random, 2) === 0);
    const [before, after] = [[1, ...some()], [1, ...some()]].map((ids) => new Majority(ids));
    const leader = new Leader(before, 0);
    const acked = new Map<number, number>();
    const hasMajority = ({ voters }: Majority, zxid: number) =>
      2 * voters.filter((voter) => (acked.get(voter) ?? 0) >= zxid).length > voters.length;
    let reconfigZxid = Infinity;
    let committed = 0;
    const effects: LeaderEffects = {
      ...unexpected,
      commit: (zxid) => {
        expect(zxid).toBe(++committed);
        if (zxid <= reconfigZxid) expect(hasMajority(before, zxid)).toBe(true);
        if (zxid >= reconfigZxid) expect(hasMajority(after, zxid)).toBe(true);
        if (zxid === reconfigZxid) leader.onReconfigCommitted(effects);
      },
    };
    for (let step = 0; step < 200; step++) {
      const from = 1 + randomBelow(random, 7);
      switch (randomBelow(random, 5)) {
        case 0:
          leader.propose(leader.lastProposed + 1);
          if (reconfigZxid < Infinity || step < 50) break;
          reconfigZxid = leader.lastProposed;
          leader.onReconfigProposed(reconfigZxid, after);
          // Who votes from now on acks what it has, once more or for the first time.
          for (const voter of after.voters) if (!before.voters.includes(voter)) acked.delete(voter);
          break;
        case 1: {
          const kept = Math.max(committed, randomBelow(random, leader.lastProposed + 1));
          leader.onResynced(from, kept);
          if (acked.has(from)) acked.set(from, Math.min(acked.get(from)!, kept));
          break;
        }
        default: {
          const zxid = randomBelow(random, leader.lastProposed + 1);
          acked.set(from, Math.max(acked.get(from) ?? 0, zxid));
          leader.onAck(from, zxid, effects);
        }
      }
      const next = committed + 1;
      const isMissed = next <= leader.lastProposed &&
        (next > reconfigZxid || hasMajority(before, next)) &&
        (next < reconfigZxid || hasMajority(after, next));
      expect(isMissed).toBe(false);
    }
  }
});
