/**
 * One ordered stream of requests and their answers: encodes, counts xids, and pairs each reply with the oldest
 * request that has none. Without I/O: bytes leave through `take`, arrive through `onFrame`.
 *
 * Order on a new connection: ids (auth), watches, then what waited. Bounds: `requestsMax` requests without an
 * answer, `limits.clientWaitingBytesMax` bytes not yet taken by the network.
 */
import { Deque } from "../base/deque.ts";
import { limits } from "../base/limits.ts";
import { JuteError, JuteReader } from "../jute/reader.ts";
import { JuteWriter } from "../jute/writer.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { OpCode, Xid } from "../protocol/op_code.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { BadArgumentsError, ConnectionLossError, errorOf, ThrottledOpError, type ZkError } from "./errors.ts";
import { type OpenRequest, PendingRequest, type RequestKind } from "./pending_request.ts";
import type { WatchRegistry } from "./watch_registry.ts";

/** Bounds of a pipe. */
export interface PipeConfig {
  /** Largest request, in bytes. */
  readonly requestBytesMax: number;
  /** Requests without an answer. */
  readonly requestsMax: number;
}

/** What a pipe tells its host while it reads a frame. */
export interface PipeEvents {
  /** A reply came that was made when the server had applied this. */
  onZxid(zxid: Zxid): void;
  /** A watch fired. */
  onNotification(type: number, serverPath: string, zxid: Zxid): void;
  /** The server refused credentials. */
  onAuthRefused(credential: Credential, code: number): void;
  /** The session was closed as asked. */
  onCloseAnswered(): void;
}

/** An id for the connection, kept for the next ones. */
export interface Credential {
  readonly scheme: string;
  readonly auth: Uint8Array;
  /** Called once: without an error when a server has accepted it, else at the client's end. */
  settle: ((error: ZkError | null) => void) | null;
}

/** A request made while nobody is connected: its bytes, and since when it waits. */
interface Waiting {
  readonly request: OpenRequest;
  readonly frame: Uint8Array;
  readonly sinceMs: number;
}

/** The outgoing buffer gives back what it grew beyond this, in bytes. */
const keepBytes = 1024 * 1024;
const xidMax = 0x7fffffff;

const setWatchesKind: RequestKind<void> = { op: "setWatches", writes: false, decode: () => {} };

/** See the head of this file. */
export class RequestPipe {
  readonly #config: PipeConfig;
  readonly #watches: WatchRegistry;
  readonly #events: PipeEvents;
  readonly #closeKind: RequestKind<void>;
  readonly #out = new JuteWriter(16 * 1024);
  readonly #reader = new JuteReader();
  #xid = 0;
  /** Where the request under construction begins; -1 for none. */
  #frameAt = -1;
  /** On the present connection, in the order of sending; answers come in the same order. */
  readonly #inFlight = new Deque<OpenRequest>(1024);
  /** Made while not connected, in order. */
  readonly #waiting = new Deque<Waiting>();
  #waitingBytes = 0;
  /** Ids without an answer: their replies may overtake others (ZooKeeperServer.processPacket), not each other. */
  readonly #auths = new Deque<Credential>(4);
  #connected = false;
  /** Requests put into `#inFlight` since the connection began; those the network took; those answered. */
  #submittedCount = 0;
  #takenCount = 0;
  #answeredCount = 0;

  constructor(config: PipeConfig, watches: WatchRegistry, events: PipeEvents) {
    this.#config = config;
    this.#watches = watches;
    this.#events = events;
    this.#closeKind = { op: "close", writes: false, decode: () => events.onCloseAnswered() };
    // The frame splitter has checked the frame; a single field may fill it.
    this.#reader.fieldBytesMax = Infinity;
  }

  /** Bytes to send. */
  get outBytes(): number {
    return this.#frameAt === -1 ? this.#out.length : this.#frameAt;
  }

  /** Why no further request is taken now, or null. */
  overload(op: string, path: string | null): ZkError | null {
    const count = this.#inFlight.length + this.#waiting.length;
    if (count >= this.#config.requestsMax) {
      const reason = `${count} requests have no answer yet and requestsMax allows no more; it was not sent`;
      return new ThrottledOpError(ErrorCode.throttledOp, { op, path, reason });
    }
    const bytes = this.#out.length + this.#waitingBytes;
    if (bytes >= limits.clientWaitingBytesMax) {
      const reason = `${bytes} bytes of earlier requests wait for the network; it was not sent`;
      return new ThrottledOpError(ErrorCode.throttledOp, { op, path, reason });
    }
    return null;
  }

