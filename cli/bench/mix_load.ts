/**
 * A mix of operations over many connections.
 *
 * In a closed loop each connection has always as many requests in flight as it may. In an open loop request i is due
 * at i / rate after the start, whatever became of those before it; it goes to the next connection that may have one
 * more in flight, and its latency counts from when it was due.
 */
import type { Random } from "../../src/base/random.ts";
import { Deque } from "../../src/base/deque.ts";
import { ErrorCode, errorName } from "../../src/protocol/error_code.ts";
import type { BenchConnection } from "./bench_connection.ts";
import { Connections } from "./connections.ts";
import type { Load } from "./load.ts";
import { MeasuredTime } from "./measured_time.ts";
import { isWrite, operationNames } from "./operations.ts";
import type { BenchPlan, Share } from "./plan.ts";
import type { Requests } from "./requests.ts";
import { Silences } from "./silences.ts";
import { Counters, type Tick, type WorkerEnd } from "./tick.ts";

/** How often a worker tells what it measured. */
export const tickMs = 200;
/** A run for a number of requests, which no time ends, ends when nothing was done for so long. */
export const silenceMaxMs = 30_000;
/** Why it ends then. */
export const silenceProblem = `nothing was done for ${silenceMaxMs / 1000} s`;
/** What was in flight at the end of an open loop is waited for so long. */
const drainMs = 5_000;
/** Ephemeral znodes that a connection has at most: more are deleted, so that the end of its session stays small. */
const ephemeralsMax = 100;
/** Tag of a request that serves another and is not measured. */
const aside = 255;

const place = Object.fromEntries(operationNames.map((name, index) => [name, index])) as Readonly<
  Record<(typeof operationNames)[number], number>
>;
const writes = operationNames.map(isWrite);

/** What a connection knows of what it made. */
interface Made {
  /** Znodes it ever created; the next one's number. */
  created: number;
  /** The first of those that are not deleted. */
  deleted: number;
  ephemerals: number;
  ephemeralsDeleted: number;
  /** Its first request after it got its first session is answered. */
  ready: boolean;
  /** When a request of its was last done, and the longest time between two. */
  doneMs: number;
  silenceMs: number;
}

/** See the head of this file. */
export class MixLoad implements Load {
  readonly #plan: BenchPlan;
  readonly #share: Share;
  readonly #requests: Requests;
  readonly #random: Random;
  readonly #connections: Connections;
  /** By the place of a connection in this worker. */
  readonly #made = new Map<BenchConnection, Made>();
  readonly #counters = new Counters();
  /** Places of the operations, and the weights up to and with each. */
  readonly #choices: readonly number[];
  readonly #upTo: readonly number[];
  /** Connections that may have one more in flight, as often as they may; of an open loop. */
  readonly #free = new Deque<BenchConnection>();
  #phase: "connecting" | "warming" | "measuring" | "draining" | "ended" = "connecting";
  /** Requests that may still be made. */
  #left = Infinity;
  #inFlight = 0;
  /** Of an open loop: when request 0 was due, and how many were made. */
  #scheduleMs = 0;
  #scheduled = 0;
  readonly #time = new MeasuredTime();
  readonly #silences = new Silences();
  readonly #writeSilences = new Silences();
  #answeredMs = 0;
  #lost = 0;
  #problem: string | null = null;
  readonly #ended = Promise.withResolvers<void>();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];

