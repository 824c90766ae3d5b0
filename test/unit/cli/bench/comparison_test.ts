import { describe, expect, test } from "bun:test";
import { compare, comparisonLines, spreadOf } from "../../../../cli/bench/comparison.ts";
import { checkProfiles, judge } from "../../../../cli/bench/check_profile.ts";
import { operationNames } from "../../../../cli/bench/operations.ts";
import { Outcome } from "../../../../cli/bench/outcome.ts";
import { Counters, type WorkerEnd } from "../../../../cli/bench/tick.ts";

const end: WorkerEnd = {
  measuredMs: 1000,
  cpuShare: 0,
  silences: [],
  writeSilences: null,
  silencesMs: [],
  lost: 0,
  problem: null,
};

/** So many gets and sets in one second, each taking so many ms. */
function outcomeOf({ gets = 0, sets = 0, ms = 1, failed = 0 }): Outcome {
  const counters = new Counters();
  const [get, set] = [operationNames.indexOf("get"), operationNames.indexOf("set")];
  for (let turn = 0; turn < gets; turn++) counters.done(get, ms);
  for (let turn = 0; turn < sets; turn++) counters.done(set, ms);
  for (let turn = 0; turn < failed; turn++) counters.failed(set, "NOTSENT");
  const outcome = new Outcome(200);
  outcome.add(counters.take(1000));
  outcome.finish([end]);
  return outcome;
}

describe("compare()", () => {
  test("takes ratios pair by pair, and the median of each side", () => {
    const one = [outcomeOf({ gets: 100 }), outcomeOf({ gets: 40 }), outcomeOf({ gets: 300, ms: 4 })];
    const other = [outcomeOf({ gets: 50 }), outcomeOf({ gets: 10 }), outcomeOf({ gets: 100 })];
    const [get, ...rest] = compare(one, other)!;
    expect(rest).toEqual([]);
    expect(get.opsPerSecond).toEqual({
      one: { median: 100, min: 40, max: 300 },
      other: { median: 50, min: 10, max: 100 },
      ratio: { median: 3, min: 2, max: 4 },
    });
    expect(get.p99Ms.ratio).toEqual({ median: 1, min: 1, max: 4 });
    expect(comparisonLines([get])).toEqual([
      "operation  figure     A     B  A : B  least to most",
      "get        ops/s    100    50   3.00  2.00 to 4.00",
      "           p50 ms  1.00  1.00   1.00  1.00 to 4.00",
      "           p99 ms  1.00  1.00   1.00  1.00 to 4.00",
    ]);
  });

  test("leaves out rounds that have no partner or did nothing, and says so when none is left", () => {
    const one = [outcomeOf({ gets: 10 }), outcomeOf({ gets: 10 })];
    expect(compare(one, [outcomeOf({ gets: 5 })])![0].opsPerSecond.ratio.median).toBe(2);
    expect(compare(one, [outcomeOf({})])).toBeNull();
    expect(compare(one, [])).toBeNull();
  });

  test("has a row for all where there are several operations", () => {
    const outcomes = [outcomeOf({ gets: 10, sets: 2 })];
    expect(compare(outcomes, outcomes)!.map(({ operation }) => operation)).toEqual(["get", "set", "all"]);
  });

  test("the median of an even number of values lies between the middle ones", () => {
    expect(spreadOf([4, 1, 2, 9])).toEqual({ median: 3, min: 1, max: 9 });
  });
});

describe("zoon bench check", () => {
  const passedBy = (outcome: Outcome) => judge(outcome, checkProfiles.s).map(({ passed }) => passed);

  test("passes servers that keep the rate and are quick", () => {
    expect(passedBy(outcomeOf({ gets: 1000, sets: 100 }))).toEqual(new Array(7).fill(true));
  });

  test("fails what is slow, late or lost, line by line", () => {
    expect(passedBy(outcomeOf({ gets: 500, sets: 100 }))).toEqual([
      false,
      true,
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(passedBy(outcomeOf({ gets: 1000, sets: 100, ms: 60 })).slice(0, 4)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(passedBy(outcomeOf({ gets: 1000, sets: 100, ms: 600 })).slice(0, 4)).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(passedBy(outcomeOf({ gets: 1000, sets: 100, failed: 1 }))[5]).toBe(false);
    expect(passedBy(outcomeOf({})).slice(0, 5)).toEqual(new Array(5).fill(false));
  });
});
