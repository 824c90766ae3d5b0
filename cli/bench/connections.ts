import { processStatus } from "../../src/io/process_info.ts";
import { BenchConnection, type ConnectionHost, type ConnectionOptions } from "./bench_connection.ts";
import { within } from "./within.ts";

/** How often connections look at the time. */
const sweepMs = 100;
/** All connections have to be open within this long. */
export const connectTimeoutMs = 15_000;
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
  #open = 0;
  #opened = Promise.withResolvers<void>();
  #stopped = false;

  constructor(numbers: readonly number[], options: ConnectionOptions, host: ConnectionHost) {
    this.all = numbers.map((number) => new BenchConnection(number, options, host));
  }

  /**
   * Dials. Resolves once each of them was reported by {@link onReady}.
   *
   * @throws {Error} If they do not all have a session in time, or are more than this process may open.
   */
  async connect(): Promise<void> {
    const problem = openFilesProblem(this.all.length, processStatus.openFilesMax());
    if (problem !== null) throw new Error(problem);
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (const connection of this.all) connection.onTime(nowMs);
    }, sweepMs);
    for (const connection of this.all) connection.open();
    const timeout = setTimeout(
      () =>
        this.#opened.reject(
          new Error(
            `${this.all.length - this.#open} of ${this.all.length} connections have no session after ` +
              `${connectTimeoutMs / 1000} s (servers may limit those from one address: maxClientCnxns)`,
          ),
        ),
      connectTimeoutMs,
    );
    try {
      await this.#opened.promise;
    } finally {
      clearTimeout(timeout);
    }
  }

  /** One more of them is ready to be used. */
  onReady(): void {
    if (++this.#open === this.all.length) this.#opened.resolve();
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
