/**
 * Hosts a session machine and its request pipe on a network and a clock: the only place of the client where
 * connections and timers are handled.
 *
 * Listeners and promises are settled as promise jobs in the order of the frames, so a caller sees events and
 * replies in the order in which the server sent them.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { Network, Socket, SocketEvents } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import { FrameSplitter } from "../jute/frame.ts";
import { JuteError, JuteReader } from "../jute/reader.ts";
import { JuteWriter } from "../jute/writer.ts";
import { type ConnectRequest, decodeConnectResponse, encodeConnectRequest } from "../protocol/connect.ts";
import { ErrorCode, errorName } from "../protocol/error_code.ts";
import { formatServer, type ServerAddress } from "./connection_string.ts";
import { clientClosedCode, errorOf } from "./errors.ts";
import { type Credential, RequestPipe } from "./request_pipe.ts";
import { type SessionConfig, type SessionEffects, SessionMachine } from "./session_machine.ts";
import type { ClientState, StateChange } from "./types.ts";
import type { WatchRegistry } from "./watch_registry.ts";

/** What a client needs from the world. */
export interface ClientEnvironment {
  readonly network: Pick<Network, "dial">;
  readonly clock: Clock;
  readonly random: Random;
}

/** Bounds of a link. */
export interface LinkConfig extends SessionConfig {
  readonly requestBytesMax: number;
  readonly requestsMax: number;
  readonly replyBytesMax: number;
}

/** What a link tells its client; called while frames are handled, so no user code may run inside. */
export interface LinkEvents {
  onNotification(type: number, serverPath: string, zxid: number): void;
  onStateChange(change: StateChange): void;
}

/** Buffered requests are sent before the end of the turn once there are so many bytes. */
const flushBytes = 64 * 1024;
/** `isro`, as four-letter words are sent: bare. */
const isroWord = new Uint8Array([0x69, 0x73, 0x72, 0x6f]);

/** See the head of this file. */
export class SessionLink implements SessionEffects {
  readonly #environment: ClientEnvironment;
  readonly #config: LinkConfig;
  readonly #events: LinkEvents;
  readonly machine: SessionMachine;
  readonly pipe: RequestPipe;
  readonly credentials: Credential[] = [];
  #state: ClientState = "connecting";
  #connection: LinkConnection | null = null;
  #probe: ServerProbe | null = null;
  #timer: Timer | null = null;
  #timerAtMs = Infinity;
  #flushDue = false;

  constructor(
    environment: ClientEnvironment,
    config: LinkConfig,
    watches: WatchRegistry,
    events: LinkEvents,
  ) {
    this.#environment = environment;
    this.#config = config;
    this.#events = events;
    this.machine = new SessionMachine(config, this);
    this.pipe = new RequestPipe(config, watches, {
      onZxid: (zxid) => {
        if (zxid > this.machine.lastZxid) this.machine.lastZxid = zxid;
      },
      onNotification: (type, path, zxid) => events.onNotification(type, path, zxid),
      onAuthRefused: ({ scheme }, code) =>
        this.machine.onAuthFailed(
          `the server refused credentials of scheme "${scheme}" (${errorName(code)})`,
        ),
      onCloseAnswered: () => this.machine.onCloseAnswered(),
    });
  }

  get state(): ClientState {
    return this.#state;
  }

  get clock(): Clock {
    return this.#environment.clock;
  }

  /** Begins to look for a server. */
  start(): void {
    this.machine.start(this.nowMs());
    this.#arm();
  }

  /** Ends the session. */
  close(): void {
    this.machine.close(this.nowMs());
    this.#arm();
  }

  nowMs(): number {
    return this.#environment.clock.monotonicMs();
  }

  /** Adds an id to this connection and all later ones. */
  authenticate(credential: Credential): void {
    this.credentials.push(credential);
    if (!this.machine.established) return;
    this.pipe.authenticate(credential);
    this.requestAdded();
  }

