/**
 * Servers that lead and follow each other in memory: databases, hubs, links and offices are real; disks, the network and
 * the time are the test's.
 */
import type { Clock, Timer } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { TraceEvent } from "../../../src/base/trace.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import type { WriteOp } from "../../../src/pipeline/op.ts";
import { opOf } from "../../../src/pipeline/op_table.ts";
import { encodeAcl, openAcl } from "../../../src/protocol/acl.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import { type Quorum, type ServerId, votesInAny } from "../../../src/quorum/quorum.ts";
import { QuorumLink } from "../../../src/server/quorum_link.ts";
import { Following, type FollowingPeer } from "../../../src/server/roles/following.ts";
import type { LeaderRole } from "../../../src/server/roles/leader.ts";
import { Leading, type LeadingPeer } from "../../../src/server/roles/leading.ts";
import type { LearnerRole } from "../../../src/server/roles/learner.ts";
import type { ServerWorld } from "../../../src/server/server.ts";
import { ServerCore } from "../../../src/server/server_core.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { load } from "../config/_load.ts";
import { dirs } from "../storage/_logs.ts";
import { show } from "../zab/_zab.ts";
import { emptyDisk } from "./_databases.ts";
import { MemoryNetwork } from "./_memory_network.ts";
import { worldOf } from "./_world.ts";

const tickMs = 1000;
/** Names are no addresses in this network: each server has a port of its own. */
export const quorumPortOf = (id: ServerId) => 2880 + id;

/** A clock that stands still, for all servers. */
class SharedClock implements Clock {
  nowMs = 1_000_000;
  turns: (() => void)[] = [];
  timers: { readonly dueMs: number; readonly fire: () => void }[] = [];

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const timer = { dueMs: this.nowMs + delayMs, fire };
    this.timers.push(timer);
    return { cancel: () => this.timers = this.timers.filter((one) => one !== timer) };
  }

  endOfTurn(run: () => void): void {
    this.turns.push(run);
  }
}

/** Where servers meet. */
export class Offices {
  readonly clock = new SharedClock();
  readonly network = new MemoryNetwork();
  /** Lines of every server's zoo.cfg, besides those that all have. */
  readonly cfg: readonly string[];
  /** The newest counter of an epoch. */
  zxidCounterMax = 0xfffffffe;
  /** Who belongs to the membership. */
  memberIds: readonly ServerId[] = [1, 2, 3];
  readonly #stations: Station[] = [];

  constructor(cfg: readonly string[] = []) {
    this.cfg = cfg;
  }

  /** What a server on that disk runs in: this network and clock, and chance of its own. */
  world(disk: MemoryDisk, seed: number): ServerWorld {
    disk.onLater ??= (run) => this.network.later(run);
    return worldOf({ clock: this.clock, disk, network: this.network, seed });
  }

  /** A server with a disk of its own. */
  station(id: ServerId, disk: MemoryDisk = emptyDisk()): Station {
    const station = new Station(this, id, disk);
    this.#stations.push(station);
    return station;
  }

  /** What is on its way arrives, and each server's turn ends once. @returns Whether anything was left to do. */
  async turn(): Promise<boolean> {
    await this.network.settle();
    const turns = this.clock.turns.splice(0);
    for (const run of turns) run();
    return turns.length > 0;
  }

  /** Turns until nothing moves. */
  async settle(): Promise<void> {
    while (await this.turn());
    await this.network.settle();
  }

  /** Time passes, a quarter of a tick at a time, and the offices look at it. */
  async pass(ms: number): Promise<void> {
    const endMs = this.clock.nowMs + ms;
    while (this.clock.nowMs < endMs) {
      this.clock.nowMs = Math.min(endMs, this.clock.nowMs + tickMs / 4);
      const due = this.clock.timers.filter(({ dueMs }) => dueMs <= this.clock.nowMs);
      this.clock.timers = this.clock.timers.filter(({ dueMs }) => dueMs > this.clock.nowMs);
      for (const { fire } of due) fire();
      for (const station of this.#stations) station.onTimer();
      await this.settle();
    }
  }
}

/** One server. */
export class Station implements LeadingPeer, FollowingPeer {
  readonly id: ServerId;
  readonly disk: MemoryDisk;
  readonly core: ServerCore;
  /** What its office told. */
  lines: string[] = [];
  /** Packets that it sent, by name and zxid. */
  sent: string[] = [];
  /** Events of its trace. */
  trace: TraceEvent[] = [];
  linked = false;
  office: Leading | Following | null = null;
  role: LeaderRole | LearnerRole | null = null;
  readonly #offices: Offices;

  constructor(offices: Offices, id: ServerId, disk: MemoryDisk) {
    this.#offices = offices;
    this.id = id;
    this.disk = disk;
    const members = [1, 2, 3].map((server) => `server.${server}=h${server}:${quorumPortOf(server)}:3888`);
    const lines = ["dataDir=/data", "initLimit=10", "syncLimit=5", "preAllocSize=64", ...members];
    const cfg = [...lines, ...offices.cfg].join("\n");
    this.core = new ServerCore({
      config: load({ cfg, serverId: id }).config,
      world: { ...offices.world(disk, id), trace: (event) => this.#onTrace(event) },
      dirs,
      serverId: id,
      databaseUser: () => ({
        onDurable: (zxid) => this.core.replica.onDurable(zxid),
        onRefused: (zxid, error) => this.core.replica.onRefused(zxid, error),
        onFatal: (error) => this.onFatal(error),
      }),
      ensembleStatus: () => undefined,
      ensembleConfig: () => undefined,
      onFatal: (error) => this.onFatal(error),
    });
    this.core.load();
    this.core.database.loadEpochs();
  }

  #onTrace(event: TraceEvent): void {
    this.trace.push(event);
    if (event.kind === "send") this.sent.push(`${event.packet} ${show(event.zxid)}`);
  }

