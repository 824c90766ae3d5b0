import { describe, expect, test } from "bun:test";
import { type Random, randomBelow, seededRandom } from "../../../src/base/random.ts";
import type { Vote } from "../../../src/election/vote.ts";
import type { ServerId } from "../../../src/quorum/quorum.ts";
import { ElectionWorld, mayLead, ranking, type Standing, type Weather } from "./election_world.ts";

const calm: Weather = { latencyMsMax: 5, breaks: 0, crashes: 0, pauses: 0 };

/** 3 to 7 voters with few different epochs and zxids, so that all three parts of a vote decide now and then. */
function someVoters(random: Random): Map<ServerId, Standing> {
  const voters = new Map<ServerId, Standing>();
  for (let sid = 1, count = 3 + randomBelow(random, 5); sid <= count; sid++) {
    voters.set(sid, { zxid: 0x100000000 + randomBelow(random, 4), peerEpoch: 1 + randomBelow(random, 2) });
  }
  return voters;
}

/** Runs one seed after the other; a failure names the seed. */
function eachSeed(count: number, run: (random: Random) => void): void {
  for (let seed = 1; seed <= count; seed++) {
    try {
      run(seededRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}

describe("any number of servers", () => {
  test("that lose their leader together elect the best of all, and nobody decides otherwise", () => {
    eachSeed(60, (random) => {
      const voters = someVoters(random);
      const world = new ElectionWorld(random, voters, [8, 9], calm);
      for (const { sid } of world.servers) world.start(sid);
      world.linkAll();
      world.run(1000);
      const decisions: Vote[] = [];
      world.onDecided = (_sid, vote) => decisions.push(vote);
      for (const { sid } of world.servers) world.lookAgain(sid, randomBelow(random, 20));
      world.run(1000);
      expect(world.leader()).toBe(ranking(voters)[0]);
      expect(new Set(decisions.map((vote) => vote.leader))).toEqual(new Set([ranking(voters)[0]]));
      expect(decisions.length).toBe(world.servers.length);
    });
  });

  test("decide within a few message delays when all that are left have spoken", () => {
    eachSeed(60, (random) => {
      const voters = someVoters(random);
      const world = new ElectionWorld(random, voters, [], calm);
      for (const { sid } of world.servers) world.start(sid);
      world.linkAll();
      world.run(1000);
      const leader = world.leader()!;
      const startMs = world.nowMs;
      let lastMs = 0;
      world.onDecided = () => lastMs = world.nowMs;
      world.crash(leader);
      for (const { sid } of world.servers) if (sid !== leader) world.lookAgain(sid, 1);
      world.run(1000);
      voters.delete(leader);
      expect(world.leader()).toBe(ranking(voters)[0]);
      expect(lastMs - startMs).toBeLessThanOrEqual(1 + 4 * calm.latencyMsMax);
    });
  });

  test("elect nobody whom a majority is ahead of, whatever breaks, and agree on a leader once nothing breaks", () => {
    let decisions = 0;
    eachSeed(120, (random) => {
      const voters = someVoters(random);
      const world = new ElectionWorld(random, voters, randomBelow(random, 2) === 0 ? [] : [9], {
        latencyMsMax: [5, 40, 300][randomBelow(random, 3)],
        breaks: randomBelow(random, 30),
        crashes: randomBelow(random, 10),
        pauses: randomBelow(random, 10),
      });
      world.onDecided = (_sid, vote) => {
        decisions++;
        expect(mayLead(vote.leader, voters)).toBe(true);
      };
      for (const { sid } of world.servers) world.start(sid);
      for (let part = 0; part < 5; part++) {
        world.cut(new Set(world.servers.map(({ sid }) => sid).filter(() => randomBelow(random, 3) === 0)));
        world.run(400);
      }
      world.heal(calm);
      world.run(5000);
      const leader = world.leader();
      expect(leader).toBeDefined();
      world.run(5000);
      expect(world.leader()).toBe(leader);
    });
    expect(decisions).toBeGreaterThan(1000);
  });
});
