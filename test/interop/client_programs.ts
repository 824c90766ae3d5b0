/**
 * The foreign clients of the interop suite: where they come from, and how a program of ours that uses one
 * reports its checks as tests.
 */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { spawnSync } from "node:child_process";
import { type ApacheVersion, aptInstall, ensureApache, succeeds } from "./apache_install.ts";
import { startTarget } from "./target.ts";

/** A program to run: its words, the address of the server comes after them. */
export interface Program {
  command: string;
  args: string[];
  cwd?: string;
}

const javaSources = join(import.meta.dir, "java");
const debianJars = "/usr/share/java";
const debianPython = "/usr/bin/python3";
const debianCShell = "/usr/lib/zookeeper/bin/cli_mt";

/** Installs a Debian package unless `present` already holds; throws with what to do when it cannot. */
function needDebian(what: string, packages: string[], present: () => boolean): void {
  if (present()) return;
  if (aptInstall(packages) && present()) return;
  throw new Error(
    `${what} is not here; install the Debian packages ${packages.join(" ")}, ` +
      "or run this as root where apt-get reaches its archive",
  );
}

/** Apache's C client, as the shell that comes with it. */
export function ensureCShell(): string {
  needDebian("ZooKeeper's C client", ["zookeeper-bin"], () => existsSync(debianCShell));
  return debianCShell;
}

/** Debian's Python, which finds Debian's kazoo. */
export function ensureKazoo(): string {
  needDebian("kazoo", ["python3-kazoo"], () => succeeds(debianPython, ["-c", "import kazoo"]));
  return debianPython;
}

/** Class path of Curator's recipes with the Java client they were built for. */
export function ensureCurator(): string {
  const jars = ["curator-client", "curator-framework", "curator-recipes", "guava"].map((name) =>
    join(debianJars, `${name}.jar`)
  );
  needDebian("Curator", ["libcurator-recipes-java"], () => jars.every((jar) => existsSync(jar)));
  return [...jars, ensureApache("3.8").classpath].join(delimiter);
}

/** A Java compiler on the path. */
export function ensureJavac(): void {
  needDebian("A Java compiler", ["default-jdk-headless"], () => succeeds("javac", ["-version"]));
}

/** Whatever the locale says. */
const utf8 = "-Dfile.encoding=UTF-8";

/** Compiles some of test/interop/java into a temporary directory and returns how to run its main class. */
export function javaProgram(mainClass: string, classpath: string): Program {
  ensureJavac();
  const classes = mkdtempSync(join(tmpdir(), "zoon-java-"));
  process.once("exit", () => rmSync(classes, { recursive: true, force: true }));
  const sources = readdirSync(javaSources).filter((name) =>
    [`${mainClass}.java`, "Checks.java", "Proxy.java"].includes(name)
  ).map((name) => join(javaSources, name));
  const run = spawnSync("javac", ["-encoding", "UTF-8", "-d", classes, "-cp", classpath, ...sources], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(`javac failed for ${mainClass}:\n${run.stdout}${run.stderr}`);
  return { command: "java", args: [utf8, "-cp", [classes, classpath].join(delimiter), mainClass] };
}

/** A main class of Apache's own, without its log. */
export function apacheProgram(version: ApacheVersion, mainClass: string, ...args: string[]): Program {
  const silence = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off";
  return {
    command: "java",
    args: [silence, utf8, "-cp", ensureApache(version).classpath, mainClass, ...args],
  };
}

/** What a process printed, and how it ended. */
export interface Output {
  stdout: string;
  stderr: string;
  code: number | null;
}

/**
 * Runs a program to its end.
 *
 * `input` is what it reads; `then` is given to it afterwards, once what it printed is enough. After `limitMs` it is
 * killed, and the output holds what came so far.
 */
export function runProgram(
  program: Program,
  args: string[] = [],
  options: {
    input?: string;
    then?: { input: string; when: (stdout: string) => boolean };
    env?: Record<string, string>;
    limitMs?: number;
  } = {},
): Promise<Output> {
  const { promise, resolve } = Promise.withResolvers<Output>();
  const child = spawn(program.command, [...program.args, ...args], {
    cwd: program.cwd,
    env: { ...process.env, TZ: "UTC", LC_ALL: "C.UTF-8", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output: Output = { stdout: "", stderr: "", code: null };
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => output.stderr += text);
  const timer = setTimeout(() => child.kill("SIGKILL"), options.limitMs ?? 180_000);
  child.once("error", (error) => {
    clearTimeout(timer);
    resolve({ ...output, stderr: error.message, code: 127 });
  });
  child.once("close", (code) => {
    clearTimeout(timer);
    resolve({ ...output, code });
  });
  child.stdin.on("error", () => {/* It ended without reading all. */});
  const { then } = options;
  if (then === undefined) child.stdin.end(options.input ?? "");
  else {
    child.stdin.write(options.input ?? "");
    child.stdout.on("data", () => {
      if (child.stdin.writable && then.when(output.stdout)) child.stdin.end(then.input);
    });
  }
  return promise;
}

/**
 * Starts the server under test, runs a program against it and makes each line "ok NAME" or "FAIL NAME: why"
 * a test of its own. Call it from a test file's body, with await.
 */
export async function testsOfProgram(program: Program): Promise<void> {
  const server = await startTarget();
  const output = await runProgram(program, [server.address]);
  const log = server.log();
  await server.stop();
  const lines = output.stdout.split("\n").filter((line) => line.length > 0);
  for (const line of lines) {
    const [, verdict, name, why] = /^(ok|FAIL) (.*?)(?:: (.*))?$/.exec(line) ?? [];
    if (verdict !== undefined) test(name, () => expect(why ?? verdict).toBe("ok"));
  }
  test("the program runs to its end", () => {
    if (lines.at(-1) !== "done") {
      console.error(`${output.stdout}\n${output.stderr.slice(-4000)}\n${log.slice(-4000)}`);
    }
    expect(lines.at(-1)).toBe("done");
    expect(lines.length).toBeGreaterThan(2);
  });
}
