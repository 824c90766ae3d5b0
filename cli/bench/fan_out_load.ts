/**
 * Watch fan-out: all connections watch one znode, one more connection changes it, and the latency is that from the
 * change's request until the last watcher is told. Then all of them watch it again.
 */
import { ErrorCode, errorName } from "../../src/protocol/error_code.ts";
import type { BenchConnection } from "./bench_connection.ts";
import { Connections } from "./connections.ts";
import type { Load } from "./load.ts";
import { silenceMaxMs, silenceProblem, tickMs } from "./mix_load.ts";
import { operationNames } from "./operations.ts";
import type { BenchPlan, Share } from "./plan.ts";
import type { Requests } from "./requests.ts";
import { Counters, type Tick, type WorkerEnd } from "./tick.ts";

const watchPlace = operationNames.indexOf("watch");
/** A round in which a watcher is not told for so long has failed. */
const roundMaxMs = 10_000;

const watching = 0;
const changing = 1;

/** See the head of this file. */
export class FanOutLoad implements Load {
  readonly #plan: BenchPlan;
  readonly #share: Share;
  readonly #requests: Requests;
  readonly #connections: Connections;
  readonly #watchers: readonly BenchConnection[];
  readonly #changer: BenchConnection;
  readonly #counters = new Counters();
  readonly #ready = new Set<BenchConnection>();
  /** Those that have yet to watch, or have yet to be told. */
  readonly #missing = new Set<BenchConnection>();
  #phase: "connecting" | "watching" | "telling" | "ended" = "connecting";
  #left = Infinity;
  #roundMs = 0;
  #changedMs = 0;
  #measureMs = 0;
  #cpuAtMeasure = process.cpuUsage();
  #doneMs = 0;
  #silenceMs = 0;
  #lost = 0;
  #problem: string | null = null;
  readonly #ended = Promise.withResolvers<void>();

  constructor(plan: BenchPlan, share: Share, requests: Requests) {
    this.#plan = plan;
    this.#share = share;
    this.#requests = requests;
    const options = { servers: plan.servers, sessionTimeoutMs: plan.sessionTimeoutMs, inFlightMax: 2 };
    this.#connections = new Connections([...share.connections, plan.connections], options, this);
    this.#watchers = this.#connections.all.slice(0, -1);
    this.#changer = this.#connections.all[this.#connections.all.length - 1];
  }

  connect(): Promise<void> {
    return this.#connections.connect();
  }

  async run(onTick: (tick: Tick) => void): Promise<WorkerEnd> {
    const { warmUpMs, durationMs } = this.#plan;
    const ticks = setInterval(() => {
      const nowMs = performance.now();
      if (this.#phase !== "connecting" && nowMs - this.#roundMs > roundMaxMs) this.#fail("OPERATIONTIMEOUT");
      if (this.#phase === "watching" && this.#missing.size === 0) this.#beginRoundWhenWhole();
      if (this.#measureMs === 0) return;
      onTick(this.#counters.take(nowMs - this.#measureMs));
      if (this.#share.ops === null || nowMs - this.#doneMs < silenceMaxMs) return;
      this.#problem = silenceProblem;
      this.stop();
    }, tickMs);
    const begin = setTimeout(() => {
      this.#counters.reset();
      this.#measureMs = this.#doneMs = performance.now();
      this.#cpuAtMeasure = process.cpuUsage();
      if (this.#share.ops !== null) this.#left = this.#share.ops;
    }, warmUpMs);
    const end = this.#share.ops === null ? setTimeout(() => this.stop(), warmUpMs + durationMs) : undefined;
    if (this.#phase === "connecting") this.#beginRound();
    await this.#ended.promise;
    clearInterval(ticks);
    clearTimeout(begin);
    clearTimeout(end);
    const elapsedMs = this.#measureMs > 0 ? performance.now() - this.#measureMs : 0;
    const { user, system } = process.cpuUsage(this.#cpuAtMeasure);
    onTick(this.#counters.take(elapsedMs));
    return {
      measuredMs: elapsedMs,
      cpuShare: elapsedMs > 0 ? (user + system) / 1000 / elapsedMs : 0,
      longestSilenceMs: this.#silenceMs,
      longestWriteSilenceMs: null,
      silencesMs: [],
      lost: this.#lost,
      problem: this.#problem,
    };
  }

  stop(): void {
    this.#connections.stop();
    this.#phase = "ended";
    this.#ended.resolve();
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  onOpen(connection: BenchConnection): void {
    if (this.#ready.has(connection)) {
      if (this.#phase !== "connecting") this.#beginRoundWhenWhole();
      return;
    }
    this.#ready.add(connection);
    this.#connections.onReady();
  }

  onReply(connection: BenchConnection, tag: number, _sentMs: number, _nowMs: number, code: number): void {
    if (this.#phase === "ended") return;
    if (code !== ErrorCode.ok) return this.#fail(errorName(code));
    if (this.#phase !== "watching" || tag !== watching) return;
    this.#missing.delete(connection);
    if (this.#missing.size === 0) this.#change();
  }

  onReplies(): void {}

  onEvent(connection: BenchConnection, nowMs: number): void {
    if (this.#phase !== "telling" || !this.#missing.delete(connection) || this.#missing.size > 0) return;
    if (this.#measureMs > 0 && this.#changedMs >= this.#measureMs) {
      this.#counters.done(watchPlace, nowMs - this.#changedMs);
      this.#silenceMs = Math.max(this.#silenceMs, nowMs - this.#doneMs);
      this.#doneMs = nowMs;
      this.#left--;
    }
    if (this.#left <= 0) this.stop();
    else this.#beginRound();
  }

  onLost(): void {
    this.#lost++;
    if (this.#phase !== "ended" && this.#phase !== "connecting") this.#fail("CONNECTIONLOSS");
  }

  onExpired(): void {}

  onRefused(): void {}

  /** A round came to nothing; the next begins when all connections stand again. */
  #fail(name: string): void {
    if (this.#measureMs > 0) {
      this.#counters.failed(watchPlace, name);
      this.#left--;
    }
    if (this.#left <= 0) return this.stop();
    this.#phase = "watching";
    this.#roundMs = performance.now();
    this.#missing.clear();
    this.#beginRoundWhenWhole();
  }

  #beginRoundWhenWhole(): void {
    if (this.#phase === "ended" || this.#missing.size > 0) return;
    if (this.#connections.all.every((connection) => connection.isOpen && connection.inFlight === 0)) {
      this.#beginRound();
    }
  }

  #beginRound(): void {
    this.#phase = "watching";
    this.#roundMs = performance.now();
    for (const watcher of this.#watchers) this.#missing.add(watcher);
    for (const watcher of this.#watchers) {
      const at = watcher.reserve(this.#requests.frameBytesMax);
      watcher.commit(this.#requests.watch(watcher.out, at), watching, 0);
      watcher.flush();
    }
  }

  #change(): void {
    this.#phase = "telling";
    for (const watcher of this.#watchers) this.#missing.add(watcher);
    this.#changedMs = performance.now();
    const changer = this.#changer;
    const at = changer.reserve(this.#requests.frameBytesMax);
    changer.commit(this.#requests.change(changer.out, at), changing, this.#changedMs);
    changer.flush();
  }
}
