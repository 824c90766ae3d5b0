import { describe, expect, test } from "bun:test";
import { Outcome, type Second, Seconds } from "../../../../cli/bench/outcome.ts";
import { csvText, outcomeJson } from "../../../../cli/bench/report_json.ts";
import { bar, histogramLines, outcomeLines, sparkline } from "../../../../cli/bench/report_text.ts";
import { LatencyHistogram } from "../../../../cli/bench/latency_histogram.ts";
import { operationNames } from "../../../../cli/bench/operations.ts";
import { Counters, type WorkerEnd } from "../../../../cli/bench/tick.ts";

const end: WorkerEnd = {
  measuredMs: 400,
  cpuShare: 0.5,
  silences: [1000, 1030],
  writeSilences: [1000, 1040],
  silencesMs: [5, 9],
  lost: 0,
  problem: null,
};

/** Two workers, of which each tells twice. */
function outcomeOf(ends: readonly WorkerEnd[] = [end, { ...end, cpuShare: 0.95, silencesMs: [7], lost: 1 }]) {
  const outcome = new Outcome(200);
  for (let worker = 0; worker < 2; worker++) {
    const counters = new Counters();
    for (const atMs of [201, 400]) {
      for (let turn = 0; turn < 10; turn++) counters.done(operationNames.indexOf("get"), 1);
      counters.done(operationNames.indexOf("set"), 8);
      counters.failed(operationNames.indexOf("set"), "CONNECTIONLOSS");
      outcome.add(JSON.parse(JSON.stringify(counters.take(atMs))));
    }
  }
  outcome.finish(ends);
  return outcome;
}

describe("Outcome", () => {
  test("puts together what workers tell", () => {
    const json = outcomeJson(outcomeOf());
    expect(json.operations.map(({ operation, count, opsPerSecond, errors }) => [
      operation,
      count,
      opsPerSecond,
      errors,
    ])).toEqual([["get", 40, 100, {}], ["set", 4, 10, { CONNECTIONLOSS: 4 }]]);
    expect(json.all).toMatchObject({ count: 44, opsPerSecond: 110, failed: 4, maxMs: 8 });
    expect(json.ratesPerSecond).toEqual([110, 110]);
    expect(json.generator).toEqual({ cpu: 0.95, saturated: true });
    expect(json.lostConnections).toBe(1);
    expect(outcomeOf().silencesMs).toEqual([5, 7, 9]);
  });

  test("nothing is done only where all workers are silent", () => {
    const other = { ...end, silences: [990, 1010, 1025, 1200], writeSilences: null };
    const json = outcomeJson(outcomeOf([end, other, { ...end, silences: null }]));
    expect(json).toMatchObject({ longestSilenceMs: 10, longestWriteSilenceMs: 40 });
  });

  test("one with no ticks says that nothing was measured", () => {
    const outcome = new Outcome(200);
    expect(outcomeLines(outcome)).toEqual(["Nothing was measured."]);
    expect(outcomeJson(outcome).all.opsPerSecond).toBe(0);
  });
});

describe("the report", () => {
  test("has a row per operation and one for all, and says when the generator was the limit", () => {
    const text = outcomeLines(outcomeOf()).join("\n");
    expect(text).toMatch(/^get +100 +1\.00 +1\.00 +1\.00 +1\.00 +1\.00 +-$/m);
    expect(text).toMatch(/^set +10 +8\.00 .* CONNECTIONLOSS 4$/m);
    expect(text).toMatch(/^all +110 /m);
    expect(text).toContain("The generator used 0.95 of a core: it may have been the limit");
    expect(text).toContain("1 connections were lost");
    expect(outcomeLines(outcomeOf([end])).join("\n")).not.toContain("generator");
  });

  test("fits the terminal by leaving out the less telling percentiles", () => {
    for (const line of outcomeLines(outcomeOf([end]), { width: 60 })) {
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(60);
    }
  });

  test("csv has a line per operation, quoted where need be", () => {
    const rounds = [{ cluster: "a:1,b:2", round: 1, outcome: outcomeOf() }];
    const [head, get, set] = csvText(rounds).split("\n");
    expect(head).toStartWith("cluster,round,operation,count,ops_per_s,p50_ms");
    expect(get).toBe('"a:1,b:2",1,get,40,100,1,1,1,1,1,');
    expect(set).toEndWith(",CONNECTIONLOSS 4");
  });

  test("bars fill their part, and something is never nothing", () => {
    expect(bar(0.5, 4)).toBe("██  ");
    expect(bar(0.001, 4)).toBe("▏   ");
    expect(bar(0, 4)).toBe("    ");
    expect(bar(1, 4)).toBe("████");
  });

  test("a sparkline puts steps together where there are too many", () => {
    expect(sparkline([0, 4, 8], 10)).toBe("▁▅█");
    expect(sparkline([0, 0, 8, 8], 2)).toBe("▁█");
  });

  test("the histogram goes from the first to the last latency", () => {
    const latencies = new LatencyHistogram();
    for (const us of [100, 100, 100, 900]) latencies.record(us);
    const lines = histogramLines(latencies, 60);
    expect(lines.map((line) => line.replace(/ *█+[^0-9]*/, " ").trim())).toEqual([
      "<= 128 µs 75.0%",
      expect.stringMatching(/^<= 256 µs +0\.000%$/),
      expect.stringMatching(/^<= 512 µs +0\.000%$/),
      "<= 1.02 ms 25.0%",
    ]);
  });
});

describe("Seconds", () => {
  test("tells each second once, with what came in it, empty ones too", () => {
    const told: Second[] = [];
    const seconds = new Seconds((second) => told.push(second));
    const counters = new Counters();
    for (const atMs of [200, 1010, 1200, 3300]) {
      counters.done(0, 2);
      seconds.add(counters.take(atMs));
    }
    seconds.end();
    expect(told.map(({ second, done }) => [second, done])).toEqual([[1, 2], [2, 1], [3, 0], [4, 1]]);
    expect(told[0].maxMs).toBe(2);
  });
});
