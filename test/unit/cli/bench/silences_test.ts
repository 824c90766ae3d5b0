import { describe, expect, test } from "bun:test";
import { longestShared, Silences } from "../../../../cli/bench/silences.ts";

const lengths = (times: readonly number[]) =>
  times.flatMap((toMs, at) => at % 2 === 0 ? [] : [Math.round(toMs - times[at - 1])]);

describe("Silences", () => {
  test("are the times between what was done, from the begin on, without the very short", () => {
    const silences = new Silences();
    silences.end(50);
    silences.begin(100);
    for (const nowMs of [107, 107.5, 108, 138, 140]) silences.end(nowMs);
    expect(lengths(silences.times)).toEqual([7, 30, 2]);
    expect(silences.sinceMs).toBe(140);
  });

  test("are not lost where there are many of one length", () => {
    const silences = new Silences();
    silences.begin(0);
    for (let turn = 1; turn <= 100_000; turn++) silences.end(turn * 3);
    const kept = lengths(silences.times);
    expect(kept.length).toBeGreaterThan(1000);
    expect(new Set(kept)).toEqual(new Set([3]));
  });

  test("are the longer ones where there are too many to keep", () => {
    const silences = new Silences();
    silences.begin(0);
    let nowMs = 0;
    for (let turn = 0; turn < 100_000; turn++) {
      silences.end(nowMs += turn === 77 ? 500 : turn % 20 === 0 ? 40 : 3);
    }
    const kept = lengths(silences.times);
    expect(kept.length).toBeLessThan(10_000);
    expect(Math.max(...kept)).toBe(500);
    expect(kept.filter((ms) => ms === 40).length).toBeGreaterThan(4_000);
  });
});

describe("longestShared", () => {
  test("is the longest time in which all were silent", () => {
    expect(longestShared([])).toBe(0);
    expect(longestShared([[0, 5, 10, 30]])).toBe(20);
    expect(longestShared([[0, 5, 10, 30], [4, 12, 20, 28, 29, 90]])).toBe(8);
    expect(longestShared([[0, 5, 10, 30], [4, 12, 20, 28], [0, 22, 27, 40]])).toBe(2);
    expect(longestShared([[0, 5], [5, 9]])).toBe(0);
    expect(longestShared([[0, 5], []])).toBe(0);
  });

  test("is what a search millisecond by millisecond finds", () => {
    let state = 7;
    const drawn = (below: number) => (state = Math.imul(state, 1103515245) + 12345 >>> 0) % below;
    for (let round = 0; round < 200; round++) {
      const all = Array.from({ length: 1 + drawn(4) }, () => {
        const times: number[] = [];
        for (let ms = drawn(9); ms < 100; ms += 1 + drawn(9)) times.push(ms, ms += 1 + drawn(20));
        return times;
      });
      let longest = 0;
      let run = 0;
      for (let ms = 0; ms < 130; ms++) {
        const silent = all.every((times) =>
          times.some((from, at) => at % 2 === 0 && from <= ms && ms < times[at + 1])
        );
        run = silent ? run + 1 : 0;
        longest = Math.max(longest, run);
      }
      expect([all, longestShared(all)]).toEqual([all, longest]);
    }
  });
});
