import { expect, test } from "bun:test";
import { LiveLine } from "../../../../cli/bench/live_line.ts";
import { Counters } from "../../../../cli/bench/tick.ts";

/** A line that is told of ticks at some times. */
function lineAfter(ticks: readonly { nowMs: number; done: number; failed?: number }[], columns = 80): string {
  let nowMs = 0;
  let shown = "";
  const live = new LiveLine((text) => shown = text, () => nowMs, () => columns);
  const counters = new Counters();
  for (const { nowMs: at, done, failed = 0 } of ticks) {
    nowMs = at;
    for (let turn = 0; turn < done; turn++) counters.done(0, 2);
    for (let turn = 0; turn < failed; turn++) counters.failed(0, "CONNECTIONLOSS");
    live.onTick("measuring", counters.take(at), { durationMs: 4000, ops: null });
  }
  return shown;
}

test("the live line says how far the run is, and the rate and p99 of the last second", () => {
  const ticks = [500, 1000, 1500, 2000].map((nowMs) => ({ nowMs, done: 1000 }));
  expect(lineAfter(ticks)).toBe("\r\x1b[K" + "measuring  [██████████          ]  50%  2,000/s  p99 2.00 ms");
});

test("the live line counts errors from the first on", () => {
  expect(lineAfter([{ nowMs: 500, done: 1, failed: 3 }, { nowMs: 4000, done: 1 }])).toEndWith(
    "100%  1/s  p99 2.00 ms  3 errors",
  );
});

test("the live line fits the terminal", () => {
  const line = lineAfter([{ nowMs: 1000, done: 5 }], 30).replace("\r\x1b[K", "");
  expect(Bun.stringWidth(line)).toBeLessThan(30);
  expect(line).toEndWith("…");
});
