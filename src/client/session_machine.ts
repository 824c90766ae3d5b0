/**
 * The life of a client's session over many connections, without I/O: which server to try when, what to answer
 * to silence, when all is over. (ClientCnxn, ClientCnxnSocketNIO, HostConnectionManager)
 *
 * Time since the last inbound byte, with T the negotiated session timeout:
 *
 * | after | what |
 * | --- | --- |
 * | T/3 without sending, at most 10 s | ping |
 * | 2T/3 | drop the connection, try the next server |
 * | 4T/3 | the server has certainly expired the session: so do we |
 */
import { type Random, randomBelow } from "../base/random.ts";
import type { ConnectRequest, ConnectResponse } from "../protocol/connect.ts";
import { noSession, type SessionId, sessionIdToHex } from "../protocol/session_id.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { formatServer, type ServerAddress } from "./connection_string.ts";
import type { SessionHandle } from "./types.ts";

/** What a session machine needs to know at birth. */
export interface SessionConfig {
  /** In the order in which they are tried, already shuffled. At least one. */
  readonly servers: readonly ServerAddress[];
  /** Timeout to ask for, in ms. */
  readonly sessionTimeoutMs: number;
  readonly readOnlyAllowed: boolean;
  /** A session to take over. */
  readonly session: SessionHandle | null;
  readonly random: Random;
}

/** What a session machine asks of its host. Calls only act; they never re-enter the machine. */
export interface SessionEffects {
  /** Opens a connection; answered by `onDialed` or `onDialFailed`. */
  dial(server: ServerAddress, timeoutMs: number): void;
  /** Drops the connection, or the attempt at one; nothing of it may be reported any more. */
  hangUp(): void;
  sendConnectRequest(request: ConnectRequest): void;
  sendPing(): void;
  /** Sends closeSession; answered by `onCloseAnswered`. */
  sendClose(): void;
  /** Asks a server with `isro` whether it takes writes; answered by `onProbed`. */
  probe(server: ServerAddress, timeoutMs: number): void;
  /** The session is served; ids, watches and requests may be sent. */
  established(readOnly: boolean): void;
  /** The connection is gone; the session may live on. */
  lost(reason: string): void;
  /** The end. */
  died(state: "expired" | "authFailed" | "closed", reason: string | null): void;
}

type Phase = "waiting" | "dialing" | "handshaking" | "established" | "closing" | "dead";

/** Longest silence on our side, in ms (ClientCnxn MAX_SEND_PING_INTERVAL). */
const pingIntervalMsMax = 10_000;
/** Longest wait for the answer to closeSession, in ms. */
const closeTimeoutMs = 5_000;
/** A connection that served for less, in ms, does not make its server a good one. */
const shortLifeMs = 1_000;
/** First wait between rounds over all servers, in ms; grows by half each time. */
const roundDelayMs = 10;
const roundDelayMsMax = 1_000;
/** Clients that lost one server together do not knock at the next one together: up to so many ms apart. */
const scatterMs = 10;
/** Waits between questions for a read-write server, in ms; doubled each time (ClientCnxn). */
const probeDelayMs = 100;
const probeDelayMsMax = 60_000;

/** See the head of this file. Times are monotonic milliseconds. */
export class SessionMachine {
  readonly #config: SessionConfig;
  readonly #effects: SessionEffects;
  #phase: Phase = "waiting";
  #sessionId: SessionId;
  #password: Uint8Array;
  #timeoutMs: number;
  /** A session got from a read-only server means nothing elsewhere: it is not shown to others. */
  #seenReadWrite: boolean;
  #readOnly = false;
  /** Place of the server tried now or last. */
  #serverIndex = -1;
  /** Attempts since a connection last served well. */
  #attempts = 0;
  #attemptAtMs = Infinity;
  #attemptEndMs = Infinity;
  #sentAtMs = 0;
  #heardAtMs = 0;
  #establishedAtMs = 0;
  #probeAtMs = Infinity;
  #probeDelayMs = probeDelayMs;
  #probeIndex = 0;
  #closeEndMs = Infinity;
  #lastFailure: string | null = null;
  /** The newest zxid in any reply; the host keeps it up to date. */
  lastZxid: Zxid = 0;

