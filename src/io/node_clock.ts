import type { Clock, Timer } from "../base/clock.ts";

/** Longest delay that timers take, in ms; a longer one would fire at once. */
const delayMsMax = 0x7fffffff;

/** The machine's clock, by what Bun, Node and Deno have in common. */
export const nodeClock: Clock = {
  wallMs(): number {
    return Date.now();
  },
  monotonicMs(): number {
    return performance.now();
  },
  setTimer(delayMs: number, fire: () => void): Timer {
    const timer = setTimeout(fire, Math.min(delayMs, delayMsMax));
    return {
      cancel() {
        clearTimeout(timer);
      },
    };
  },
  endOfTurn(run: () => void): void {
    setImmediate(run);
  },
};
