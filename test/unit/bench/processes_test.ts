import { describe, expect, test } from "bun:test";
import {
  busyPartOfStats,
  cpuSecondsOfStat,
  filesMaxOfLimits,
  rssBytesOfStatus,
} from "../../bench/processes.ts";

describe("what /proc tells of a process", () => {
  test("CPU time is that of user and system, whatever the program is called", () => {
    const times = Array.from({ length: 50 }, (_, index) => String(index)).join(" ");
    expect(cpuSecondsOfStat(`42 (a) b (c) S ${times}`)).toEqual({ user: 0.1, system: 0.11 });
    expect(cpuSecondsOfStat("7 (zoon) S 1 7 7 0 -1 0 1 0 0 0 250 50 0 0 20 0 9")).toEqual({
      user: 2.5,
      system: 0.5,
    });
  });

  test("the machine is busy when it is neither idle nor waits for a disk", () => {
    const before = "cpu  100 0 100 1000 50 0 0 0 0 0\ncpu0 1 2 3\n";
    expect(busyPartOfStats(before, "cpu  110 0 120 1060 60 0 0 0 0 0\n")).toBeCloseTo(0.3);
    expect(busyPartOfStats(before, before)).toBeNull();
    expect(busyPartOfStats("", "")).toBeNull();
  });

  test("RSS is in KiB; one that ended has none", () => {
    expect(rssBytesOfStatus("Name:\tzoon\nVmHWM:\t  99 kB\nVmRSS:\t   55 kB\n")).toBe(55 * 1024);
    expect(rssBytesOfStatus("Name:\tzoon\nState:\tZ (zombie)\n")).toBeNull();
  });

  test("open files have a soft and a hard limit, or none", () => {
    const line = (soft: string, hard: string) =>
      `Max open files            ${soft}                 ${hard}         files\n`;
    expect(filesMaxOfLimits(`Limit  Soft  Hard\n${line("1024", "20000")}`)).toEqual({
      soft: 1024,
      hard: 20000,
    });
    expect(filesMaxOfLimits(line("1024", "unlimited"))).toEqual({ soft: 1024, hard: Infinity });
    expect(filesMaxOfLimits("")).toEqual({ soft: Infinity, hard: Infinity });
  });
});
