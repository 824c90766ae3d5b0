import { type ChildProcess, spawn } from "node:child_process";
import type { Logger } from "../base/log.ts";

/** What starts workers. */
export interface WorkerProcessesOptions {
  /** Processes beside the main one; they are numbered from 1 on. */
  readonly count: number;
  /** The words that start a worker; it reads its orders from its input, and goes when that ends. */
  readonly command: readonly string[];
  readonly logger: Logger;
  /** One line for the worker of that number. */
  ordersFor(index: number): string;
}

/** Waits before a worker that has ended is started again, ms: longer each time, until it has run for a while. */
const firstWaitMs = 100;
const longestWaitMs = 10_000;
const steadyMs = 10_000;
/** A worker that is told to end and does not is killed, ms. */
const endMs = 3000;

/** A worker's process, and how often it had to be started. */
interface Place {
  child: ChildProcess | undefined;
  startedMs: number;
  waitMs: number;
  timer: ReturnType<typeof setTimeout> | undefined;
  ended: Promise<void>;
}

/** The processes of a server beside the main one: started with it, again when they end, and never without it. */
export class WorkerProcesses {
  readonly #options: WorkerProcessesOptions;
  readonly #places: Place[] = [];
  #stopped = false;

  constructor(options: WorkerProcessesOptions) {
    this.#options = options;
  }

  /** Starts them all. */
  start(): void {
    for (let index = 1; index <= this.#options.count; index++) {
      this.#places[index] = {
        child: undefined,
        startedMs: 0,
        waitMs: firstWaitMs,
        timer: undefined,
        ended: Promise.resolve(),
      };
      this.#startOne(index);
    }
  }

  /** Ends one that does not answer; another is started in its place. */
  kill(index: number): void {
    this.#places[index]?.child?.kill("SIGKILL");
  }

  /** Has all of them end. Resolves when they are gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#places.map(async (place) => {
      clearTimeout(place.timer);
      place.child?.stdin?.end();
      const timer = setTimeout(() => place.child?.kill("SIGKILL"), endMs);
      await place.ended;
      clearTimeout(timer);
    }));
  }

  #startOne(index: number): void {
    const { command, logger, ordersFor } = this.#options;
    const place = this.#places[index];
    const [executable, ...words] = command;
    place.startedMs = performance.now();
    const child = place.child = spawn(executable, words, {
      stdio: ["pipe", "ignore", "inherit"],
      // It needs no directory, and must keep none in use when the main process is gone.
      cwd: "/",
      // Ctrl-C is for the main process, which ends the others.
      detached: true,
    });
    place.ended = new Promise((resolve) => {
      let over = false;
      const end = (reason: string) => {
        if (over) return;
        over = true;
        place.child = undefined;
        resolve();
        if (this.#stopped) return;
        if (performance.now() - place.startedMs >= steadyMs) place.waitMs = firstWaitMs;
        logger.error("A worker has ended; it is started again", {
          worker: index,
          reason,
          waitMs: place.waitMs,
        });
        place.timer = setTimeout(() => this.#startOne(index), place.waitMs);
        place.waitMs = Math.min(longestWaitMs, place.waitMs * 2);
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
    });
    // One that ends before it has read its orders says so by its end.
    child.stdin!.on("error", () => {});
    child.stdin!.write(ordersFor(index));
  }
}
