import {
  type Listener,
  ListenError,
  type Network,
  type PortSharing,
  type Socket,
  type SocketEvents,
} from "../../../src/base/network.ts";
import type { Chance } from "./chance.ts";
import type { Scheduler } from "./scheduler.ts";
import { Endpoint, type EndpointParts, type Link, Pipe, type StreamSettings } from "./sim_connection.ts";
import type { SimProcess } from "./sim_process.ts";

/** A machine on the network. */
export interface SimHost {
  readonly name: string;
  readonly address: string;
  /** False between a power cut and the next start. */
  isUp: boolean;
  /** Who listens on each port: several only where they are processes of one server. */
  readonly listeners: Map<number, readonly Listening[]>;
  readonly endpoints: Set<Endpoint>;
  /** Pipes with packets for it that wait until it is up. */
  readonly waiting: Set<Pipe>;
}

interface Listening {
  readonly process: SimProcess;
  readonly accept: (socket: Socket) => SocketEvents;
  readonly isShared: boolean;
}

/** How the network behaves in a simulation. Times in ms. */
export interface NetworkSettings extends StreamSettings {
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** How often a dial opens a second connection that nobody at the dialler knows of. */
  ghostChance: number;
  /** How often a name has no address for a moment. */
  noNameChance: number;
}

/** Between two processes of one machine, ms. */
const localLatencyMs = 0.02;

/** Bytes of a dialler that its ghost sends too: as much as a handshake. */
const ghostBytes = 64;
const firstEphemeralPort = 40_000;

/**
 * The network between simulated machines: streams that keep their bytes in order and nothing else. Links can be
 * cut, one way or both, when what is under way waits; connections can be reset; a machine that lost power leaves
 * its peers in the belief that they are connected.
 */
export class SimNetwork {
  readonly hosts: SimHost[] = [];
  readonly settings: NetworkSettings;
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #byName = new Map<string, SimHost>();
  readonly #links = new Map<string, Link>();
  readonly #parts: EndpointParts;
  #nextPort = firstEphemeralPort;
  /** Connections opened twice so far. */
  ghosts = 0;

  constructor(scheduler: Scheduler, chance: Chance, settings: NetworkSettings) {
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.settings = settings;
    this.#parts = { scheduler, chance, sendReset: (from, to) => this.#sendReset(from, to) };
  }

  addHost(name: string, address: string): SimHost {
    const host: SimHost = {
      name,
      address,
      isUp: true,
      listeners: new Map(),
      endpoints: new Set(),
      waiting: new Set(),
    };
    this.hosts.push(host);
    this.#byName.set(name, host);
    this.#byName.set(address, host);
    return host;
  }

  /** @returns The network as a process on that machine sees it. */
  for(process: SimProcess, host: SimHost): Network {
    return {
      listen: (address, port, accept, sharing) =>
        this.#listen(process, host, address || host.address, port, accept, sharing),
      dial: (name, port, timeoutMs, open) => this.#dial(process, host, name, port, timeoutMs, open),
    };
  }

