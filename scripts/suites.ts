/**
 * Runs suites one after another, each in processes of its own, and adds up what passed.
 *
 * A suite that crashes, hangs or reports nothing counts as one failed test: silence is never success.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";

/** Repository root. */
export const root: string = resolve(import.meta.dir, "..");

/** What came of a suite, in tests. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** One line of the final table. */
export interface SuiteResult extends Tally {
  name: string;
  seconds: number;
}

/** Something to run: a name for the table, and how to get a tally. */
export interface Suite {
  name: string;
  run(): Promise<Tally>;
}

/** How {@linkcode runCommand} ended. */
export interface CommandEnd {
  /** Null when a signal or the time limit ended it. */
  code: number | null;
  timedOut: boolean;
}

/** Options of {@linkcode runCommand}. */
export interface CommandOptions {
  env?: Record<string, string>;
  /** Whole process group is killed after this many ms. */
  timeoutMs?: number;
  /** Called with each piece of output besides its being printed. */
  onOutput?: (text: string) => void;
}

/** Runs a program in the repository root, its output passed on as it comes. */
export function runCommand(
  command: string,
  args: string[],
  options: CommandOptions = {},
): Promise<CommandEnd> {
  const { promise, resolve: done } = Promise.withResolvers<CommandEnd>();
  const child = spawn(command, args, {
    cwd: root,
    // What goes through a pipe has no colours, whatever the terminal at its end.
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that a hanging suite takes the servers it started with it.
    detached: process.platform !== "win32",
  });
  const kill = () => {
    try {
      if (child.pid !== undefined) {
        process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
      }
    } catch { /* Already gone. */ }
  };
  const interrupted = () => {
    kill();
    process.exit(130);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  let timedOut = false;
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => {
    timedOut = true;
    kill();
  }, options.timeoutMs);
  for (const [stream, sink] of [[child.stdout, process.stdout], [child.stderr, process.stderr]] as const) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      sink.write(text);
      options.onOutput?.(text);
    });
  }
  const end = (code: number | null) => {
    clearTimeout(timer);
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    done({ code, timedOut });
  };
  child.once("error", (error) => {
    console.error(`${command}: ${error.message}`);
    end(127);
  });
  // "exit" and not "close": a server left behind would hold the pipes open for ever.
  child.once("exit", (code) => {
    kill();
    setTimeout(() => end(code), 50);
  });
  return promise;
}

/** A suite of one: the program's exit code decides. */
export function commandSuite(name: string, command: string, args: string[], timeoutMs = 300_000): Suite {
  return {
    name,
    async run() {
      const { code, timedOut } = await runCommand(command, args, { timeoutMs });
      if (timedOut) console.error(`${name} did not end within ${timeoutMs / 1000} s`);
      return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
    },
  };
}

/** Options of {@linkcode bunTestSuite}. */
export interface BunTestOptions {
  /** A process for each file, so that one crash costs one file. */
  processPerFile?: boolean;
  /** Limit for each process, in ms; 10 minutes by default. */
  timeoutMs?: number;
  /** Limit bun sets for each test, in ms. */
  testTimeoutMs?: number;
  env?: Record<string, string>;
  /** Only files whose path holds one of these words. */
  only?: string[];
}

/** The `*_test.ts` files below a directory of the repository, sorted; paths from the root. */
export function testFiles(directory: string): string[] {
  const full = join(root, directory);
  if (!existsSync(full)) return [];
  return readdirSync(full, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith("_test.ts"))
    .map((name) => relative(root, join(full, name)))
    .sort();
}

/** Runs `bun test` over the test files below a directory and reads its JUnit report. */
export function bunTestSuite(name: string, directory: string, options: BunTestOptions = {}): Suite {
  return {
    name,
    async run() {
      const only = options.only ?? [];
      const files = testFiles(directory)
        .filter((file) => only.length === 0 || only.some((word) => file.includes(word)));
      if (files.length === 0) {
        console.error(`There are no tests below ${directory}${only.length > 0 ? ` named ${only}` : ""}`);
        return { passed: 0, failed: 1, skipped: 0 };
      }
      const batches = options.processPerFile === true ? files.map((file) => [file]) : [files];
      const total = { passed: 0, failed: 0, skipped: 0 };
      for (const batch of batches) add(total, await runBunTest(batch, options));
      return total;
    },
  };
}

