import { expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";

function draw(seed: number, count: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random.uint32());
}

test("the same seed gives the same numbers, another seed others", () => {
  expect(draw(42, 100)).toEqual(draw(42, 100));
  expect(draw(42, 100)).not.toEqual(draw(43, 100));
  expect(draw(2 ** 32 + 42, 100)).toEqual(draw(42, 100));
});

test("the sequence of a seed stays what it is, so that a failure can be met again", () => {
  expect(draw(1, 4)).toEqual([1580013426, 350525680, 3524174333, 3011703609]);
});

test("numbers are whole and in [0, 2^32), and use all 32 bits", () => {
  let ones = 0;
  let zeros = 0;
  for (const value of draw(7, 1000)) {
    expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
    ones |= value;
    zeros |= ~value;
  }
  expect([ones >>> 0, zeros >>> 0]).toEqual([0xffffffff, 0xffffffff]);
});

test("randomBelow() reaches every number under its bound, and none beyond", () => {
  const random = seededRandom(3);
  const counts = new Array<number>(10).fill(0);
  for (let count = 0; count < 10_000; count++) counts[randomBelow(random, 10)]++;
  expect(counts.length).toBe(10);
  for (const count of counts) expect(count).toBeGreaterThan(800);
  for (let count = 0; count < 100; count++) expect(randomBelow(random, 1)).toBe(0);
});
