import { isatty } from "node:tty";
import { systemRandom } from "../../src/io/system_random.ts";
import { CliError, ExitCode } from "../_errors.ts";
import { hostsOfEnsemble } from "../_local_ensemble.ts";
import { writeAll, writeErr, writeOut } from "../_output.ts";
import { isScreen, paintOf } from "../_style.ts";
import type { BenchFlags } from "../bench.ts";
import { defaultDataDir } from "../ensemble.ts";
import { BenchTree } from "./bench_tree.ts";
import { interruptedExit, Interruption } from "./interruption.ts";
import { compare, comparisonLines } from "./comparison.ts";
import { type Failover, failoverLines, LeaderKill } from "./kill_leader.ts";
import { LiveLine } from "./live_line.ts";
import { thisMachine } from "./machine.ts";
import { defaultMix, isLone, mixOfReadRatio } from "./operations.ts";
import { type Outcome, Seconds } from "./outcome.ts";
import type { BenchPlan } from "./plan.ts";
import { csvText, outcomeJson, planJson, planText, secondJson } from "./report_json.ts";
import { outcomeLines, remarks } from "./report_text.ts";
import { runRound } from "./round.ts";
import { factsOf } from "./server_facts.ts";
import { sizeMax } from "./values.ts";
import { parseTarget, type Target } from "./target.ts";

/** The load of a plan, without where it goes. */
export type LoadPlan = Omit<BenchPlan, "servers" | "root">;

/**
 * Loads servers as told and prints what came of it.
 *
 * @throws {CliError} When flags contradict each other, the servers cannot be reached, or something is left there.
 */
export async function runBench(flags: BenchFlags): Promise<number> {
  const load = loadOfFlags(flags);
  const dataDir = flags.dataDir ?? defaultDataDir;
  const targets = [flags.server ?? await hostsOfEnsemble(dataDir) ?? "127.0.0.1:2181", flags.against ?? []]
    .flat().map(parseTarget);
  const kill = flags.killLeader === true ? await LeaderKill.plan(dataDir) : undefined;
  using interruption = new Interruption();
  const bench = new Bench(load, targets, interruption, flags.ticks === true);
  let failover: Failover | undefined;
  await bench.run(async () => {
    if (kill === undefined) return await runRounds(bench, flags.rounds ?? (targets.length === 1 ? 1 : 3));
    try {
      await bench.round(
        0,
        1,
        () => kill.schedule({ warmUpMs: load.warmUpMs, killAtMs: load.durationMs / 2 }),
      );
    } finally {
      failover = await kill.end(bench.rounds[0]?.outcome);
    }
  });
  await report(bench, flags, failover);
  bench.throwLeftover();
  if (interruption.signal.aborted) return interruptedExit;
  return bench.worked ? ExitCode.done : ExitCode.failed;
}

/** Clusters take turns, and turns in who is first. */
async function runRounds(bench: Bench, rounds: number): Promise<void> {
  const clusters = bench.targets.map((_, cluster) => cluster);
  for (let round = 1; round <= rounds; round++) {
    for (const cluster of round % 2 === 1 ? clusters : clusters.toReversed()) {
      if (bench.stopped) return;
      await bench.round(cluster, round);
    }
  }
}

/** What became of one run against one cluster. */
export interface Round {
  /** Its place among the targets. */
  readonly target: number;
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
      screen ? writeLive : null,
      () => performance.now(),
      () => process.stderr.columns || 80,
    );
    interruption.leftover(() =>
      this.#trees.map(({ path, hosts }) => `${path} is left on ${hosts}`).join("; ")
    );
  }

  /**
   * Makes on every cluster what the load needs, does some work, and removes all of it again. When its user asked it
   * to stop meanwhile that is no failure.
   *
   * @throws {CliError} What went wrong; {@link throwLeftover} tells of what could not be removed.
   */
  async run(work: () => Promise<void>): Promise<void> {
    try {
      await this.#prepare();
      if (!this.stopped) await work();
    } catch (error) {
      await this.#cleanUp();
      if (!(error instanceof CliError)) throw error;
      if (!this.stopped) throw joined([error, ...this.#leftovers]);
    }
    await this.#cleanUp();
  }

  /** What was made is removed also when nobody reads any more, so this must not end the process. */
  #tellSecond(line: string): void {
    if (!this.stopped && !writeAll(1, line)) this.#interruption.stop();
  }

  async #prepare(): Promise<void> {
    try {
      for (const { hosts } of this.targets) {
        const tree = await BenchTree.create(hosts, systemRandom(), this.load.sessionTimeoutMs);
        this.#trees.push(tree);
        await tree.fill(
          this.load,
          this.#interruption.signal,
          (made, all) => this.#live.show("preparing", made / all),
        );
      }
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
    const seconds = this.#ticks ? new Seconds((second) => this.#tellSecond(secondJson(second, hosts))) : null;
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
      this.rounds.push({ target: cluster, cluster: hosts, round, outcome });
    } catch (error) {
      throw new CliError(ExitCode.failed, `cannot load ${hosts}: ${(error as Error).message}`);
    } finally {
      this.#live.end();
    }
  }

  async #cleanUp(): Promise<void> {
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
    throw joined(this.#leftovers);
  }

  /** Whether its user asked it to stop. */
  get stopped(): boolean {
    return this.#interruption.signal.aborted;
  }

  /** Outcomes of one target, in the order of the rounds. */
  outcomesOf(target: number): readonly Outcome[] {
    return this.rounds.filter((each) => each.target === target).toSorted((a, b) => a.round - b.round)
      .map(({ outcome }) => outcome);
  }

  /** Whether every round measured something and none ended before its time. */
  get worked(): boolean {
    return this.rounds.length > 0 &&
      this.rounds.every(({ outcome }) => outcome.problem === null && outcome.latencies().total > 0);
  }
}