  link(from: SimHost, to: SimHost): Link {
    const key = `${from.name}>${to.name}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      const isLocal = from === to;
      const jitterMs = isLocal ? 0 : this.settings.jitterMs;
      const latencyMs = (isLocal ? localLatencyMs : this.settings.latencyMs) * this.#chance.between(0.5, 1.5);
      link = { isCut: false, latencyMs, usualLatencyMs: latencyMs, jitterMs, waiting: new Set() };
      this.#links.set(key, link);
    }
    return link;
  }

  /** From now on nothing gets from one machine to the other. */
  cut(from: SimHost, to: SimHost): void {
    this.link(from, to).isCut = true;
  }

  heal(from: SimHost, to: SimHost): void {
    const link = this.link(from, to);
    if (!link.isCut) return;
    link.isCut = false;
    for (const pipe of takeAll(link.waiting)) pipe.retry();
  }

  /** Every link works as at the beginning. */
  healAll(): void {
    for (const from of this.hosts) for (const to of this.hosts) this.heal(from, to);
    for (const link of this.#links.values()) link.latencyMs = link.usualLatencyMs;
  }

  /** A machine that lost power is there again: it knows nothing of connections it had. */
  powerOn(host: SimHost): void {
    host.isUp = true;
    for (const pipe of takeAll(host.waiting)) pipe.retry();
  }

  powerOff(host: SimHost): void {
    host.isUp = false;
    host.listeners.clear();
    for (const endpoint of [...host.endpoints]) endpoint.onPowerCut();
  }

  /** A process was killed: its machine ends its connections. */
  onKilled(host: SimHost, process: SimProcess): void {
    for (const listenings of [...host.listeners.values()]) {
      for (const one of listenings) if (one.process === process) this.#close(host, one);
    }
    for (const endpoint of [...host.endpoints]) if (endpoint.process === process) endpoint.onKilled();
  }

  /** @returns The connections between two machines, as the first has them. */
  connections(host: SimHost, other: SimHost): Endpoint[] {
    return [...host.endpoints].filter((endpoint) => endpoint.peer?.host === other);
  }

  /** Drops a connection for both sides, as a firewall does. */
  reset(endpoint: Endpoint): void {
    endpoint.onReset();
    endpoint.peer.onReset();
  }

  #listen(
    process: SimProcess,
    host: SimHost,
    address: string,
    port: number,
    accept: (socket: Socket) => SocketEvents,
    sharing: PortSharing | undefined,
  ): Promise<Listener> {
    if (!process.isAlive) return new Promise(() => {});
    const chosen = port === 0 ? this.#nextPort++ : port;
    const others = host.listeners.get(chosen) ?? [];
    if (others.length > 0 && (sharing !== "joins" || others.some(({ isShared }) => !isShared))) {
      return Promise.reject(
        new ListenError("EADDRINUSE", `Cannot listen on ${address}:${chosen}: the port is in use`),
      );
    }
    const listening: Listening = { process, accept, isShared: sharing !== undefined };
    host.listeners.set(chosen, [...others, listening]);
    return Promise.resolve({
      address: host.address,
      port: chosen,
      close: () => this.#close(host, listening),
    });
  }

  #close(host: SimHost, listening: Listening): void {
    for (const [port, listenings] of host.listeners) {
      if (!listenings.includes(listening)) continue;
      const left = listenings.filter((one) => one !== listening);
      if (left.length > 0) host.listeners.set(port, left);
      else host.listeners.delete(port);
    }
  }

  #dial(
    process: SimProcess,
    host: SimHost,
    name: string,
    port: number,
    timeoutMs: number,
    open: (socket: Socket) => SocketEvents,
  ): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    if (!process.isAlive) return promise;
    let isOver = false;
    const fail = (why: string) =>
      process.take("io", () => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        reject(new Error(`Cannot connect to ${name}:${port}: ${why}`));
      });
    const timer = process.setTimer(timeoutMs, () => fail(`no answer within ${Math.round(timeoutMs)} ms`));
    const target = this.#byName.get(name);
    // Processes of one machine meet by a file, which has a name always, and opens nothing twice.
    const isLocal = target === host;
    if (target === undefined || (!isLocal && this.#chance.happens(this.settings.noNameChance))) {
      this.#scheduler.at(process.nowMs + 1, () => fail("the name has no address"));
      return promise;
    }
    const near = new Endpoint(this.#parts, host, process, { address: target.address, port });
    // Bytes that overtake the news of the connection wait.
    near.pause();
    const connected = () => {
      if (!process.isAlive) return near.onKilled();
      process.take("io", () => {
        if (isOver) return near.destroy();
        isOver = true;
        timer.cancel();
        near.own(open(near));
        near.resume();
        resolve(near);
      });
    };
    this.#send(host, target, process.nowMs, () => {
      if (!target.isUp) return;
      const listenings = target.listeners.get(port);
      if (listenings === undefined) {
        return this.#send(target, host, this.#scheduler.nowMs, () => fail("ECONNREFUSED"));
      }
      const listening = listenings.length === 1 ? listenings[0] : this.#chance.pick(listenings);
      this.#accept(near, target, listening);
      this.#send(target, host, this.#scheduler.nowMs, connected);
      if (!isLocal && this.#chance.happens(this.settings.ghostChance)) this.#haunt(near, target, listening);
    });
    return promise;
  }

  /** Makes the other side of a connection. */
  #accept(near: Endpoint, target: SimHost, listening: Listening): Endpoint {
    const far = new Endpoint(this.#parts, target, listening.process, {
      address: near.host.address,
      port: this.#nextPort++,
    });
    near.connect(this.#pipe(near, far), far);
    far.connect(this.#pipe(far, near), near);
    near.host.endpoints.add(near);
    target.endpoints.add(far);
    listening.process.take("io", () => {
      if (!far.isClosed) far.own(listening.accept(far));
    });
    return far;
  }

  /** The network opened the connection twice: the second says what the first says, but only a little. */
  #haunt(original: Endpoint, target: SimHost, listening: Listening): void {
    this.ghosts++;
    const ghost = new Endpoint(this.#parts, original.host, null, { address: target.address, port: 0 });
    this.#accept(ghost, target, listening);
    let left = ghostBytes;
    original.onWrite = (bytes) => {
      ghost.write(bytes.subarray(0, left));
      left = Math.max(left - bytes.length, 0);
      if (left === 0) original.onWrite = null;
    };
    this.#scheduler.after(this.#chance.exponential(3000), () => ghost.destroy());
  }

  #pipe(from: Endpoint, to: Endpoint): Pipe {
    const link = this.link(from.host, to.host);
    const { settings } = this;
    return new Pipe({ scheduler: this.#scheduler, chance: this.#chance, settings, link }, from, to);
  }

  /** One packet outside of any stream; on a link that is cut it is sent again after a while. */
  #send(from: SimHost, to: SimHost, nowMs: number, arrive: () => void): void {
    const link = this.link(from, to);
    const attempt = (atMs: number, triesLeft: number) =>
      this.#scheduler.at(atMs + link.latencyMs + this.#chance.exponential(link.jitterMs), () => {
        if (!link.isCut) arrive();
        else if (triesLeft > 0) attempt(this.#scheduler.nowMs + 1000, triesLeft - 1);
      });
    attempt(nowMs, 5);
  }

  /** A reset is sent once: on a link that is cut it is lost, and the other side goes on in its belief. */
  #sendReset(from: Endpoint, to: Endpoint): void {
    const link = this.link(from.host, to.host);
    if (link.isCut) return;
    const nowMs = from.process?.nowMs ?? this.#scheduler.nowMs;
    const arriveMs = Math.max(nowMs + link.latencyMs, from.outgoing.lastArriveMs);
    this.#scheduler.at(arriveMs, () => {
      if (!link.isCut && to.host.isUp) to.onReset();
    });
  }
}

function takeAll(pipes: Set<Pipe>): Pipe[] {
  const all = [...pipes];
  pipes.clear();
  return all;
}
