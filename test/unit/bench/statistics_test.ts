import { describe, expect, test } from "bun:test";
import { medianOf, ratiosOf, slopeOf, spreadOf } from "../../bench/statistics.ts";

describe("statistics of figures", () => {
  test("a median is the middle one, or half way between two", () => {
    expect(medianOf([3, 1, 2])).toBe(2);
    expect(medianOf([4, 1, 2, 3])).toBe(2.5);
    expect(medianOf([])).toBeNaN();
  });

  test("a spread has the median and the ends, and there is none of nothing", () => {
    expect(spreadOf([10, 9, 100])).toEqual({ median: 10, min: 9, max: 100 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  test("ratios are those of pairs, as far as both go", () => {
    expect(ratiosOf([10, 30, 7], [5, 10])).toEqual([2, 3]);
  });

  test("a slope is that of the line nearest to all points", () => {
    expect(slopeOf([{ x: 0, y: 5 }, { x: 10, y: 25 }])).toBe(2);
    expect(slopeOf([{ x: 0, y: 1 }, { x: 1, y: 0 }, { x: 2, y: 5 }])).toBe(2);
    expect(() => slopeOf([{ x: 3, y: 1 }, { x: 3, y: 2 }])).toThrow(RangeError);
  });
});
