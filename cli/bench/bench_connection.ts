/**
 * One session over raw sockets, for loads: many requests in flight, their replies checked for order and error, no
 * promise and no allocation for each. A connection that is lost is made anew, with its session, at the next server.
 */
import type { ServerAddress } from "../../src/client/connection_string.ts";
import { FrameSplitter } from "../../src/jute/frame.ts";
import { JuteWriter } from "../../src/jute/writer.ts";
import { encodeConnectRequest } from "../../src/protocol/connect.ts";
import { OpCode, Xid } from "../../src/protocol/op_code.ts";
import { noSession } from "../../src/protocol/session_id.ts";
import { intAt, putInt } from "./requests.ts";

/** Told what happens on a connection. Times are of `performance.now()`. */
export interface ConnectionHost {
  /** It has its session and nothing in flight. */
  onOpen(connection: BenchConnection): void;
  /** A request was answered; `code` is 0 when it was done. */
  onReply(connection: BenchConnection, tag: number, sentMs: number, nowMs: number, code: number): void;
  /** All replies that came together were told; what is sent now travels together. */
  onReplies(connection: BenchConnection, nowMs: number): void;
  /** A watch fired. */
  onEvent(connection: BenchConnection, nowMs: number): void;
  /** It had its session, and broke with so many requests unanswered. It dials again by itself. */
  onLost(connection: BenchConnection, tags: readonly number[]): void;
  /** The servers no longer know its session; it goes on with a new one. */
  onExpired(connection: BenchConnection): void;
  /** A server gave no session; it goes on with the next one a little later. */
  onRefused(connection: BenchConnection): void;
}

/** Settings that all connections of a run share. */
export interface ConnectionOptions {
  readonly servers: readonly ServerAddress[];
  readonly sessionTimeoutMs: number;
  /** Requests that may be unanswered at once. */
  readonly inFlightMax: number;
  /** Tag of transactions, whose replies say inside what went wrong. */
  readonly multiTag?: number;
}

type Raw = Bun.Socket<undefined>;
type State = "down" | "dialling" | "opening" | "open" | "closing" | "closed";

const replyHeaderBytes = 16;
/** Larger than any reply to what is asked here. */
const replyBytesMax = 64 * 1024 * 1024;
const xidMask = 0x7fffffff;
/** A connection that broke dials again at once; one that has not had a reply since waits, longer each time. */
const retryMinMs = 10;
const retryMaxMs = 500;
/** A server that gives no session for so long is left for another. */
const openTimeoutMs = 4_000;
/** Apache's header of a failed transaction says 0; each of its results says why. */
const multiErrorBytes = 13;

/** See the head of this file. */
export class BenchConnection {
  /** Among those of all workers. */
  readonly number: number;
  readonly #options: ConnectionOptions;
  readonly #host: ConnectionHost;
  #state: State = "down";
  #raw: Raw | null = null;
  #splitter = new FrameSplitter(replyBytesMax);
  /** Which server is next. */
  #turn: number;
  #retryMs = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #openDueMs = 0;
  #sessionTimeoutMs: number;
  /** As the last ConnectResponse had them: 8 and 16 bytes. */
  readonly #sessionId = new Uint8Array(8);
  readonly #password = new Uint8Array(16);
  #hasSession = false;
  /** Of the last reply. */
  #zxidHigh = 0;
  #zxidLow = 0;
  #heardMs = 0;
  #spokeMs = 0;
  /** Bytes that the kernel has not taken: `#out[#outFrom, #outTo)`. */
  #out = new Uint8Array(4096);
  #outFrom = 0;
  #outTo = 0;
  /** When each request in flight was made, and what it was, by its xid modulo the length. */
  readonly #sentMs: Float64Array;
  readonly #tags: Uint8Array;
  readonly #slotMask: number;
  #xidSent = 0;
  #xidAnswered = 0;
  #nowMs = 0;
  #replied = false;
  readonly #closed = Promise.withResolvers<void>();

  constructor(number: number, options: ConnectionOptions, host: ConnectionHost) {
    this.number = number;
    this.#options = options;
    this.#host = host;
    this.#turn = number;
    this.#sessionTimeoutMs = options.sessionTimeoutMs;
    let slots = 4;
    while (slots < options.inFlightMax) slots *= 2;
    this.#sentMs = new Float64Array(slots);
    this.#tags = new Uint8Array(slots);
    this.#slotMask = slots - 1;
  }

