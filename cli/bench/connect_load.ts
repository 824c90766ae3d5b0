import { BenchConnection, type ConnectionHost } from "./bench_connection.ts";
import type { Load } from "./load.ts";
import { MeasuredTime } from "./measured_time.ts";
import { silenceMaxMs, silenceProblem, tickMs } from "./mix_load.ts";
import { operationNames } from "./operations.ts";
import type { BenchPlan, Share } from "./plan.ts";
import { Silences } from "./silences.ts";
import { Counters, type Tick, type WorkerEnd } from "./tick.ts";
import { within } from "./within.ts";

const connectPlace = operationNames.indexOf("connect");
/** A session that does not come, or does not end, within this long has failed. */
const patienceMs = 5_000;
/** The next one after a failure waits, so that a server that is down is not flooded. */
const pauseMs = 50;

/**
 * Sessions per second: each connection connects, gets a session, ends it and begins again. The latency is that of the
 * dial and the session; the end of it is not counted.
 */
export class ConnectLoad implements Load {
  readonly #plan: BenchPlan;
  readonly #share: Share;
  readonly #counters = new Counters();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #time = new MeasuredTime();
  #running = true;
  #left = Infinity;
  readonly #silences = new Silences();
  #problem: string | null = null;

  constructor(plan: BenchPlan, share: Share) {
    this.#plan = plan;
    this.#share = share;
  }

  connect(): Promise<void> {
    return Promise.resolve();
  }

  async run(onTick: (tick: Tick) => void): Promise<WorkerEnd> {
    const { warmUpMs, durationMs } = this.#plan;
    const ticks = setInterval(() => {
      if (!this.#time.hasBegun) return;
      const nowMs = performance.now();
      onTick(this.#counters.take(this.#time.elapsedMs(nowMs)));
      if (this.#share.ops === null || nowMs - this.#silences.sinceMs < silenceMaxMs) return;
      this.#problem = silenceProblem;
      this.stop();
    }, tickMs);
    const begin = setTimeout(() => this.#beginMeasuring(), warmUpMs);
    const end = this.#share.ops === null ? setTimeout(() => this.stop(), warmUpMs + durationMs) : undefined;
    const clients = Promise.all(this.#share.connections.map((number) => this.#client(number)));
    await Promise.race([clients, this.#stopped.promise]);
    this.stop();
    const measuredMs = this.#time.elapsedMs();
    if (this.#time.hasBegun) this.#silences.end(performance.now());
    const { cpuShare } = this.#time;
    clearInterval(ticks);
    clearTimeout(begin);
    clearTimeout(end);
    onTick(this.#counters.take(measuredMs));
    await within(clients, patienceMs);
    return {
      measuredMs,
      cpuShare,
      silences: this.#silences.times,
      writeSilences: null,
      silencesMs: [],
      lost: 0,
      problem: this.#problem,
    };
  }

  stop(): void {
    this.#running = false;
    this.#stopped.resolve();
  }

  close(): Promise<void> {
    this.stop();
    return Promise.resolve();
  }

  #beginMeasuring(): void {
    this.#counters.reset();
    this.#silences.begin(this.#time.begin());
    if (this.#share.ops !== null) this.#left = this.#share.ops;
  }

  async #client(number: number): Promise<void> {
    for (let turn = number; this.#running && this.#left > 0; turn++) {
      const measured = this.#time.hasBegun;
      if (measured) this.#left--;
      const result = await this.#session(turn);
      if (!this.#running && this.#share.ops === null) return;
      if (typeof result === "number") {
        if (measured) this.#done(result);
      } else {
        if (measured) this.#counters.failed(connectPlace, result);
        await Bun.sleep(pauseMs);
      }
    }
  }

  #done(latencyMs: number): void {
    this.#counters.done(connectPlace, latencyMs);
    this.#silences.end(performance.now());
  }

  /** Begins a session at a server and ends it. @returns How long the beginning took, or the name of what went wrong. */
  async #session(turn: number): Promise<number | string> {
    const { promise, resolve } = Promise.withResolvers<number | string>();
    const begunMs = performance.now();
    const host: ConnectionHost = {
      onOpen: () => resolve(performance.now() - begunMs),
      onReply() {},
      onReplies() {},
      onEvent() {},
      onLost() {},
      onExpired: () => resolve("SESSIONEXPIRED"),
      onRefused: () => resolve("CONNECTIONLOSS"),
    };
    const connection = new BenchConnection(turn, { ...this.#plan, inFlightMax: 1 }, host);
    const timeout = setTimeout(() => resolve("OPERATIONTIMEOUT"), patienceMs);
    connection.open();
    const result = await promise;
    clearTimeout(timeout);
    if (typeof result === "string") {
      connection.abandon();
      return result;
    }
    const late = setTimeout(() => connection.abandon(), patienceMs);
    await connection.close();
    clearTimeout(late);
    return result;
  }
}
