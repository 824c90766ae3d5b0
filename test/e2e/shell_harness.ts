/**
 * Runs `zoon shell` as a process: the compiled binary where there is one, else from source. The server is the one
 * named by `ZOON_TEST_SERVER=host:port`, else Zoon's own binary, else an installed Apache 3.8.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type RunningServer, startApache, startZoon, zoonBinary } from "../interop/apache_server.ts";

const root = resolve(import.meta.dir, "../..");

/** The words that start the shell. */
export const shellCommand: readonly string[] = existsSync(zoonBinary)
  ? [zoonBinary, "shell"]
  : [process.execPath, join(root, "cli", "main.ts"), "shell"];

const debianJar = "/usr/share/java/zookeeper.jar";

/** Whether Apache's own shell is installed; it is never installed for these tests. */
export const haveApache: boolean = existsSync(debianJar) && Bun.which("java") !== null;

/** A server for a test file. */
export interface TestServer {
  readonly address: string;
  /** Null when the server is not ours to stop. */
  readonly own: RunningServer | null;
  stop(): Promise<void>;
}

const cfg = { extendedTypesEnabled: "true", enforceQuota: "true" };

/** The server named by the environment, or one of our own. */
export async function testServer(): Promise<TestServer> {
  const named = process.env.ZOON_TEST_SERVER;
  if (named !== undefined && named !== "") {
    return { address: named, own: null, stop: () => Promise.resolve() };
  }
  const own = await startOwnServer();
  return { address: own.address, own, stop: () => own.stop().then(() => {}) };
}

/** A server that the test may stop and start: Zoon, or Apache while there is no binary. */
export function startOwnServer(
  options: { dataDir?: string; clientPort?: number } = {},
): Promise<RunningServer> {
  if (existsSync(zoonBinary)) return startZoon({ cfg, ...options });
  if (haveApache) return startApache({ version: "3.8", cfg, ...options });
  return Promise.reject(new Error(`There is no executable at ${zoonBinary}; run "npm run build" first`));
}

/** What a process left behind. */
export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** How a process is run. */
export interface RunOptions {
  /** All of its standard input; by default nothing. */
  readonly input?: string;
  /** How long to wait between two reads of its output, in ms: a slow reader. */
  readonly readDelayMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `zoon shell` to its end. */
export function runShell(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return runProcess([...shellCommand, ...args], options);
}

/** Runs any process to its end. */
export async function runProcess(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawn(words[0], words.slice(1), {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ZOON_HISTORY: "", ...options.env },
  });
  const ended = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const [out, err] = await Promise.all([
    readAll(child, "stdout", options.readDelayMs ?? 0),
    readAll(child, "stderr", 0),
  ]);
  return { code: await ended, out, err };
}

async function readAll(child: ChildProcess, name: "stdout" | "stderr", delayMs: number): Promise<string> {
  const stream = child[name];
  if (stream === null) return "";
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
    if (delayMs > 0) await Bun.sleep(delayMs);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