function writeLive(text: string): void {
  try {
    writeErr(text);
  } catch {
    // The terminal is gone; a signal tells so too, and then what was made is removed.
  }
}

function joined(errors: readonly CliError[]): CliError {
  return new CliError(errors[0].exitCode, errors.map(({ message }) => message).join("\n"));
}

async function report(bench: Bench, flags: BenchFlags, failover: Failover | undefined): Promise<void> {
  const comparison = bench.targets.length > 1 ? compare(bench.outcomesOf(0), bench.outcomesOf(1)) : null;
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
      ...(comparison === null ? {} : { comparison }),
      ...(failover === undefined ? {} : { failover }),
    };
    return writeOut(`${JSON.stringify(document)}\n`);
  }
  const write = flags.ticks === true ? writeErr : writeOut;
  if (flags.csv === true) {
    for (const { cluster, outcome } of bench.rounds) {
      for (const remark of remarks(outcome)) writeErr(`zoon: ${cluster}: ${remark}\n`);
    }
    return write(csvText(bench.rounds));
  }
  const screen = isScreen();
  const look = { paint: paintOf(screen), width: screen ? process.stdout.columns || Infinity : Infinity };
  const lines: string[] = [];
  if (bench.targets.length === 1) {
    for (const { cluster, outcome } of bench.rounds) {
      lines.push(`${cluster}: ${planText(plan)}`, "", ...outcomeLines(outcome, look));
    }
  } else {
    lines.push(`A ${bench.targets[0].hosts}`, `B ${bench.targets[1].hosts}`, planText(plan), "");
    lines.push(...(comparison === null ? ["Nothing to compare."] : comparisonLines(comparison, look)));
    for (const [name, target] of [["A", 0], ["B", 1]] as const) {
      const outcomes = bench.outcomesOf(target);
      const errors = outcomes.reduce((sum, { failed }) => sum + failed, 0);
      if (errors > 0) lines.push(look.paint("red", `${name}: ${errors} requests failed.`));
      lines.push(
        ...new Set(outcomes.flatMap(remarks).map((text) => look.paint("yellow", `${name}: ${text}`))),
      );
    }
  }
  if (failover !== undefined) lines.push("", ...failoverLines(failover));
  write(lines.map((line) => `${line}\n`).join(""));
}

function loadOfFlags(flags: BenchFlags): LoadPlan {
  const mix = flags.mix ?? (flags.readRatio === undefined ? defaultMix : mixOfReadRatio(flags.readRatio));
  const [{ operation }] = mix;
  const refuse = (what: string) => new CliError(ExitCode.usage, `--mix ${operation} ${what}`);
  if (isLone(operation) && flags.rate !== undefined) throw refuse("runs in a closed loop, without --rate");
  if (mix.some((part) => part.operation === "multi") && 2 * flags.valueSize.max > sizeMax) {
    throw new CliError(
      ExitCode.usage,
      `--value-size: a multi has two values, ${sizeMax} bytes at most together`,
    );
  }
  if (flags.workers > flags.connections) {
    throw new CliError(
      ExitCode.usage,
      `--workers ${flags.workers} must not be more than --connections ${flags.connections}`,
    );
  }
  const conflict = (text: string) => new CliError(ExitCode.usage, text);
  if (flags.rounds !== undefined && flags.against === undefined) {
    throw conflict("--rounds is for two clusters: it needs --against");
  }
  if (flags.killLeader === true) {
    if (flags.against !== undefined) throw conflict("--kill-leader and --against cannot be had together");
    if (flags.ops !== undefined) throw conflict("--kill-leader needs a --duration, not --ops");
    if (isLone(operation)) throw refuse("cannot be had with --kill-leader");
  } else if (flags.dataDir !== undefined && flags.server !== undefined) {
    throw conflict("--data-dir is the ensemble's where no --server is given, or of --kill-leader");
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
