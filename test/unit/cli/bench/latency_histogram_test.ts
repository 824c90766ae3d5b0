import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../../src/base/random.ts";
import { LatencyHistogram } from "../../../../cli/bench/latency_histogram.ts";

describe("LatencyHistogram", () => {
  test("quantiles are at most 3% above what sorting gives, and never below", () => {
    const random = seededRandom(7);
    const histogram = new LatencyHistogram();
    const all: number[] = [];
    for (let count = 0; count < 20_000; count++) {
      const us = Math.floor(2 ** (random.uint32() / 2 ** 32 * 24));
      all.push(us);
      histogram.record(us);
    }
    all.sort((a, b) => a - b);
    for (const part of [0.001, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = all[Math.ceil(all.length * part) - 1] / 1000;
      const told = histogram.quantileMs(part);
      expect(told).toBeGreaterThanOrEqual(exact);
      expect(told).toBeLessThanOrEqual(exact * 1.032);
    }
    expect(histogram.maxMs).toBe(all[all.length - 1] / 1000);
    expect(histogram.total).toBe(20_000);
  });

  test("adding the counts of two, as JSON, is counting all in one", () => {
    const [one, other, both, sum] = Array.from({ length: 4 }, () => new LatencyHistogram());
    [3, 70, 5000].forEach((us) => [one, both].forEach((each) => each.record(us)));
    [70, 9_000_000].forEach((us) => [other, both].forEach((each) => each.record(us)));
    for (const each of [one, other]) sum.add(JSON.parse(JSON.stringify(each.counts())));
    expect(sum.counts()).toEqual(both.counts());
    expect(sum.total).toBe(5);
    expect(sum.meanMs).toBeCloseTo((3 + 70 + 5000 + 70 + 9_000_000) / 5 / 1000);
  });

  test("nothing recorded is 0 everywhere, and a clock that went back counts as 0", () => {
    const histogram = new LatencyHistogram();
    expect([histogram.quantileMs(0.99), histogram.maxMs, histogram.meanMs, histogram.deviationMs]).toEqual([
      0,
      0,
      0,
      0,
    ]);
    histogram.record(-5);
    expect(histogram.total).toBe(1);
    expect(histogram.maxMs).toBe(0);
  });

  test("the deviation is that of the latencies", () => {
    const histogram = new LatencyHistogram();
    [1000, 3000].forEach((us) => histogram.record(us));
    expect(histogram.meanMs).toBe(2);
    expect(histogram.deviationMs).toBe(1);
  });

  test("counts between edges add up to the total", () => {
    const histogram = new LatencyHistogram();
    [1, 63, 70, 1_000_000].forEach((us) => histogram.record(us));
    expect(histogram.countsBetween([0, 64, 128])).toEqual([2, 1, 1]);
  });
});
