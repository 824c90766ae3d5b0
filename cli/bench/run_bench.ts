import { isatty } from "node:tty";
import { systemRandom } from "../../src/io/system_random.ts";
import { CliError, ExitCode } from "../_errors.ts";
import { writeErr, writeOut } from "../_output.ts";
import { isScreen, paintOf } from "../_style.ts";
import type { BenchFlags } from "../bench.ts";
import { defaultDataDir } from "../ensemble.ts";
import { BenchTree } from "./bench_tree.ts";
import { interruptedExit, Interruption } from "./interruption.ts";
import { LiveLine } from "./live_line.ts";
import { thisMachine } from "./machine.ts";
import { defaultMix, isLone, mixOfReadRatio } from "./operations.ts";
import { type Outcome, Seconds } from "./outcome.ts";
import type { BenchPlan } from "./plan.ts";
import { csvText, outcomeJson, planJson, planText, secondJson } from "./report_json.ts";
import { outcomeLines } from "./report_text.ts";
import { runRound } from "./round.ts";
import { factsOf } from "./server_facts.ts";
import { hostsOfEnsemble, parseTarget, type Target } from "./target.ts";

/** The load of a plan, without where it goes. */
export type LoadPlan = Omit<BenchPlan, "servers" | "root">;

/**
 * Loads servers as told and prints what came of it.
 *
 * @throws {CliError} When flags contradict each other, the servers cannot be reached, or something is left there.
 */
export async function runBench(flags: BenchFlags): Promise<number> {
  const load = loadOfFlags(flags);
  const target = parseTarget(flags.server ?? await hostsOfEnsemble(defaultDataDir) ?? "127.0.0.1:2181");
  using interruption = new Interruption();
  const bench = new Bench(load, [target], interruption, flags.ticks === true);
  await bench.prepare();
  try {
    await bench.round(0, 1);
  } finally {
    await bench.cleanUp();
  }
  await report(bench, flags);
  bench.throwLeftover();
  if (interruption.signal.aborted) return interruptedExit;
  return bench.worked ? ExitCode.done : ExitCode.failed;
}

/** What became of one run against one cluster. */
export interface Round {
  readonly cluster: string;
  /** 1 for the first. */
  readonly round: number;
  readonly outcome: Outcome;
}

/** The course of a run: what is needed is made on each cluster, rounds are run, all of it is removed. */
export class Bench {
  readonly load: LoadPlan;
  readonly targets: readonly Target[];
  readonly rounds: Round[] = [];
  readonly #interruption: Interruption;
  readonly #ticks: boolean;
  readonly #live: LiveLine;
  readonly #trees: BenchTree[] = [];
  readonly #leftovers: CliError[] = [];

