import type { TraceEvent } from "../../../src/base/trace.ts";
import { defaults } from "../../../src/config/defaults.ts";
import type { ServerConfig } from "../../../src/config/server_config.ts";
import { counterOf } from "../../../src/protocol/zxid.ts";
import type { Operation, Request } from "../clients/operation.ts";
import type { SimSession } from "../clients/sim_session.ts";
import { drawParameters, noFaults, type ParameterChanges } from "../parameters.ts";
import { ports } from "../sim_config.ts";
import { SimEnsemble } from "../sim_ensemble.ts";
import { TraceWriter } from "../trace_writer.ts";
import type { SimHost } from "../world/sim_network.ts";
import { machineOf, type SimServer } from "../world/sim_server.ts";
import { ScenarioFailure } from "./scenario.ts";

/** What a scenario changes of a quiet ensemble of three. */
export interface StageOptions extends ParameterChanges {
  /** Takes each line of the trace. */
  readonly trace?: (line: string) => void;
  /** Changes a server's configuration. */
  readonly tune?: (id: number, config: ServerConfig) => ServerConfig;
}

/** Longest time that anything a scenario waits for may take, in ms. */
const patienceMs = 30_000;

/**
 * An ensemble without chance: nothing fails but what the scenario makes fail. Every checker watches, and any violation
 * ends the scenario.
 */
export class Stage {
  readonly ensemble: SimEnsemble;
  readonly #hooks: {
    readonly when: (server: SimServer, event: TraceEvent) => boolean;
    readonly act: () => void;
  }[] = [];

  constructor(options: StageOptions = {}) {
    const { trace, tune, ...changes } = options;
    this.ensemble = new SimEnsemble({
      ...drawParameters(1),
      voters: 3,
      observers: 0,
      hierarchical: false,
      tickMs: 100,
      initLimit: 10,
      syncLimit: 4,
      latencyMs: 0.2,
      jitterMs: 0,
      windowBytes: 65_536,
      splitChance: 0,
      dripChance: 0,
      ghostChance: 0,
      noNameChance: 0,
      turnMsMax: 0,
      clockSpread: 0,
      syncMs: 0.3,
      slowSyncChance: 0,
      snapCount: 10_000,
      preAllocKb: 0,
      committedTxnsKept: 500,
      snapshotSizeFactor: 1,
      purgeEveryMs: 0,
      localSessions: false,
      readOnlyMode: false,
      workers: 0,
      serversWithWorkers: 0,
      zxidCounterMax: defaults.zxidCounterMax,
      store: "both",
      faults: noFaults,
      // What fails, the scenario says.
      isCalm: false,
      ...changes,
    });
    if (tune !== undefined) this.ensemble.tune = tune;
    this.ensemble.listeners.push({ onTrace: (server, event) => this.#look(server, event) });
    if (trace !== undefined) this.ensemble.listeners.push(new TraceWriter(this.ensemble, trace));
  }

  get leader(): SimServer {
    return this.ensemble.leader() ?? this.fail("there is no leader");
  }

  /** The servers that do not lead, by their ids. */
  get others(): SimServer[] {
    return this.ensemble.servers.filter((server) => server !== this.leader);
  }

  server(id: number): SimServer {
    return this.ensemble.server(id);
  }

  /** Starts these servers, all by default, and waits until they serve. */
  start(...servers: SimServer[]): this {
    const all = servers.length > 0 ? servers : this.ensemble.servers;
    for (const server of all) server.start();
    return this.until("the servers to serve", () => all.every((server) => server.isServing));
  }

  /** Lets time pass until something is so. @throws {ScenarioFailure} If it takes too long. */
  until(what: string, isSo: () => boolean, withinMs = patienceMs): this {
    const isDone = this.ensemble.run(withinMs, isSo);
    this.#judge();
    if (!isDone) this.fail(`waited in vain for ${what}`);
    return this;
  }

  /** Lets time pass. */
  pass(ms: number): this {
    this.ensemble.run(ms);
    this.#judge();
    return this;
  }

  /** Does something at the first event that is so, in the very moment of it. */
  at(when: (server: SimServer, event: TraceEvent) => boolean, act: () => void): this {
    this.#hooks.push({ when, act });
    return this;
  }

  /** Opens a session at one server, which alone it knows. */
  client(server: SimServer, options: StageClientOptions = {}): StageClient {
    return new StageClient(this, [server.id], options);
  }

  /** Cuts all links between two servers, or between one and all other servers. */
  cut(one: SimServer, ...others: SimServer[]): this {
    return this.#link(one, others, (from, to) => this.ensemble.network.cut(from, to));
  }

  heal(one: SimServer, ...others: SimServer[]): this {
    return this.#link(one, others, (from, to) => this.ensemble.network.heal(from, to));
  }

  /** Every server is up, every link works; all must come to serve and hold the same znodes. */
  settle(): this {
    this.ensemble.network.healAll();
    for (const server of this.ensemble.servers) {
      server.diskFault = null;
      server.process?.resume();
    }
    this.start();
    const { history, servers } = this.ensemble;
    this.until(
      "all servers to hold the same",
      () =>
        servers.every(({ zxid, isServing }) =>
          isServing && (zxid === history.lastZxid || (counterOf(zxid) === 0 && zxid > history.lastZxid))
        ),
    );
    this.ensemble.judgeQuiet();
    this.#judge();
    return this;
  }

  /** @throws {ScenarioFailure} */
  expect(ok: boolean, what: string): this {
    if (!ok) this.fail(what);
    return this;
  }

  fail(what: string): never {
    throw new ScenarioFailure(`${what}, ${Math.round(this.ensemble.nowMs)} ms on`);
  }

  #look(server: SimServer, event: TraceEvent): void {
    const index = this.#hooks.findIndex(({ when }) => when(server, event));
    if (index >= 0) this.#hooks.splice(index, 1)[0].act();
  }

  #judge(): void {
    const [violation] = this.ensemble.violations;
    if (violation !== undefined) this.fail(`${violation.property}: ${violation.message}`);
  }

  #link(one: SimServer, others: SimServer[], act: (from: SimHost, to: SimHost) => void): this {
    const far = others.length > 0 ? others : this.ensemble.servers.filter((server) => server !== one);
    for (const { host } of far) {
      act(one.host, host);
      act(host, one.host);
    }
    return this;
  }
}

