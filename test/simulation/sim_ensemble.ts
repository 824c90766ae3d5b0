import { DiskError } from "../../src/base/disk.ts";
import type { LogFields, LogLevel } from "../../src/base/log.ts";
import type { TraceEvent } from "../../src/base/trace.ts";
import type { ServerAddress } from "../../src/client/connection_string.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import type { ServerConfig } from "../../src/config/server_config.ts";
import { OpCode } from "../../src/protocol/op_code.ts";
import { type Membership, membershipLines, observersOf, quorumOf } from "../../src/quorum/membership.ts";
import { parseMembershipText } from "../../src/quorum/membership_text.ts";
import type { ZnodeStore } from "../../src/tree/znode_store.ts";
import { txnTypeOf } from "../../src/protocol/txn.ts";
import { AgreedHistory } from "./checkers/agreed_history.ts";
import { allCheckers } from "./checkers/all_checkers.ts";
import type { Checker, ClientEvent, EndOfProcess } from "./checkers/checker.ts";
import { decodeEntry } from "./checkers/znode_history.ts";
import { SimClient } from "./clients/sim_client.ts";
import { type SessionObserver, SimSession } from "./clients/sim_session.ts";
import type { Parameters } from "./parameters.ts";
import { installConfig, memberLines, ports, readConfig } from "./sim_config.ts";
import { Chance } from "./world/chance.ts";
import { Scheduler } from "./world/scheduler.ts";
import { type SimHost, SimNetwork } from "./world/sim_network.ts";
import { SimProcess } from "./world/sim_process.ts";
import { machineOf, SimServer, type SimServerEvents } from "./world/sim_server.ts";
import type { SimWorker } from "./world/sim_worker.ts";

/** What a simulation saw that may never be. */
export interface Violation {
  readonly property: string;
  readonly message: string;
  readonly atMs: number;
}

/** Who wants to hear of everything, after the checkers. */
export interface EnsembleListener {
  onTrace?(server: SimServer, event: TraceEvent): void;
  onWorkerTrace?(server: SimServer, worker: SimWorker, event: TraceEvent): void;
  onLog?(server: SimServer, level: LogLevel, message: string, fields: LogFields): void;
  onEnded?(server: SimServer, how: EndOfProcess, refused: Error | null): void;
  onClient?(event: ClientEvent): void;
}

/** Wall time at the beginning of every simulation, ms since 1970. */
const wallBeginMs = 1_700_000_000_000;

/** Events of a millisecond, more of which are a loop. */
const stepsPerMsMax = 20_000;

/**
 * A whole ensemble in one process: machines with the servers that ship, clients, the network between them, and the
 * checkers that watch. What happens to it is its host's to say.
 */
export class SimEnsemble {
  readonly parameters: Parameters;
  readonly scheduler = new Scheduler();
  readonly chance: Chance;
  readonly network: SimNetwork;
  readonly servers: SimServer[] = [];
  readonly clients: SimClient[] = [];
  readonly clientProcesses: SimProcess[] = [];
  readonly history = new AgreedHistory();
  readonly violations: Violation[] = [];
  readonly listeners: EnsembleListener[] = [];
  /** Servers whose start may be refused: their disks have lost more than the end of what was not synced. */
  readonly mayRefuse = new Set<number>();
  /** Changes each server's configuration at its start. */
  tune: (id: number, config: ServerConfig) => ServerConfig = (_id, config) => config;
  /** When a server that has ended is started again, in ms; null for not by itself. */
  restartMs: ((server: SimServer) => number | null) | null = null;
  readonly #checkers: Checker[];
  #membership: Membership;
  /** Those that were proposed since, and may turn out to be committed. */
  #proposedMemberships: Membership[] = [];
  /** Text of the one that the event at hand commits. */
  #committedMembership: string | null = null;
  #fingerprint = 17;
  #watchedSteps = 0;
  #watchedMs = 0;

