import { describe, expect, test } from "bun:test";
import type { CaseResult } from "../../bench/by_turns.ts";
import { belowRow, failoverRows, memoryRow, rateRow, targetsText } from "../../bench/record/targets.ts";
import { spreadOf } from "../../bench/statistics.ts";

function result(contender: string, rates: number[], cpuUs: number): CaseResult {
  const opsPerSecond = spreadOf(rates);
  const none = spreadOf([0]);
  return {
    case: "gets",
    contender,
    rates,
    opsPerSecond,
    p50Ms: none,
    p99Ms: none,
    p999Ms: none,
    maxMs: none,
    generatorCpu: none,
    serversCpu: null,
    cpuUsPerOp: spreadOf([cpuUs]),
    kernelPart: null,
  };
}

describe("targets", () => {
  const loads = [result("zoon", [80, 300, 90], 2), result("apache", [10, 100, 9], 8)];

  test("rates are held to the median of the ratios of each round, not to the ratio of the medians", () => {
    const row = rateRow("gets", "gets", loads, 8);
    expect(row.ratio).toEqual({ median: 8, min: 3, max: 10 });
    expect(row.met).toBe(true);
    expect(rateRow("gets", "gets", loads, 8.1).met).toBe(false);
    expect(() => rateRow("sets", "sets", loads, 8)).toThrow(`"sets" was not measured on zoon`);
  });

  test("a bound from above is held by Zoon's median and is not reached", () => {
    expect(belowRow("start", "ms", { zoon: spreadOf([10, 20, 90]), apache: 100 }, 60)).toMatchObject(
      { met: true, ratio: { median: 0.2 } },
    );
    expect(belowRow("start", "ms", { zoon: 60, apache: null }, 60)).toMatchObject({
      met: false,
      ratio: null,
    });
  });

  test("failover has a row for the median and one for the worst", () => {
    const rows = failoverRows({ zoon: spreadOf([50, 60, 200]), apache: spreadOf([400, 500, 600]) });
    expect(rows.map(({ met }) => met)).toEqual([true, false]);
    expect(rows[1].apache?.median).toBe(600);
  });

  test("the table says of every row whether it is met", () => {
    const rows = [
      rateRow("gets", "gets", loads, 9),
      memoryRow("RSS", { zoon: 70e6, apache: 140e6 }, 80),
      belowRow("shell", "ms", { zoon: 31, apache: null }, 60),
    ];
    expect(targetsText(rows).split("\n").slice(2)).toEqual([
      "| gets, /s | 90.0 (80.0 to 300) | 10.0 (9.00 to 100) | 8.00 (3.00 to 10.0)× | 4.00× | ≥ 9× | **MISSED** |",
      "| RSS, MB | 70.0 | 140 | 0.50× | - | < 80 MB | met |",
      "| shell, ms | 31.0 | - | - | - | < 60 ms | met |",
    ]);
  });
});
