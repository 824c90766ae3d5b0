import type { DiskErrorCode } from "../../src/base/disk.ts";
import { type FaultKind, faultKinds, type Parameters } from "./parameters.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { ports, serverLine } from "./sim_config.ts";
import type { SimEnsemble } from "./sim_ensemble.ts";
import type { Chance } from "./world/chance.ts";
import type { SimHost } from "./world/sim_network.ts";
import type { SimProcess } from "./world/sim_process.ts";
import type { SimServer } from "./world/sim_server.ts";
import type { SimWorker } from "./world/sim_worker.ts";

const minuteMs = 60_000;
/** Bytes in one piece of nonsense, at most. */
const garbageBytesMax = 200;

/** How long no server has a quorum, in ms; it serves reads only from 2000 on. */
const noQuorumMs = [2100, 5000] as const;

/** How often a fault that is one server's is the leader's. */
const leaderChance = 0.4;

/** Breaks an ensemble in the ways and as often as its parameters say, until it is told to heal everything. */
export class Faults {
  /** Faults done so far, by kind. */
  readonly counts = new Map<FaultKind, number>();
  readonly #ensemble: SimEnsemble;
  readonly #parameters: Parameters;
  readonly #chance: Chance;
  readonly #stranger: ReturnType<SimEnsemble["addStranger"]>;
  readonly #tell: (what: string) => void;
  #isOver = false;

  /** @param tell Hears of each fault in words. */
  constructor(ensemble: SimEnsemble, tell: (what: string) => void) {
    this.#ensemble = ensemble;
    this.#tell = tell;
    this.#parameters = ensemble.parameters;
    this.#chance = ensemble.chance.fork();
    this.#stranger = ensemble.addStranger();
    ensemble.restartMs = () => this.#isOver ? 10 : this.#chance.exponential(this.#parameters.faultMs);
  }

