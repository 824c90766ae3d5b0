import { describe, expect, test } from "bun:test";
import { Histogram, KeyedCounter, ServerMetrics, SizeRange, Summary } from "../../../src/admin/metrics.ts";

describe("Summary", () => {
  test("is all zero before the first value", () => {
    const summary = new Summary();
    expect([summary.average, summary.minimum, summary.maximum, summary.count, summary.sum]).toEqual([
      0,
      0,
      0,
      0,
      0,
    ]);
  });

  test("gives the mean to 4 decimals, and whole bounds that enclose the values", () => {
    const summary = new Summary();
    for (const value of [0.3, 2, 1.1]) summary.record(value);
    expect(summary.average).toBe(1.1333);
    expect(summary.minimum).toBe(0);
    expect(summary.maximum).toBe(2);
    summary.record(2.2);
    expect(summary.maximum).toBe(3);
    expect(summary.count).toBe(4);
  });

  test("leaves out what a jumping clock makes negative", () => {
    const summary = new Summary();
    summary.record(-1);
    summary.record(NaN);
    expect(summary.count).toBe(0);
  });

  test("starts anew after a reset", () => {
    const summary = new Summary();
    summary.record(5);
    summary.reset();
    summary.record(7);
    expect([summary.average, summary.minimum, summary.maximum, summary.count]).toEqual([7, 7, 7, 1]);
  });
});

describe("Histogram", () => {
  test("gives 0 for every quantile before the first value", () => {
    expect(new Histogram().quantile(0.5)).toBe(0);
  });

  test("is exact below 64", () => {
    const histogram = new Histogram();
    for (let value = 1; value <= 60; value++) histogram.record(value);
    expect(histogram.quantile(0.5)).toBe(30);
    expect(histogram.quantile(0.95)).toBe(57);
    expect(histogram.quantile(0.999)).toBe(60);
  });

  test("is never below the true quantile and at most 4 % above it, from 64 to a million", () => {
    const histogram = new Histogram();
    const count = 1_000_000;
    for (let value = 64; value < 64 + count; value += 7) histogram.record(value);
    for (const fraction of [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999]) {
      const exact = 64 + count * fraction;
      const shown = histogram.quantile(fraction);
      expect(shown).toBeGreaterThanOrEqual(exact - 7);
      expect(shown).toBeLessThanOrEqual(exact * 1.04);
    }
  });

  test("puts every power of two and its neighbours where a greater value never counts as a smaller one", () => {
    const values: number[] = [];
    for (let exponent = 1; exponent <= 31; exponent++) {
      values.push(2 ** exponent - 1, 2 ** exponent, 2 ** exponent + 1);
    }
    let last = 0;
    for (const value of values.sort((left, right) => left - right)) {
      const histogram = new Histogram();
      histogram.record(value);
      histogram.record(2 ** 40);
      const shown = histogram.quantile(0.5);
      expect(shown).toBeGreaterThanOrEqual(Math.min(value, 0x7fffffff));
      expect(shown).toBeGreaterThanOrEqual(last);
      last = shown;
    }
  });

  test("never shows more than the greatest value", () => {
    const histogram = new Histogram();
    histogram.record(1000);
    expect(histogram.quantile(0.99)).toBe(1000);
  });

  test("starts anew after a reset", () => {
    const histogram = new Histogram();
    histogram.record(50);
    histogram.reset();
    histogram.record(3);
    expect(histogram.quantile(0.999)).toBe(3);
  });
});

test("SizeRange is -1 until something is recorded, and after a reset", () => {
  const sizes = new SizeRange();
  expect([sizes.last, sizes.minimum, sizes.maximum]).toEqual([-1, -1, -1]);
  sizes.record(40);
  sizes.record(10);
  sizes.record(20);
  expect([sizes.last, sizes.minimum, sizes.maximum]).toEqual([20, 10, 40]);
  sizes.reset();
  expect([sizes.last, sizes.minimum, sizes.maximum]).toEqual([-1, -1, -1]);
});

test("KeyedCounter counts each key by itself", () => {
  const counter = new KeyedCounter();
  counter.add("a", 1);
  counter.add("b", 2);
  counter.add("a", 3);
  expect([...counter.values]).toEqual([["a", 4], ["b", 2]]);
});

test("ServerMetrics.reset() zeroes all but the failed authentications, as srst does", () => {
  const metrics = new ServerMetrics();
  metrics.packetsReceived.add(1);
  metrics.packetsSent.add(1);
  metrics.requestLatency.record(5);
  metrics.clientResponseSize.record(16);
  metrics.proposalSize.record(16);
  metrics.quotaExceeded.add("a", 1);
  metrics.authFailed.add(1);
  for (const [, counter] of metrics.counters) counter.add(1);
  for (const [, summary] of metrics.summaries) summary.record(1);
  for (const [, histogram] of metrics.histograms) histogram.record(1);
  metrics.reset();
  expect(metrics.packetsReceived.value + metrics.packetsSent.value + metrics.requestLatency.count).toBe(0);
  expect(metrics.clientResponseSize.last).toBe(-1);
  expect(metrics.proposalSize.last).toBe(-1);
  expect(metrics.quotaExceeded.values.size).toBe(0);
  expect(metrics.counters.every(([, counter]) => counter.value === 0)).toBe(true);
  expect(metrics.summaries.every(([, summary]) => summary.count === 0)).toBe(true);
  expect(metrics.histograms.every(([, histogram]) => histogram.quantile(0.5) === 0)).toBe(true);
  expect(metrics.authFailed.value).toBe(1);
});
