/**
 * Watch fan-out: all connections watch one znode, one more connection changes it, and the latency is that from the
 * change's request until the last watcher is told. Then all of them watch it again.
 *
 * With several workers the first one leads: it asks all to watch, changes the znode once each of them does, and counts.
 */
import { ErrorCode, errorName } from "../../src/protocol/error_code.ts";
import type { BenchConnection, ConnectionHost } from "./bench_connection.ts";
import { Connections } from "./connections.ts";
import { type Cue, machineMs } from "./cue.ts";
import type { Load } from "./load.ts";
import { MeasuredTime } from "./measured_time.ts";
import { silenceMaxMs, silenceProblem, tickMs } from "./mix_load.ts";
import { operationNames } from "./operations.ts";
import type { BenchPlan, Share } from "./plan.ts";
import type { Requests } from "./requests.ts";
import { Silences } from "./silences.ts";
import { Counters, type Tick, type WorkerEnd } from "./tick.ts";
import { Watchers, type WatchersHost } from "./watchers.ts";

const watchPlace = operationNames.indexOf("watch");
/** A round in which a watcher is not told for so long has failed. */
const roundMaxMs = 10_000;

/** The part of the first worker: leads, changes, counts, and has watchers of its own. */
export class FanOutLoad implements Load, WatchersHost, ConnectionHost {
  readonly #plan: BenchPlan;
  readonly #requests: Requests;
  readonly #say: (cue: Cue) => void;
  readonly #watchers: Watchers;
  readonly #changer: Connections;
  readonly #counters = new Counters();
  readonly #time = new MeasuredTime();
  #phase: "resting" | "watching" | "telling" | "ended" = "resting";
  #round = 0;
  /** Workers whose connections have yet to watch, or have yet to be told; and the change's own reply. */
  #missing = 0;
  #left = Infinity;
  #roundMs = 0;
  #changedMs = 0;
  /** When the last watcher that was heard of was told. */
  #toldMs = 0;
  readonly #silences = new Silences();
  #isChangerReady = false;
  #lost = 0;
  #problem: string | null = null;
  readonly #ended = Promise.withResolvers<void>();

  /** @param say Tells all other workers. */
  constructor(plan: BenchPlan, share: Share, requests: Requests, say: (cue: Cue) => void) {
    this.#plan = plan;
    this.#requests = requests;
    this.#say = say;
    this.#watchers = new Watchers(plan, share.connections, requests, this);
    const { servers, sessionTimeoutMs, connections } = plan;
    this.#changer = new Connections([connections], { servers, sessionTimeoutMs, inFlightMax: 1 }, this);
  }

