import { processStatus } from "../../src/io/process_info.ts";
import { BenchConnection, type ConnectionHost, type ConnectionOptions } from "./bench_connection.ts";
import { within } from "./within.ts";

/** How often connections look at the time. */
const sweepMs = 100;
/** It is given up when no further connection got its session for so long. */
export const connectTimeoutMs = 15_000;
/** Connections that are begun at once: what a server's queue does not hold is dropped, and dialled again much later. */
const dialsMax = 200;
/** How long servers are given to end sessions. */
const closeTimeoutMs = 3_000;

/** Files that a process has open beside its connections. */
const otherFilesMax = 50;

/** @returns Why one process cannot have so many connections, or null if it can. */
export function openFilesProblem(connections: number, openFilesMax: number): string | null {
  if (openFilesMax <= 0 || connections + otherFilesMax <= openFilesMax) return null;
  return `${connections} connections of one process are more than the ${openFilesMax} files it may open (ulimit -n)`;
}

/** Several connections that are opened, looked after and closed together. */
export class Connections {
  readonly all: readonly BenchConnection[];
  #timer: ReturnType<typeof setInterval> | null = null;
  /** How many were begun, how many of those are ready, and when one last became so. */
  #begun = 0;
  #ready = 0;
  #readyMs = 0;
  #opened = Promise.withResolvers<void>();
  #stopped = false;

  constructor(numbers: readonly number[], options: ConnectionOptions, host: ConnectionHost) {
    this.all = numbers.map((number) => new BenchConnection(number, options, host));
  }

  /**
   * Dials. Resolves once each of them was reported by {@link onReady}.
   *
   * @throws {Error} If they cannot all get a session, or are more than this process may open.
   */
  async connect(): Promise<void> {
    const problem = openFilesProblem(this.all.length, processStatus.openFilesMax());
    if (problem !== null) throw new Error(problem);
    this.#readyMs = performance.now();
    this.#timer = setInterval(() => this.#sweep(performance.now()), sweepMs);
    this.#begin();
    await this.#opened.promise;
  }

  /** One more of them is ready to be used. */
  onReady(): void {
    this.#readyMs = performance.now();
    if (++this.#ready === this.all.length) this.#opened.resolve();
    else this.#begin();
  }

  #begin(): void {
    while (this.#begun < this.all.length && this.#begun - this.#ready < dialsMax) {
      this.all[this.#begun++].open();
    }
  }

  #sweep(nowMs: number): void {
    for (let index = 0; index < this.#begun; index++) this.all[index].onTime(nowMs);
    if (this.#ready === this.all.length || nowMs - this.#readyMs < connectTimeoutMs) return;
    this.#opened.reject(
      new Error(
        `${
          this.all.length - this.#ready
        } of ${this.all.length} connections have no session, and none got one for ` +
          `${connectTimeoutMs / 1000} s (servers may limit those from one address: maxClientCnxns)`,
      ),
    );
  }

  /** Ends the wait of {@link connect}. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#opened.reject(new Error("stopped"));
    this.#opened.promise.catch(() => {});
  }

  /** Ends all sessions; those that no server ends in time are left to expire. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    const closed = Promise.all(this.all.map((connection) => connection.close()));
    await within(closed, closeTimeoutMs);
    for (const connection of this.all) connection.abandon();
  }
}