  constructor(config: SessionConfig, effects: SessionEffects) {
    this.#config = config;
    this.#effects = effects;
    this.#timeoutMs = config.sessionTimeoutMs;
    this.#sessionId = config.session?.id ?? noSession;
    this.#password = config.session?.password ?? new Uint8Array(16);
    this.#seenReadWrite = config.session !== null;
  }

  get sessionId(): SessionId {
    return this.#sessionId;
  }

  get password(): Uint8Array {
    return this.#password;
  }

  /** Granted by the server, in ms; what is asked for as long as there is no session. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** How long a request may wait for a connection, in ms: as long as the session lives; without one, its timeout. */
  get patienceMs(): number {
    return this.#seenReadWrite ? Infinity : this.#timeoutMs;
  }

  /** The server that serves the session now. */
  get server(): ServerAddress | null {
    return this.#phase === "established" || this.#phase === "closing" ? this.lastServer : null;
  }

  /** The server connected or tried last. */
  get lastServer(): ServerAddress | null {
    return this.#config.servers[this.#serverIndex] ?? null;
  }

  get established(): boolean {
    return this.#phase === "established";
  }

  get dead(): boolean {
    return this.#phase === "dead";
  }

  /** Why the last attempt or connection failed. */
  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  /** Begins with the first attempt, at once. */
  start(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#attempt(nowMs);
  }

