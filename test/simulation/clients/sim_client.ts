import { ErrorCode } from "../../../src/protocol/error_code.ts";
import type { ServerAddress } from "../../../src/client/connection_string.ts";
import type { Timer } from "../../../src/base/clock.ts";
import type { Network } from "../../../src/base/network.ts";
import type { Chance } from "../world/chance.ts";
import type { SimProcess } from "../world/sim_process.ts";
import { isWrite, type Operation, type Request } from "./operation.ts";
import { type SessionObserver, SimSession } from "./sim_session.ts";
import { basePaths, Workload, type WorkloadSettings } from "./workload.ts";

/** How a client behaves. Times in ms. */
export interface ClientSettings extends WorkloadSettings {
  readonly servers: readonly ServerAddress[];
  readonly sessionTimeoutMs: number;
  /** Mean time between an answer and the next request. */
  readonly thinkMs: number;
  /** Requests under way at once, at most. */
  readonly depth: number;
  /** How often, per request, a session is closed, left behind, or moved to another server. */
  readonly closeChance: number;
  readonly abandonChance: number;
  readonly moveChance: number;
  /** Its sessions may be served by read-only servers. */
  readonly readOnlyAllowed: boolean;
}

/** What a {@link SimClient} is made from. */
export interface SimClientParts {
  readonly name: string;
  readonly process: SimProcess;
  readonly network: Network;
  readonly chance: Chance;
  readonly settings: ClientSettings;
  readonly observer: SessionObserver;
}

/** Wait, in ms, before a new session follows one that ended. */
const newSessionMsMax = 300;

/** Answers that a quorum stands behind: the write is done, or its error is a txn. */
const decided: ReadonlySet<number> = new Set([
  ErrorCode.ok,
  ErrorCode.noNode,
  ErrorCode.badVersion,
  ErrorCode.noChildrenForEphemerals,
  ErrorCode.nodeExists,
  ErrorCode.notEmpty,
]);

function isDecided(error: number): boolean {
  return decided.has(error);
}

/** A client that works until it is told to stop: one session after another, its requests drawn by chance. */
export class SimClient implements SessionObserver {
  readonly name: string;
  readonly #parts: SimClientParts;
  readonly #workload: Workload;
  #session: SimSession | null = null;
  #timer: Timer | null = null;
  #isWorking = true;
  #setup: Request[];
  /** Virtual time of the last write that became a txn, be it one that says why not. */
  lastWriteMs = -1;

  constructor(parts: SimClientParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#workload = new Workload(parts.name, parts.chance, parts.settings);
    this.#setup = setupRequests(parts.settings);
    this.#think(0);
  }

  get session(): SimSession | null {
    return this.#session;
  }

  /** Asks nothing any more; its session goes on. */
  rest(): void {
    this.#isWorking = false;
  }

  /** The connection of its session goes away, as at a server that was stopped. */
  move(): void {
    this.#session?.dropConnection();
  }

  onRenewed(session: SimSession, before: bigint): void {
    this.#parts.observer.onRenewed(session, before);
  }

  onConnected(session: SimSession, server: number): void {
    this.#parts.observer.onConnected(session, server);
    this.#think();
  }

  onDisconnected(session: SimSession): void {
    this.#parts.observer.onDisconnected(session);
  }

  onInvoked(session: SimSession, operation: Operation): void {
    this.#parts.observer.onInvoked(session, operation);
  }

  onReplied(session: SimSession, operation: Operation): void {
    const { request, error } = operation;
    if (isWrite(request) && error !== null && isDecided(error)) this.lastWriteMs = this.#parts.process.nowMs;
    this.#workload.learn(operation);
    this.#parts.observer.onReplied(session, operation);
    // A ping, too, may have kept it from sending more.
    this.#think();
  }

  onLost(session: SimSession, operation: Operation): void {
    this.#parts.observer.onLost(session, operation);
  }

  onNotified(session: SimSession, notification: Parameters<SessionObserver["onNotified"]>[1]): void {
    this.#parts.observer.onNotified(session, notification);
  }

  onEnded(session: SimSession, how: Parameters<SessionObserver["onEnded"]>[1]): void {
    this.#session = null;
    this.#parts.observer.onEnded(session, how);
    this.#think(this.#parts.chance.between(0, newSessionMsMax));
  }

  onBroken(session: SimSession, reason: string): void {
    this.#parts.observer.onBroken(session, reason);
  }

  #think(delayMs = this.#parts.chance.exponential(this.#parts.settings.thinkMs)): void {
    if (this.#timer !== null) return;
    this.#timer = this.#parts.process.setTimer(delayMs, () => {
      this.#timer = null;
      this.#act();
    });
  }

  #act(): void {
    const { chance, settings, process, network } = this.#parts;
    const session = this.#session;
    if (session === null) {
      this.#session = new SimSession(this.name, { process, network }, {
        servers: chance.shuffled(settings.servers),
        sessionTimeoutMs: settings.sessionTimeoutMs,
        readOnlyAllowed: settings.readOnlyAllowed,
        session: null,
        random: chance,
      }, this);
      return;
    }
    // Connecting makes it act again.
    if (!session.isEstablished || !this.#isWorking) return;
    if (chance.happens(settings.closeChance)) return session.close();
    if (chance.happens(settings.abandonChance)) return session.abandon();
    if (chance.happens(settings.moveChance)) return session.dropConnection();
    if (session.pendingCount < settings.depth) {
      session.submit(this.#setup.shift() ?? this.#workload.next());
      if (session.pendingCount < settings.depth) this.#think();
    }
  }
}

function setupRequests({ registers }: WorkloadSettings): Request[] {
  const create = (path: string): Request => ({
    kind: "create",
    path,
    data: "",
    ephemeral: false,
    sequential: false,
  });
  const paths = [...basePaths];
  for (let index = 1; index <= registers; index++) paths.push(`/r/${index}`);
  return paths.map(create);
}
