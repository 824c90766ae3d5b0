/**
 * A world for clients in one process: time moves when a test says so, servers do what a test writes down.
 * Frames are read and written with the product's own jute, the protocol around them is spelled out here.
 */
import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { Network, Socket, SocketEvents } from "../../../src/base/network.ts";
import { type Random, seededRandom } from "../../../src/base/random.ts";
import { FrameSplitter } from "../../../src/jute/frame.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";

interface PendingTimer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Time that stands still until it is advanced. */
export class FakeClock implements Clock {
  nowMs = 1_000_000;
  readonly timers = new Set<PendingTimer>();
  #ends: (() => void)[] = [];
  /** Errors thrown by timers: what a real runtime reports as uncaught. */
  readonly uncaught: unknown[] = [];

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const timer = { atMs: this.nowMs + delayMs, fire };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  endOfTurn(run: () => void): void {
    this.#ends.push(run);
  }

  /** @returns Whether anything ran. */
  runEnds(): boolean {
    const ends = this.#ends;
    this.#ends = [];
    for (const run of ends) run();
    return ends.length > 0;
  }

  /** Fires the earliest timer that is due by `untilMs`, at its time. @returns Whether there was one. */
  fireNext(untilMs: number): boolean {
    let next: PendingTimer | null = null;
    for (const timer of this.timers) if (next === null || timer.atMs < next.atMs) next = timer;
    if (next === null || next.atMs > untilMs) return false;
    this.timers.delete(next);
    this.nowMs = Math.max(this.nowMs, next.atMs);
    try {
      next.fire();
    } catch (error) {
      this.uncaught.push(error);
    }
    return true;
  }
}

/** What a client asked for in its first frame. */
export interface SeenConnect {
  readonly lastZxid: bigint;
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly readOnly: boolean;
}

/** A request as it arrived. */
export interface SeenRequest {
  readonly xid: number;
  readonly op: number;
  /** At the body. */
  readonly body: JuteReader;
}

/** How a server answers the first frame. */
export interface Greeting {
  readonly sessionId: bigint;
  readonly timeoutMs: number;
  readonly readOnly?: boolean;
}

/** The server's end of one connection. */
export class ServerSide {
  readonly #server: FakeServer;
  readonly #splitter = new FrameSplitter(0x7fffffff);
  #client: SocketEvents | null = null;
  seen: SeenConnect | null = null;
  /** Requests nobody has looked at yet. */
  readonly requests: SeenRequest[] = [];
  /** Calls of `write` by the client. */
  writes = 0;
  /** The client, or the test, ended it. */
  closed = false;
  /** What the network claims not to have taken. */
  backlog = 0;
  /** Bytes of four-letter words. */
  word = "";

  constructor(server: FakeServer) {
    this.#server = server;
  }

  attach(client: SocketEvents): void {
    this.#client = client;
  }

  get socket(): Socket {
    return {
      remoteAddress: "127.0.0.1",
      remotePort: 2181,
      write: (bytes) => {
        if (this.closed) return 0;
        this.writes++;
        const copy = bytes.slice();
        if (copy.length === 4) this.#onWord(copy);
        else this.#splitter.push(copy, this);
        return this.backlog;
      },
      end: () => this.closed = true,
      destroy: () => this.closed = true,
      pause() {},
      resume() {},
    };
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    const reader = new JuteReader(bytes.slice(start, end));
    if (this.seen === null) {
      reader.int();
      this.seen = {
        lastZxid: reader.long(),
        timeoutMs: reader.int(),
        sessionId: reader.long(),
        password: reader.buffer()?.slice() ?? new Uint8Array(0),
        readOnly: reader.bool(),
      };
      const greeting = this.#server.greet(this.seen);
      if (greeting !== null) this.greet(greeting);
    } else {
      this.requests.push({ xid: reader.int(), op: reader.int(), body: reader });
    }
    return true;
  }

  onBadLength(length: number): void {
    throw new Error(`the client sent a frame of ${length} bytes`);
  }

  greet({ sessionId, timeoutMs, readOnly = false }: Greeting): void {
    this.send((writer) => {
      writer.int(0);
      writer.int(timeoutMs);
      writer.long(sessionId);
      writer.buffer(new Uint8Array(16).fill(Number(sessionId & 0xffn)));
      writer.bool(readOnly);
    });
  }

  /** The oldest request not looked at, which must be of this operation. */
  expect(op: number): SeenRequest {
    const request = this.requests.shift();
    if (request === undefined) throw new Error(`operation ${op} was expected, nothing came`);
    if (request.op !== op) throw new Error(`operation ${op} was expected, ${request.op} came`);
    return request;
  }

  /** Answers a request; without a body by default. */
  reply(
    request: { readonly xid: number },
    options: { zxid?: number; code?: number; body?: (writer: JuteWriter) => void } = {},
  ): void {
    this.sendBytes(replyFrame(request.xid, options));
  }