  /** When `onTime` wants to be called, in monotonic ms; it may be called earlier. */
  nextDeadlineMs(): number {
    switch (this.#phase) {
      case "waiting":
        return Math.min(this.#attemptAtMs, this.#expiryMs());
      case "dialing":
      case "handshaking":
        return Math.min(this.#attemptEndMs, this.#expiryMs());
      case "established":
        return Math.min(this.#pingMs(), this.#readEndMs(), this.#probeAtMs);
      case "closing":
        return this.#closeEndMs;
      case "dead":
        return Infinity;
    }
  }

  /** Time has passed. */
  onTime(nowMs: number): void {
    switch (this.#phase) {
      case "waiting":
        if (nowMs >= this.#expiryMs()) this.#expireLocally(nowMs);
        else if (nowMs >= this.#attemptAtMs) this.#attempt(nowMs);
        return;
      case "dialing":
      case "handshaking":
        if (nowMs >= this.#expiryMs()) {
          this.#effects.hangUp();
          this.#expireLocally(nowMs);
        } else if (nowMs >= this.#attemptEndMs) {
          this.#effects.hangUp();
          const what = this.#phase === "dialing" ? "could not be reached" : "did not agree on a session";
          this.#attemptFailed(`${this.#serverName()} ${what} within ${this.#attemptTimeoutMs()} ms`, nowMs);
        }
        return;
      case "established":
        this.#onTimeEstablished(nowMs);
        return;
      case "closing":
        if (nowMs < this.#closeEndMs) return;
        this.#effects.hangUp();
        this.#die("closed", null);
        return;
      case "dead":
        return;
    }
  }

  /** The connection asked for is there. */
  onDialed(nowMs: number): void {
    if (this.#phase !== "dialing") return;
    this.#phase = "handshaking";
    this.#sentAtMs = nowMs;
    const known = this.#seenReadWrite;
    this.#effects.sendConnectRequest({
      protocolVersion: 0,
      lastZxidSeen: this.lastZxid,
      timeoutMs: this.#config.sessionTimeoutMs,
      sessionId: known ? this.#sessionId : noSession,
      password: known ? this.#password : new Uint8Array(16),
      readOnly: this.#config.readOnlyAllowed,
    });
  }

  onDialFailed(reason: string, nowMs: number): void {
    if (this.#phase !== "dialing") return;
    this.#attemptFailed(`${this.#serverName()}: ${reason}`, nowMs);
  }

  /** The answer to `sendConnectRequest`. */
  onConnectResponse(response: ConnectResponse, nowMs: number): void {
    if (this.#phase !== "handshaking") return;
    const asked = this.#seenReadWrite ? this.#sessionId : noSession;
    const refused = response.timeoutMs <= 0 || response.sessionId === noSession;
    if (asked !== noSession && (refused || response.sessionId !== asked)) {
      this.#effects.hangUp();
      this.#die("expired", `session ${sessionIdToHex(asked)} has expired, says ${this.#serverName()}`);
      return;
    }
    if (refused) {
      this.#effects.hangUp();
      this.#attemptFailed(`${this.#serverName()} refused a new session`, nowMs);
      return;
    }
    const readOnly = response.readOnly === true;
    if (readOnly && !this.#config.readOnlyAllowed) {
      this.#effects.hangUp();
      this.#attemptFailed(`${this.#serverName()} is read-only at the moment`, nowMs);
      return;
    }
    this.#phase = "established";
    this.#sessionId = response.sessionId;
    this.#password = response.password;
    this.#timeoutMs = response.timeoutMs;
    this.#readOnly = readOnly;
    this.#seenReadWrite ||= !readOnly;
    this.#heardAtMs = nowMs;
    this.#establishedAtMs = nowMs;
    this.#lastFailure = null;
    this.#probeDelayMs = probeDelayMs;
    this.#probeIndex = this.#serverIndex;
    this.#probeAtMs = readOnly ? nowMs + probeDelayMs : Infinity;
    this.#effects.established(readOnly);
  }

  /** The connection ended, or broke a rule and was dropped; not called after `hangUp`. */
  onConnectionClosed(reason: string, nowMs: number): void {
    switch (this.#phase) {
      case "dialing":
        return this.#attemptFailed(`${this.#serverName()}: ${reason}`, nowMs);
      case "handshaking":
        return this.#attemptFailed(
          `${this.#serverName()} ended the connection instead of serving the session (${reason}): ` +
            "it has no quorum, or knows less than this session has seen",
          nowMs,
        );
      case "established":
        return this.#lose(`the connection to ${this.#serverName()} was lost: ${reason}`, nowMs);
      case "closing":
        return this.#die("closed", null);
      case "waiting":
      case "dead":
        return;
    }
  }

  /** Bytes came in. */
  onHeard(nowMs: number): void {
    // An unfinished handshake says nothing about the session.
    if (this.#phase === "established" || this.#phase === "closing") this.#heardAtMs = nowMs;
  }

  /** Bytes went out. */
  onSent(nowMs: number): void {
    this.#sentAtMs = nowMs;
  }

  /** @param writable Whether the server asked with `probe` takes writes. */
  onProbed(writable: boolean, nowMs: number): void {
    if (this.#phase !== "established" || !this.#readOnly || !writable) return;
    this.#effects.hangUp();
    this.#serverIndex = this.#probeIndex - 1;
    this.#lose("a read-write server is back", nowMs);
  }

  /** The server refused credentials; it ends the connection by itself. */
  onAuthFailed(reason: string): void {
    if (this.#phase === "dead") return;
    this.#effects.hangUp();
    this.#die("authFailed", reason);
  }

  /** The server has ended the session as asked. */
  onCloseAnswered(): void {
    if (this.#phase !== "closing") return;
    this.#effects.hangUp();
    this.#die("closed", null);
  }

  /** Ends the session: in order where a server is connected, else by leaving it to expire. */
  close(nowMs: number): void {
    switch (this.#phase) {
      case "established":
        this.#phase = "closing";
        this.#closeEndMs = nowMs + closeTimeoutMs;
        this.#effects.sendClose();
        return;
      case "dialing":
      case "handshaking":
        this.#effects.hangUp();
        this.#die("closed", null);
        return;
      case "waiting":
        this.#die("closed", null);
        return;
      case "closing":
      case "dead":
        return;
    }
  }

  #onTimeEstablished(nowMs: number): void {
    if (nowMs >= this.#readEndMs()) {
      this.#effects.hangUp();
      const silenceMs = Math.round(nowMs - this.#heardAtMs);
      this.#lose(`nothing heard from ${this.#serverName()} for ${silenceMs} ms`, nowMs);
      return;
    }
    if (nowMs >= this.#pingMs()) {
      this.#sentAtMs = nowMs;
      this.#effects.sendPing();
    }
    if (nowMs >= this.#probeAtMs) {
      this.#probeIndex = (this.#probeIndex + 1) % this.#config.servers.length;
      this.#probeDelayMs = Math.min(this.#probeDelayMs * 2, probeDelayMsMax);
      this.#probeAtMs = nowMs + this.#probeDelayMs;
      this.#effects.probe(this.#config.servers[this.#probeIndex], this.#attemptTimeoutMs());
    }
  }

  #attempt(nowMs: number): void {
    this.#phase = "dialing";
    this.#attempts++;
    this.#serverIndex = (this.#serverIndex + 1) % this.#config.servers.length;
    this.#attemptEndMs = nowMs + this.#attemptTimeoutMs();
    this.#effects.dial(this.#config.servers[this.#serverIndex], this.#attemptTimeoutMs());
  }

  #attemptFailed(reason: string, nowMs: number): void {
    this.#lastFailure = reason;
    this.#phase = "waiting";
    this.#attemptAtMs = nowMs + this.#attemptDelayMs();
  }

  #lose(reason: string, nowMs: number): void {
    this.#lastFailure = reason;
    // A server that answers and drops us at once must not be asked in a tight loop.
    if (nowMs - this.#establishedAtMs >= shortLifeMs) this.#attempts = 0;
    this.#phase = "waiting";
    this.#attemptAtMs = nowMs + this.#attemptDelayMs();
    this.#effects.lost(reason);
  }

  /**
   * Java waits up to a second before each attempt after the first. An ensemble elects a leader in less, so here
   * the waits begin small and grow with the rounds made in vain.
   */
  #attemptDelayMs(): number {
    if (this.#attempts === 0) return randomBelow(this.#config.random, scatterMs);
    if (this.#attempts % this.#config.servers.length !== 0) return 0;
    const round = this.#attempts / this.#config.servers.length;
    const delayMs = Math.min(roundDelayMs * Math.pow(1.5, round - 1), roundDelayMsMax);
    return delayMs / 2 + randomBelow(this.#config.random, Math.ceil(delayMs / 2) + 1);
  }

  #attemptTimeoutMs(): number {
    return Math.ceil(this.#timeoutMs / this.#config.servers.length);
  }

  #pingMs(): number {
    return this.#sentAtMs + Math.min(this.#timeoutMs / 3, pingIntervalMsMax);
  }

  #readEndMs(): number {
    return this.#heardAtMs + (this.#timeoutMs * 2) / 3;
  }

  #expiryMs(): number {
    return this.#seenReadWrite ? this.#heardAtMs + (this.#timeoutMs * 4) / 3 : Infinity;
  }

  #expireLocally(nowMs: number): void {
    const silenceMs = Math.round(nowMs - this.#heardAtMs);
    this.#die(
      "expired",
      `session ${sessionIdToHex(this.#sessionId)} has expired: no server heard for ${silenceMs} ms, ` +
        `its timeout is ${this.#timeoutMs} ms; last: ${this.#lastFailure ?? "no answer"}`,
    );
  }

  #die(state: "expired" | "authFailed" | "closed", reason: string | null): void {
    this.#phase = "dead";
    this.#effects.died(state, reason);
  }

  #serverName(): string {
    return formatServer(this.#config.servers[this.#serverIndex]);
  }
}