  /** Begins a request. Write its body to the returned writer, then call {@linkcode submit}. */
  begin(opCode: number): JuteWriter {
    const out = this.#out;
    // An encoder that threw half-way left its bytes behind.
    if (this.#frameAt !== -1) out.rewind(this.#frameAt);
    this.#frameAt = out.length;
    this.#xid = this.#xid >= xidMax ? 1 : this.#xid + 1;
    out.int(0);
    out.int(this.#xid);
    out.int(opCode);
    return out;
  }

  /** Ends the request begun; the promise settles with the answer. */
  submit<T>(request: PendingRequest<T>, nowMs: number): Promise<T> {
    const bytes = this.#out.length - this.#frameAt - 4;
    if (bytes > this.#config.requestBytesMax) {
      this.#out.rewind(this.#frameAt);
      this.#frameAt = -1;
      return Promise.reject(tooLarge(request, bytes, this.#config.requestBytesMax));
    }
    if (this.#connected) {
      this.#append(request);
    } else {
      const at = this.#finishFrame(request);
      const frame = this.#out.bytes.slice(at, this.#out.length);
      this.#out.rewind(at);
      this.#waiting.push({ request, frame, sinceMs: nowMs });
      this.#waitingBytes += frame.length;
    }
    return request.promise();
  }

  /** Sends an id, ahead of its place in the order. Only while connected. */
  authenticate(credential: Credential): void {
    const out = this.#out;
    const at = out.length;
    out.int(0);
    out.int(Xid.auth);
    out.int(OpCode.auth);
    out.int(0);
    out.string(credential.scheme);
    out.buffer(credential.auth);
    out.intAt(at, out.length - at - 4);
    this.#auths.push(credential);
  }

  /** Adds a ping. */
  ping(): void {
    this.#out.int(8);
    this.#out.int(Xid.ping);
    this.#out.int(OpCode.ping);
  }

  /**
   * A connection serves the session: sends the ids, registers all watches anew, then sends what waited.
   *
   * @param lastZxid Watches whose znode changed later fire at once.
   */
  connect(lastZxid: Zxid, credentials: readonly Credential[]): void {
    this.#connected = true;
    for (const credential of credentials) this.authenticate(credential);
    for (const batch of this.#watches.batches()) {
      const persistent = batch.persistent.length > 0 || batch.recursive.length > 0;
      const out = this.begin(persistent ? OpCode.setWatches2 : OpCode.setWatches);
      out.longNumber(lastZxid);
      out.vector(batch.data, writeString);
      out.vector(batch.exist, writeString);
      out.vector(batch.child, writeString);
      if (persistent) {
        out.vector(batch.persistent, writeString);
        out.vector(batch.recursive, writeString);
      }
      this.#append(new PendingRequest(setWatchesKind, null, "", "", undefined));
    }
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#out.raw(next.frame);
      this.#waitingBytes -= next.frame.length;
      this.#inFlight.push(next.request);
      this.#submittedCount++;
    }
  }

  /** Sends closeSession: nothing after it is answered. */
  closeSession(): void {
    this.begin(OpCode.closeSession);
    this.#append(new PendingRequest(this.#closeKind, null, "", "", undefined));
  }

  /** What is to be sent, as a view valid until {@linkcode taken}; its requests count as sent from now on. */
  take(): Uint8Array {
    this.#takenCount = this.#submittedCount;
    return this.#out.view();
  }

  /** The bytes of {@linkcode take} were handed over. */
  taken(): void {
    this.#out.reset(keepBytes);
  }

  /**
   * One frame from the server.
   *
   * @returns Null, or the rule it broke: the connection is of no more use.
   */
  onFrame(bytes: Uint8Array, start: number, end: number): string | null {
    if (end - start < headerBytes) return `a reply of ${end - start} bytes is shorter than its header`;
    const reader = this.#reader;
    reader.reset(bytes, start, end);
    const xid = reader.int();
    const zxid = reader.longNumber();
    const code = reader.int();
    switch (xid) {
      case Xid.ping:
        return null;
      case Xid.notification:
        return this.#onNotification(zxid);
      case Xid.auth:
        return this.#onAuthReply(code);
    }
    const request = this.#inFlight.peek();
    if (request === undefined) return `a reply came with xid ${xid}, but no request waits for one`;
    if (request.xid !== xid) {
      return `a reply came with xid ${xid}, but the oldest request, ${request.kind.op}, has xid ${request.xid}`;
    }
    this.#inFlight.shift();
    this.#answeredCount++;
    if (zxid > 0) this.#events.onZxid(zxid);
    request.answer(code, zxid, reader, this.#watches);
    return null;
  }

  /**
   * The connection is gone: what was under way fails, what waits goes on waiting. Requests of this connection
   * that had not been sent yet fail too, so that none is done after an earlier one of unknown fate.
   */
  disconnect(reason: string): void {
    this.#connected = false;
    this.#discardOut();
    this.#auths.clear();
    let sentCount = this.#takenCount - this.#answeredCount;
    this.#submittedCount = 0;
    this.#takenCount = 0;
    this.#answeredCount = 0;
    for (let count = this.#inFlight.length; count > 0; count--) {
      const request = this.#inFlight.shift()!;
      const sent = sentCount-- > 0;
      const mayHaveHappened = request.kind.writes && sent;
      const fate = mayHaveHappened ? "it may have been done or not" : "nothing was changed";
      request.reject(
        new ConnectionLossError(mayHaveHappened, {
          op: request.kind.op,
          path: request.path,
          reason: `no answer, ${reason}; ${fate}`,
        }),
      );
    }
  }

  /** When the oldest waiting request will have waited `patienceMs`; Infinity when none waits. */
  waitingEndMs(patienceMs: number): number {
    return (this.#waiting.peek()?.sinceMs ?? Infinity) + patienceMs;
  }

  /** Fails the requests that have waited `patienceMs` for a connection. */
  giveUpWaiting(nowMs: number, patienceMs: number, lastFailure: string): void {
    for (;;) {
      const oldest = this.#waiting.peek();
      if (oldest === undefined || oldest.sinceMs + patienceMs > nowMs) return;
      this.#waiting.shift();
      this.#waitingBytes -= oldest.frame.length;
      const { kind, path } = oldest.request;
      const reason = `never sent, no server took it for ${Math.round(patienceMs)} ms; last: ${lastFailure}`;
      oldest.request.reject(new ConnectionLossError(false, { op: kind.op, path, reason }));
    }
  }

  /** The end: everything without an answer fails. */
  fail(code: number, reason: string): void {
    this.#connected = false;
    this.#discardOut();
    this.#auths.clear();
    this.#waitingBytes = 0;
    for (let next = this.#inFlight.shift(); next !== undefined; next = this.#inFlight.shift()) {
      next.reject(errorOf(code, { op: next.kind.op, path: next.path, reason }));
    }
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { kind, path } = next.request;
      next.request.reject(errorOf(code, { op: kind.op, path, reason }));
    }
  }

  #append(request: OpenRequest): void {
    this.#finishFrame(request);
    this.#inFlight.push(request);
    this.#submittedCount++;
  }

  /** Fills in the frame's length. @returns Where it begins. */
  #finishFrame(request: OpenRequest): number {
    const at = this.#frameAt;
    this.#frameAt = -1;
    this.#out.intAt(at, this.#out.length - at - 4);
    request.xid = this.#xid;
    return at;
  }

  #discardOut(): void {
    this.#frameAt = -1;
    this.#out.reset(keepBytes);
  }

  #onNotification(zxid: Zxid): string | null {
    let type: number;
    let path: string | null;
    try {
      type = this.#reader.int();
      this.#reader.int();
      path = this.#reader.string();
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      return `a notification cannot be decoded: ${error.message}`;
    }
    this.#events.onNotification(type, path ?? "", zxid);
    return null;
  }

  #onAuthReply(code: number): string | null {
    const credential = this.#auths.shift();
    if (credential === undefined) return "an answer to auth came, but none was sent";
    if (code !== 0) {
      this.#events.onAuthRefused(credential, code);
      return null;
    }
    credential.settle?.(null);
    credential.settle = null;
    return null;
  }
}

/** Of a reply: xid, zxid, error code. */
const headerBytes = 16;

function writeString(writer: JuteWriter, text: string): void {
  writer.string(text);
}

function tooLarge(request: OpenRequest, bytes: number, bytesMax: number): ZkError {
  const reason = `the request takes ${bytes} bytes, and servers drop connections that send more than ` +
    `${bytesMax} (jute.maxbuffer; requestBytesMax here); it was not sent`;
  return new BadArgumentsError(ErrorCode.badArguments, { op: request.kind.op, path: request.path, reason });
}