  /** Its state: newest zxid and digest. */
  get state(): string {
    const { tree } = this.core;
    return `${show(tree.lastProcessedZxid)} ${tree.digest}`;
  }

  /** The office says something new. */
  take(): string[] {
    return this.lines.splice(0);
  }

  takeSent(): string[] {
    return this.sent.splice(0);
  }

  /** Takes office as leader, by these quorums. */
  async lead(quorums: readonly Quorum[] = [new Majority([1, 2, 3])]): Promise<Leading> {
    const { core } = this;
    core.replica.beginTurn();
    const leading = this.office = new Leading({
      ...this.#shared(),
      quorums,
      localSessions: false,
      epochWaitMs: 1000,
      zxidCounterMax: this.#offices.zxidCounterMax,
      isMember: (id) => this.#offices.memberIds.includes(id),
      mayLead: (id) => votesInAny(quorums, id),
      makePreparation: (zxid) => core.makePreparation(zxid),
      onEpochAccepted: () => {},
    });
    await this.#offices.network.listen(`h${this.id}`, quorumPortOf(this.id), (socket) => {
      const link = new QuorumLink(core.replica, socket, (event) => this.#onTrace(event));
      (this.office as Leading).accept(link);
      return link;
    }).catch(() => {});
    leading.start();
    return leading;
  }

  /** Takes office as a follower of that server, which may have other quorum ports in front of its own. */
  follow(leader: ServerId, wantsSnapshot = false, otherPorts: readonly number[] = []): Following {
    this.core.replica.beginTurn();
    const following = this.office = new Following({
      ...this.#shared(),
      leader,
      isObserver: false,
      isLogged: true,
      wantsSnapshot,
      addresses: [...otherPorts, quorumPortOf(leader)].map((quorumPort) => ({
        host: `h${leader}`,
        quorumPort,
        electionPort: 3888,
      })),
      connectLimitTicks: 10,
      redialMs: 100,
      network: this.#offices.network,
      clock: this.#offices.clock,
    });
    following.start();
    return following;
  }

  #shared() {
    const { core } = this;
    return {
      self: this.id,
      database: core.database,
      events: core.events,
      tickMs,
      initLimitTicks: 10,
      syncLimitTicks: 5,
      configVersion: 0,
      metrics: core.metrics,
      logger: silentLogger,
      host: core.replica,
      peer: this,
      trace: (event: TraceEvent) => this.#onTrace(event),
    };
  }

  /** Ends its office, as its server would when the turn is over and the log at rest. */
  leave(): void {
    this.core.replica.becomeIdle();
    this.office!.close("the office is over");
    this.core.database.flush();
    this.office!.finish();
    this.office = null;
    this.role = null;
  }

  onTimer(): void {
    if (this.office === null || this.office.deadlineMs > this.#offices.clock.nowMs) return;
    this.core.replica.beginTurn();
    this.office.onTimer(this.#offices.clock.nowMs);
  }

  /** The leader writes something of its own. */
  write(path: string, bytes: Uint8Array = new Uint8Array(1)): void {
    const { replica } = this.core;
    const body = new JuteWriter();
    body.string(path);
    body.buffer(bytes);
    const exists = this.has(path);
    if (exists) body.int(-1);
    else {
      body.vector(openAcl, encodeAcl);
      body.int(0);
    }
    const op = opOf(exists ? OpCode.setData : OpCode.create) as WriteOp;
    if (!replica.submitOwn(op, new JuteReader(body.view()))) throw new Error("nothing can be written now");
  }

  has(path: string): boolean {
    return this.core.tree.store.findPath(path) !== noZnode;
  }

  onEstablished(role: LeaderRole, epoch: number): void {
    this.lines.push(`established in epoch ${epoch}`);
    this.core.replica.takeSessions();
    this.core.replica.becomeServing(this.role = role);
  }

  onUpToDate(role: LearnerRole, epoch: number): void {
    this.lines.push(`up to date in epoch ${epoch}`);
    this.core.replica.forgetSessions();
    this.core.replica.becomeServing(this.role = role);
  }

  onLeadingOver(reason: string): void {
    this.lines.push(`over: ${reason}`);
  }

  onFollowingOver(reason: string, wantsSnapshot: boolean): void {
    this.lines.push(`over: ${reason}${wantsSnapshot ? "; a snapshot next time" : ""}`);
  }

  onDiskFailed(): void {
    this.lines.push("the disk failed");
  }

  configText(): string {
    return "the configuration";
  }

  onReconfigProposed(): void {}

  onReconfigCommitted(): ServerId {
    return this.id;
  }

  onTreeLoaded(): void {
    this.lines.push(`a tree is loaded at ${show(this.core.tree.lastProcessedZxid)}`);
  }

  onLeaderConfig(text: string): void {
    this.lines.push(`told "${text}"`);
  }

  onProposal(): void {}
  onActivate(): void {}

  isLinked(): boolean {
    return this.linked;
  }

  onFatal(error: Error): void {
    this.lines.push(`fatal: ${error.message}`);
  }
}
