/**
 * A ZooKeeper session over one connection for black-box tests: sends any request, pairs replies by order and
 * xid, and keeps everything in the order in which it arrived.
 */
import { createFlags, errorCode, errorName, eventWord, opcode, opcodeName, xids } from "./codes.ts";
import { type CloseKind, ConnectionLost, type Target, WireConnection, within } from "./connection.ts";
import {
  type Acl,
  bodies,
  type ConnectFields,
  connectFrame,
  type Data,
  openAcl,
  requestFrame,
  type SubOp,
  type WatchLists,
} from "./frames.ts";
import {
  type Bodies,
  bodyOf,
  ByteReader,
  type ConnectAnswer,
  type EventBody,
  readBody,
  readConnectAnswer,
} from "./reader.ts";

/** The answer to one request. */
export class Reply<K extends keyof Bodies = keyof Bodies> {
  readonly kind = "reply";

  constructor(
    readonly type: number,
    readonly xid: number,
    readonly zxid: bigint,
    readonly err: number,
    /** The bytes after the header. */
    readonly rest: Uint8Array,
    readonly bodyKind: K,
    /** True when the connection ended before an answer came; nothing else has a meaning then. */
    readonly lost = false,
  ) {}

  /** `OK`, `NONODE`, …, or `CLOSED` when no answer came. */
  get name(): string {
    return this.lost ? "CLOSED" : errorName(this.err);
  }

  /** The decoded body; throws when the request failed, {@linkcode ConnectionLost} when nobody answered. */
  get body(): Bodies[K] {
    if (this.lost) {
      throw new ConnectionLost(`The connection ended before ${opcodeName(this.type)} was answered`);
    }
    if (this.err !== 0) throw new Error(`${opcodeName(this.type)} answered ${this.name}`);
    return readBody(this.bodyKind, this.rest);
  }
}

/** A notification. */
export interface WireEvent extends EventBody {
  kind: "event";
  zxid: bigint;
  err: number;
  /** `created /a`, `deleted /a`, `data /a` or `children /a`. */
  text: string;
}

/** Options of the create calls. */
export interface CreateOptions {
  data?: Data;
  acl?: readonly Acl[] | null;
  flags?: number;
  ttlMs?: bigint;
}

interface Pending {
  type: number;
  xid: number;
  bodyKind: keyof Bodies;
  resolve: (reply: Reply) => void;
}

/** One session on one connection. */
export class WireSession {
  /** Every reply and event in the order in which they arrived. */
  readonly history: (Reply | WireEvent)[] = [];
  /** Frames that belong to no request. A test that expects none can check that it is empty. */
  readonly strays: Uint8Array[] = [];
  #events: WireEvent[] = [];
  #pending: Pending[] = [];
  #xid = 0;
  #eventWaiters: (() => void)[] = [];
  #closed = false;