  /** @param ticks Whether to print a JSON object for each second. */
  constructor(load: LoadPlan, targets: readonly Target[], interruption: Interruption, ticks: boolean) {
    this.load = load;
    this.targets = targets;
    this.#interruption = interruption;
    this.#ticks = ticks;
    const screen = isatty(2) && process.env.TERM !== "dumb";
    this.#live = new LiveLine(
      screen ? (text) => writeErr(text) : null,
      () => performance.now(),
      () => process.stderr.columns || 80,
    );
    interruption.leftover(() =>
      this.#trees.map(({ path, hosts }) => `${path} is left on ${hosts}`).join("; ")
    );
  }

  /** Makes on every cluster what the load needs. @throws {CliError} After what was made is removed again. */
  async prepare(): Promise<void> {
    const { signal } = this.#interruption;
    try {
      for (const { hosts } of this.targets) {
        const tree = await BenchTree.create(hosts, systemRandom(), this.load.sessionTimeoutMs);
        this.#trees.push(tree);
        await tree.fill(this.load, signal, (made, all) => this.#live.show("preparing", made / all));
      }
    } catch (error) {
      await this.cleanUp();
      throw error;
    } finally {
      this.#live.end();
    }
  }

  /**
   * Runs the load once on one cluster.
   *
   * @param onStart Called when the load begins.
   * @throws {CliError} When sessions cannot be had.
   */
  async round(cluster: number, round: number, onStart?: () => void): Promise<void> {
    const { servers, chroot, hosts } = this.targets[cluster];
    const plan: BenchPlan = { ...this.load, servers, root: chroot + this.#trees[cluster].path };
    const seconds = this.#ticks ? new Seconds((second) => writeOut(secondJson(second, hosts))) : null;
    const what = this.targets.length === 1 ? "measuring" : `${hosts}, round ${round}`;
    this.#live.reset();
    try {
      const outcome = await runRound(plan, this.#interruption.signal, {
        onStart,
        onTick: (tick) => {
          seconds?.add(tick);
          this.#live.onTick(what, tick, plan);
        },
      });
      seconds?.end();
      this.rounds.push({ cluster: hosts, round, outcome });
    } catch (error) {
      throw new CliError(ExitCode.failed, `cannot load ${hosts}: ${(error as Error).message}`);
    } finally {
      this.#live.end();
    }
  }

  /** Removes what was made. What cannot be removed is told by {@link throwLeftover}. */
  async cleanUp(): Promise<void> {
    for (let tree = this.#trees.pop(); tree !== undefined; tree = this.#trees.pop()) {
      try {
        await tree.remove(this.load.sessionTimeoutMs);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        this.#leftovers.push(error);
      }
    }
  }

  /** @throws {CliError} When something was left behind. */
  throwLeftover(): void {
    if (this.#leftovers.length === 0) return;
    throw new CliError(ExitCode.failed, this.#leftovers.map(({ message }) => message).join("\n"));
  }

  /** Whether every round measured something and none ended before its time. */
  get worked(): boolean {
    return this.rounds.length > 0 &&
      this.rounds.every(({ outcome }) => outcome.problem === null && outcome.latencies().total > 0);
  }
}

async function report(bench: Bench, flags: BenchFlags): Promise<void> {
  const plan: BenchPlan = { ...bench.load, servers: [], root: "" };
  if (flags.json === true) {
    const clusters = await Promise.all(
      bench.targets.map(async ({ hosts, servers }) => ({ hosts, servers: await factsOf(servers) })),
    );
    const document = {
      event: "report",
      date: new Date().toISOString(),
      machine: thisMachine(),
      parameters: planJson(plan),
      clusters,
      results: bench.rounds.map(({ cluster, round, outcome }) => ({
        cluster,
        round,
        ...outcomeJson(outcome),
      })),
    };
    return writeOut(`${JSON.stringify(document)}\n`);
  }
  const write = flags.ticks === true ? writeErr : writeOut;
  if (flags.csv === true) return write(csvText(bench.rounds));
  const screen = isScreen();
  const look = { paint: paintOf(screen), width: screen ? process.stdout.columns : Infinity };
  for (const { cluster, outcome } of bench.rounds) {
    const lines = [`${cluster}: ${planText(plan)}`, "", ...outcomeLines(outcome, look)];
    write(lines.map((line) => `${line}\n`).join(""));
  }
}

function loadOfFlags(flags: BenchFlags): LoadPlan {
  const mix = flags.mix ?? (flags.readRatio === undefined ? defaultMix : mixOfReadRatio(flags.readRatio));
  const [{ operation }] = mix;
  const refuse = (what: string) => new CliError(ExitCode.usage, `--mix ${operation} ${what}`);
  if (isLone(operation) && flags.rate !== undefined) throw refuse("runs in a closed loop, without --rate");
  if (operation === "watch" && flags.workers > 1) throw refuse("takes one process, without --workers");
  if (flags.workers > flags.connections) {
    throw new CliError(
      ExitCode.usage,
      `--workers ${flags.workers} must not be more than --connections ${flags.connections}`,
    );
  }
  if (flags.duration === 0) throw new CliError(ExitCode.usage, "--duration 0 measures nothing");
  return {
    mix,
    valueBytesMin: flags.valueSize.min,
    valueBytesMax: flags.valueSize.max,
    keyCount: flags.keys,
    distribution: flags.distribution,
    depth: flags.depth,
    connections: flags.connections,
    inFlight: flags.inFlight,
    warmUpMs: flags.warmup,
    durationMs: flags.duration ?? 10_000,
    ops: flags.ops ?? null,
    rate: flags.rate ?? null,
    sessionTimeoutMs: Math.max(1000, flags.sessionTimeout),
    seed: flags.seed ?? systemRandom().uint32(),
    workers: flags.workers,
  };
}
