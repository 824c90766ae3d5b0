#!/usr/bin/env bun
/**
 * `npm run sim`: whole ensembles in one process, by seed. Ends with `N passed, N failed` and one line of totals.
 */
import { execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { ParameterChanges } from "../test/simulation/parameters.ts";
import { scenarios } from "../test/simulation/scenarios/all_scenarios.ts";
import { runScenario, runSeed, type SeedReport } from "../test/simulation/seed_run.ts";
import { root } from "./suites.ts";

const help = `Usage: npm run sim -- [OPTIONS]

Runs ensembles of Zoon's own servers in virtual time, breaks them as each seed says, and checks that nothing acknowledged is lost, no order is broken, and all goes on once it is healed.

  --seed N         first seed, or "commit": one that the commit decides (default: drawn, and printed)
  --seeds K        how many seeds, one after another (default 100)
  --seconds S      instead of a number: for so long
  --trace FILE     write down one seed, or one scenario, as NDJSON: tick, server, role, epoch, zxid, message
  --scenario NAME  a history by name instead of seeds; "all" for all of them, "list" to see the names
  --servers N      this many servers (default: 3 to 7, as the seed says)
  --jobs J         processes at once (default: one for each core)

Example: npm run sim -- --seed 8841207 --trace out.ndjson`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    seconds: { type: "string" },
    trace: { type: "string" },
    scenario: { type: "string" },
    servers: { type: "string" },
    jobs: { type: "string" },
    worker: { type: "string" },
    "always-fail": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** Seeds that one process is to run: `first`, `first + step` … */
interface Share {
  readonly first: number;
  readonly step: number;
  readonly count: number;
  /** Unix ms after which no seed is begun. */
  readonly untilMs: number;
  readonly changes: ParameterChanges;
  /** Every seed fails, to see that failures are told. */
  readonly alwaysFail: boolean;
}

const commit = gitCommit();

if (values.help) {
  console.log(help);
  process.exit(0);
}
if (values.worker !== undefined) await work(JSON.parse(values.worker) as Share);
else process.exit(await main());

async function main(): Promise<number> {
  const numbers = [values.seeds, values.seconds, values.servers, values.jobs].filter((text) =>
    text !== undefined
  );
  const seed = values.seed === undefined
    ? Math.floor(Math.random() * 2 ** 31)
    : values.seed === "commit"
    ? parseInt(commit.slice(0, 7), 16)
    : Number(values.seed);
  if (!Number.isSafeInteger(seed) || numbers.some((text) => !(Number(text) > 0))) {
    console.error(help);
    return 2;
  }
  if (values.scenario !== undefined) return await runScenarios(values.scenario);
  const servers = values.servers === undefined ? undefined : Number(values.servers);
  const changes: ParameterChanges = servers === undefined
    ? {}
    : { voters: servers, observers: 0, hierarchical: false };
  const count = values.trace !== undefined
    ? 1
    : values.seeds !== undefined
    ? Number(values.seeds)
    : values.seconds !== undefined
    ? Infinity
    : 100;
  const alwaysFail = values["always-fail"];
  const jobs = Math.min(Number(values.jobs ?? availableParallelism()), count);
  console.log(`seeds from ${seed}, commit ${commit.slice(0, 7)}`);

  const totals = new Totals();
  if (values.trace !== undefined) {
    const file = openSync(values.trace, "w");
    totals.add(await runSeed(seed, { changes, alwaysFail, trace: (line) => writeSync(file, `${line}\n`) }));
    closeSync(file);
  } else {
    const untilMs = values.seconds === undefined ? Infinity : Date.now() + Number(values.seconds) * 1000;
    await Promise.all(Array.from({ length: jobs }, (_, index) => {
      const share = count === Infinity ? 1e9 : Math.ceil((count - index) / jobs);
      return hire({ first: seed + index, step: jobs, count: share, untilMs, changes, alwaysFail }, totals);
    }));
  }
  return totals.close();
}

/** Runs a share of the seeds in a process of its own. */
function hire(share: Share, totals: Totals): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const worker = JSON.stringify({ ...share, untilMs: Math.min(share.untilMs, Number.MAX_SAFE_INTEGER) });
  const child = spawn(process.execPath, [join(root, "scripts/sim.ts"), "--worker", worker], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let seeds = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    seeds++;
    totals.add(JSON.parse(line) as SeedReport);
  });
  child.once("close", (code) => {
    if (code !== 0) {
      totals.crash(
        `a process of seeds ${share.first}, ${share.first + share.step} … ended with ` +
          `code ${code} after ${seeds} of them`,
      );
    }
    resolve();
  });
  return promise;
}

async function work({ first, step, count, untilMs, changes, alwaysFail }: Share): Promise<void> {
  for (let index = 0; index < count && Date.now() < untilMs; index++) {
    console.log(JSON.stringify(await runSeed(first + index * step, { changes, alwaysFail })));
  }
}

async function runScenarios(name: string): Promise<number> {
  if (name === "list") {
    for (const { name, summary } of scenarios) console.log(`${name.padEnd(32)} ${summary}`);
    return 0;
  }
  const chosen = scenarios.filter((scenario) => name === "all" || scenario.name === name);
  if (chosen.length === 0) {
    console.error(`There is no scenario "${name}". "--scenario list" shows the names.`);
    return 2;
  }
  let failed = 0;
  const file = values.trace === undefined ? null : openSync(values.trace, "w");
  for (const scenario of chosen) {
    const problem = await runScenario(
      scenario,
      file === null ? undefined : (line) => writeSync(file, `${line}\n`),
    );
    if (problem !== null) failed++;
    console.log(
      `${problem === null ? "ok  " : "FAIL"} ${scenario.name}${problem === null ? "" : `: ${problem}`}`,
    );
  }
  if (file !== null) closeSync(file);
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Adds up what the seeds came to, and tells of failures as they come. */
class Totals {
  #passed = 0;
  #failed = 0;
  #simulatedMs = 0;
  #txns = 0;
  #epochs = 0;
  #hopeless = 0;
  readonly #faults = new Map<string, number>();

  add(report: SeedReport): void {
    this.#simulatedMs += report.simulatedMs;
    this.#txns += report.txns;
    this.#epochs += report.epochs;
    if (report.isHopeless) this.#hopeless++;
    for (const [kind, count] of report.faults) this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count);
    if (report.violation === null) {
      this.#passed++;
      return;
    }
    this.#failed++;
    const { property, message, atMs } = report.violation;
    const servers = values.servers === undefined ? "" : ` --servers ${values.servers}`;
    console.log(`FAIL ${property}: ${message}
  seed ${report.seed}   commit ${commit.slice(0, 7)}   tick ${Math.round(atMs)}
  replay: npm run sim -- --seed ${report.seed}${servers} --trace out.ndjson
${report.parameters}`);
  }

  crash(message: string): void {
    this.#failed++;
    console.log(`FAIL ${message}`);
  }

  /** @returns The exit code. */
  close(): number {
    const faults = [...this.#faults].sort(([, one], [, other]) => other - one);
    const count = faults.reduce((sum, [, times]) => sum + times, 0);
    const seeds = this.#passed + this.#failed;
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    console.log(
      `${seeds} seeds, ${(this.#simulatedMs / 3_600_000).toFixed(2)} simulated hours, ${this.#txns} txns, ` +
        `${this.#epochs} leaders, ${this.#hopeless} without hope, ${count} faults: ` +
        (faults.map(([kind, times]) => `${kind} ${times}`).join(", ") || "none"),
    );
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }
}

function gitCommit(): string {
  try {
    return execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
  } catch {
    return "0000000";
  }
}
