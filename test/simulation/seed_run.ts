import { parametersText } from "./parameters.ts";
import { type Scenario, ScenarioFailure } from "./scenarios/scenario.ts";
import type { Violation } from "./sim_ensemble.ts";
import { simulate, type SimulationOptions } from "./simulation.ts";
import { ProcessEnded } from "./world/sim_process.ts";

/** What came of a seed, as it goes from process to process. */
export interface SeedReport {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly simulatedMs: number;
  readonly txns: number;
  readonly epochs: number;
  readonly isHopeless: boolean;
  readonly faults: readonly (readonly [kind: string, count: number])[];
  /** In words; only of a failure. */
  readonly parameters: string;
}

/** One seed in so many is run twice, to see that nothing but the seed decides. */
const repeatEvery = 64;

/** Runs a seed, and judges what it left behind in the runtime besides. */
export async function runSeed(seed: number, options: SimulationOptions = {}): Promise<SeedReport> {
  const [outcome, stray] = await withStrays(() => simulate(seed, options));
  let { violation } = outcome;
  const found = (property: string, message: string) =>
    violation ??= { property, message, atMs: outcome.simulatedMs };
  if (stray !== null) found("assert", `a promise was rejected, and nobody listened: ${stray}`);
  if (seed % repeatEvery === 0 && options.trace === undefined) {
    const { fingerprint } = simulate(seed, options);
    if (fingerprint !== outcome.fingerprint) {
      found("Determinism", `two runs differ: ${outcome.fingerprint} and ${fingerprint}`);
    }
  }
  const { simulatedMs, txns, epochs, isHopeless, parameters } = outcome;
  return {
    seed,
    violation,
    simulatedMs,
    txns,
    epochs,
    isHopeless,
    faults: [...outcome.faults],
    parameters: violation === null ? "" : parametersText(parameters),
  };
}

/** Runs a scenario. @returns What went wrong, or null. */
export async function runScenario(
  scenario: Scenario,
  trace?: (line: string) => void,
): Promise<string | null> {
  try {
    const [, stray] = await withStrays(() => scenario.run(trace));
    return stray;
  } catch (error) {
    if (error instanceof ScenarioFailure) return error.message;
    throw error;
  }
}

/** @returns What `run` returned, and the first rejection that nobody handled. */
async function withStrays<T>(run: () => T): Promise<[result: T, stray: string | null]> {
  let stray: string | null = null;
  const onStray = (error: unknown) => {
    if (!(error instanceof ProcessEnded)) {
      stray ??= error instanceof Error ? error.stack ?? error.message : String(error);
    }
  };
  process.on("unhandledRejection", onStray);
  try {
    const result = run();
    // The runtime tells of rejections only between its turns.
    await new Promise((resolve) => setTimeout(resolve, 0));
    return [result, stray];
  } finally {
    process.off("unhandledRejection", onStray);
  }
}
