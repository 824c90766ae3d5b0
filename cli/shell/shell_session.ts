import {
  AuthFailedError,
  BadArgumentsError,
  type ClientState,
  type Credentials,
  openClient,
  type StateChange,
  ZkError,
  type ZooKeeper,
} from "../../mod.ts";
import { CommandError, UsageError } from "./command_error.ts";
import { diagnose, type Finding, findingsText } from "./diagnosis.ts";
import type { ShellOptions } from "./shell_options.ts";

/** How long a command waits for a connection, in ms, unless `--wait-for-connection` was given. */
const connectTimeoutMs = 5_000;

/** When nobody is home at any server, a command gives up after so many ms. */
const refusedTimeoutMs = 750;

/** States as the prompt of Apache's shell names them (ZooKeeper.States). */
const stateNames: Readonly<Record<ClientState, string>> = {
  connecting: "CONNECTING",
  connected: "CONNECTED",
  connectedReadOnly: "CONNECTEDREADONLY",
  disconnected: "CONNECTING",
  expired: "CLOSED",
  authFailed: "AUTH_FAILED",
  closed: "CLOSED",
};

/** What a session tells its shell. */
export interface SessionHost {
  /** Whether a person wants to hear of good news too, and of expiry the shell opens another session at once. */
  readonly interactive: boolean;
  /** Something to tell, one line or more. */
  onNotice(text: string): void;
  /** The state in the prompt may have changed. */
  onState(): void;
}

/** The shell's session: opened at need, opened again when it expires, closed at the end. */
export class ShellSession {
  readonly #options: ShellOptions;
  readonly #host: SessionHost;
  #servers: string;
  #client: ZooKeeper | null = null;
  #stopListening: (() => void) | null = null;
  /** Closed by command or refused for good; only `connect` opens another. */
  #closed = false;
  /** Whether this client has had its session. */
  #served = false;
  /** Added to the sessions that follow an expired one. */
  #credentials: Credentials[] = [];

  constructor(options: ShellOptions, host: SessionHost) {
    this.#options = options;
    this.#host = host;
    this.#servers = options.server;
  }

  /** The connection string. */
  get servers(): string {
    return this.#servers;
  }

  /** Whether `close` was called, or the ensemble refused the session for good. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether there is, or was, a client. */
  get started(): boolean {
    return this.#client !== null || this.#closed;
  }

  /** The client if it can be asked at this moment, else null. */
  get ready(): ZooKeeper | null {
    const state = this.#client?.state;
    return state === "connected" || state === "connectedReadOnly" ? this.#client : null;
  }

  /** State for the prompt. */
  get stateName(): string {
    return this.#client === null ? "CLOSED" : stateNames[this.#client.state];
  }