  private constructor(
    readonly connection: WireConnection,
    /** What the server answered to the ConnectRequest. */
    readonly answer: ConnectAnswer,
    pingEveryMs?: number,
  ) {
    const pings = pingEveryMs === undefined ? undefined : setInterval(
      () => connection.send(requestFrame(xids.ping, opcode.ping)),
      pingEveryMs,
    );
    connection.closed.then(() => {
      clearInterval(pings);
      for (const one of this.#pending.splice(0)) one.resolve(lostReply(one));
      this.#wakeEventWaiters();
    });
    connection.handOver((payload) => this.#onFrame(payload));
  }

  /** Connects and opens a session, or reattaches one when `fields` names it; fails if the server refuses. */
  static async open(target: Target, fields: ConnectFields = {}): Promise<WireSession> {
    const session = await WireSession.tryOpen(target, fields);
    if (session.answer.timeoutMs <= 0) throw new Error("The server refused the session");
    return session;
  }

  /** As open(), but returns also when the answer says that there is no such session. */
  static async tryOpen(target: Target, fields: ConnectFields = {}): Promise<WireSession> {
    const connection = await WireConnection.open(target);
    connection.send(connectFrame(fields));
    const answer = readConnectAnswer(await connection.nextFrame());
    return new WireSession(connection, answer, target.pingEveryMs);
  }

  get id(): bigint {
    return this.answer.sessionId;
  }

  /** Fields to reattach this session with. */
  get ticket(): ConnectFields {
    return { sessionId: this.answer.sessionId, password: this.answer.password };
  }

  /** Whether a closeSession was answered, so that there is nothing left to expire. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Requests without an answer so far. */
  get outstanding(): number {
    return this.#pending.length;
  }

  /** Sends one request and resolves with its answer, in whatever order that comes. */
  request<K extends keyof Bodies>(
    type: number,
    bodyKind: K,
    body?: Uint8Array,
    xid?: number,
  ): Promise<Reply<K>> {
    const used = xid ?? ++this.#xid;
    const { promise, resolve } = Promise.withResolvers<Reply<K>>();
    const one: Pending = { type, xid: used, bodyKind, resolve: (reply) => resolve(reply as Reply<K>) };
    if (this.connection.closeKind !== undefined) one.resolve(lostReply(one));
    else {
      this.#pending.push(one);
      this.connection.send(requestFrame(used, type, body));
    }
    return within(promise, `the answer to ${opcodeName(type)}`);
  }

  /** Sends a request of any type whose body's shape follows from the type. */
  raw(type: number, body?: Uint8Array, xid?: number): Promise<Reply> {
    return this.request(type, bodyOf[type] ?? "none", body, xid);
  }

  create(path: string | null, options: CreateOptions = {}): Promise<Reply<"path">> {
    return this.request(opcode.create, "path", createBody(path, options, createFlags.persistent));
  }

  create2(path: string | null, options: CreateOptions = {}): Promise<Reply<"created">> {
    return this.request(opcode.create2, "created", createBody(path, options, createFlags.persistent));
  }

  createContainer(path: string | null, options: CreateOptions = {}): Promise<Reply<"created">> {
    return this.request(opcode.createContainer, "created", createBody(path, options, createFlags.container));
  }

  createTTL(path: string | null, ttlMs: bigint, options: CreateOptions = {}): Promise<Reply<"created">> {
    const { data = "", acl = openAcl, flags = createFlags.ttl } = options;
    return this.request(opcode.createTTL, "created", bodies.createTTL(path, data, acl, flags, ttlMs));
  }

  delete(path: string | null, version = -1): Promise<Reply<"none">> {
    return this.request(opcode.delete, "none", bodies.delete(path, version));
  }

  exists(path: string | null, watch = false): Promise<Reply<"stat">> {
    return this.request(opcode.exists, "stat", bodies.exists(path, watch));
  }

  getData(path: string | null, watch = false): Promise<Reply<"data">> {
    return this.request(opcode.getData, "data", bodies.getData(path, watch));
  }

  setData(path: string | null, data: Data, version = -1): Promise<Reply<"stat">> {
    return this.request(opcode.setData, "stat", bodies.setData(path, data, version));
  }

  getACL(path: string | null): Promise<Reply<"acl">> {
    return this.request(opcode.getACL, "acl", bodies.getACL(path));
  }

  setACL(path: string | null, acl: readonly Acl[] | null, version = -1): Promise<Reply<"stat">> {
    return this.request(opcode.setACL, "stat", bodies.setACL(path, acl, version));
  }

  getChildren(path: string | null, watch = false): Promise<Reply<"children">> {
    return this.request(opcode.getChildren, "children", bodies.getChildren(path, watch));
  }

  getChildren2(path: string | null, watch = false): Promise<Reply<"children2">> {
    return this.request(opcode.getChildren2, "children2", bodies.getChildren2(path, watch));
  }

  sync(path: string | null): Promise<Reply<"path">> {
    return this.request(opcode.sync, "path", bodies.sync(path));
  }

  ping(): Promise<Reply<"none">> {
    return this.request(opcode.ping, "none", undefined, xids.ping);
  }

  multi(ops: readonly SubOp[]): Promise<Reply<"multi">> {
    return this.request(opcode.multi, "multi", bodies.multi(ops));
  }

  multiRead(ops: readonly SubOp[]): Promise<Reply<"multi">> {
    return this.request(opcode.multiRead, "multi", bodies.multi(ops));
  }

  auth(scheme: string | null, credentials: Data, xid: number = xids.auth): Promise<Reply<"none">> {
    return this.request(opcode.auth, "none", bodies.auth(scheme, credentials), xid);
  }

  setWatches(lists: WatchLists, xid: number = xids.setWatches): Promise<Reply<"none">> {
    return this.request(opcode.setWatches, "none", bodies.setWatches(lists), xid);
  }

  setWatches2(lists: WatchLists, xid: number = xids.setWatches): Promise<Reply<"none">> {
    return this.request(opcode.setWatches2, "none", bodies.setWatches2(lists), xid);
  }

  addWatch(path: string | null, mode: number): Promise<Reply<"errInt">> {
    return this.request(opcode.addWatch, "errInt", bodies.addWatch(path, mode));
  }

  checkWatches(path: string | null, type: number): Promise<Reply<"none">> {
    return this.request(opcode.checkWatches, "none", bodies.checkWatches(path, type));
  }

  removeWatches(path: string | null, type: number): Promise<Reply<"none">> {
    return this.request(opcode.removeWatches, "none", bodies.removeWatches(path, type));
  }

  getEphemerals(prefix: string | null): Promise<Reply<"paths">> {
    return this.request(opcode.getEphemerals, "paths", bodies.getEphemerals(prefix));
  }

  getAllChildrenNumber(path: string | null): Promise<Reply<"total">> {
    return this.request(opcode.getAllChildrenNumber, "total", bodies.getAllChildrenNumber(path));
  }

  whoAmI(): Promise<Reply<"whoAmI">> {
    return this.request(opcode.whoAmI, "whoAmI");
  }

  closeSession(): Promise<Reply<"none">> {
    return this.request(opcode.closeSession, "none");
  }

  /** Ends the session in the orderly way, and the connection with it; does nothing on a dead connection. */
  async close(): Promise<void> {
    if (this.connection.closeKind === undefined) {
      await this.closeSession();
      await this.connection.close();
    }
  }

  /** Drops the connection and leaves the session to expire. */
  async vanish(): Promise<void> {
    this.connection.destroy();
    await within(this.connection.closed, "our own destroy");
  }

  /** Waits for the server to close; replies and events before that are in `history`. */
  ended(): Promise<CloseKind> {
    return within(this.connection.closed, "the server to close");
  }

  /**
   * All events up to now, oldest first, as texts, and forgets them. A ping goes round first: what the server
   * had queued before it, for whatever cause, has arrived by then.
   */
  async takeEvents(): Promise<string[]> {
    if (this.connection.closeKind === undefined) await this.ping();
    return this.takeArrivedEvents().map((event) => event.text);
  }

  /** As takeEvents(), whole, and without going round. */
  takeArrivedEvents(): WireEvent[] {
    return this.#events.splice(0);
  }

  /** Waits until at least `count` events have come and takes all there are. */
  async waitEvents(count: number): Promise<string[]> {
    while (this.#events.length < count) {
      if (this.connection.closeKind !== undefined) {
        throw new Error(`The connection ended after ${this.#events.length} of ${count} events`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#eventWaiters.push(resolve);
      await within(promise, `event ${this.#events.length + 1} of ${count}`);
    }
    return this.takeArrivedEvents().map((event) => event.text);
  }

  #wakeEventWaiters(): void {
    for (const wake of this.#eventWaiters.splice(0)) wake();
  }

  #onFrame(payload: Uint8Array): void {
    const input = new ByteReader(payload);
    const xid = input.int();
    const zxid = input.long();
    const err = input.int();
    if (xid === xids.notification) {
      const body = input.event();
      input.end();
      const text = `${eventWord[body.type] ?? body.type} ${body.path}`;
      const event: WireEvent = { kind: "event", zxid, err, text, ...body };
      this.history.push(event);
      this.#events.push(event);
      this.#wakeEventWaiters();
      return;
    }
    // A ping is answered with -2 whatever xid it had.
    const at = this.#pending.findIndex((one) =>
      one.type === opcode.ping ? xid === xids.ping : one.xid === xid
    );
    if (at < 0) {
      this.strays.push(payload);
      return;
    }
    const [one] = this.#pending.splice(at, 1);
    const reply = new Reply(one.type, xid, zxid, err, payload.subarray(16), one.bodyKind);
    this.history.push(reply);
    if (one.type === opcode.closeSession && err === 0) this.#closed = true;
    one.resolve(reply);
  }
}

function lostReply(one: Pending): Reply {
  return new Reply(one.type, one.xid, 0n, errorCode.SESSIONEXPIRED, new Uint8Array(0), one.bodyKind, true);
}

function createBody(path: string | null, options: CreateOptions, flags: number): Uint8Array {
  return bodies.create(
    path,
    options.data === undefined ? "" : options.data,
    options.acl === undefined ? openAcl : options.acl,
    options.flags ?? flags,
  );
}