  async connect(): Promise<void> {
    await Promise.all([this.#watchers.connect(), this.#changer.connect()]);
  }

  async run(onTick: (tick: Tick) => void): Promise<WorkerEnd> {
    const { warmUpMs, durationMs, ops } = this.#plan;
    const ticks = setInterval(() => this.#onTick(onTick), tickMs);
    const begin = setTimeout(() => {
      this.#counters.reset();
      this.#silences.begin(this.#time.begin());
      if (ops !== null) this.#left = ops;
    }, warmUpMs);
    const end = ops === null ? setTimeout(() => this.stop(), warmUpMs + durationMs) : undefined;
    this.#beginRound();
    await this.#ended.promise;
    clearInterval(ticks);
    clearTimeout(begin);
    clearTimeout(end);
    const measuredMs = this.#time.elapsedMs();
    const { cpuShare } = this.#time;
    if (this.#time.hasBegun) this.#silences.end(performance.now());
    onTick(this.#counters.take(measuredMs));
    return {
      measuredMs,
      cpuShare,
      silences: this.#silences.times,
      writeSilences: null,
      silencesMs: [],
      lost: this.#lost + this.#watchers.lost,
      problem: this.#problem,
    };
  }

  hear(cue: Cue): void {
    if (cue.kind === "over" || cue.kind === "watch" || cue.round !== this.#round) return;
    if (cue.kind === "watching") this.onWatching();
    else if (cue.kind === "told") this.#onTold(cue.atMs);
    else this.onFailed(cue.error);
  }

  stop(): void {
    if (this.#phase !== "ended") this.#say({ kind: "over" });
    this.#phase = "ended";
    this.#watchers.stop();
    this.#changer.stop();
    this.#ended.resolve();
  }

  async close(): Promise<void> {
    await Promise.all([this.#watchers.close(), this.#changer.close()]);
  }

  // What the watchers of this worker, or others, tell.

  onWatching(): void {
    if (this.#phase !== "watching" || --this.#missing > 0) return;
    this.#phase = "telling";
    this.#missing = this.#plan.workers + 1;
    this.#toldMs = 0;
    this.#changedMs = performance.now();
    const [changer] = this.#changer.all;
    const at = changer.reserve(this.#requests.frameBytesMax);
    changer.commit(this.#requests.change(changer.out, at), 0, this.#changedMs);
    changer.flush();
  }

  onTold(nowMs: number): void {
    this.#onTold(machineMs(nowMs));
  }

  onFailed(error: string): void {
    if (this.#phase !== "watching" && this.#phase !== "telling") return;
    this.#phase = "resting";
    if (this.#time.hasBegun) {
      this.#counters.failed(watchPlace, error);
      this.#left--;
    }
    if (this.#left <= 0) this.stop();
  }

  // What the connection that changes tells.

  onOpen(): void {
    if (this.#isChangerReady) return;
    this.#isChangerReady = true;
    this.#changer.onReady();
  }

  onReply(_changer: BenchConnection, _tag: number, _sentMs: number, _nowMs: number, code: number): void {
    if (code === ErrorCode.ok) this.#onTold(0);
    else this.onFailed(errorName(code));
  }

  onReplies(): void {}

  onEvent(): void {}

  onLost(): void {
    this.#lost++;
    this.onFailed("CONNECTIONLOSS");
  }

  onExpired(): void {}

  onRefused(): void {}

  /** @param atMs When the last watcher of a worker was told; 0 for the change's own reply, which does not count. */
  #onTold(atMs: number): void {
    if (this.#phase !== "telling") return;
    this.#toldMs = Math.max(this.#toldMs, atMs);
    if (--this.#missing > 0) return;
    if (this.#time.hasBegun && this.#changedMs >= this.#time.beganMs) {
      this.#counters.done(watchPlace, this.#toldMs - machineMs(this.#changedMs));
      this.#silences.end(performance.now());
      this.#left--;
    }
    this.#phase = "resting";
    if (this.#left <= 0) this.stop();
    else this.#beginRound();
  }

  #onTick(onTick: (tick: Tick) => void): void {
    const nowMs = performance.now();
    if (nowMs - this.#roundMs > roundMaxMs) this.onFailed("OPERATIONTIMEOUT");
    if (this.#phase === "resting") this.#beginRound();
    this.#watchers.look();
    if (!this.#time.hasBegun) return;
    onTick(this.#counters.take(this.#time.elapsedMs(nowMs)));
    if (this.#plan.ops === null || nowMs - this.#silences.sinceMs < silenceMaxMs) return;
    this.#problem = silenceProblem;
    this.stop();
  }

  /** While nobody can change anything none begins; the next tick tries again. */
  #beginRound(): void {
    const [changer] = this.#changer.all;
    if (this.#phase === "ended" || !changer.isOpen || changer.inFlight > 0) return;
    this.#phase = "watching";
    this.#round++;
    this.#roundMs = performance.now();
    this.#missing = this.#plan.workers;
    this.#say({ kind: "watch", round: this.#round });
    this.#watchers.watch();
  }
}

/** The part of any other worker. */
export class FanOutPart implements Load, WatchersHost {
  readonly #plan: BenchPlan;
  readonly #say: (cue: Cue) => void;
  readonly #watchers: Watchers;
  readonly #time = new MeasuredTime();
  readonly #ended = Promise.withResolvers<void>();
  #round = 0;

  /** @param say Tells the first worker. */
  constructor(plan: BenchPlan, share: Share, requests: Requests, say: (cue: Cue) => void) {
    this.#plan = plan;
    this.#say = say;
    this.#watchers = new Watchers(plan, share.connections, requests, this);
  }

  connect(): Promise<void> {
    return this.#watchers.connect();
  }

  async run(): Promise<WorkerEnd> {
    const ticks = setInterval(() => this.#watchers.look(), tickMs);
    const begin = setTimeout(() => this.#time.begin(), this.#plan.warmUpMs);
    await this.#ended.promise;
    clearInterval(ticks);
    clearTimeout(begin);
    return {
      measuredMs: this.#time.elapsedMs(),
      cpuShare: this.#time.cpuShare,
      silences: null,
      writeSilences: null,
      silencesMs: [],
      lost: this.#watchers.lost,
      problem: null,
    };
  }

  hear(cue: Cue): void {
    if (cue.kind === "over") return this.stop();
    if (cue.kind !== "watch") return;
    this.#round = cue.round;
    this.#watchers.watch();
  }

  stop(): void {
    this.#watchers.stop();
    this.#ended.resolve();
  }

  close(): Promise<void> {
    return this.#watchers.close();
  }

  onWatching(): void {
    this.#say({ kind: "watching", round: this.#round });
  }

  onTold(nowMs: number): void {
    this.#say({ kind: "told", round: this.#round, atMs: machineMs(nowMs) });
  }

  onFailed(error: string): void {
    this.#say({ kind: "failed", round: this.#round, error });
  }
}