  notify(type: number, path: string, zxid = -1): void {
    this.sendBytes(notificationFrame(type, path, zxid));
  }

  send(write: (writer: JuteWriter) => void): void {
    this.sendBytes(frame(write));
  }

  sendBytes(...frames: Uint8Array[]): void {
    const writer = new JuteWriter();
    for (const bytes of frames) writer.raw(bytes);
    if (!this.closed) this.#client!.onData(writer.copy());
  }

  /** The backlog has gone. */
  drain(): void {
    this.backlog = 0;
    this.#client!.onDrain();
  }

  /** Ends the connection from the server's side. */
  close(error: Error | null = null): void {
    if (this.closed) return;
    this.closed = true;
    this.#client!.onClose(error);
  }

  #onWord(bytes: Uint8Array): void {
    this.word = String.fromCharCode(...bytes);
    const answer = this.#server.isro;
    if (this.word === "isro" && answer !== null) {
      this.sendBytes(Uint8Array.from(answer, (char) => char.charCodeAt(0)));
    }
  }
}

/** One scripted server. */
export class FakeServer {
  readonly connections: ServerSide[] = [];
  /** `refuse` fails a dial at once, `silent` never answers it. */
  mode: "accept" | "refuse" | "silent" = "accept";
  /** The answer to `isro`. */
  isro: string | null = null;
  /** Answers a handshake; null leaves it open. */
  greet: (seen: SeenConnect) => Greeting | null = (seen) => ({
    sessionId: seen.sessionId === 0n ? 0x77n : seen.sessionId,
    timeoutMs: seen.timeoutMs,
  });

  /** The newest connection. */
  get connection(): ServerSide {
    const last = this.connections.at(-1);
    if (last === undefined) throw new Error("nobody has connected");
    return last;
  }
}

/** Clock, network and randomness for a client. */
export class FakeWorld {
  readonly clock = new FakeClock();
  readonly random: Random = seededRandom(1);
  readonly servers = new Map<string, FakeServer>();
  /** Every attempt, as `host:port`. */
  readonly dials: string[] = [];

  readonly network: Pick<Network, "dial"> = {
    dial: (host, port, _timeoutMs, open) => {
      const name = `${host}:${port}`;
      this.dials.push(name);
      const server = this.servers.get(name);
      if (server === undefined || server.mode === "refuse") {
        return Promise.reject(new Error("connection refused"));
      }
      if (server.mode === "silent") return new Promise(() => {});
      return Promise.resolve().then(() => {
        const side = new ServerSide(server);
        server.connections.push(side);
        const socket = side.socket;
        let events: SocketEvents | null = null;
        // What the client writes while it opens is answered afterwards, as over a real network.
        const early: Uint8Array[] = [];
        const deferred: Socket = {
          ...socket,
          write: (bytes) => {
            if (events !== null) return socket.write(bytes);
            early.push(bytes.slice());
            return 0;
          },
        };
        events = open(deferred);
        side.attach(events);
        for (const bytes of early) socket.write(bytes);
        return deferred;
      });
    },
  };

  server(name: string): FakeServer {
    let server = this.servers.get(name);
    if (server === undefined) {
      server = new FakeServer();
      this.servers.set(name, server);
    }
    return server;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    do {
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (this.clock.runEnds());
  }

  /** Moves time, timer by timer. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.clock.nowMs + ms;
    await this.settle();
    while (this.clock.fireNext(untilMs)) await this.settle();
    this.clock.nowMs = untilMs;
    await this.settle();
  }
}

/** A frame with its length. */
export function frame(write: (writer: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter();
  writer.int(0);
  write(writer);
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}

/** A reply's frame. */
export function replyFrame(
  xid: number,
  { zxid = 1, code = 0, body }: { zxid?: number; code?: number; body?: (writer: JuteWriter) => void } = {},
): Uint8Array {
  return frame((writer) => {
    writer.int(xid);
    writer.longNumber(zxid);
    writer.int(code);
    body?.(writer);
  });
}

/** A notification's frame. */
export function notificationFrame(type: number, path: string, zxid = -1): Uint8Array {
  return frame((writer) => {
    writer.int(-1);
    writer.longNumber(zxid);
    writer.int(0);
    writer.int(type);
    writer.int(3);
    writer.string(path);
  });
}

/** Writes a Stat with this version, all else 0. */
export function writeStat(writer: JuteWriter, version = 0): void {
  for (let field = 0; field < 4; field++) writer.long(0n);
  writer.int(version);
  writer.int(0);
  writer.int(0);
  writer.long(0n);
  writer.int(0);
  writer.int(0);
  writer.long(0n);
}

/** The body of a getData reply. */
export function dataBody(text: string, version = 0): (writer: JuteWriter) => void {
  return (writer) => {
    writer.string(text);
    writeStat(writer, version);
  };
}

/** @returns The error a promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("it was expected to fail");
}