  /** Bytes were added to the pipe: sends them at the end of the turn. */
  requestAdded(): void {
    if (this.#connection === null || !this.machine.established) {
      // The first that waits sets the time until which the queue does.
      if (this.pipe.waitingEndMs(this.machine.patienceMs) < this.#timerAtMs) this.#arm();
      return;
    }
    if (this.pipe.outBytes >= flushBytes) return this.#flush();
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#environment.clock.endOfTurn(this.#onEndOfTurn);
  }

  // Effects of the machine.

  dial(server: ServerAddress, timeoutMs: number): void {
    const connection = new LinkConnection(this, this.#config.replyBytesMax);
    this.#connection = connection;
    this.#environment.network.dial(server.host, server.port, timeoutMs, (socket) => connection.open(socket))
      .catch((error: unknown) => {
        if (this.#connection !== connection) return;
        this.#connection = null;
        this.machine.onDialFailed(error instanceof Error ? error.message : String(error), this.nowMs());
        this.#arm();
      });
  }

  hangUp(): void {
    this.#connection?.drop();
    this.#connection = null;
  }

  sendConnectRequest(request: ConnectRequest): void {
    const writer = new JuteWriter(64);
    writer.int(0);
    encodeConnectRequest(writer, request);
    writer.intAt(0, writer.length - 4);
    this.#connection?.write(writer.view());
  }

  sendPing(): void {
    this.pipe.ping();
    this.#flush();
  }

  sendClose(): void {
    this.pipe.closeSession();
    this.#flush();
  }

  probe(server: ServerAddress, timeoutMs: number): void {
    this.#probe?.drop();
    const probe = new ServerProbe((writable) => {
      if (this.#probe !== probe) return;
      this.#probe = null;
      this.machine.onProbed(writable, this.nowMs());
      this.#arm();
    });
    this.#probe = probe;
    this.#environment.network.dial(server.host, server.port, timeoutMs, (socket) => probe.open(socket))
      .catch(() => probe.answer(false));
  }

  established(readOnly: boolean): void {
    this.pipe.connect(this.machine.lastZxid, this.credentials);
    this.#change(readOnly ? "connectedReadOnly" : "connected", null);
    this.#flush();
  }

  lost(reason: string): void {
    this.#forgetConnection();
    this.pipe.disconnect(reason);
    this.#change("disconnected", reason);
  }

  died(state: "expired" | "authFailed" | "closed", reason: string | null): void {
    this.#forgetConnection();
    const code = deathCode[state];
    this.pipe.fail(code, reason ?? "the client was closed");
    for (const { settle, scheme } of this.credentials.splice(0)) {
      settle?.(
        errorOf(code, { op: "addAuth", path: null, reason: reason ?? `scheme ${scheme} was not tried` }),
      );
    }
    this.#change(state, reason);
    this.#arm();
  }

  // What connections report.

  /** @returns Whether the connection is still the one in use. */
  owns(connection: LinkConnection): boolean {
    return this.#connection === connection;
  }

  onOpen(connection: LinkConnection): void {
    if (!this.owns(connection)) return connection.drop();
    this.machine.onDialed(this.nowMs());
    this.#arm();
  }

  onHeard(): void {
    this.machine.onHeard(this.nowMs());
  }

  onConnectResponse(reader: JuteReader): void {
    this.machine.onConnectResponse(decodeConnectResponse(reader), this.nowMs());
    this.#arm();
  }

  /** The connection ended, or is of no more use. */
  onEnd(connection: LinkConnection, reason: string): void {
    if (!this.owns(connection)) return;
    connection.drop();
    this.#connection = null;
    this.machine.onConnectionClosed(reason, this.nowMs());
    this.#arm();
  }

  onDrain(): void {
    this.#flush();
  }

  #forgetConnection(): void {
    this.#connection = null;
    this.#probe?.drop();
    this.#probe = null;
  }

  readonly #onEndOfTurn = (): void => {
    this.#flushDue = false;
    this.#flush();
  };

  #flush(): void {
    const connection = this.#connection;
    if (connection === null || connection.blocked || this.pipe.outBytes === 0) return;
    connection.write(this.pipe.take());
    this.pipe.taken();
    this.machine.onSent(this.nowMs());
  }

  #change(state: ClientState, reason: string | null): void {
    if (state === this.#state) return;
    const previous = this.#state;
    this.#state = state;
    const server = this.machine.lastServer;
    this.#events.onStateChange({ state, previous, reason, server: server && formatServer(server) });
  }

  /** Sets the timer for the machine's next deadline, or that of the oldest waiting request. */
  #arm(): void {
    const deadlineMs = Math.min(
      this.machine.nextDeadlineMs(),
      this.machine.dead ? Infinity : this.pipe.waitingEndMs(this.machine.patienceMs),
    );
    // One that fires too early arms itself anew: cheaper than one timer per request.
    if (this.#timer !== null && this.#timerAtMs <= deadlineMs && deadlineMs !== Infinity) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAtMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    const delayMs = Math.max(0, Math.ceil(deadlineMs - this.nowMs()));
    this.#timer = this.#environment.clock.setTimer(delayMs, this.#onTimer);
  }

  /** A process that was held up has input lying there: that is taken before silence is judged. */
  readonly #onTimer = (): void => {
    this.#timer = null;
    this.#environment.clock.endOfTurn(this.#onTime);
  };

