import { machineMs } from "./cue.ts";

/** Times as {@link machineMs}: silence `n` lasted from the number at `2 n` to the one behind it; in order of time. */
export type SilenceTimes = readonly number[];

/** Silences shorter than this, in ms, are not kept; of the others at most so many, the longest. */
const shortestMs = 1;
const keptMax = 8192;

/**
 * The times in which a worker saw nothing done. All are kept, not the longest alone: that of a whole load lies where the
 * silences of all workers meet. Where they are very many, only the longer ones are.
 */
export class Silences {
  #sinceMs = 0;
  #leastMs = shortestMs;
  #times: number[] = [];

  /** When something was done last, of `performance.now()`. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** The time that counts begins. */
  begin(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#times = [];
  }

  /** Something was done, or the time that counts is over. */
  end(nowMs: number): void {
    if (nowMs - this.#sinceMs >= this.#leastMs) this.#keep(nowMs);
    this.#sinceMs = nowMs;
  }

  /** Those that were kept. */
  get times(): SilenceTimes {
    return this.#times.map(machineMs);
  }

  #keep(nowMs: number): void {
    const times = this.#times;
    times.push(this.#sinceMs, nowMs);
    if (times.length <= 2 * keptMax) return;
    const lengths: number[] = [];
    for (let at = 0; at < times.length; at += 2) lengths.push(times[at + 1] - times[at]);
    // Half of them go, so that this is seldom to be done.
    const longest = [...lengths.keys()].sort((a, b) => lengths[b] - lengths[a]).slice(0, keptMax / 2);
    this.#leastMs = lengths[longest.at(-1)!];
    this.#times = longest.sort((a, b) => a - b).flatMap((place) => times.slice(2 * place, 2 * place + 2));
  }
}

/** @returns Length of the longest time, ms, in which all of these were silent; 0 for none. */
export function longestShared(all: readonly SilenceTimes[]): number {
  if (all.length === 0) return 0;
  const shared = all.reduce(overlaps);
  let longestMs = 0;
  for (let at = 0; at < shared.length; at += 2) longestMs = Math.max(longestMs, shared[at + 1] - shared[at]);
  return longestMs;
}

function overlaps(one: SilenceTimes, other: SilenceTimes): SilenceTimes {
  const shared: number[] = [];
  for (let at = 0, beside = 0; at < one.length && beside < other.length;) {
    const from = Math.max(one[at], other[beside]);
    const to = Math.min(one[at + 1], other[beside + 1]);
    if (from < to) shared.push(from, to);
    if (one[at + 1] < other[beside + 1]) at += 2;
    else beside += 2;
  }
  return shared;
}
