import { systemRandom } from "../../src/io/system_random.ts";
import { ExitCode } from "../_errors.ts";
import { hostsOfEnsemble } from "../_local_ensemble.ts";
import { writeOut } from "../_output.ts";
import { isScreen, paintOf } from "../_style.ts";
import type { CheckFlags } from "../bench.ts";
import { checkProfiles, judge } from "./check_profile.ts";
import { interruptedExit, Interruption } from "./interruption.ts";
import { defaultMix, mixText } from "./operations.ts";
import { remarks } from "./report_text.ts";
import { outcomeJson } from "./report_json.ts";
import { Bench } from "./run_bench.ts";
import { parseTarget } from "./target.ts";

/**
 * Puts a fixed load on servers and says line by line whether they stand it.
 *
 * @returns 0 when every line passed.
 * @throws {CliError} When the servers cannot be reached, or something is left there.
 */
export async function runCheck({ server, load, duration, json }: CheckFlags): Promise<number> {
  const profile = checkProfiles[load];
  const target = parseTarget(server ?? await hostsOfEnsemble() ?? "127.0.0.1:2181");
  using interruption = new Interruption();
  const plan = {
    mix: defaultMix,
    valueBytesMin: profile.valueBytes,
    valueBytesMax: profile.valueBytes,
    keyCount: profile.keys,
    distribution: "uniform" as const,
    depth: 1,
    connections: profile.connections,
    // So that a pause of a server makes requests late, and not unsent.
    inFlight: 1000,
    warmUpMs: 1_000,
    durationMs: duration,
    ops: null,
    rate: profile.rate,
    sessionTimeoutMs: 10_000,
    seed: systemRandom().uint32(),
    workers: 1,
  };
  const bench = new Bench(plan, [target], interruption, false);
  await bench.run(() => bench.round(0, 1));
  bench.throwLeftover();
  if (interruption.signal.aborted) return interruptedExit;
  const [{ outcome }] = bench.rounds;
  const lines = judge(outcome, profile);
  const passed = lines.every((line) => line.passed);
  if (json === true) {
    const result = outcomeJson(outcome);
    writeOut(`${JSON.stringify({ cluster: target.hosts, load, profile, passed, lines, result })}\n`);
  } else {
    const paint = paintOf(isScreen());
    const head =
      `${target.hosts}: ${mixText(plan.mix)}; ${profile.rate}/s over ${profile.connections} connections; ` +
      `${duration / 1000} s`;
    const text = [
      head,
      ...lines.map((line) => `${line.passed ? paint("green", "PASS") : paint("red", "FAIL")}  ${line.text}`),
      ...remarks(outcome).map((remark) => paint("yellow", remark)),
      passed ? paint("green", "PASS") : paint("red", "FAIL"),
    ];
    writeOut(text.map((line) => `${line}\n`).join(""));
  }
  return passed ? ExitCode.done : ExitCode.failed;
}
