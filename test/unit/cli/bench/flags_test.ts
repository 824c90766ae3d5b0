import { describe, expect, test } from "bun:test";
import { mixOfReadRatio, mixText, parseMix } from "../../../../cli/bench/operations.ts";
import { durationMs, range, whole } from "../../../../cli/bench/values.ts";
import { defineBenchCommand } from "../../../../cli/bench.ts";
import { run } from "../_run.ts";

describe("--mix", () => {
  test("reads operations with and without weights, in the order of the report", () => {
    expect(parseMix("set=1, get=10,sync")).toEqual([
      { operation: "get", weight: 10 },
      { operation: "set", weight: 1 },
      { operation: "sync", weight: 1 },
    ]);
    expect(mixText([{ operation: "get", weight: 0.9 }, { operation: "set", weight: 0.1 }])).toBe(
      "get=0.9,set=0.1",
    );
  });

  test("says what is wrong with anything else", () => {
    expect(parseMix("get=10,put=1")).toStartWith('"put" is none of get, exists');
    expect(parseMix("get=x")).toContain('The weight of get is "x"');
    expect(parseMix("get,get")).toBe("get is named twice.");
    expect(parseMix("get=0")).toBe("No operation has a weight above 0.");
    expect(parseMix("get,watch")).toBe("watch cannot be mixed with others.");
  });

  test("--read-ratio leaves out what has no part", () => {
    expect(mixOfReadRatio(1)).toEqual([{ operation: "get", weight: 1 }]);
    expect(mixOfReadRatio(0.75)).toEqual([
      { operation: "get", weight: 0.75 },
      { operation: "set", weight: 0.25 },
    ]);
  });
});

describe("values of flags", () => {
  test("durations have a unit, or are seconds", () => {
    expect(["500ms", "10s", "1.5", "2m", "1h"].map(durationMs)).toEqual([
      500,
      10_000,
      1500,
      120_000,
      3_600_000,
    ]);
    for (const bad of ["", "x", "-1s", "25h", "1d"]) expect(() => durationMs(bad)).toThrow();
  });

  test("sizes are fixed or a range, in bytes or by 1024", () => {
    expect(range("100")).toEqual({ min: 100, max: 100 });
    expect(range("0-4k")).toEqual({ min: 0, max: 4096 });
    for (const bad of ["", "4k-1", "1-2-3", "2000000", "1m"]) expect(() => range(bad)).toThrow();
  });

  test("whole numbers stay in their range", () => {
    expect(whole(1, 5)("5")).toBe(5);
    for (const bad of ["0", "6", "1.5", "-1", ""]) expect(() => whole(1, 5)(bad)).toThrow();
  });
});

describe("zoon bench", () => {
  const bench = (...words: string[]) => run([defineBenchCommand()], ["bench", ...words]);

  test("refuses flags that contradict each other with exit code 2", async () => {
    for (
      const words of [
        ["--mix", "get", "--read-ratio", "0.5"],
        ["--ops", "10", "--duration", "1s"],
        ["--json", "--csv"],
        ["--mix", "connect", "--rate", "10"],
        ["--workers", "9", "--connections", "8"],
        ["--duration", "0"],
        ["--rounds", "2"],
        ["--mix", "multi", "--value-size", "600000"],
        ["--kill-leader", "--ops", "10"],
        ["--kill-leader", "--against", "127.0.0.1:1"],
        ["check", "--load", "xxl"],
        ["-s", "a:b:c"],
        ["fast"],
      ]
    ) {
      expect([words, (await bench(...words, ...(words[0] === "-s" ? [] : ["-s", "127.0.0.1:1"]))).exitCode])
        .toEqual(
          [words, 2],
        );
    }
  });

  test("tells in its help what each operation is and what it cleans up, and hides its workers", async () => {
    const { out } = await bench("--help");
    for (const word of ["get=10,set=1", "watch", "NOTSENT", "/zoon-bench-<random>", "Examples:"]) {
      expect(out).toContain(word);
    }
    expect(out).not.toContain("  worker");
  });
});
