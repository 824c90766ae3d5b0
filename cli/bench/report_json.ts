import { errorsText, percentiles } from "./report_text.ts";
import type { LatencyHistogram } from "./latency_histogram.ts";
import type { Outcome, Second } from "./outcome.ts";
import { type MixPart, mixText } from "./operations.ts";
import type { BenchPlan } from "./plan.ts";

/** The outcome for programs: latencies in ms. */
export function outcomeJson(outcome: Outcome) {
  return {
    measuredMs: rounded(outcome.measuredMs),
    operations: outcome.operations.map(({ operation, latencies, errors }) => ({
      operation,
      ...latenciesJson(outcome, latencies),
      errors: Object.fromEntries(errors),
    })),
    all: { ...latenciesJson(outcome, outcome.latencies()), failed: outcome.failed },
    ratesPerSecond: outcome.rates.map(Math.round),
    generator: { cpu: rounded(outcome.generatorCpu), saturated: outcome.saturated },
    lostConnections: outcome.lost,
    longestSilenceMs: rounded(outcome.longestSilenceMs),
    longestWriteSilenceMs: outcome.longestWriteSilenceMs === null
      ? null
      : rounded(outcome.longestWriteSilenceMs),
    problem: outcome.problem,
  };
}

function latenciesJson(outcome: Outcome, latencies: LatencyHistogram) {
  const [p50Ms, p90Ms, p99Ms, p999Ms] = percentiles.map((part) => latencies.quantileMs(part));
  return {
    count: latencies.total,
    opsPerSecond: rounded(outcome.rateOf(latencies)),
    meanMs: rounded(latencies.meanMs),
    p50Ms,
    p90Ms,
    p99Ms,
    p999Ms,
    maxMs: latencies.maxMs,
  };
}

/** What the figures are of. */
export function planJson(plan: BenchPlan) {
  return {
    mix: mixObject(plan.mix),
    valueBytes: [plan.valueBytesMin, plan.valueBytesMax],
    keys: plan.keyCount,
    distribution: plan.distribution,
    depth: plan.depth,
    connections: plan.connections,
    inFlight: plan.inFlight,
    workers: plan.workers,
    rate: plan.rate,
    ops: plan.ops,
    durationMs: plan.ops === null ? plan.durationMs : null,
    warmUpMs: plan.warmUpMs,
    sessionTimeoutMs: plan.sessionTimeoutMs,
    seed: plan.seed,
  };
}

function mixObject(mix: readonly MixPart[]): Record<string, number> {
  return Object.fromEntries(mix.map(({ operation, weight }) => [operation, Number(weight.toFixed(6))]));
}

/** In one line, for people. */
export function planText(plan: BenchPlan): string {
  const { valueBytesMin: min, valueBytesMax: max } = plan;
  const parts = [
    mixText(plan.mix),
    `${plan.connections} connections, ${plan.inFlight} in flight each`,
    plan.rate === null ? "closed loop" : `${plan.rate}/s on schedule`,
    `values of ${min === max ? min : `${min} to ${max}`} bytes`,
    `${plan.keyCount} keys (${plan.distribution})`,
    plan.ops === null ? `${plan.durationMs / 1000} s` : `${plan.ops} requests`,
    `seed ${plan.seed}`,
  ];
  return parts.join("; ");
}

/** A line of `--ticks`. */
export function secondJson(second: Second, cluster: string): string {
  return `${JSON.stringify({ event: "tick", cluster, ...second })}\n`;
}

const csvHead = "cluster,round,operation,count,ops_per_s,p50_ms,p90_ms,p99_ms,p99.9_ms,max_ms,errors\n";

/** One line per operation and round, with a head. */
export function csvText(
  rounds: readonly { readonly cluster: string; readonly round: number; readonly outcome: Outcome }[],
): string {
  const lines = rounds.flatMap(({ cluster, round, outcome }) =>
    outcome.operations.map(({ operation, latencies, errors }) =>
      [
        quoted(cluster),
        round,
        operation,
        latencies.total,
        rounded(outcome.rateOf(latencies)),
        ...percentiles.map((part) => latencies.quantileMs(part)),
        latencies.maxMs,
        quoted(errorsText(errors)),
      ].join(",")
    )
  );
  return csvHead + lines.map((line) => `${line}\n`).join("");
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}
