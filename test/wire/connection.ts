/**
 * A bare TCP connection that cuts what arrives into frames and remembers how it ended.
 */
import { connect, type Socket } from "node:net";

/** Where a server listens. */
export interface Target {
  host: string;
  port: number;
  /** Sessions there send a ping so often, as clients do, whose answers are strays. None by default. */
  pingEveryMs?: number;
}

/** How the peer ended a connection: an orderly FIN, or a reset. */
export type CloseKind = "fin" | "reset";

/** How long a wait may take before the test fails, in ms. Long, for a wait ends with its condition. */
export const patienceMs = 20_000;

/** The server, or what lies between, ended a connection on which something was due: no judgement of what was asked. */
export class ConnectionLost extends Error {}

/** Rejects with `what` when `promise` takes longer than {@linkcode patienceMs}. */
export function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`Waited ${patienceMs} ms for ${what}`)), patienceMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A connection without any notion of sessions or requests. */
export class WireConnection {
  #socket: Socket;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #frames: Uint8Array[] = [];
  #waiting: ((frame: Uint8Array | null) => void)[] = [];
  #closeKind: CloseKind | undefined;
  #onFrame: ((payload: Uint8Array) => void) | undefined;
  #reset = false;

  /** Resolves once the connection has ended, from whichever side. */
  readonly closed: Promise<CloseKind>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<CloseKind>();
    this.closed = promise;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    socket.on("error", () => {
      this.#reset = true;
    });
    socket.on("close", () => {
      this.#closeKind = this.#reset ? "reset" : "fin";
      for (const wake of this.#waiting.splice(0)) wake(null);
      resolve(this.#closeKind);
    });
  }

  /** Opens a TCP connection and sends nothing. */
  static open(target: Target): Promise<WireConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<WireConnection>();
    const socket = connect({ port: target.port, host: target.host });
    const refused = (error: Error) => reject(error);
    socket.once("error", refused);
    socket.once("connect", () => {
      socket.off("error", refused);
      resolve(new WireConnection(socket));
    });
    return within(promise, `a connection to ${target.host}:${target.port}`);
  }

  /** The peer's or our own end, once it came. */
  get closeKind(): CloseKind | undefined {
    return this.#closeKind;
  }

  /** Local port, as `cons` shows it. */
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Bytes that have arrived but do not make a whole frame yet. */
  get partialBytes(): number {
    return this.#heldBytes;
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Stops reading, so that the server's answers pile up; resume() takes them again. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Hands every frame, those already waiting included, to `onFrame` from now on. */
  handOver(onFrame: (payload: Uint8Array) => void): void {
    this.#onFrame = onFrame;
    for (const payload of this.#frames.splice(0)) onFrame(payload);
  }

  /** Payload of the next frame. */
  async nextFrame(): Promise<Uint8Array> {
    const payload = await this.#nextOrEnd("a frame");
    if (payload === null) {
      throw new ConnectionLost(`The server closed (${this.#closeKind}) where a frame was due`);
    }
    return payload;
  }

  /** Waits for the server to close; fails if it sends a frame instead. */
  async expectClose(): Promise<CloseKind> {
    const payload = await this.#nextOrEnd("the server to close");
    if (payload !== null) {
      throw new Error(`The server sent ${payload.length} bytes where it should have closed`);
    }
    if (this.partialBytes > 0) throw new Error(`The server closed within a frame`);
    return await this.closed;
  }

  /** Closes our side with FIN and waits for the end. */
  async close(): Promise<void> {
    this.#socket.end();
    this.#socket.resume();
    await within(this.closed, "our own close");
  }

  /** Drops the connection at once, as a crashed client would. */
  destroy(): void {
    this.#socket.destroy();
  }

  #nextOrEnd(what: string): Promise<Uint8Array | null> {
    const ready = this.#frames.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#closeKind !== undefined) return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<Uint8Array | null>();
    this.#waiting.push(resolve);
    return within(promise, what);
  }

  #onData(chunk: Uint8Array): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < 4) return;
    const joined = this.#held.length === 1 ? chunk : Buffer.concat(this.#held);
    const view = new DataView(joined.buffer, joined.byteOffset, joined.byteLength);
    let at = 0;
    while (joined.length - at >= 4) {
      const size = view.getInt32(at);
      if (joined.length - at - 4 < size) break;
      // Copied: a test may keep a payload longer than the socket keeps its chunk.
      this.#deliver(new Uint8Array(joined.subarray(at + 4, at + 4 + size)));
      at += 4 + size;
    }
    this.#held = at === joined.length ? [] : [joined.subarray(at)];
    this.#heldBytes = joined.length - at;
  }

  #deliver(payload: Uint8Array): void {
    if (this.#onFrame !== undefined) return this.#onFrame(payload);
    const wake = this.#waiting.shift();
    if (wake !== undefined) wake(payload);
    else this.#frames.push(payload);
  }
}
