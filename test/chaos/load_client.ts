/**
 * A client that does a little of everything, several requests in flight, and writes down what it asks and hears.
 * When its session is gone it opens another.
 */
import {
  BadVersionError,
  ClientClosedError,
  ConnectionLossError,
  ErrorCode,
  errorName,
  openClient,
  type Stat,
  ZkError,
  type ZooKeeper,
} from "../../mod.ts";
import { type Random, randomBelow } from "../../src/base/random.ts";
import { JuteReader } from "../../src/jute/reader.ts";
import { JuteWriter } from "../../src/jute/writer.ts";
import { OpCode } from "../../src/protocol/op_code.ts";
import { decodeStat } from "../../src/protocol/stat.ts";
import type { History, Op, SessionRecord, WatchRecord } from "./history.ts";

/** Where a round's znodes are. */
export interface Layout {
  /** Parent of everything. */
  readonly root: string;
  /** Set at the version read. */
  readonly versioned: readonly string[];
  /** Set at any version. */
  readonly unversioned: readonly string[];
  /** Set together by multis. */
  readonly pairs: readonly (readonly [string, string])[];
}

/** What a client needs to know. */
export interface LoadOptions {
  readonly name: string;
  /** Connection string with all servers. */
  readonly servers: string;
  readonly sessionTimeoutMs: number;
  readonly layout: Layout;
  readonly history: History;
  readonly random: Random;
  /** Requests in flight. */
  readonly lanes: number;
  /** Longest pause of a lane between two operations, in ms. */
  readonly thinkMs: number;
  /** Called at every acknowledged write. */
  readonly onAcknowledged: (op: Op) => void;
}

interface Session {
  readonly zk: ZooKeeper;
  readonly record: SessionRecord;
  /** Watches that have not fired, by path. */
  readonly armed: Map<string, WatchRecord>;
  /** Ephemerals and other znodes of its own that may be deleted. */
  readonly deletable: string[];
}

/** Directories below the root of a {@linkcode Layout}. */
export const folders: readonly string[] = [
  "versioned",
  "any",
  "pair",
  "unique",
  "sequence",
  "ephemeral",
  "multi",
];

/** See the head of this file. */
export class LoadClient {
  readonly #options: LoadOptions;
  #session: Session | null = null;
  #opening: Promise<Session | null> | null = null;
  #zk: ZooKeeper | null = null;
  #stopped = false;
  #counter = 0;
  #working: Promise<unknown> = Promise.resolve();
  #expired = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Sessions that expired. */
  get expired(): number {
    return this.#expired;
  }

  /** Whether a session is served at the moment. */
  get connected(): boolean {
    return this.#session?.zk.state === "connected";
  }

  /** Begins. */
  start(): void {
    const lanes = Array.from({ length: this.#options.lanes }, () => this.#lane());
    this.#working = Promise.all(lanes);
  }

  /** Begins no further operation and waits for those under way; the session stays. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  /**
   * Goes round by the leader once, so that every event caused before has come.
   *
   * @throws {ZkError} No server serves the session.
   */
  async settle(): Promise<void> {
    const session = this.#session;
    if (session === null || session.record.how !== "live") return;
    await session.zk.connected(20_000);
    await session.zk.sync("/");
    await session.zk.exists("/");
  }

  /** Closes the session. */
  async close(): Promise<void> {
    this.#stopped = true;
    await this.#zk?.close();
  }

  async #lane(): Promise<void> {
    const { random, thinkMs } = this.#options;
    while (!this.#stopped) {
      const session = await this.#current();
      if (session === null) return;
      await this.#step(session);
      if (thinkMs > 0) await Bun.sleep(randomBelow(random, thinkMs + 1));
    }
  }

  /** The session to use now; null when the client is stopped. */
  async #current(): Promise<Session | null> {
    while (!this.#stopped) {
      const session = this.#session;
      if (session !== null && session.record.how === "live") return session;
      this.#opening ??= this.#open().finally(() => this.#opening = null);
      await this.#opening;
    }
    return null;
  }

