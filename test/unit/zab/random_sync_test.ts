/**
 * Leaders come and go, bring followers to their state by whatever way, and lose them half-way: whoever is up to date
 * has the leader's history to the last byte, and nothing committed is ever missing.
 *
 * A failure names its seed.
 */
import { expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { type SyncCounts, SyncWorld } from "./_sync_world.ts";

/** More of them by `SYNC_SEEDS=100000`, others from `SYNC_SEED=7` on. */
const seeds = Number(process.env.SYNC_SEEDS ?? 1000);
const firstSeed = Number(process.env.SYNC_SEED ?? 1);
const offices = 12;

test("however leaders synchronize, all that follow come to have one history", () => {
  const counts: SyncCounts = {
    DIFF: 0,
    TRUNC: 0,
    SNAP: 0,
    refusedCuts: 0,
    crashes: 0,
    offices: 0,
    committed: 0,
  };
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const world = new SyncWorld(seededRandom(seed), counts);
    try {
      for (let office = 0; office < offices; office++) world.office();
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  for (const [what, count] of Object.entries(counts)) {
    expect([what, count]).toEqual([what, expect.any(Number)]);
    expect(count).toBeGreaterThan(0);
  }
  if (process.env.SYNC_SEEDS !== undefined) console.log(counts);
}, 180_000);
