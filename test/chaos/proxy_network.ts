/**
 * A network of TCP proxies on loopback, in this process: every server dials every other, and clients dial every
 * server, through a port of that pair's own.
 *
 * A blocked direction takes no bytes from its sender, who sees a peer that stops reading; what was on its way
 * arrives when it heals, as with TCP, and so does the news of an end. A connection made through a blocked link
 * is accepted and hears nothing.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "../interop/apache_server.ts";
import { type Target } from "../wire/connection.ts";
import { type ChaosNetwork, clients, type Link, link, type Place } from "./chaos_network.ts";
import { HandshakeRewriter } from "./handshake_rewriter.ts";

const host = "127.0.0.1";

interface Ports {
  readonly client: number;
  readonly quorum: number;
  readonly election: number;
}

/** One way of one proxied connection. */
class Lane {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #rewriter: HandshakeRewriter | null;
  readonly link: Link;
  /** Both ends are connected. */
  #open = false;
  #blocked = false;
  #full = false;
  #ended = false;
  /** What was read already when the block came. */
  readonly #stopped: Uint8Array[] = [];
  #delayMs = 0;
  /** Chunks held back by a delay, the last of them due at `#dueMs`. */
  #held = 0;
  #dueMs = 0;

  constructor(source: Socket, sink: Socket, way: Link, rewriter: HandshakeRewriter | null) {
    this.#source = source;
    this.#sink = sink;
    this.link = way;
    this.#rewriter = rewriter;
    source.on("data", (chunk: Uint8Array) => {
      const bytes = this.#rewriter === null ? chunk : this.#rewriter.take(chunk);
      if (bytes.length === 0) return;
      if (this.#blocked) {
        this.#stopped.push(new Uint8Array(bytes));
        return;
      }
      if (this.#delayMs === 0 && this.#held === 0) return this.#pass(bytes);
      const nowMs = performance.now();
      this.#dueMs = Math.max(this.#dueMs, nowMs + this.#delayMs);
      this.#held++;
      const copy = new Uint8Array(bytes);
      setTimeout(() => {
        this.#held--;
        this.#pass(copy);
        if (this.#ended) this.#end();
      }, this.#dueMs - nowMs);
    });
    sink.on("drain", () => {
      this.#full = false;
      this.#flow();
    });
    const end = () => {
      this.#ended = true;
      this.#end();
    };
    source.on("error", end);
    source.on("end", end);
    source.on("close", end);
  }

  set blocked(blocked: boolean) {
    if (this.#blocked === blocked) return;
    this.#blocked = blocked;
    if (!blocked) { for (const bytes of this.#stopped.splice(0)) this.#pass(bytes); }
    this.#flow();
    if (!blocked && this.#ended) this.#end();
  }

  /** Both ends are connected: bytes may flow. */
  open(): void {
    this.#open = true;
    this.#flow();
  }

  set delayMs(delayMs: number) {
    this.#delayMs = delayMs;
  }

  #pass(bytes: Uint8Array): void {
    if (this.#sink.destroyed) return;
    if (!this.#sink.write(bytes)) {
      this.#full = true;
      this.#flow();
    }
  }

  #flow(): void {
    if (this.#source.destroyed) return;
    if (!this.#open || this.#blocked || this.#full) this.#source.pause();
    else this.#source.resume();
  }

  #end(): void {
    if (!this.#blocked && this.#held === 0 && !this.#sink.destroyed) {
      this.#sink.end(() => this.#sink.destroy());
    }
  }
}

/** A proxied connection, from whoever dialled. */
interface Pipe {
  readonly from: Place;
  readonly to: Place;
  readonly lanes: readonly Lane[];
  readonly sockets: readonly Socket[];
}

/** See the head of this file. */
export class ProxyNetwork implements ChaosNetwork {
  readonly kind = "proxy";
  readonly canDelay = true;
  readonly #ports: ReadonlyMap<Place, Ports>;
  readonly #proxies = new Map<string, number>();
  readonly #servers: Server[] = [];
  readonly #pipes = new Set<Pipe>();
  #blocked: ReadonlySet<Link> = new Set();
  #delayed: ReadonlySet<Link> = new Set();
  #delayMs = 0;

  private constructor(ports: ReadonlyMap<Place, Ports>) {
    this.#ports = ports;
  }

  /** Opens the proxies of servers 1 to `size`. */
  static async open(size: number): Promise<ProxyNetwork> {
    const ports = new Map<Place, Ports>();
    for (let id = 1; id <= size; id++) {
      ports.set(id, { client: await freePort(), quorum: await freePort(), election: await freePort() });
    }
    const network = new ProxyNetwork(ports);
    for (let to = 1; to <= size; to++) {
      const target = ports.get(to)!;
      await network.#listen(clients, to, "client", target.client);
      for (let from = 1; from <= size; from++) {
        if (from === to) continue;
        await network.#listen(from, to, "quorum", target.quorum);
        await network.#listen(from, to, "election", target.election);
      }
    }
    return network;
  }

  configOf(id: Place): Record<string, string> {
    const own = this.#ports.get(id)!;
    const lines: Record<string, string> = { clientPort: String(own.client), clientPortAddress: host };
    for (const [other, { quorum, election }] of this.#ports) {
      lines[`server.${other}`] = other === id
        ? `${host}:${quorum}:${election}`
        : `${host}:${this.#proxy(id, other, "quorum")}:${this.#proxy(id, other, "election")}`;
    }
    return lines;
  }

  clientAddress(id: Place): string {
    return `${host}:${this.#proxy(clients, id, "client")}`;
  }

  statusTarget(id: Place): Target {
    return { host, port: this.#ports.get(id)!.client };
  }

  wrap(_id: Place, command: readonly string[]): string[] {
    return [...command];
  }

  setBlocked(links: ReadonlySet<Link>): Promise<void> {
    this.#blocked = new Set(links);
    for (const { lanes } of this.#pipes) {
      for (const lane of lanes) lane.blocked = links.has(lane.link);
    }
    return Promise.resolve();
  }

  setDelay(links: ReadonlySet<Link>, delayMs: number): void {
    this.#delayed = new Set(links);
    this.#delayMs = delayMs;
    for (const { lanes } of this.#pipes) {
      for (const lane of lanes) lane.delayMs = links.has(lane.link) ? delayMs : 0;
    }
  }

  reset(a: Place, b: Place): void {
    for (const { from, to, sockets } of this.#pipes) {
      if ((from !== a || to !== b) && (from !== b || to !== a)) continue;
      for (const socket of sockets) socket.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    for (const { sockets } of this.#pipes) for (const socket of sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((done) => server.close(done))));
  }

  #proxy(from: Place, to: Place, service: keyof Ports): number {
    return this.#proxies.get(`${from} ${to} ${service}`)!;
  }

  #listen(from: Place, to: Place, service: keyof Ports, port: number): Promise<void> {
    // A server names its own election port in its greeting, and who is greeted dials that: not past the proxy.
    const rewriter = () =>
      service === "election"
        ? new HandshakeRewriter(() => `${host}:${this.#proxy(to, from, "election")}`)
        : null;
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
      const upstream = connect({ host, port, noDelay: true });
      const forth = new Lane(socket, upstream, link(from, to), rewriter());
      const back = new Lane(upstream, socket, link(to, from), null);
      const pipe: Pipe = { from, to, lanes: [forth, back], sockets: [socket, upstream] };
      this.#pipes.add(pipe);
      for (const one of pipe.sockets) {
        one.on("close", () => {
          if (socket.destroyed && upstream.destroyed) this.#pipes.delete(pipe);
        });
      }
      upstream.on("connect", () => {
        for (const lane of pipe.lanes) lane.open();
      });
      for (const lane of pipe.lanes) {
        lane.blocked = this.#blocked.has(lane.link);
        lane.delayMs = this.#delayed.has(lane.link) ? this.#delayMs : 0;
      }
      // The server is not there: as good as a refusal.
      upstream.on("error", () => socket.destroy());
    });
    this.#servers.push(server);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(0, host, () => {
      this.#proxies.set(`${from} ${to} ${service}`, (server.address() as { port: number }).port);
      resolve();
    });
    return promise;
  }
}
