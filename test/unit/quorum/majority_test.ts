import { expect, test } from "bun:test";
import { AssertionError } from "../../../src/base/assert.ts";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { Majority } from "../../../src/quorum/majority.ts";

test("more than half of the voters suffice", () => {
  for (const [size, needed] of [[1, 1], [2, 2], [3, 2], [4, 3], [5, 3], [6, 4], [7, 4]]) {
    const voters = Array.from({ length: size }, (_, index) => index + 1);
    const quorum = new Majority(voters);
    expect(quorum.contains(new Set(voters.slice(0, needed)))).toBe(true);
    expect(quorum.contains(new Set(voters.slice(size - needed)))).toBe(true);
    expect(quorum.contains(new Set(voters.slice(0, needed - 1)))).toBe(false);
  }
});

test("servers that do not vote do not count", () => {
  const quorum = new Majority([1, 2, 3]);
  expect(quorum.contains(new Set([1, 4, 5, 6]))).toBe(false);
  expect(quorum.contains(new Set([1, 4, 3]))).toBe(true);
});

test("voters come in ascending order, each once", () => {
  expect(new Majority([10, 2, 33, 2]).voters).toEqual([2, 10, 33]);
});

test("an ensemble without voters is a bug", () => {
  expect(() => new Majority([])).toThrow(AssertionError);
});

test("the place that a quorum has reached is the furthest for which contains() holds", () => {
  const random = seededRandom(7);
  for (let round = 0; round < 500; round++) {
    const voters = Array.from({ length: 1 + randomBelow(random, 9) }, (_, index) => index + 1);
    const quorum = new Majority(voters);
    const reached = voters.map(() => randomBelow(random, 8));
    const having = (place: number) => new Set(voters.filter((_, index) => reached[index] >= place));
    let expected = 0;
    while (quorum.contains(having(expected + 1))) expected++;
    expect(quorum.reachedByQuorum(reached)).toBe(expected);
  }
});
