import type { Outcome } from "./outcome.ts";

/** Sizes of the fixed load. */
export const checkLoads = ["s", "m", "l"] as const;

/** One of the sizes. */
export type CheckLoad = (typeof checkLoads)[number];

/** A load, and what servers that stand it must do. */
export interface CheckProfile {
  readonly connections: number;
  /** Requests per second; of eleven, ten are gets and one is a set. */
  readonly rate: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** Part of the rate that must be done. */
  readonly rateMin: number;
  readonly readP99MaxMs: number;
  readonly writeP99MaxMs: number;
  /** The slowest request of all. */
  readonly slowestMaxMs: number;
  /** Standard deviation of all latencies. */
  readonly deviationMaxMs: number;
}

const common = {
  // Servers take 60 from one address unless told (`maxClientCnxns`).
  connections: 50,
  keys: 1000,
  valueBytes: 256,
  rateMin: 0.9,
  readP99MaxMs: 50,
  writeP99MaxMs: 100,
  slowestMaxMs: 500,
  deviationMaxMs: 100,
};

/** Small, medium and large. */
export const checkProfiles: Readonly<Record<CheckLoad, CheckProfile>> = {
  s: { ...common, rate: 1_100 },
  m: { ...common, rate: 11_000 },
  l: { ...common, rate: 55_000 },
};

/** One line of the result. */
export interface CheckLine {
  readonly passed: boolean;
  /** What was measured and what it must be. */
  readonly text: string;
}

/** Judges what was measured. */
export function judge(outcome: Outcome, profile: CheckProfile): CheckLine[] {
  const all = outcome.latencies();
  const reads = outcome.latencies((operation) => operation === "get");
  const writes = outcome.latencies((operation) => operation === "set");
  const rate = outcome.rateOf(all);
  const rateMin = profile.rate * profile.rateMin;
  // Where nothing was done no latency is good.
  const most = (name: string, value: number, max: number): CheckLine => ({
    passed: all.total > 0 && value <= max,
    text: `${name} is ${value.toFixed(1)} ms, at most ${max} ms`,
  });
  return [
    {
      passed: rate >= rateMin,
      text: `Throughput is ${Math.round(rate)}/s, at least ${Math.round(rateMin)} of ${profile.rate}/s`,
    },
    most("The 99th percentile of reads", reads.quantileMs(0.99), profile.readP99MaxMs),
    most("The 99th percentile of writes", writes.quantileMs(0.99), profile.writeP99MaxMs),
    most("The slowest request", all.maxMs, profile.slowestMaxMs),
    most("The standard deviation", all.deviationMs, profile.deviationMaxMs),
    {
      passed: outcome.failed === 0,
      text: `${outcome.failed} requests failed${named(outcome)}, at most 0`,
    },
    {
      passed: outcome.lost === 0,
      text: `${outcome.lost} connections were lost, at most 0`,
    },
  ];
}

/** The names of the errors in parentheses; "" when there are none. */
function named(outcome: Outcome): string {
  const names = new Set(outcome.operations.flatMap(({ errors }) => [...errors.keys()]));
  return names.size === 0 ? "" : ` (${[...names].join(", ")})`;
}