  /**
   * Begins to connect, waits a moment for it, and goes on in the background.
   *
   * @throws {UsageError} The connection string is no good.
   */
  async start(waitMs: number): Promise<void> {
    const client = this.#open();
    await client.connected(waitMs).catch(() => this.#tellWhyNot(client));
  }

  /**
   * The client, once it is connected.
   *
   * @throws {CommandError} No server could be reached in time, or the session was closed.
   * @throws {UsageError} The connection string is no good.
   */
  async client(): Promise<ZooKeeper> {
    if (this.#closed) throw new CommandError("Not connected", { code: "NOTCONNECTED" });
    const client = this.#client ?? this.#open();
    if (this.ready !== client) await this.#waitFor(client);
    return client;
  }

  /**
   * Ends the session and opens another; credentials are not taken along, as with Apache's shell.
   *
   * @param servers Null means the same ones.
   * @throws {CommandError} No server could be reached in time.
   */
  async connect(servers: string | null): Promise<void> {
    const old = this.#client;
    this.#forget();
    await old?.close();
    this.#credentials = [];
    this.#closed = false;
    if (servers !== null) this.#servers = servers;
    await this.client();
  }

  /** Ends the session. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening?.();
    await this.#client?.close();
  }

  /** @throws {AuthFailedError} The session is over then. @throws {CommandError} */
  async addAuth(scheme: string, auth: Uint8Array): Promise<void> {
    const client = await this.client();
    await client.addAuth(scheme, auth);
    this.#credentials.push({ scheme, auth });
  }

  async #waitFor(client: ZooKeeper): Promise<void> {
    const { timeoutMs, waitForConnection } = this.#options;
    const patienceMs = waitForConnection ? timeoutMs : Math.min(connectTimeoutMs, timeoutMs);
    const firstMs = waitForConnection ? patienceMs : Math.min(refusedTimeoutMs, patienceMs);
    try {
      await client.connected(firstMs);
    } catch (error) {
      if (error instanceof AuthFailedError || !(error instanceof ZkError)) throw error;
      let findings = await diagnose(this.#servers);
      if (this.ready === client) return;
      if (patienceMs > firstMs && !findings.every(({ nobodyHome }) => nobodyHome)) {
        const rest = await client.connected(patienceMs - firstMs).then(
          () => null,
          () => diagnose(this.#servers),
        );
        if (rest === null) return;
        findings = rest;
      }
      throw new CommandError(unreachable(findings), { code: "CONNECTIONLOSS", cause: error });
    }
  }

  #open(): ZooKeeper {
    let client: ZooKeeper;
    try {
      client = openClient(this.#servers, {
        sessionTimeoutMs: this.#options.timeoutMs,
        readOnlyAllowed: this.#options.readOnly,
        auth: this.#credentials,
      });
    } catch (error) {
      if (error instanceof BadArgumentsError) throw new UsageError(error.message);
      throw error;
    }
    this.#client = client;
    this.#served = false;
    this.#stopListening = client.onState((change) => this.#onState(client, change));
    return client;
  }

  #forget(): void {
    this.#stopListening?.();
    this.#stopListening = null;
    this.#client = null;
  }

  #onState(client: ZooKeeper, change: StateChange): void {
    const notice = this.#noticeOf(client, change);
    if (change.state === "authFailed") this.#closed = true;
    if (change.state === "expired") {
      this.#forget();
      if (this.#host.interactive) this.#open();
    }
    if (notice !== null) this.#host.onNotice(notice);
    this.#host.onState();
  }

  #noticeOf(client: ZooKeeper, { state, reason, server }: StateChange): string | null {
    const why = reason === null ? "" : ` (${reason})`;
    const session = `0x${BigInt.asUintN(64, client.sessionId).toString(16)}`;
    switch (state) {
      case "connected":
      case "connectedReadOnly": {
        const first = !this.#served;
        this.#served = true;
        const kind = state === "connectedReadOnly" ? ", which is read-only at the moment" : "";
        if (!first) return `Reconnected to ${server ?? this.#servers}${kind}; session ${session} goes on`;
        return this.#host.interactive
          ? `Connected to ${server ?? this.#servers}${kind}; session ${session}`
          : null;
      }
      case "disconnected":
        return `${capital(reason ?? "the connection was lost")}. Reconnecting.`;
      case "expired":
        return `Session ${session} has expired, its ephemeral znodes and watches are gone${why}`;
      case "authFailed":
        return this.#host.interactive ? `Authentication failed${why}` : null;
      default:
        return null;
    }
  }

  /** Tells a person whose prompt says CONNECTING what the matter is. */
  async #tellWhyNot(client: ZooKeeper): Promise<void> {
    const findings = await diagnose(this.#servers);
    if (this.#client === client && this.ready === null && !this.#closed) {
      this.#host.onNotice(`${unreachable(findings)}\nStill trying.`);
    }
  }
}

function unreachable(findings: readonly Finding[]): string {
  return `Cannot connect to ZooKeeper:\n${findingsText(findings)}`;
}

function capital(sentence: string): string {
  return sentence.slice(0, 1).toUpperCase() + sentence.slice(1);
}
