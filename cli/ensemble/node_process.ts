import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, rmSync, writeFileSync } from "node:fs";
import type { NodePaths } from "./ensemble_directory.ts";
import { lastReason } from "./log_reason.ts";

/** What a node's process tells its owner. */
export interface NodeProcessEvents {
  /** It serves clients for the first time. */
  onReady(): void;
  /** It is gone; `reason` says why in a few words. */
  onEnd(reason: string): void;
}

/** The process of one node: started again and again, each time a new one. */
export class NodeProcess {
  readonly #paths: NodePaths;
  readonly #command: readonly string[];
  readonly #events: NodeProcessEvents;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #paused = false;
  /** Why the process will be gone, once we have asked it to go. */
  #asked: string | undefined;
  /** Lets a paused node go on when this process is gone. */
  #guard: ChildProcess | undefined;

  /** @param command The words that start this program. */
  constructor(paths: NodePaths, command: readonly string[], events: NodeProcessEvents) {
    this.#paths = paths;
    this.#command = command;
    this.#events = events;
  }

  /** Undefined while there is no process. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Resolves when the process is gone; at once when there is none. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Starts a process; there must be none. Its log goes on where the one before ended. */
  start(): void {
    const { config, home, log, pidFile } = this.#paths;
    const [executable, ...words] = this.#command;
    let logFile, logStart: number;
    try {
      logFile = openSync(log, "a");
      logStart = fstatSync(logFile).size;
    } catch (error) {
      this.#events.onEnd(`cannot start: ${(error as Error).message}`);
      return;
    }
    this.#paused = false;
    this.#asked = undefined;
    const child = spawn(executable, [...words, "server", config, "--exit-with-parent"], {
      cwd: home,
      stdio: ["ignore", "pipe", logFile],
      // Ctrl-C is for the launcher, which stops the nodes in their order.
      detached: true,
    });
    closeSync(logFile);
    this.#child = child;
    child.stdout?.once("data", () => this.#events.onReady());
    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#endGuard();
        this.#paused = false;
        rmSync(pidFile, { force: true });
        resolve();
        this.#events.onEnd(this.#asked ?? reason);
      };
      child.once("error", (error) => end(`cannot start: ${error.message}`));
      child.once("exit", (code, signal) => end(endReason(code, signal, lastReason(log, logStart))));
    });
    if (child.pid !== undefined) writeFileSync(pidFile, `${child.pid}\n`);
  }

  /** Asks it to stop, paused or not; see {@link ended}. */
  stop(): void {
    this.#asked ??= "stopped";
    this.#child?.kill("SIGTERM");
    if (this.#paused) this.resume();
  }

  /** Ends it without a chance to do anything. */
  kill(): void {
    this.#asked = "killed";
    this.#child?.kill("SIGKILL");
  }

  /** Stops it in its tracks. */
  pause(): void {
    const { pid } = this;
    if (pid === undefined) return;
    this.#child?.kill("SIGSTOP");
    this.#paused = true;
    // A stopped process cannot see that its parent is gone, even by SIGKILL: the end of this pipe wakes it.
    this.#guard = spawn("/bin/sh", ["-c", 'read -r _; kill -s CONT "$0"', String(pid)], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#guard.on("error", () => {});
  }

  /** Lets it go on. */
  resume(): void {
    this.#endGuard();
    this.#child?.kill("SIGCONT");
    this.#paused = false;
  }

  #endGuard(): void {
    this.#guard?.kill("SIGKILL");
    this.#guard = undefined;
  }
}

/** Why a process ended that nobody here asked to. */
function endReason(code: number | null, signal: string | null, logged: string | undefined): string {
  if (signal !== null) return `ended by ${signal}`;
  if (code === 0) return "stopped, but not by this launcher";
  return logged === undefined ? `ended with code ${code}` : `ended with code ${code}: ${logged}`;
}