async function runBunTest(files: string[], options: BunTestOptions): Promise<Tally> {
  const scratch = mkdtempSync(join(tmpdir(), "zoon-report-"));
  const report = join(scratch, "junit.xml");
  const timeoutMs = options.timeoutMs ?? 600_000;
  try {
    const flags = ["test", "--reporter=junit", `--reporter-outfile=${report}`];
    if (options.testTimeoutMs !== undefined) flags.push(`--timeout=${options.testTimeoutMs}`);
    const { code, timedOut } = await runCommand(process.execPath, [...flags, ...files.map((f) => `./${f}`)], {
      timeoutMs,
      env: options.env,
    });
    const tally = existsSync(report) ? tallyOfJunit(readFileSync(report, "utf8")) : undefined;
    const where = files.length === 1 ? files[0] : `${files.length} files`;
    if (timedOut) console.error(`${where}: did not end within ${timeoutMs / 1000} s`);
    else if (tally === undefined) console.error(`${where}: ended with code ${code} and left no report`);
    if (tally === undefined) return { passed: 0, failed: 1, skipped: 0 };
    // An error outside of any test (in a file's body, say) fails the run without failing a test.
    if (code !== 0 && tally.failed === 0) tally.failed = 1;
    return tally;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Adds up a JUnit report as Bun writes it; undefined when it is not one.
 *
 * The root element carries the sums: `<testsuites name="bun test" tests="3" failures="1" skipped="1" …>`.
 */
export function tallyOfJunit(xml: string): Tally | undefined {
  const head = /<testsuites\b[^>]*>/.exec(xml)?.[0];
  const number = (name: string) => {
    const found = head === undefined ? null : new RegExp(`\\b${name}="(\\d+)"`).exec(head);
    return found === null ? undefined : Number(found[1]);
  };
  const tests = number("tests"), failed = number("failures"), skipped = number("skipped") ?? 0;
  if (tests === undefined || failed === undefined || !xml.includes("</testsuites>")) return undefined;
  return { passed: tests - failed - skipped, failed, skipped };
}

/** The sum at the end of a program's output: `N passed, N failed`, or what `bun test` prints; else undefined. */
export function tallyOfText(output: string): Tally | undefined {
  const found = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].at(-1);
  if (found !== undefined) {
    return { passed: Number(found[1]), failed: Number(found[2]), skipped: Number(found[3] ?? 0) };
  }
  const count = (word: string) => [...output.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))].at(-1)?.[1];
  const passed = count("pass"), failed = count("fail");
  if (passed === undefined || failed === undefined) return undefined;
  return {
    passed: Number(passed),
    failed: Number(failed),
    skipped: Number(count("skip") ?? 0) + Number(count("todo") ?? 0),
  };
}

/** A script of ours that tells its sum at the end. */
export function scriptSuite(name: string, file: string, args: string[], timeoutMs = 600_000): Suite {
  return {
    name,
    async run() {
      let output = "";
      const { code, timedOut } = await runCommand(process.execPath, [join(root, file), ...args], {
        timeoutMs,
        onOutput: (text) => {
          output += text;
        },
      });
      if (timedOut) console.error(`${name} did not end within ${timeoutMs / 1000} s`);
      const tally = tallyOfText(output) ?? { passed: 0, failed: 1, skipped: 0 };
      if (code !== 0 && tally.failed === 0) tally.failed = 1;
      return tally;
    },
  };
}

/**
 * Runs suites in order, prints the table and the sum, and returns the exit code.
 *
 * @param suites Each runs whatever became of those before it, but for the ones in `needs`.
 */
export async function runSuites(suites: Suite[]): Promise<number> {
  const results: SuiteResult[] = [];
  for (const suite of suites) {
    console.log(`\n── ${suite.name}`);
    const start = performance.now();
    let tally: Tally;
    try {
      tally = await suite.run();
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      tally = { passed: 0, failed: 1, skipped: 0 };
    }
    results.push({ name: suite.name, seconds: (performance.now() - start) / 1000, ...tally });
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const result of results) add(total, result);
  console.log(`\n${tableOf(results)}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

function tableOf(results: SuiteResult[]): string {
  const rows = [
    ["suite", "passed", "failed", "skipped", "seconds"],
    ...results.map((one) => [
      one.name,
      String(one.passed),
      String(one.failed),
      String(one.skipped),
      one.seconds.toFixed(1),
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))
      .join("  ")
  ).map((line) => `${line}\n`).join("");
}

function add(total: Tally, one: Tally): void {
  total.passed += one.passed;
  total.failed += one.failed;
  total.skipped += one.skipped;
}