  async #open(): Promise<Session | null> {
    const { servers, sessionTimeoutMs, history, name } = this.#options;
    const zk = openClient(servers, { sessionTimeoutMs });
    this.#zk = zk;
    while (!this.#stopped) {
      try {
        await zk.connected(1000);
        break;
      } catch (error) {
        if (!(error instanceof ConnectionLossError)) return null;
      }
    }
    if (zk.state !== "connected" && zk.sessionId === 0n) {
      void zk.close();
      return null;
    }
    const record = history.beginSession(name, zk.sessionId, zk.sessionTimeoutMs, performance.now());
    zk.onState(({ state }) => {
      if ((state !== "expired" && state !== "authFailed") || record.how !== "live") return;
      record.how = "expired";
      record.endedMs = performance.now();
      this.#expired++;
    });
    const session: Session = { zk, record, armed: new Map(), deletable: [] };
    this.#session = session;
    return session;
  }

  #step(session: Session): Promise<unknown> {
    const { random } = this.#options;
    const drawn = randomBelow(random, 1000);
    if (drawn < 220) return this.#compareAndSet(session);
    if (drawn < 300) return this.#setAny(session);
    if (drawn < 420) return this.#create(session, "unique");
    if (drawn < 500) return this.#createSequential(session);
    if (drawn < 540) return this.#create(session, "ephemeral");
    if (drawn < 600) return this.#delete(session);
    if (drawn < 680) return this.#multi(session);
    if (drawn < 850) return this.#read(session, "read");
    if (drawn < 920) return this.#read(session, "syncRead");
    if (drawn < 998) return this.#watch(session);
    return this.#endSession(session);
  }

  /** A value, or a name, that nobody else writes. */
  #fresh(): string {
    return `${this.#options.name}-${++this.#counter}`;
  }

  #pick<T>(items: readonly T[]): T {
    return items[randomBelow(this.#options.random, items.length)];
  }

  async #compareAndSet(session: Session): Promise<void> {
    const path = this.#pick(this.#options.layout.versioned);
    const version = await this.#read(session, "read", path);
    if (version === undefined || this.#stopped) return;
    const value = this.#fresh();
    const op = this.#begin(session, "set", path, { value, version });
    await this.#finish(session, op, session.zk.setData(path, value, version), (stat) => statResult(op, stat));
  }

  async #setAny(session: Session): Promise<void> {
    const path = this.#pick(this.#options.layout.unversioned);
    const value = this.#fresh();
    const op = this.#begin(session, "setAny", path, { value });
    await this.#finish(session, op, session.zk.setData(path, value), (stat) => statResult(op, stat));
  }

  async #create(session: Session, folder: "unique" | "ephemeral"): Promise<void> {
    const value = this.#fresh();
    const path = `${this.#options.layout.root}/${folder}/${value}`;
    const ephemeral = folder === "ephemeral";
    const op = this.#begin(session, ephemeral ? "createEphemeral" : "create", path, { value });
    const mode = ephemeral ? "ephemeral" : "persistent";
    await this.#finish(session, op, session.zk.create(path, value, { mode }), ({ stat }) => {
      op.zxid = stat.czxid;
      op.result = { path };
      session.deletable.push(path);
    });
  }

  async #createSequential(session: Session): Promise<void> {
    const value = this.#fresh();
    const path = `${this.#options.layout.root}/sequence/n-`;
    const op = this.#begin(session, "createSequential", path, { value });
    await this.#finish(session, op, session.zk.create(path, value, { sequential: true }), (created) => {
      op.zxid = created.stat.czxid;
      op.result = { path: created.path };
      session.deletable.push(created.path);
    });
  }

  async #delete(session: Session): Promise<void> {
    const { deletable } = session;
    if (deletable.length < 10) return;
    const [path] = deletable.splice(randomBelow(this.#options.random, deletable.length), 1);
    const op = this.#begin(session, "delete", path);
    await this.#finish(session, op, session.zk.delete(path), () => {});
  }

  async #multi(session: Session): Promise<void> {
    const pair = this.#pick(this.#options.layout.pairs);
    const value = this.#fresh();
    const path = `${this.#options.layout.root}/multi/${value}`;
    const op = this.#begin(session, "multi", path, { value, pair });
    const transaction = session.zk.multi().setData(pair[0], value).create(path, value).setData(
      pair[1],
      value,
    );
    await this.#finish(session, op, transaction.commit(), (results) => {
      const [first] = results;
      if (first.op === "setData") statResult(op, first.stat);
    });
  }

  async #read(
    session: Session,
    kind: "read" | "syncRead",
    path: string = this.#pick(this.#registers()),
  ): Promise<number | undefined> {
    const op = this.#begin(session, kind, path);
    const synced = kind === "syncRead" ? session.zk.sync(path) : Promise.resolve();
    const body = new JuteWriter(64);
    body.string(path);
    body.bool(false);
    const answer = session.zk.rawRequest(OpCode.getData, body.view());
    const [sync] = await Promise.allSettled([synced, answer]);
    await this.#finish(session, op, answer, ({ zxid, body: bytes }) => {
      const reader = new JuteReader(bytes);
      const data = reader.buffer();
      const { version, mzxid } = decodeStat(reader);
      op.zxid = zxid;
      op.result = { value: data === null ? null : new TextDecoder().decode(data), version, mzxid };
      if (sync.status === "rejected") {
        op.outcome = "fail";
        op.error = "SYNC";
      }
    });
    return op.result?.version;
  }

  async #watch(session: Session): Promise<void> {
    const path = this.#pick(this.#registers());
    if (session.armed.has(path)) return;
    let firedMs = Infinity;
    let record: WatchRecord | undefined;
    const watch = ({ type }: { type: string }) => {
      if (type === "None") return;
      firedMs = performance.now();
      if (record === undefined) return;
      record.firedMs = firedMs;
      if (session.armed.get(path) === record) session.armed.delete(path);
    };
    const op = this.#begin(session, "read", path);
    // The zxid of this answer is not to be had; its data is judged as any other.
    await this.#finish(session, op, session.zk.getData(path, { watch }), ({ data, stat }) => {
      statResult(op, stat, data);
      op.zxid = null;
      record = { session: session.record.index, path, mzxid: stat.mzxid, firedMs, overtakenBy: null };
      this.#options.history.watches.push(record);
      if (firedMs === Infinity) session.armed.set(path, record);
    });
  }

  async #endSession(session: Session): Promise<void> {
    const { record, zk } = session;
    if (record.how !== "live") return;
    record.how = "closed";
    record.endedMs = performance.now();
    await zk.close();
  }

  #registers(): string[] {
    const { versioned, unversioned, pairs } = this.#options.layout;
    return [...versioned, ...unversioned, ...pairs.flat()];
  }

  #begin(
    session: Session,
    kind: Op["kind"],
    path: string,
    more?: { value?: string; version?: number; pair?: readonly string[] },
  ): Op {
    return this.#options.history.begin(session.record.index, kind, path, performance.now(), more);
  }

  /** Waits for an answer and writes down what it was; never rejects for what a server or the network did. */
  async #finish<T>(
    session: Session,
    op: Op,
    answer: Promise<T>,
    onAnswer: (result: T) => void,
  ): Promise<void> {
    try {
      const result = await answer;
      op.returnedMs = performance.now();
      op.server = session.zk.server;
      op.outcome = "ok";
      onAnswer(result);
      this.#lookAtWatch(session, op);
      if (op.kind !== "read" && op.kind !== "syncRead") this.#options.onAcknowledged(op);
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      op.returnedMs = performance.now();
      op.outcome = outcomeOf(error);
      op.error = error instanceof BadVersionError ? "BADVERSION" : wordOf(error.code);
    }
  }

  #lookAtWatch(session: Session, op: Op): void {
    const paths = op.kind === "multi" ? op.pair! : [op.path];
    for (const path of paths) {
      const watch = session.armed.get(path);
      if (watch === undefined || op.result?.mzxid === undefined || op.result.mzxid <= watch.mzxid) continue;
      watch.overtakenBy ??= op.index;
    }
  }
}

function statResult(op: Op, stat: Stat, data?: Uint8Array | null): void {
  op.zxid = stat.mzxid;
  const value = data === undefined ? undefined : data === null ? null : new TextDecoder().decode(data);
  op.result = { version: stat.version, mzxid: stat.mzxid, value };
}

function outcomeOf(error: ZkError): "fail" | "unknown" {
  if (error instanceof ConnectionLossError) return error.mayHaveHappened ? "unknown" : "fail";
  return error instanceof ClientClosedError ? "unknown" : "fail";
}

const words: Record<number, string> = {
  [ErrorCode.noNode]: "NONODE",
  [ErrorCode.nodeExists]: "NODEEXISTS",
  [ErrorCode.badVersion]: "BADVERSION",
};

function wordOf(code: number): string {
  return words[code] ?? errorName(code);
}