  /** Whether it has a session and may send. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Requests that are not answered. */
  get inFlight(): number {
    return (this.#xidSent - this.#xidAnswered) & xidMask;
  }

  /** `host:port` of the server it is at, or was last. */
  get server(): ServerAddress {
    const { servers } = this.#options;
    return servers[this.#turn % servers.length];
  }

  /** Begins to dial. */
  open(): void {
    if (this.#state !== "down") return;
    this.#state = "dialling";
    const { host, port } = this.server;
    this.#openDueMs = performance.now() + openTimeoutMs;
    let mine: Raw | null = null;
    const lost = () => {
      if (mine !== null && mine === this.#raw) this.#onLost();
    };
    this.#raw = null;
    const attempt = this.#openDueMs;
    Bun.connect({
      hostname: host,
      port,
      socket: {
        binaryType: "uint8array",
        open: (raw) => {
          if (this.#state !== "dialling" || this.#openDueMs !== attempt) return void raw.terminate();
          mine = raw;
          this.#raw = raw;
          raw.setNoDelay(true);
          this.#state = "opening";
          this.#splitter = new FrameSplitter(replyBytesMax);
          this.#outFrom = this.#outTo = 0;
          this.#greet();
        },
        data: (raw, bytes) => {
          if (raw === this.#raw) this.#onData(bytes as Uint8Array);
        },
        drain: (raw) => {
          if (raw === this.#raw) this.flush();
        },
        close: lost,
        end: lost,
        connectError: () => this.#onDialFailed(attempt),
      },
    }).catch(() => this.#onDialFailed(attempt));
  }

  /**
   * Makes room for a request behind those that wait to be sent: its whole frame is then written into {@link out}
   * at this place, and {@link commit} told.
   */
  reserve(bytes: number): number {
    this.#makeRoom(bytes);
    return this.#outTo;
  }

  /** Where requests are written. Another one after each {@link reserve}. */
  get out(): Uint8Array {
    return this.#out;
  }

  /**
   * The request is written.
   *
   * @param tag 0 to 255, told with the reply.
   */
  commit(bytes: number, tag: number, sentMs: number): void {
    const at = this.#outTo;
    this.#outTo += bytes;
    const xid = this.#xidSent = (this.#xidSent + 1) & xidMask;
    putInt(this.#out, at + 4, xid);
    this.#sentMs[xid & this.#slotMask] = sentMs;
    this.#tags[xid & this.#slotMask] = tag;
  }

  /** Hands to the kernel what was sent. */
  flush(): void {
    if (this.#outFrom === this.#outTo || this.#raw === null) return;
    const written = this.#raw.write(this.#out, this.#outFrom, this.#outTo - this.#outFrom);
    if (written > 0) this.#outFrom += written;
    if (this.#outFrom === this.#outTo) this.#outFrom = this.#outTo = 0;
    this.#spokeMs = this.#nowMs;
  }

  /** Called a few times a second: pings, and gives up on servers that are silent. */
  onTime(nowMs: number): void {
    switch (this.#state) {
      case "dialling":
      case "opening":
        if (nowMs > this.#openDueMs) this.drop();
        return;
      case "open":
        // As ZooKeeper's clients do (ClientCnxn): two thirds of a session timeout without a word is too long.
        if (nowMs - this.#heardMs > this.#sessionTimeoutMs * 2 / 3) this.drop();
        else if (nowMs - this.#spokeMs > this.#sessionTimeoutMs / 4) this.#ping(nowMs);
        return;
    }
  }

  /** Breaks the connection, as when the server had; then it dials again. */
  drop(): void {
    const raw = this.#raw;
    this.#onLost();
    raw?.terminate();
  }

  /** Ends the session. Resolves when the server has closed the connection, or at once where there is none. */
  close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      this.#makeRoom(12);
      putInt(this.#out, this.#outTo, 8);
      putInt(this.#out, this.#outTo + 4, (this.#xidSent + 1) & xidMask);
      putInt(this.#out, this.#outTo + 8, OpCode.closeSession);
      this.#outTo += 12;
      this.flush();
    } else if (this.#state !== "closing") {
      this.abandon();
    }
    return this.#closed.promise;
  }

  /** Lets go of the connection; its session, if any, expires. */
  abandon(): void {
    this.#state = "closed";
    clearTimeout(this.#retry);
    const raw = this.#raw;
    this.#raw = null;
    raw?.terminate();
    this.#closed.resolve();
  }

  #greet(): void {
    const writer = new JuteWriter(64);
    writer.int(0);
    encodeConnectRequest(writer, {
      protocolVersion: 0,
      lastZxidSeen: 0,
      timeoutMs: this.#options.sessionTimeoutMs,
      sessionId: noSession,
      password: new Uint8Array(16),
      readOnly: false,
    });
    writer.intAt(0, writer.length - 4);
    const frame = writer.copy();
    putInt(frame, 8, this.#zxidHigh);
    putInt(frame, 12, this.#zxidLow);
    if (this.#hasSession) {
      frame.set(this.#sessionId, 20);
      frame.set(this.#password, 32);
    }
    this.#raw!.write(frame);
  }

  #ping(nowMs: number): void {
    this.#makeRoom(12);
    putInt(this.#out, this.#outTo, 8);
    putInt(this.#out, this.#outTo + 4, Xid.ping);
    putInt(this.#out, this.#outTo + 8, OpCode.ping);
    this.#outTo += 12;
    this.#nowMs = nowMs;
    this.flush();
  }

  #onData(bytes: Uint8Array): void {
    this.#nowMs = this.#heardMs = performance.now();
    this.#replied = false;
    this.#splitter.push(bytes, this);
    if (this.#replied && this.#state === "open") {
      this.#retryMs = 0;
      this.#host.onReplies(this, this.#nowMs);
      this.flush();
    }
  }

  /** A frame came; called by the splitter. */
  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#state === "opening") this.#onSession(bytes, start, end);
    else if (this.#state === "open") this.#onReply(bytes, start, end);
    return true;
  }

  /** What came is no frame; called by the splitter. */
  onBadLength(): void {
    this.drop();
  }

  /** @see Fact: ConnectResponse in zookeeper.jute: protocol version, timeout, session id, password. */
  #onSession(bytes: Uint8Array, start: number, end: number): void {
    const timeoutMs = end - start < 36 ? 0 : intAt(bytes, start + 4);
    if (timeoutMs <= 0) {
      this.#hasSession = false;
      this.#host.onExpired(this);
      return this.drop();
    }
    this.#sessionTimeoutMs = timeoutMs;
    this.#sessionId.set(bytes.subarray(start + 8, start + 16));
    this.#password.set(bytes.subarray(start + 20, start + 36));
    this.#hasSession = true;
    this.#state = "open";
    this.#spokeMs = this.#nowMs;
    this.#xidSent = this.#xidAnswered = 0;
    this.#host.onOpen(this);
    this.flush();
  }

  #onReply(bytes: Uint8Array, start: number, end: number): void {
    const xid = intAt(bytes, start);
    if (xid === Xid.ping) return;
    if (xid === Xid.notification) return this.#host.onEvent(this, this.#nowMs);
    const expected = (this.#xidAnswered + 1) & xidMask;
    if (xid !== expected || this.inFlight === 0 || end - start < replyHeaderBytes) return this.drop();
    this.#xidAnswered = xid;
    this.#replied = true;
    this.#zxidHigh = intAt(bytes, start + 4);
    this.#zxidLow = intAt(bytes, start + 8);
    let code = intAt(bytes, start + 12);
    const body = start + replyHeaderBytes;
    const slot = xid & this.#slotMask;
    const tag = this.#tags[slot];
    if (tag === this.#options.multiTag && code === 0) code = multiCode(bytes, body, end);
    this.#host.onReply(this, tag, this.#sentMs[slot], this.#nowMs, code);
  }

  #onDialFailed(attempt: number): void {
    if (this.#state === "dialling" && this.#openDueMs === attempt) this.#onLost();
  }

  #onLost(): void {
    const before = this.#state;
    if (before === "closed" || before === "down") return;
    this.#raw = null;
    if (before === "closing") {
      this.#state = "closed";
      return this.#closed.resolve();
    }
    this.#state = "down";
    this.#turn++;
    // By a timer of its own: how long clients are without a server is what a leader's end is measured by.
    this.#retry = setTimeout(() => this.open(), this.#retryMs);
    this.#retryMs = Math.min(retryMaxMs, Math.max(retryMinMs, 2 * this.#retryMs));
    if (before !== "open") return this.#host.onRefused(this);
    const tags: number[] = [];
    for (let left = this.inFlight; left > 0; left--) {
      this.#xidAnswered = (this.#xidAnswered + 1) & xidMask;
      tags.push(this.#tags[this.#xidAnswered & this.#slotMask]);
    }
    this.#outFrom = this.#outTo = 0;
    this.#host.onLost(this, tags);
  }

  #makeRoom(bytes: number): void {
    if (this.#outTo + bytes <= this.#out.length) return;
    const held = this.#outTo - this.#outFrom;
    let target = this.#out;
    if (held + bytes > target.length) target = new Uint8Array(Math.max(2 * target.length, held + bytes));
    target.set(this.#out.subarray(this.#outFrom, this.#outTo));
    this.#out = target;
    this.#outFrom = 0;
    this.#outTo = held;
  }
}

/** 0, or the code that says why a transaction failed: what stands beside that one is answered with another code. */
function multiCode(bytes: Uint8Array, start: number, end: number): number {
  const runtimeInconsistency = -2;
  let result = 0;
  for (let at = start; at + multiErrorBytes <= end && intAt(bytes, at) === -1; at += multiErrorBytes) {
    if (bytes[at + 4] !== 0) break;
    const code = intAt(bytes, at + 9);
    if (code === 0) continue;
    result = code;
    if (code !== runtimeInconsistency) break;
  }
  return result;
}
