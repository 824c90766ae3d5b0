/**
 * Runs the compiled executable as a person would, and collects what it says.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "bun:test";
import { zoonBinary } from "../interop/apache_server.ts";

/** How a run ended. */
export interface End {
  code: number | null;
  signal: string | null;
}

/** A running executable. */
export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<End>;
  stdout(): string;
  stderr(): string;
  /** Resolves with the first line of stdout that matches; fails when the process ends without one. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<End>;
}

const scratch = mkdtempSync(join(tmpdir(), "zoon-e2e-"));
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

let directories = 0;
/** The path of a directory that does not exist yet and goes when the tests end. */
export function freshPath(): string {
  return join(scratch, String(++directories));
}

/** Starts `zoon` with some words. */
export function runZoon(args: string[], options: { cwd?: string; env?: Record<string, string> } = {}): Run {
  const child = spawn(zoonBinary, args, {
    cwd: options.cwd ?? scratch,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  const wake = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const look of wake) look();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  const ended = new Promise<End>((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => {
      running.delete(child);
      done({ code, signal });
    });
  });
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    line(pattern) {
      return new Promise((done, fail) => {
        const look = () => {
          for (const line of stdout.split("\n").slice(0, -1)) {
            const found = pattern.exec(line);
            if (found === null) continue;
            wake.delete(look);
            return done(found);
          }
        };
        wake.add(look);
        ended.then(({ code }) =>
          fail(new Error(`zoon ${args.join(" ")} ended with code ${code}:\n${stdout}${stderr}`))
        );
        look();
      });
    },
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

/** The line a server prints when it serves: `ready MODE HOST:PORT data DIR in N ms`. */
export const readyPattern = /^ready (\S+) (\S+):(\d+) data (.+) in (\d+) ms$/;

/** A server that is ready. */
export interface ReadyServer extends Run {
  host: string;
  port: number;
  /** From start to ready, as it told. */
  startMs: number;
}

/** Starts `zoon server` on a free port of 127.0.0.1 and waits for its ready line. */
export async function startServer(dataDir: string, flags: string[] = []): Promise<ReadyServer> {
  const run = runZoon(["server", "--client-port", "0", "--data-dir", dataDir, ...flags]);
  const [, , host, port, , startMs] = await run.line(readyPattern);
  return { ...run, host, port: Number(port), startMs: Number(startMs) };
}