  /** Draws when each kind comes for the first time. */
  begin(): void {
    for (const kind of faultKinds) if (this.#parameters.faults[kind] > 0) this.#plan(kind);
  }

  /** Ends every fault: links work, processes run, disks obey, servers are started. */
  heal(): void {
    this.#isOver = true;
    const { network, servers, clientProcesses } = this.#ensemble;
    network.settings.ghostChance = 0;
    network.settings.noNameChance = 0;
    network.healAll();
    for (const server of servers) {
      server.diskFault = null;
      server.callsUntilPowerCut = -1;
      server.disk.capacityBytes = Infinity;
      server.diskTimes.slowChance = 0;
      server.process?.resume();
      for (const worker of server.workers) worker.process?.resume();
    }
    for (const process of clientProcesses) process.resume();
    this.#ensemble.startAll();
  }

  #plan(kind: FaultKind): void {
    const delayMs = this.#chance.exponential(minuteMs / this.#parameters.faults[kind]);
    this.#ensemble.scheduler.after(delayMs, () => {
      if (this.#isOver) return;
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      this.#tell(`fault: ${kind}`);
      this.#do(kind);
      this.#plan(kind);
    });
  }

  #do(kind: FaultKind): void {
    const leader = this.#ensemble.leader();
    // Whoever leads has the most to lose.
    const server = leader !== undefined && this.#chance.happens(leaderChance)
      ? leader
      : this.#chance.pick(this.#ensemble.servers);
    switch (kind) {
      case "cut":
      case "cutOneWay":
        return this.#cut(kind === "cut");
      case "partition":
      case "partitionOneWay":
        return this.#partition(kind === "partition");
      case "isolate":
        return this.#isolate(server);
      case "slowLink":
        return this.#slowLink();
      case "reset":
        return this.#reset();
      case "garbage":
        return this.#sendGarbage(server);
      case "pause":
        return this.#pause(server.process);
      case "clientPause":
        return this.#pauseClient();
      case "clockStep":
        server.time.wallBaseMs += this.#chance.between(-100_000, 100_000);
        return;
      case "kill":
        return server.kill();
      case "powerCut":
        return this.#cutPower(server);
      case "blackout":
        for (const each of this.#ensemble.servers) this.#cutPower(each, "everything");
        return;
      case "crashInCall":
        server.callsUntilPowerCut = this.#chance.whole(0, 60);
        return;
      case "stop":
        return server.stop();
      case "failSync":
        return this.#failDisk(server, "sync", "EIO");
      case "failWrite":
        return this.#failDisk(server, "write", this.#chance.pick(["EIO", "ENOSPC"] as const));
      case "fullDisk":
        return this.#fillDisk(server);
      case "reconfig":
        return this.#reconfigure();
      case "killWorker":
        return this.#pickWorker()?.kill();
      case "pauseWorker":
        return this.#pause(this.#pickWorker()?.process ?? null);
      case "noQuorum":
        return this.#scatter();
    }
  }

  #lasting(end: () => void): void {
    this.#ensemble.scheduler.after(this.#chance.exponential(this.#parameters.faultMs), end);
  }

  #others(some: readonly SimHost[]): SimHost[] {
    return this.#ensemble.network.hosts.filter((host) => !some.includes(host));
  }

  #serverHosts(): SimHost[] {
    return this.#ensemble.servers.map((server) => server.host);
  }

  #cut(bothWays: boolean): void {
    const hosts = this.#serverHosts();
    // Mostly between servers: clients are many.
    const from = this.#chance.pick(hosts);
    const to = this.#chance.pick(this.#chance.happens(0.8) ? hosts : this.#ensemble.network.hosts);
    if (from !== to) this.#separate([from], [to], bothWays);
  }

  #partition(bothWays: boolean): void {
    const hosts = this.#chance.shuffled(this.#ensemble.network.hosts);
    const side = hosts.slice(0, this.#chance.whole(1, hosts.length - 1));
    this.#separate(side, this.#others(side), bothWays);
  }

  /** Cut off from all, or from the other servers alone: then its clients go on to ask it for what it cannot do. */
  #isolate({ host }: SimServer): void {
    const others = this.#chance.happens(0.5)
      ? this.#serverHosts().filter((one) => one !== host)
      : this.#others([host]);
    this.#separate([host], others, true);
  }

  /** Parts the servers into so many sides that none has a quorum, for longer than it takes them to serve reads only. */
  #scatter(): void {
    const { network, servers } = this.#ensemble;
    const sides = this.#chance.whole(2, servers.length);
    const sideOf = new Map(servers.map((server) => [server, this.#chance.whole(1, sides)]));
    const hasQuorum = [...sideOf.values()].some((side) =>
      this.#ensemble.isQuorum(new Set(servers.filter((one) => sideOf.get(one) === side).map(({ id }) => id)))
    );
    const cuts = servers.flatMap((from) =>
      servers.filter((to) => from !== to && (hasQuorum || sideOf.get(from) !== sideOf.get(to)))
        .map((to) => [from.host, to.host] as const)
    );
    for (const [from, to] of cuts) network.cut(from, to);
    this.#ensemble.scheduler.after(this.#chance.between(...noQuorumMs), () => {
      for (const [from, to] of cuts) network.heal(from, to);
    });
  }

  #separate(some: readonly SimHost[], others: readonly SimHost[], bothWays: boolean): void {
    const { network } = this.#ensemble;
    const each = (act: (from: SimHost, to: SimHost) => void) => {
      for (const from of some) {
        for (const to of others) {
          act(from, to);
          if (bothWays) act(to, from);
        }
      }
    };
    each((from, to) => network.cut(from, to));
    this.#lasting(() => each((from, to) => network.heal(from, to)));
  }

  #slowLink(): void {
    const { network } = this.#ensemble;
    const link = network.link(this.#chance.pick(this.#serverHosts()), this.#chance.pick(this.#serverHosts()));
    link.latencyMs = this.#chance.between(link.usualLatencyMs, this.#parameters.tickMs * 2);
    this.#lasting(() => link.latencyMs = link.usualLatencyMs);
  }

  #reset(): void {
    const { network } = this.#ensemble;
    const host = this.#chance.pick(network.hosts);
    const endpoints = [...host.endpoints].filter(({ peer }) => peer !== undefined);
    if (endpoints.length > 0) network.reset(this.#chance.pick(endpoints));
  }

  #sendGarbage(server: SimServer): void {
    const { host, process } = this.#stranger;
    const chance = this.#chance;
    const bytes = new Uint8Array(chance.whole(1, garbageBytesMax)).map(() => chance.uint32());
    // The beginning of something sensible gets further in: a length, a version of the election handshake, or neither.
    const head = chance.pick([[0, 0, 0, chance.whole(0, 40)], [255, 255, 255, 255, 255, 255, 0, 0], []]);
    bytes.set(head.slice(0, bytes.length));
    this.#ensemble.network.for(process, host).dial(
      server.host.name,
      chance.pick(Object.values(ports)),
      1000,
      (socket) => {
        socket.write(bytes);
        this.#lasting(() => chance.happens(0.5) ? socket.end() : socket.destroy());
        return { onData() {}, onDrain() {}, onClose() {} };
      },
    ).catch(() => {});
  }

  #pickWorker(): SimWorker | undefined {
    const workers = this.#ensemble.servers.flatMap((server) => server.workers);
    return workers.length > 0 ? this.#chance.pick(workers) : undefined;
  }

  #pause(process: SimProcess | null): void {
    if (process === null) return;
    process.pause();
    this.#lasting(() => process.resume());
  }

  #pauseClient(): void {
    const { clientProcesses } = this.#ensemble;
    if (clientProcesses.length === 0) return;
    const process = this.#chance.pick(clientProcesses);
    process.pause();
    this.#lasting(() => process.resume());
  }

  #cutPower(server: SimServer, loss?: "everything"): void {
    const { sectorLoss } = this.#parameters;
    if (loss === undefined && sectorLoss) this.#ensemble.mayRefuse.add(server.id);
    const wasOn = server.isOn;
    server.cutPower(
      loss ?? (sectorLoss ? "sectors" : this.#chance.pick(["order", "order", "everything"] as const)),
    );
    // One that was on is started by the rule for all that end.
    if (!wasOn && server.refusal === null) this.#lasting(() => server.start());
  }

  #failDisk(server: SimServer, operation: "sync" | "write", code: DiskErrorCode): void {
    let left = this.#chance.whole(1, 3);
    server.diskFault = (call) => {
      if (call.operation !== operation || left === 0) return null;
      left--;
      this.#ensemble.mayRefuse.add(server.id);
      return code;
    };
    this.#lasting(() => server.diskFault = null);
  }

  #fillDisk(server: SimServer): void {
    server.disk.capacityBytes = server.disk.usedBytes + this.#chance.whole(0, 16_384);
    this.#lasting(() => server.disk.capacityBytes = Infinity);
  }

  /** Asks for a change of the membership, by way of some client: servers leave, come back, or lose their votes. */
  #reconfigure(): void {
    const { clients, membership, servers } = this.#ensemble;
    const session = clients.map((client) => client.session).find((one) => one?.isEstablished === true);
    if (session === null || session === undefined) return;
    const share = this.#chance.happens(0.3) ? 0.5 : 0;
    const picked = this.#chance.pick(servers);
    const joining: string[] = [];
    const leaving: number[] = [];
    for (const server of servers) {
      if (server !== picked && !this.#chance.happens(share)) continue;
      const { id } = server;
      const isMember = membership.servers.some((member) => member.id === id);
      if (isMember && this.#chance.happens(0.5)) leaving.push(id);
      else joining.push(this.#letIn(server));
    }
    session.submit({
      kind: "reconfig",
      path: "",
      joining: joining.join() || null,
      leaving: leaving.join() || null,
    });
  }

  /** @returns The line by which a server is to join; an operator starts one that is no member. */
  #letIn(server: SimServer): string {
    const own = serverLine(server.id, this.#chance.happens(0.3) ? "observer" : "participant");
    this.#startStranger(server, own);
    return own;
  }

  /** An operator starts servers that are no members, as a change that is not committed may need them. */
  startStrangers(): void {
    for (const server of this.#ensemble.servers) {
      this.#startStranger(server, serverLine(server.id, "participant"));
    }
  }

  #startStranger(server: SimServer, own: string): void {
    if (!(server.refusal instanceof ConfigError)) return;
    this.#ensemble.writeIn(server, own);
    server.start();
  }
}