  constructor(plan: BenchPlan, share: Share, requests: Requests, random: Random) {
    this.#plan = plan;
    this.#share = share;
    this.#requests = requests;
    this.#random = random;
    let sum = 0;
    this.#upTo = plan.mix.map(({ weight }) => sum += weight);
    this.#choices = plan.mix.map(({ operation }) => place[operation]);
    const options = {
      servers: plan.servers,
      sessionTimeoutMs: plan.sessionTimeoutMs,
      // Each may have another one aside.
      inFlightMax: 2 * plan.inFlight + 2,
      multiTag: place.multi,
    };
    this.#connections = new Connections(share.connections, options, this);
    for (const connection of this.#connections.all) {
      this.#made.set(connection, {
        created: 0,
        deleted: 0,
        ephemerals: 0,
        ephemeralsDeleted: 0,
        ready: false,
        doneMs: 0,
        silenceMs: 0,
      });
    }
  }

  connect(): Promise<void> {
    return this.#connections.connect();
  }

  async run(onTick: (tick: Tick) => void): Promise<WorkerEnd> {
    if (this.#phase === "ended") return this.#end();
    const { warmUpMs, durationMs } = this.#plan;
    const ticks = setInterval(() => this.#onTick(onTick), tickMs);
    this.#phase = "warming";
    this.#answeredMs = this.#scheduleMs = performance.now();
    if (this.#share.rate === null) {
      for (const connection of this.#connections.all) this.#fill(connection, performance.now());
    } else {
      for (let turn = 0; turn < this.#plan.inFlight; turn++) {
        for (const connection of this.#connections.all) if (connection.isOpen) this.#free.push(connection);
      }
      this.#timers.push(setInterval(() => this.#followSchedule(performance.now()), 1));
    }
    this.#timers.push(setTimeout(() => {
      this.#beginMeasuring();
      if (this.#share.ops === null) this.#timers.push(setTimeout(() => this.#timeUp(), durationMs));
    }, warmUpMs));
    await this.#ended.promise;
    for (const timer of this.#timers) clearTimeout(timer);
    clearInterval(ticks);
    const end = this.#end();
    onTick(this.#counters.take(end.measuredMs));
    return end;
  }

  stop(): void {
    this.#connections.stop();
    this.#finish();
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  onOpen(connection: BenchConnection): void {
    const made = this.#made.get(connection)!;
    if (!made.ready) {
      // Its server may be behind the one that made the keys.
      const at = connection.reserve(this.#requests.frameBytesMax);
      connection.commit(this.#requests.sync(connection.out, at), aside, 0);
    } else this.#resume(connection);
  }

  onReply(
    connection: BenchConnection,
    tag: number,
    sentMs: number,
    nowMs: number,
    code: number,
  ): void {
    this.#answeredMs = nowMs;
    if (tag === aside) {
      const made = this.#made.get(connection)!;
      if (!made.ready) {
        made.ready = true;
        this.#connections.onReady();
        this.#resume(connection);
      }
      return;
    }
    this.#inFlight--;
    if (this.#share.rate !== null) this.#free.push(connection);
    if (this.#phase !== "measuring" && this.#phase !== "draining") return;
    // Of a number of requests, or of a schedule, those of the time to warm up are none.
    if ((this.#share.ops !== null || this.#share.rate !== null) && sentMs < this.#time.beganMs) return;
    // What was begun in a closed loop's time and ends after it is not counted.
    if (this.#phase === "draining" && this.#share.rate === null && this.#share.ops === null) return;
    if (code !== ErrorCode.ok) return this.#counters.failed(tag, errorName(code));
    this.#counters.done(tag, nowMs - sentMs);
    this.#silences.end(nowMs);
    if (writes[tag]) this.#writeSilences.end(nowMs);
  }

  onReplies(connection: BenchConnection, nowMs: number): void {
    const made = this.#made.get(connection)!;
    if (this.#silences.sinceMs === nowMs) {
      if (nowMs - made.doneMs > made.silenceMs) made.silenceMs = nowMs - made.doneMs;
      made.doneMs = nowMs;
    }
    if (this.#share.rate !== null) this.#followSchedule(nowMs);
    else this.#fill(connection, nowMs);
    this.#maybeFinish();
  }

  onEvent(): void {}

  onRefused(): void {}

  onLost(connection: BenchConnection, tags: readonly number[]): void {
    this.#lost++;
    const made = this.#made.get(connection)!;
    // Whether the last ones were made, nobody knows: they are left to the end of the run.
    made.deleted = made.created;
    for (let left = this.#free.length; left > 0; left--) {
      const free = this.#free.shift()!;
      if (free !== connection) this.#free.push(free);
    }
    for (const tag of tags) {
      if (tag === aside) continue;
      this.#inFlight--;
      if (this.#phase === "measuring" || this.#phase === "draining") {
        this.#counters.failed(tag, "CONNECTIONLOSS");
      }
    }
    this.#maybeFinish();
  }

  onExpired(connection: BenchConnection): void {
    const made = this.#made.get(connection)!;
    made.ephemeralsDeleted = made.ephemerals;
    if (this.#phase === "measuring") this.#counters.failed(this.#choices[0], "SESSIONEXPIRED");
  }

  #resume(connection: BenchConnection): void {
    // The run begins with all that are open.
    if (this.#phase === "connecting") return;
    if (this.#share.rate === null) this.#fill(connection, performance.now());
    else {
      for (let turn = 0; turn < this.#plan.inFlight; turn++) this.#free.push(connection);
      this.#followSchedule(performance.now());
    }
  }

  /** Of a closed loop: makes as many requests as the connection may have. */
  #fill(connection: BenchConnection, nowMs: number): void {
    if (!this.#mayMake() || !connection.isOpen) return;
    // Those aside count here too; the slots have room for both.
    for (let room = this.#plan.inFlight - connection.inFlight; room > 0 && this.#left > 0; room--) {
      this.#make(connection, nowMs);
    }
    connection.flush();
  }

  /** Of an open loop: makes the requests that are due. */
  #followSchedule(nowMs: number): void {
    if (!this.#mayMake() || this.#scheduled >= this.#dueBy(nowMs)) return;
    const due = this.#dueBy(nowMs);
    const used = new Set<BenchConnection>();
    while (this.#scheduled < due && this.#free.length > 0 && this.#left > 0) {
      const connection = this.#free.shift()!;
      used.add(connection);
      this.#make(connection, this.#scheduleMs + this.#scheduled++ * 1000 / this.#share.rate!);
    }
    for (const connection of used) connection.flush();
  }

  #dueBy(nowMs: number): number {
    return Math.floor((nowMs - this.#scheduleMs) * this.#share.rate! / 1000) + 1;
  }

  #mayMake(): boolean {
    return (this.#phase === "warming" || this.#phase === "measuring") && this.#left > 0;
  }

  #make(connection: BenchConnection, sentMs: number): void {
    this.#left--;
    this.#inFlight++;
    const operation = this.#choose();
    if (operation === place.delete) this.#provide(connection);
    else if (operation === place["create-ephemeral"]) this.#limitEphemerals(connection);
    const at = connection.reserve(this.#requests.frameBytesMax);
    connection.commit(this.#write(operation, connection, at), operation, sentMs);
  }

  #write(operation: number, connection: BenchConnection, at: number): number {
    const requests = this.#requests;
    const { out, number } = connection;
    switch (operation) {
      case place.get:
        return requests.get(out, at);
      case place.set:
        return requests.set(out, at);
      case place.exists:
        return requests.exists(out, at);
      case place.children:
        return requests.children(out, at);
      case place.multi:
        return requests.multi(out, at);
      case place.create:
        return requests.create(out, at, number, this.#made.get(connection)!.created++);
      case place.delete:
        return requests.delete(out, at, number, this.#made.get(connection)!.deleted++);
      case place["create-ephemeral"]:
        return requests.createEphemeral(out, at, number, this.#made.get(connection)!.ephemerals++);
      default:
        return requests.sync(out, at);
    }
  }

  /** A delete needs something to delete. */
  #provide(connection: BenchConnection): void {
    const made = this.#made.get(connection)!;
    if (made.deleted < made.created) return;
    const at = connection.reserve(this.#requests.frameBytesMax);
    connection.commit(
      this.#requests.create(connection.out, at, connection.number, made.created++),
      aside,
      0,
    );
  }

  #limitEphemerals(connection: BenchConnection): void {
    const made = this.#made.get(connection)!;
    if (made.ephemerals - made.ephemeralsDeleted < ephemeralsMax) return;
    const at = connection.reserve(this.#requests.frameBytesMax);
    connection.commit(
      this.#requests.deleteEphemeral(connection.out, at, connection.number, made.ephemeralsDeleted++),
      aside,
      0,
    );
  }

  #choose(): number {
    const choices = this.#choices;
    if (choices.length === 1) return choices[0];
    const upTo = this.#upTo;
    const value = this.#random.uint32() / 0x100000000 * upTo[upTo.length - 1];
    let at = 0;
    while (at < choices.length - 1 && value >= upTo[at]) at++;
    return choices[at];
  }

  #beginMeasuring(): void {
    if (this.#phase !== "warming") return;
    this.#phase = "measuring";
    const nowMs = this.#time.begin();
    this.#answeredMs = nowMs;
    this.#silences.begin(nowMs);
    this.#writeSilences.begin(nowMs);
    for (const made of this.#made.values()) made.doneMs = nowMs;
    if (this.#share.ops === null) return;
    this.#left = this.#share.ops;
    this.#maybeFinish();
  }

  #timeUp(): void {
    if (this.#phase !== "measuring") return;
    if (this.#share.rate === null) return this.#finish();
    // A process that was kept from running is late with the last ones.
    this.#followSchedule(this.#time.beganMs + this.#plan.durationMs);
    this.#phase = "draining";
    this.#timers.push(setTimeout(() => this.#finish(), drainMs));
    this.#maybeFinish();
  }

  #maybeFinish(): void {
    if (this.#inFlight > 0) return;
    if (this.#phase === "draining" || (this.#phase === "measuring" && this.#left <= 0)) this.#finish();
  }

  #finish(): void {
    if (this.#phase === "ended") return;
    const measured = this.#phase === "measuring" || this.#phase === "draining";
    if (measured) this.#noteSilences(performance.now());
    if (measured && this.#share.rate !== null) this.#noteUnserved();
    this.#phase = "ended";
    this.#ended.resolve();
  }

  #noteSilences(nowMs: number): void {
    // The wait for the last replies of an open loop is no silence.
    if (this.#phase === "draining") return;
    this.#silences.end(nowMs);
    this.#writeSilences.end(nowMs);
    for (const made of this.#made.values()) made.silenceMs = Math.max(made.silenceMs, nowMs - made.doneMs);
  }

  /** Requests that were due and not made, or made and not answered, must not vanish from the figures. */
  #noteUnserved(): void {
    const endMs = this.#phase === "draining" ? this.#time.beganMs + this.#plan.durationMs : performance.now();
    const first = Math.max(this.#scheduled, this.#dueBy(this.#time.beganMs));
    const due = this.#share.ops === null ? this.#dueBy(endMs) - 1 - first : 0;
    for (let index = 0; index < due; index++) this.#counters.failed(this.#choose(), "NOTSENT");
    if (this.#phase !== "draining") return;
    for (let index = 0; index < this.#inFlight; index++) {
      this.#counters.failed(this.#choices[0], "NOTANSWERED");
    }
  }

  #onTick(onTick: (tick: Tick) => void): void {
    const nowMs = performance.now();
    if (this.#share.ops !== null && nowMs - this.#answeredMs > silenceMaxMs) {
      this.#problem = silenceProblem;
      return this.#finish();
    }
    if (this.#phase === "measuring") onTick(this.#counters.take(this.#time.elapsedMs(nowMs)));
  }

  #end(): WorkerEnd {
    const elapsedMs = this.#time.elapsedMs();
    return {
      measuredMs: this.#share.ops === null ? this.#timedMs(elapsedMs) : elapsedMs,
      cpuShare: this.#time.cpuShare,
      silences: this.#silences.times,
      writeSilences: this.#choices.some((each) => writes[each]) ? this.#writeSilences.times : null,
      silencesMs: [...this.#made.values()].map(({ silenceMs }) => silenceMs).sort((a, b) => a - b),
      lost: this.#lost,
      problem: this.#problem,
    };
  }

  /** Of an open loop also the time in which it waited for the last answers, else its rate would be too high. */
  #timedMs(elapsedMs: number): number {
    const timedMs = Math.min(elapsedMs, this.#plan.durationMs);
    return this.#share.rate === null ? timedMs : Math.max(timedMs, this.#answeredMs - this.#time.beganMs);
  }
}
