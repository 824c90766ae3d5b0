import type { Network, Socket, SocketEvents } from "../../../src/base/network.ts";
import type { Timer } from "../../../src/base/clock.ts";
import type { ServerAddress } from "../../../src/client/connection_string.ts";
import {
  type SessionConfig,
  type SessionEffects,
  SessionMachine,
} from "../../../src/client/session_machine.ts";
import { type FrameHandler, FrameSplitter } from "../../../src/jute/frame.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import {
  type ConnectRequest,
  decodeConnectResponse,
  encodeConnectRequest,
} from "../../../src/protocol/connect.ts";
import { Xid } from "../../../src/protocol/op_code.ts";
import { EventType } from "../../../src/protocol/watch_event.ts";
import type { Zxid } from "../../../src/protocol/zxid.ts";
import type { SimProcess } from "../world/sim_process.ts";
import { decodeReply, encodeRequest, type Operation, type Request } from "./operation.ts";

/** A watch event as a client got it. */
export interface Notification {
  readonly type: EventType;
  readonly path: string;
  /** Of the txn that caused it; -1 when the watch was set again and had missed it. */
  readonly zxid: Zxid;
}

/** Hears of all that a session asks and is told, in the order in which it happens. */
export interface SessionObserver {
  /** The session that a read-only server had given is this one from now on: watches, and what it has seen, go along. */
  onRenewed(session: SimSession, before: bigint): void;
  /** A connection serves the session; the first one has made it. */
  onConnected(session: SimSession, server: number): void;
  /** Any connection is gone. */
  onDisconnected(session: SimSession): void;
  onInvoked(session: SimSession, operation: Operation): void;
  onReplied(session: SimSession, operation: Operation): void;
  onLost(session: SimSession, operation: Operation): void;
  onNotified(session: SimSession, notification: Notification): void;
  /** The end: a server said that it expired, the client gave up, it was closed, or it was left behind. */
  onEnded(session: SimSession, how: "told expired" | "gave up" | "closed" | "abandoned"): void;
  /** The server broke the protocol. */
  onBroken(session: SimSession, reason: string): void;
}

const frameBytesMax = 16 * 1024 * 1024;

/**
 * A client's session: the life of it is the shipped client's own (`SessionMachine`), the requests are written
 * down here one by one, so that every header and every order can be judged.
 */
export class SimSession implements SessionEffects, FrameHandler {
  readonly client: string;
  readonly machine: SessionMachine;
  /** 0n before the first connection. */
  id = 0n;
  /** Server that serves it now, or served it last. */
  server = 0;
  /** That server is read-only. */
  isReadOnly = false;
  readonly #isReadOnlyAllowed: boolean;
  readonly #process: SimProcess;
  readonly #network: Network;
  readonly #observer: SessionObserver;
  #socket: Socket | null = null;
  /** Goes up with each attempt: what comes of an older one is passed over. */
  #attempt = 0;
  #splitter = new FrameSplitter(frameBytesMax);
  #isGreeted = false;
  #isBeingGreeted = false;
  #pending: Operation[] = [];
  #xid = 0;
  #timer: Timer | null = null;
  #isOver = false;
  /** One-shot watches that are set, by kind, and those that stay. */
  readonly watches: Readonly<Record<"data" | "exist" | "child" | "persistent" | "recursive", Set<string>>> = {
    data: new Set(),
    exist: new Set(),
    child: new Set(),
    persistent: new Set(),
    recursive: new Set(),
  };