  readonly #onTime = (): void => {
    if (this.machine.dead) return;
    const nowMs = this.nowMs();
    this.machine.onTime(nowMs);
    if (!this.machine.dead && !this.machine.established) {
      const lastFailure = this.machine.lastFailure ?? "no server has answered";
      this.pipe.giveUpWaiting(nowMs, this.machine.patienceMs, lastFailure);
    }
    this.#arm();
  };
}

const deathCode = {
  expired: ErrorCode.sessionExpired,
  authFailed: ErrorCode.authFailed,
  closed: clientClosedCode,
} as const;

/** One connection: cuts frames, and tells the handshake's answer from replies. */
class LinkConnection implements SocketEvents {
  readonly #link: SessionLink;
  readonly #splitter: FrameSplitter;
  #socket: Socket | null = null;
  #greeted = false;
  #dropped = false;
  /** The network holds bytes it has not taken. */
  blocked = false;

  constructor(link: SessionLink, replyBytesMax: number) {
    this.#link = link;
    this.#splitter = new FrameSplitter(replyBytesMax);
  }

  open(socket: Socket): SocketEvents {
    this.#socket = socket;
    if (this.#dropped) socket.destroy();
    else this.#link.onOpen(this);
    return this;
  }

  write(bytes: Uint8Array): void {
    if (this.#socket !== null) this.blocked = this.#socket.write(bytes) > 0;
  }

  drop(): void {
    this.#dropped = true;
    this.#socket?.destroy();
  }

  onData(bytes: Uint8Array): void {
    if (this.#dropped) return;
    this.#link.onHeard();
    this.#splitter.push(bytes, this);
  }

  onDrain(): void {
    this.blocked = false;
    if (!this.#dropped) this.#link.onDrain();
  }

  onClose(error: Error | null): void {
    this.#link.onEnd(this, error === null ? "the server closed it" : error.message);
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#greeted) {
      const broken = this.#link.pipe.onFrame(bytes, start, end);
      if (broken !== null) this.#link.onEnd(this, broken);
      return !this.#dropped;
    }
    this.#greeted = true;
    try {
      this.#link.onConnectResponse(new JuteReader(bytes, start, end));
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#link.onEnd(this, `the server does not speak ZooKeeper's protocol: ${error.message}`);
    }
    return !this.#dropped;
  }

  onBadLength(length: number): void {
    const reason = length < 0 || !this.#greeted
      ? `the server does not speak ZooKeeper's protocol: a frame of ${length} bytes`
      : `a reply of ${length} bytes is larger than replyBytesMax allows`;
    this.#link.onEnd(this, reason);
  }
}

/** Asks one server with `isro` whether it takes writes. */
class ServerProbe implements SocketEvents {
  readonly #onAnswer: (writable: boolean) => void;
  #socket: Socket | null = null;
  #text = "";
  #done = false;

  constructor(onAnswer: (writable: boolean) => void) {
    this.#onAnswer = onAnswer;
  }

  open(socket: Socket): SocketEvents {
    this.#socket = socket;
    if (this.#done) socket.destroy();
    else socket.write(isroWord);
    return this;
  }

  onData(bytes: Uint8Array): void {
    for (const byte of bytes) this.#text += String.fromCharCode(byte);
    if (this.#text.length >= 2) this.answer(this.#text.startsWith("rw"));
  }

  onDrain(): void {}

  onClose(): void {
    this.answer(false);
  }

  answer(writable: boolean): void {
    if (this.#done) return;
    this.drop();
    this.#onAnswer(writable);
  }

  drop(): void {
    this.#done = true;
    this.#socket?.destroy();
  }
}
