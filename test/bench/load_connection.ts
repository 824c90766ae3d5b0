/**
 * One client connection that keeps a number of requests in flight: a closed loop. Replies are checked for
 * their order, error code and length; a wrong one fails the run.
 */
import { connectFrame } from "../wire/frames.ts";
import type { Workload } from "./workloads.ts";

/** Told of what happens on a connection. */
export interface LoadObserver {
  /** A request was answered. Times are of `performance.now()`. */
  onReply(sentMs: number, answeredMs: number): void;
  /** Asked before each request: false ends this connection's part. */
  mayGoOn(): boolean;
  /** The connection has no request in flight and makes no more. */
  onIdle(): void;
  onFailure(error: Error): void;
}

type Raw = Bun.Socket<LoadConnection>;

const replyHeaderBytes = 16;
/** A ConnectResponse has no xid: it is the first frame that comes. */
const connectReplyBytesMin = 36;

/** A connection with a session of its own. */
export class LoadConnection {
  #raw: Raw | null = null;
  readonly #inFlightMax: number;
  #workload: Workload | null = null;
  #observer: LoadObserver | null = null;
  #opened: (() => void) | null = null;
  #failed: (error: Error) => void;
  /** Requests that the kernel has not taken: `#out[#outFrom, #outTo)`. */
  #out = new Uint8Array(0);
  #outFrom = 0;
  #outTo = 0;
  /** The beginning of a reply whose end has not come. */
  #partial: Uint8Array | null = null;
  /** When each request in flight was made, by its xid modulo the length. */
  readonly #sentMs: Float64Array;
  #xidSent = 0;
  #xidAnswered = 0;
  #closed = false;

  private constructor(inFlightMax: number, failed: (error: Error) => void) {
    this.#inFlightMax = inFlightMax;
    this.#failed = failed;
    this.#sentMs = new Float64Array(inFlightMax);
  }

  /** Connects and gets a session. Rejects when there is none within 10 s. */
  static open(host: string, port: number, inFlightMax: number): Promise<LoadConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<LoadConnection>();
    const connection = new LoadConnection(inFlightMax, reject);
    const timer = setTimeout(() => reject(new Error(`${host}:${port} gives no session in 10 s`)), 10_000);
    connection.#opened = () => {
      clearTimeout(timer);
      resolve(connection);
    };
    Bun.connect<LoadConnection>({
      hostname: host,
      port,
      data: connection,
      socket: {
        binaryType: "uint8array",
        open(raw) {
          raw.setNoDelay(true);
          connection.#raw = raw;
          raw.write(connectFrame({ timeoutMs: 40_000 }));
        },
        data: (_raw, bytes) => connection.#onData(bytes as Uint8Array),
        drain: () => connection.#flush(),
        close: () => connection.#fail(new Error(`${host}:${port} closed a connection`)),
        error: (_raw, error) => connection.#fail(error),
      },
    }).catch(reject);
    return promise;
  }

  /** Begins a workload with as many requests in flight as the connection may have. */
  run(workload: Workload, observer: LoadObserver): void {
    this.#workload = workload;
    this.#observer = observer;
    this.#failed = observer.onFailure;
    this.#out = new Uint8Array(this.#inFlightMax * workload.frameBytesMax);
    this.#ask(this.#inFlightMax, performance.now());
    this.#flush();
    if (this.#xidSent === this.#xidAnswered) observer.onIdle();
  }

  close(): void {
    this.#closed = true;
    this.#raw?.end();
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failed(error);
  }

  #onData(bytes: Uint8Array): void {
    let data = bytes;
    if (this.#partial !== null) {
      data = new Uint8Array(this.#partial.length + bytes.length);
      data.set(this.#partial);
      data.set(bytes, this.#partial.length);
      this.#partial = null;
    }
    const nowMs = performance.now();
    const answeredBefore = this.#xidAnswered;
    let at = 0;
    while (at + 4 <= data.length) {
      const payloadBytes = intAt(data, at);
      if (at + 4 + payloadBytes > data.length) break;
      if (this.#opened !== null) this.#onSession(payloadBytes);
      else if (!this.#onReply(data, at + 4, payloadBytes, nowMs)) return;
      at += 4 + payloadBytes;
    }
    if (at < data.length) this.#partial = data.slice(at);
    const answered = this.#xidAnswered - answeredBefore;
    if (answered === 0) return;
    this.#ask(answered, nowMs);
    this.#flush();
    if (this.#xidSent === this.#xidAnswered) this.#observer!.onIdle();
  }

  #onSession(payloadBytes: number): void {
    if (payloadBytes < connectReplyBytesMin) {
      return this.#fail(new Error(`a ConnectResponse of ${payloadBytes} bytes`));
    }
    this.#opened!();
    this.#opened = null;
  }

  #onReply(data: Uint8Array, at: number, payloadBytes: number, nowMs: number): boolean {
    const workload = this.#workload;
    const xid = intAt(data, at);
    const error = intAt(data, at + 12);
    const tolerated = error !== 0 && error === workload?.tolerated;
    const expectedBytes = tolerated ? replyHeaderBytes : workload?.replyBytes;
    if (xid !== this.#xidAnswered + 1 || (error !== 0 && !tolerated) || payloadBytes !== expectedBytes) {
      this.#fail(
        new Error(
          `the reply to xid ${this.#xidAnswered + 1} has xid ${xid}, error ${error}, ` +
            `${payloadBytes} bytes (expected ${expectedBytes})`,
        ),
      );
      return false;
    }
    this.#xidAnswered = xid;
    this.#observer!.onReply(this.#sentMs[xid % this.#inFlightMax], nowMs);
    return true;
  }

  #ask(count: number, nowMs: number): void {
    const out = this.#out;
    const workload = this.#workload!;
    for (let index = 0; index < count && this.#observer!.mayGoOn(); index++) {
      if (this.#outTo + workload.frameBytesMax > out.length) {
        out.copyWithin(0, this.#outFrom, this.#outTo);
        this.#outTo -= this.#outFrom;
        this.#outFrom = 0;
      }
      const xid = ++this.#xidSent;
      const at = this.#outTo;
      this.#outTo += workload.next(out, at);
      out[at + 4] = xid >>> 24;
      out[at + 5] = xid >>> 16;
      out[at + 6] = xid >>> 8;
      out[at + 7] = xid;
      this.#sentMs[xid % this.#inFlightMax] = nowMs;
    }
  }

  #flush(): void {
    if (this.#outFrom === this.#outTo) return;
    const written = this.#raw!.write(this.#out, this.#outFrom, this.#outTo - this.#outFrom);
    if (written > 0) this.#outFrom += written;
    if (this.#outFrom === this.#outTo) this.#outFrom = this.#outTo = 0;
  }
}

function intAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