  constructor(
    client: string,
    world: { readonly process: SimProcess; readonly network: Network },
    config: SessionConfig,
    observer: SessionObserver,
  ) {
    this.client = client;
    this.#process = world.process;
    this.#network = world.network;
    this.#observer = observer;
    this.#isReadOnlyAllowed = config.readOnlyAllowed;
    this.machine = new SessionMachine(config, this);
    this.machine.start(this.#nowMs);
    this.#arm();
  }

  get isEstablished(): boolean {
    return this.machine.established;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Requests without an answer. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Sends a request; only while established. */
  submit(request: Request): Operation {
    const xid = request.kind === "ping"
      ? Xid.ping
      : request.kind === "setWatches"
      ? Xid.setWatches
      : ++this.#xid;
    const operation: Operation = {
      client: this.client,
      session: this.id,
      xid,
      request,
      invokedMs: this.#process.nowMs,
      server: this.server,
      isReadOnly: this.isReadOnly,
      outcome: "pending",
      zxid: 0,
      error: 0,
      stat: null,
      data: null,
      children: null,
      created: null,
    };
    this.#pending.push(operation);
    this.#observer.onInvoked(this, operation);
    this.#sendFrame((payload) => encodeRequest(payload, xid, request));
    return operation;
  }

  /** Ends it in order. */
  close(): void {
    this.machine.close(this.#nowMs);
    this.#arm();
  }

  /** Leaves it to expire: nothing of it is heard any more. */
  abandon(): void {
    if (this.#isOver) return;
    this.hangUp();
    this.#finish("abandoned");
  }

  /** Drops the connection; the session looks for another server. */
  dropConnection(): void {
    if (!this.isEstablished) return;
    this.#socket?.destroy();
    this.#onGone(this.#attempt, "dropped by the client");
  }

  dial(server: ServerAddress, timeoutMs: number): void {
    const attempt = ++this.#attempt;
    this.#network.dial(server.host, server.port, timeoutMs, (socket) => this.#events(attempt, socket)).then(
      (socket) => {
        if (attempt !== this.#attempt) return socket.destroy();
        this.server = Number(/\d+$/.exec(server.host)?.[0] ?? 0);
        this.machine.onDialed(this.#nowMs);
        this.#arm();
      },
      (error: Error) => {
        if (attempt !== this.#attempt) return;
        this.machine.onDialFailed(error.message, this.#nowMs);
        this.#arm();
      },
    );
  }

  hangUp(): void {
    this.#attempt++;
    this.#socket?.destroy();
    this.#socket = null;
    this.#losePending();
  }

  sendConnectRequest(request: ConnectRequest): void {
    this.#isGreeted = false;
    this.#splitter = new FrameSplitter(frameBytesMax);
    this.#sendFrame((payload) => encodeConnectRequest(payload, request));
  }

  sendPing(): void {
    this.submit({ kind: "ping", path: "" });
  }

  sendClose(): void {
    this.submit({ kind: "closeSession", path: "" });
  }

  probe(server: ServerAddress, timeoutMs: number): void {
    const attempt = this.#attempt;
    const answer = (isWritable: boolean) => {
      if (attempt !== this.#attempt) return;
      this.machine.onProbed(isWritable, this.#nowMs);
      this.#arm();
    };
    let text = "";
    this.#network.dial(server.host, server.port, timeoutMs, () => ({
      onData: (bytes) => text += new TextDecoder().decode(bytes),
      onDrain: () => {},
      onClose: () => answer(text === "rw"),
    })).then((socket) => socket.write(new TextEncoder().encode("isro")), () => answer(false));
  }

  established(readOnly: boolean): void {
    const before = this.id;
    const isNew = before === 0n;
    this.id = this.machine.sessionId;
    this.isReadOnly = readOnly;
    if (!isNew && this.id !== before) this.#observer.onRenewed(this, before);
    this.#observer.onConnected(this, this.server);
    const { data, exist, child, persistent, recursive } = this.watches;
    if (isNew || data.size + exist.size + child.size + persistent.size + recursive.size === 0) return;
    const watches = {
      relativeZxid: this.machine.lastZxid,
      data: [...data],
      exist: [...exist],
      child: [...child],
      persistent: [...persistent],
      recursive: [...recursive],
    };
    this.submit({ kind: "setWatches", path: "", watches });
  }

  lost(): void {
    this.#losePending();
    this.#observer.onDisconnected(this);
  }

  died(state: "expired" | "authFailed" | "closed"): void {
    this.#losePending();
    if (state === "closed") return this.#finish("closed");
    this.#finish(this.#isBeingGreeted ? "told expired" : "gave up");
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    const reader = new JuteReader();
    reader.reset(bytes, start, end);
    if (!this.#isGreeted) {
      this.#isGreeted = true;
      this.#isBeingGreeted = true;
      const response = decodeConnectResponse(reader);
      if (response.readOnly === true && !this.#isReadOnlyAllowed) {
        this.#observer.onBroken(this, "a session by a read-only server, which it did not ask for");
      }
      this.machine.onConnectResponse(response, this.#nowMs);
      this.#isBeingGreeted = false;
      return this.#socket !== null;
    }
    const xid = reader.int();
    const zxid = reader.longNumber();
    const error = reader.int();
    if (xid === Xid.notification) this.#onNotification(reader, zxid);
    else this.#onReply(reader, xid, zxid, error);
    return this.#socket !== null;
  }

  onBadLength(length: number): void {
    this.#break(`a frame of ${length} bytes`);
  }

  get #nowMs(): number {
    return this.#process.monotonicMs();
  }

  #onReply(reader: JuteReader, xid: number, zxid: Zxid, error: number): void {
    const operation = this.#pending.shift();
    if (operation === undefined || operation.xid !== xid) {
      return this.#break(`a reply to request ${xid} where one to ${operation?.xid ?? "none"} was due`);
    }
    operation.outcome = "replied";
    operation.zxid = zxid;
    operation.error = error;
    if (error === 0) decodeReply(reader, operation);
    if (zxid > 0 && operation.request.kind !== "ping" && zxid > this.machine.lastZxid) {
      this.machine.lastZxid = zxid;
    }
    this.#keepWatch(operation);
    this.#observer.onReplied(this, operation);
    if (operation.request.kind === "closeSession" && error === 0) this.machine.onCloseAnswered();
  }

  #keepWatch({ request, error }: Operation): void {
    if (request.kind === "addWatch" && error === 0) {
      (request.isRecursive ? this.watches.recursive : this.watches.persistent).add(request.path);
    }
    if (!("watch" in request) || !request.watch) return;
    if (request.kind === "getChildren" && error === 0) this.watches.child.add(request.path);
    else if (request.kind !== "getChildren" && error === 0) this.watches.data.add(request.path);
    else if (request.kind === "exists" && error === noNode) this.watches.exist.add(request.path);
  }

  #onNotification(reader: JuteReader, zxid: Zxid): void {
    const type = reader.int() as EventType;
    reader.int();
    const path = reader.string() ?? "";
    this.#observer.onNotified(this, { type, path, zxid });
    const { data, exist, child } = this.watches;
    if (type === EventType.nodeChildrenChanged) child.delete(path);
    else {
      data.delete(path);
      exist.delete(path);
      if (type === EventType.nodeDeleted) child.delete(path);
    }
  }

  #events(attempt: number, socket: Socket): SocketEvents {
    if (attempt === this.#attempt) this.#socket = socket;
    return {
      onData: (bytes) => {
        if (attempt !== this.#attempt) return;
        this.machine.onHeard(this.#nowMs);
        this.#splitter.push(bytes, this);
        this.#arm();
      },
      onDrain: () => {},
      onClose: (error) => this.#onGone(attempt, error?.message ?? "ended"),
    };
  }

  #onGone(attempt: number, reason: string): void {
    if (attempt !== this.#attempt || this.#isOver) return;
    this.#attempt++;
    this.#socket = null;
    this.machine.onConnectionClosed(reason, this.#nowMs);
    this.#arm();
  }

  #sendFrame(write: (payload: JuteWriter) => void): void {
    const writer = new JuteWriter(128);
    writer.int(0);
    write(writer);
    writer.intAt(0, writer.length - 4);
    this.#socket?.write(writer.view());
    this.machine.onSent(this.#nowMs);
  }

  #losePending(): void {
    for (const operation of this.#pending.splice(0)) {
      operation.outcome = "lost";
      this.#observer.onLost(this, operation);
    }
  }

  #break(reason: string): void {
    this.#observer.onBroken(this, reason);
    this.dropConnection();
  }

  #finish(how: "told expired" | "gave up" | "closed" | "abandoned"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#observer.onEnded(this, how);
  }

  #arm(): void {
    this.#timer?.cancel();
    if (this.#isOver) return;
    const dueMs = this.machine.nextDeadlineMs();
    if (dueMs === Infinity) return;
    this.#timer = this.#process.setTimer(Math.max(dueMs - this.#nowMs, 0), () => {
      this.machine.onTime(this.#nowMs);
      this.#arm();
    });
  }
}

const noNode = -101;
