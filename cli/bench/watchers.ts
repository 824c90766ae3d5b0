import { ErrorCode, errorName } from "../../src/protocol/error_code.ts";
import type { BenchConnection, ConnectionHost } from "./bench_connection.ts";
import { Connections } from "./connections.ts";
import type { BenchPlan } from "./plan.ts";
import type { Requests } from "./requests.ts";

/** Told what becomes of {@link Watchers}. */
export interface WatchersHost {
  /** Each of them watches. */
  onWatching(): void;
  /** Each of them was told of a change, the last one now, of `performance.now()`. */
  onTold(nowMs: number): void;
  /** They rest until they are asked again. */
  onFailed(error: string): void;
}

/** Connections of one process that watch the same znode. */
export class Watchers implements ConnectionHost {
  readonly #requests: Requests;
  readonly #host: WatchersHost;
  readonly #connections: Connections;
  readonly #ready = new Set<BenchConnection>();
  /** Those that have yet to watch, or have yet to be told. */
  readonly #missing = new Set<BenchConnection>();
  #phase: "resting" | "asked" | "asking" | "watching" = "resting";
  #lost = 0;

  /** @param numbers Of the connections, among those of all workers. */
  constructor(plan: BenchPlan, numbers: readonly number[], requests: Requests, host: WatchersHost) {
    this.#requests = requests;
    this.#host = host;
    const { servers, sessionTimeoutMs } = plan;
    this.#connections = new Connections(numbers, { servers, sessionTimeoutMs, inFlightMax: 1 }, this);
  }

  /** Connections that broke. */
  get lost(): number {
    return this.#lost;
  }

  connect(): Promise<void> {
    return this.#connections.connect();
  }

  /** They are to watch, as soon as all connections stand and wait for nothing else. */
  watch(): void {
    this.#phase = "asked";
    this.look();
  }

  /** Whether they can begin what they were asked to; to be called a few times a second. */
  look(): void {
    const { all } = this.#connections;
    if (this.#phase !== "asked" || !all.every(({ isOpen, inFlight }) => isOpen && inFlight === 0)) return;
    this.#phase = "asking";
    this.#missAll();
    for (const watcher of all) {
      const at = watcher.reserve(this.#requests.frameBytesMax);
      watcher.commit(this.#requests.watch(watcher.out, at), 0, 0);
      watcher.flush();
    }
  }

  stop(): void {
    this.#phase = "resting";
    this.#connections.stop();
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  onOpen(connection: BenchConnection): void {
    if (this.#ready.has(connection)) return this.look();
    this.#ready.add(connection);
    this.#connections.onReady();
  }

  onReply(connection: BenchConnection, _tag: number, _sentMs: number, _nowMs: number, code: number): void {
    if (this.#phase !== "asking") return;
    if (code !== ErrorCode.ok) return this.#fail(errorName(code));
    if (!this.#missing.delete(connection) || this.#missing.size > 0) return;
    this.#phase = "watching";
    this.#missAll();
    this.#host.onWatching();
  }

  onReplies(): void {}

  onEvent(connection: BenchConnection, nowMs: number): void {
    if (this.#phase !== "watching" || !this.#missing.delete(connection) || this.#missing.size > 0) return;
    this.#phase = "resting";
    this.#host.onTold(nowMs);
  }

  onLost(): void {
    this.#lost++;
    if (this.#phase === "asking" || this.#phase === "watching") this.#fail("CONNECTIONLOSS");
  }

  onExpired(): void {}

  onRefused(): void {}

  #missAll(): void {
    for (const watcher of this.#connections.all) this.#missing.add(watcher);
  }

  #fail(error: string): void {
    this.#phase = "resting";
    this.#missing.clear();
    this.#host.onFailed(error);
  }
}