  constructor(parameters: Parameters) {
    this.parameters = parameters;
    this.chance = new Chance(parameters.seed ^ 0x5eed);
    this.network = new SimNetwork(this.scheduler, this.chance.fork(), { ...parameters });
    for (let id = 1; id <= parameters.voters + parameters.observers; id++) {
      this.servers.push(this.#makeServer(id));
    }
    this.#membership = parseMembershipText(`${memberLines(parameters).join("\n")}\nversion=0`);
    this.history.onCommitted(({ body }) => {
      if (body.type !== OpCode.reconfig || body.data === null) return;
      this.#committedMembership = new TextDecoder().decode(body.data);
    });
    this.#checkers = allCheckers(this.history, {
      members: this.servers.map(({ id }) => id),
      voters: this,
      localSessions: parameters.localSessions,
      isCalm: parameters.isCalm,
      stores: () => this.#stores(),
    }, (property, message) => this.report(property, message));
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  /** Sums up all that happened: two runs of one seed end with the same one. */
  get fingerprint(): number {
    return this.#fingerprint >>> 0;
  }

  /** Servers and roles, as was committed last, whether its leader has lived to put it in force or not. */
  get membership(): Membership {
    return this.#membership;
  }

  /** @returns Whether these servers suffice in the membership at present. */
  isQuorum(servers: ReadonlySet<number>): boolean {
    return quorumOf(this.#membership).contains(servers);
  }

  /**
   * @returns Whether these servers suffice, should what is proposed be committed, too. An observer hears that it is to
   *   have a vote when that is committed, and cannot give it before.
   */
  canGoOn(servers: ReadonlySet<number>): boolean {
    const voting = new Set(servers);
    for (const { id } of observersOf(this.#membership)) voting.delete(id);
    return this.isQuorum(servers) &&
      this.#proposedMemberships.every((membership) => quorumOf(membership).contains(voting));
  }

  server(id: number): SimServer {
    return this.servers[id - 1];
  }

  /** @returns The server that leads and serves in the highest epoch, if any. */
  leader(): SimServer | undefined {
    return this.servers.filter(({ state, isServing }) => state === "LEADING" && isServing)
      .sort((one, other) => other.currentEpoch - one.currentEpoch)[0];
  }

  startAll(): void {
    for (const server of this.servers) if (server.refusal === null) server.start();
  }

  /** Gives a server that is off an empty disk, with nothing but its first configuration. */
  wipe(server: SimServer): void {
    server.disk.wipe();
    installConfig(server.disk, this.parameters);
    for (const checker of this.#checkers) checker.onWiped?.(server.id);
  }

  /** An operator writes the members, and lines of those who are to be some, into a server's configuration. */
  writeIn(server: SimServer, ...lines: string[]): void {
    installConfig(server.disk, this.parameters, [...membershipLines(this.#membership), ...lines]);
    server.refusal = null;
  }

  /** Starts a client, which works at once. */
  addClient(changes: Partial<Parameters> = {}): SimClient {
    const parameters = { ...this.parameters, ...changes };
    const number = this.clients.length + 1;
    const host = this.network.addHost(`client${number}`, `10.0.1.${number}`);
    const process = this.#makeProcess(`client ${number}`, this.#clockRate());
    const client = new SimClient({
      name: `client${number}`,
      process,
      network: this.network.for(process, host),
      chance: this.chance.fork(),
      settings: {
        ...parameters,
        servers: this.servers.map(({ id }) => ({ host: machineOf(id).name, port: ports.client })),
        sessionTimeoutMs: parameters.tickMs * parameters.sessionTicks,
        readOnlyAllowed: parameters.readOnlyMode && number % 3 !== 0,
      },
      observer: this.#sessionObserver,
    });
    this.clients.push(client);
    this.clientProcesses.push(process);
    return client;
  }

  /** Opens a session on a machine of its own; its requests are the caller's to make. */
  openSession(
    options: {
      readonly servers: readonly ServerAddress[];
      readonly timeoutMs: number;
      readonly readOnlyAllowed?: boolean;
    },
  ): SimSession {
    const number = this.network.hosts.length;
    const host = this.network.addHost(`client${number}`, `10.0.1.${number}`);
    const process = this.#makeProcess(`client ${number}`, 1);
    const config = {
      servers: options.servers,
      sessionTimeoutMs: options.timeoutMs,
      readOnlyAllowed: options.readOnlyAllowed === true,
      session: null,
      random: this.chance.fork(),
    };
    return new SimSession(
      host.name,
      { process, network: this.network.for(process, host) },
      config,
      this.#sessionObserver,
    );
  }

  /** A machine that is nobody's, to send nonsense from. */
  addStranger(): { readonly host: SimHost; readonly process: SimProcess } {
    const number = this.network.hosts.length;
    const host = this.network.addHost(`stranger${number}`, `10.0.2.${number}`);
    return { host, process: this.#makeProcess(`stranger ${number}`, 1) };
  }

  report(property: string, message: string): void {
    this.violations.push({ property, message, atMs: this.nowMs });
  }

  /** Lets time pass, up to a violation or until `isDone`. @returns Whether it is done. */
  run(forMs: number, isDone: () => boolean = () => false): boolean {
    let done = isDone();
    if (done) return true;
    this.scheduler.run(this.nowMs + forMs, () => {
      this.#watchTime();
      done = isDone();
      return done || this.violations.length > 0;
    });
    return done;
  }

  /** Servers that never come to rest would let no time pass. */
  #watchTime(): void {
    if (this.scheduler.steps < this.#watchedSteps + stepsPerMsMax) return;
    if (this.nowMs < this.#watchedMs + 1) {
      this.report("Progress", `${stepsPerMsMax} events in one millisecond`);
    }
    this.#watchedSteps = this.scheduler.steps;
    this.#watchedMs = this.nowMs;
  }

  /** Says that all faults are healed and all is quiet. */
  judgeQuiet(): void {
    for (const checker of this.#checkers) checker.onQuiet?.();
  }

  #makeServer(id: number): SimServer {
    const { parameters, chance } = this;
    const { store, syncMs, slowSyncChance, turnMsMax } = parameters;
    const server = new SimServer({
      id,
      scheduler: this.scheduler,
      network: this.network,
      chance: chance.fork(),
      time: { wallBaseMs: wallBeginMs + chance.whole(-5000, 5000), rate: this.#clockRate() },
      diskTimes: { syncMs, slowChance: slowSyncChance },
      turnMsMax,
      workers: id <= parameters.serversWithWorkers ? parameters.workers : 0,
      store: store === "both" ? (id % 2 === 0 ? "paged" : "object") : store,
      config: (disk) => this.tune(id, readConfig(disk, id, parameters)),
      events: this.#serverEvents,
    });
    installConfig(server.disk, parameters);
    return server;
  }

  #makeProcess(name: string, rate: number): SimProcess {
    return new SimProcess({
      scheduler: this.scheduler,
      chance: this.chance.fork(),
      time: { wallBaseMs: wallBeginMs, rate },
      turnMsMax: 0,
      onBug: (error) => this.report("assert", `${name}: ${stackOf(error)}`),
    });
  }

  #clockRate(): number {
    const { clockSpread } = this.parameters;
    return 1 + this.chance.between(-clockSpread, clockSpread);
  }

  *#stores(): Iterable<readonly [number, ZnodeStore]> {
    for (const { id } of this.#membership.servers) {
      const { store, isOn, workers } = this.server(id);
      if (isOn && store !== null) yield [id, store];
      for (const worker of workers) if (worker.store !== null) yield [worker.node, worker.store];
    }
  }

  readonly #serverEvents: SimServerEvents = {
    onTrace: (server, event) => {
      this.#mix(server.id, event.kind.length, "zxid" in event ? event.zxid : 0);
      if (event.kind === "propose") this.#onProposed(event.entry);
      this.history.onTrace(server.id, event);
      for (const checker of this.#checkers) checker.onTrace?.(server.id, event);
      if (this.#committedMembership !== null) this.#onMembership(this.#committedMembership);
      this.#committedMembership = null;
      // The first one has a version, and no txn; of others a learner may be told when they are only proposed.
      if (event.kind === "config" && server.state === "LEADING") this.#onMembership(event.text);
      for (const listener of this.listeners) listener.onTrace?.(server, event);
    },
    onLog: (server, level, message, fields) => {
      for (const listener of this.listeners) listener.onLog?.(server, level, message, fields);
    },
    onStarted: (server) => {
      for (const checker of this.#checkers) checker.onStarted?.(server.id);
    },
    onEnded: (server, how, refused) => this.#onEnded(server, how, refused),
    onWorkerTrace: (server, worker, event) => {
      this.#mix(worker.node, event.kind.length, "zxid" in event ? event.zxid : 0);
      this.history.onTrace(worker.node, event);
      for (const checker of this.#checkers) checker.onTrace?.(worker.node, event);
      for (const listener of this.listeners) listener.onWorkerTrace?.(server, worker, event);
    },
    onWorkerEnded: (_server, { node }) => {
      for (const checker of this.#checkers) checker.onEnded?.(node, "killed");
    },
    onBug: (server, error) => this.report("assert", `server ${server.id}: ${stackOf(error)}`),
  };

  readonly #sessionObserver: SessionObserver = {
    onRenewed: ({ id }, before) => this.#onClient({ kind: "renewed", before, session: id }),
    onConnected: ({ client, id, isReadOnly }, server) =>
      this.#onClient({ kind: "connected", client, session: id, server, isReadOnly }),
    onDisconnected: ({ client, id, server, isReadOnly }) =>
      this.#onClient({ kind: "disconnected", client, session: id, server, isReadOnly }),
    onInvoked: (_session, operation) => this.#onClient({ kind: "invoked", operation }),
    onReplied: (_session, operation) => {
      this.#mix(operation.xid, operation.error, operation.zxid);
      this.#onClient({ kind: "replied", operation });
    },
    onLost: (_session, operation) => this.#onClient({ kind: "lost", operation }),
    onNotified: ({ id }, notification) => this.#onClient({ kind: "notified", session: id, notification }),
    onEnded: ({ id }, how) => this.#onClient({ kind: "ended", session: id, how }),
    onBroken: ({ id }, reason) => this.#onClient({ kind: "broken", session: id, reason }),
  };

  #onClient(event: ClientEvent): void {
    for (const checker of this.#checkers) checker.onClient?.(event);
    for (const listener of this.listeners) listener.onClient?.(event);
  }

  #onEnded(server: SimServer, how: EndOfProcess, refused: Error | null): void {
    this.#mix(server.id, how.length, 0);
    for (const checker of this.#checkers) checker.onEnded?.(server.id, how);
    for (const listener of this.listeners) listener.onEnded?.(server, how, refused);
    if (refused !== null && !(refused instanceof DiskError)) {
      server.refusal = refused;
      // A server that a change of the membership has removed finds no place for itself when it starts.
      const isRemoved = refused instanceof ConfigError && this.parameters.faults.reconfig > 0;
      if (!isRemoved && !this.mayRefuse.has(server.id)) {
        this.report("StartsAgain", `server ${server.id} stopped and will not start: ${refused.message}`);
      }
      return;
    }
    const delayMs = this.restartMs?.(server) ?? null;
    if (delayMs !== null) this.scheduler.after(delayMs, () => server.start());
  }

  #onMembership(text: string): void {
    const membership = parseMembershipText(text);
    if (membership.version <= this.#membership.version) return;
    this.#membership = membership;
    this.#proposedMemberships = this.#proposedMemberships.filter(({ version }) =>
      version > membership.version
    );
  }

  #onProposed(entry: Uint8Array): void {
    if (txnTypeOf(entry, 0) !== OpCode.reconfig) return;
    const { body } = decodeEntry(entry);
    if (body.type !== OpCode.reconfig || body.data === null) return;
    this.#proposedMemberships.push(parseMembershipText(new TextDecoder().decode(body.data)));
  }

  #mix(one: number, two: number, three: number): void {
    let sum = this.#fingerprint;
    for (const part of [one, two, three % 0x100000000, this.nowMs * 1024]) {
      sum = Math.imul(sum ^ (part | 0), 0x01000193);
      sum ^= sum >>> 15;
    }
    this.#fingerprint = sum;
  }
}

/** @returns What was thrown, and where. */
function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
