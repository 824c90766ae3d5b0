import { expect, test } from "bun:test";
import { keyPicker } from "../../../../cli/bench/key_picker.ts";
import { seededRandom } from "../../../../src/base/random.ts";

function countsOf(distribution: "uniform" | "zipf", keys: number, picks: number): number[] {
  const pick = keyPicker(distribution, keys, seededRandom(3));
  const counts = new Array<number>(keys).fill(0);
  for (let turn = 0; turn < picks; turn++) counts[pick()]++;
  return counts;
}

test("uniform keys are equally frequent", () => {
  for (const count of countsOf("uniform", 10, 100_000)) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test("zipf keys are as frequent as 1 / rank^0.99 wants it", () => {
  const counts = countsOf("zipf", 1000, 400_000);
  let all = 0;
  for (let rank = 1; rank <= 1000; rank++) all += rank ** -0.99;
  const expected = (from: number, to: number) => {
    let sum = 0;
    for (let rank = from; rank <= to; rank++) sum += rank ** -0.99;
    return sum / all * 400_000;
  };
  const told = (from: number, to: number) => counts.slice(from - 1, to).reduce((sum, count) => sum + count);
  for (const [from, to] of [[1, 1], [2, 2], [3, 10], [11, 100], [101, 1000]]) {
    expect(Math.abs(told(from, to) / expected(from, to) - 1)).toBeLessThan(0.1);
  }
});

test("one key or two are chosen whatever the distribution", () => {
  expect(countsOf("zipf", 1, 10)).toEqual([10]);
  expect(countsOf("zipf", 2, 100).every((count) => count > 0)).toBe(true);
});
