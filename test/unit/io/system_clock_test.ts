import { expect, test } from "bun:test";
import { SystemClock } from "../../../src/io/system_clock.ts";

test("monotonic time does not go back, and wall time is the machine's", () => {
  const clock = new SystemClock();
  let last = clock.monotonicMs();
  for (let count = 0; count < 1000; count++) {
    const now = clock.monotonicMs();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
  const before = Date.now();
  const wall = clock.wallMs();
  expect(wall).toBeGreaterThanOrEqual(before);
  expect(wall).toBeLessThanOrEqual(Date.now());
});

test("a timer fires once, and never before its time", async () => {
  const clock = new SystemClock();
  for (const delayMs of [-5, 0, 0.4, 1, 3.7]) {
    const start = clock.monotonicMs();
    let fired = 0;
    await new Promise<void>((resolve) =>
      clock.setTimer(delayMs, () => {
        fired++;
        resolve();
      })
    );
    expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(delayMs);
    expect(fired).toBe(1);
  }
});

test("a cancelled timer does not fire, and cancelling late does no harm", async () => {
  const clock = new SystemClock();
  const fired: string[] = [];
  const cancelled = clock.setTimer(1, () => fired.push("cancelled"));
  cancelled.cancel();
  await new Promise<void>((resolve) => {
    const late = clock.setTimer(5, () => {
      fired.push("late");
      late.cancel();
      resolve();
    });
  });
  expect(fired).toEqual(["late"]);
});

test("a delay longer than the runtime's timers reach does not fire at once", async () => {
  const clock = new SystemClock();
  let fired = false;
  const far = clock.setTimer(2 ** 40, () => fired = true);
  await new Promise<void>((resolve) => clock.setTimer(5, resolve));
  far.cancel();
  expect(fired).toBe(false);
});

test("the end of a turn comes after its microtasks, in the order asked, and asking there means the next", async () => {
  const clock = new SystemClock();
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    clock.endOfTurn(() => {
      seen.push("first");
      clock.endOfTurn(() => {
        seen.push("next turn");
        resolve();
      });
    });
    clock.endOfTurn(() => seen.push("second"));
    queueMicrotask(() => queueMicrotask(() => seen.push("microtask")));
    seen.push("now");
  });
  expect(seen).toEqual(["now", "microtask", "first", "second", "next turn"]);
});
