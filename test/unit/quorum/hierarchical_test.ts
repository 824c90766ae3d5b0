import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../../src/base/assert.ts";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { Hierarchical } from "../../../src/quorum/hierarchical.ts";
import type { ServerId } from "../../../src/quorum/quorum.ts";

const noWeights: ReadonlyMap<ServerId, number> = new Map();
/** Three groups of three, as Apache's guide has them. */
const nine = new Hierarchical(
  [1, 2, 3, 4, 5, 6, 7, 8, 9],
  new Map([[1, 1], [2, 1], [3, 1], [4, 2], [5, 2], [6, 2], [7, 3], [8, 3], [9, 3]]),
  noWeights,
);

/** The rule as the guide puts it, in plain sums over sets. */
function suffices(
  acks: ReadonlySet<ServerId>,
  voters: readonly ServerId[],
  groups: ReadonlyMap<ServerId, number>,
  weights: ReadonlyMap<ServerId, number>,
): boolean {
  const weigh = (ids: ServerId[]) => ids.reduce((sum, id) => sum + (weights.get(id) ?? 1), 0);
  let counted = 0;
  let decided = 0;
  for (const group of new Set(groups.values())) {
    const members = [...groups.keys()].filter((id) =>
      groups.get(id) === group && (voters.includes(id) || weights.has(id))
    );
    if (weigh(members) === 0) continue;
    counted++;
    const acked = members.filter((id) => voters.includes(id) && acks.has(id));
    if (2 * weigh(acked) > weigh(members)) decided++;
  }
  return 2 * decided > counted;
}

describe("a quorum of groups", () => {
  test("is two of three servers in two of three groups", () => {
    expect(nine.contains(new Set([1, 2, 4, 5]))).toBe(true);
    expect(nine.contains(new Set([2, 3, 8, 9]))).toBe(true);
    expect(nine.contains(new Set([1, 2, 3, 4, 7]))).toBe(false);
    expect(nine.contains(new Set([1, 4, 7]))).toBe(false);
    expect(nine.contains(new Set())).toBe(false);
  });

  test("counts by weight, and not servers without weight", () => {
    const quorum = new Hierarchical(
      [1, 2, 3],
      new Map([[1, 1], [2, 1], [3, 1]]),
      new Map([[1, 3], [2, 0]]),
    );
    expect(quorum.contains(new Set([1]))).toBe(true);
    expect(quorum.contains(new Set([2, 3]))).toBe(false);
  });

  test("does not need groups without weight", () => {
    const groups = new Map([[1, 1], [2, 2], [3, 3]]);
    const quorum = new Hierarchical([1, 2, 3], groups, new Map([[2, 0], [3, 0]]));
    expect(quorum.contains(new Set([1]))).toBe(true);
    expect(quorum.contains(new Set([2, 3]))).toBe(false);
  });

  test("is never reached when nobody has weight", () => {
    const quorum = new Hierarchical([1], new Map([[1, 1]]), new Map([[1, 0]]));
    expect(quorum.contains(new Set([1]))).toBe(false);
    expect(quorum.reachedByQuorum([7])).toBe(-Infinity);
  });

  test("is harder to reach for the weight of members that do not vote", () => {
    const quorum = new Hierarchical([1, 2], new Map([[1, 1], [2, 1], [3, 1]]), new Map([[3, 2]]));
    expect(quorum.contains(new Set([1, 2]))).toBe(false);
    expect(quorum.contains(new Set([1, 2, 3]))).toBe(false);
  });

  test("has its voters in ascending order, each once and in a group", () => {
    expect(new Hierarchical([3, 1, 3], new Map([[1, 1], [3, 1]]), noWeights).voters).toEqual([1, 3]);
    expect(() => new Hierarchical([1, 2], new Map([[1, 1]]), noWeights)).toThrow(AssertionError);
    expect(() => new Hierarchical([], new Map(), noWeights)).toThrow(AssertionError);
  });
});

test("contains() and reachedByQuorum() agree with the rule for any groups and weights", () => {
  const random = seededRandom(20);
  for (let round = 0; round < 400; round++) {
    const ids = Array.from({ length: 1 + randomBelow(random, 7) }, (_, index) => index * 3 + 1);
    const voters = ids.filter(() => randomBelow(random, 5) > 0);
    if (voters.length === 0) continue;
    const groups = new Map(ids.map((id) => [id, randomBelow(random, 4)]));
    const weights = new Map<ServerId, number>();
    for (const id of ids) if (randomBelow(random, 2) === 0) weights.set(id, randomBelow(random, 4));
    const quorum = new Hierarchical(voters, groups, weights);
    for (let bits = 0; bits < 1 << ids.length; bits++) {
      const acks = new Set(ids.filter((_, index) => (bits >> index) & 1));
      expect(quorum.contains(acks)).toBe(suffices(acks, voters, groups, weights));
    }

    const reached = voters.map(() => randomBelow(random, 6));
    const having = (place: number) => new Set(voters.filter((_, index) => reached[index] >= place));
    let expected = -Infinity;
    for (let place = 0; place < 6; place++) if (quorum.contains(having(place))) expected = place;
    expect(quorum.reachedByQuorum(reached)).toBe(expected);
  }
});