/** How a {@link StageClient} is other than most. */
export interface StageClientOptions {
  /** Session timeout, in ticks. */
  readonly ticks?: number;
  readonly readOnlyAllowed?: boolean;
}

/** A client that asks what the scenario says, one request at a time. */
export class StageClient {
  readonly session: SimSession;
  readonly #stage: Stage;

  constructor(stage: Stage, servers: readonly number[], options: StageClientOptions) {
    this.#stage = stage;
    const { ensemble } = stage;
    this.session = ensemble.openSession({
      servers: servers.map((id) => ({ host: machineOf(id).name, port: ports.client })),
      timeoutMs: (options.ticks ?? 20) * ensemble.parameters.tickMs,
      readOnlyAllowed: options.readOnlyAllowed,
    });
    stage.until("a session", () => this.session.isEstablished);
  }

  /** Sends a request without waiting. */
  send(request: Request): Operation {
    return this.session.submit(request);
  }

  /** Sends a request and waits for its answer. @throws {ScenarioFailure} If it does not come. */
  ask(request: Request): Operation {
    const operation = this.send(request);
    this.#stage.until(`an answer to ${request.kind}`, () => operation.outcome !== "pending");
    if (operation.outcome === "lost") this.#stage.fail(`the connection broke over ${request.kind}`);
    return operation;
  }

  /** @returns The zxid of the znode's creation. @throws {ScenarioFailure} If it is not acknowledged. */
  create(path: string, data = "", ephemeral = false): number {
    const { error, zxid } = this.ask({ kind: "create", path, data, ephemeral, sequential: false });
    this.#stage.expect(error === 0, `create ${path} answers ${error}`);
    return zxid;
  }

  /** @returns The znode's data; null when it is not there. */
  read(path: string): string | null {
    const { error, data } = this.ask({ kind: "getData", path, watch: false });
    return error === 0 ? data ?? "" : null;
  }
}

/** @returns A condition for {@link Stage.at}: this server has an event of that kind, and of that packet if one is named. */
export function event(
  server: SimServer | null,
  kind: TraceEvent["kind"],
  packet?: string,
): (server: SimServer, event: TraceEvent) => boolean {
  return (of, happening) =>
    (server === null || of === server) && happening.kind === kind &&
    (packet === undefined || ("packet" in happening && happening.packet === packet));
}
