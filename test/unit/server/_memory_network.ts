import {
  type Listener,
  ListenError,
  type Network,
  type Socket,
  type SocketEvents,
} from "../../../src/base/network.ts";

/** One side of a connection in memory. */
export class MemorySocket implements Socket {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort = 0;
  /** What was written, call by call. */
  readonly writes: Uint8Array[] = [];
  /** While true the network takes nothing: what is written waits. */
  stalled = false;
  /** As many bytes, of which nobody knows, wait in front of what is written while it is stalled. */
  backlog = 0;
  open = true;
  /** What comes is not taken: it waits. */
  paused = false;
  other!: MemorySocket;
  events: SocketEvents | null = null;
  readonly #network: MemoryNetwork;
  #waiting: Uint8Array[] = [];
  #unread: Uint8Array[] = [];

  constructor(network: MemoryNetwork) {
    this.#network = network;
  }

  write(bytes: Uint8Array): number {
    if (!this.open) return 0;
    this.writes.push(bytes.slice());
    if (this.stalled) {
      this.#waiting.push(bytes.slice());
      return this.#waiting.reduce((sum, part) => sum + part.length, this.backlog);
    }
    this.#network.carry(this.other, bytes.slice());
    return 0;
  }

  /** The network takes bytes again. */
  drain(): void {
    this.stalled = false;
    for (const part of this.#waiting) this.#network.carry(this.other, part);
    this.#waiting = [];
    this.events?.onDrain();
  }

  end(): void {
    this.#close(null);
  }

  destroy(): void {
    this.#close(new Error("connection reset"));
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    for (const bytes of this.#unread.splice(0)) this.#network.later(() => this.arrive(bytes));
  }

  /** Bytes have come from the other side. */
  arrive(bytes: Uint8Array): void {
    if (this.paused) this.#unread.push(bytes);
    else if (this.open) this.events?.onData(bytes);
  }

  #close(error: Error | null): void {
    if (!this.open) return;
    this.open = false;
    const { other } = this;
    this.#network.later(() => {
      this.events?.onClose(null);
      if (!other.open) return;
      other.open = false;
      other.events?.onClose(error);
    });
  }
}

/** A network in memory: ports, and what goes through. Everything arrives in order, when {@link settle} is called. */
export class MemoryNetwork implements Network {
  /** Names that have no address. */
  readonly unresolved = new Set<string>();
  /** Ports that others hold. */
  readonly busy = new Set<number>();
  /** Ports that do not answer at all. */
  readonly silent = new Set<number>();
  /** Bytes that arrive at once at most. */
  chunkBytes = Infinity;
  /** "host:port" of every dial. */
  readonly dials: string[] = [];
  readonly sockets: MemorySocket[] = [];
  readonly #ports = new Map<number, (socket: Socket) => SocketEvents>();
  #queue: (() => void)[] = [];
  #silent: (() => void)[] = [];
  #nextPort = 50_000;

  listen(host: string, port: number, accept: (socket: Socket) => SocketEvents): Promise<Listener> {
    if (this.unresolved.has(host)) {
      return Promise.reject(new ListenError("ENOTFOUND", `no address for ${host}`));
    }
    if (this.busy.has(port) || this.#ports.has(port)) {
      return Promise.reject(
        new ListenError("EADDRINUSE", `Cannot listen on ${host}:${port}: the port is in use`),
      );
    }
    const bound = port === 0 ? this.#nextPort++ : port;
    this.#ports.set(bound, accept);
    return Promise.resolve({ address: host, port: bound, close: () => this.#ports.delete(bound) });
  }

  async dial(
    host: string,
    port: number,
    _timeoutMs: number,
    open: (socket: Socket) => SocketEvents,
  ): Promise<Socket> {
    this.dials.push(`${host}:${port}`);
    await new Promise<void>((resolve) => this.later(resolve));
    if (this.silent.has(port)) await new Promise<void>((resolve) => this.#silent.push(resolve));
    const accept = this.#ports.get(port);
    if (this.unresolved.has(host)) throw new Error(`${host} has no address`);
    if (accept === undefined) throw new Error(`${host}:${port} refuses`);
    const [here, there] = [new MemorySocket(this), new MemorySocket(this)];
    [here.other, there.other] = [there, here];
    this.sockets.push(here, there);
    there.events = accept(there);
    here.events = open(here);
    return here;
  }

  /** Ends all dials of silent ports, which fail unless there is a listener by now. */
  giveUpSilent(): void {
    for (const resolve of this.#silent) resolve();
    this.#silent = [];
    this.silent.clear();
  }

  /** Connections whose both sides are open. */
  get openConnections(): number {
    return this.sockets.filter((socket) => socket.open && socket.other.open).length / 2;
  }

  carry(to: MemorySocket, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.chunkBytes) {
      const part = bytes.subarray(at, Math.min(bytes.length, at + this.chunkBytes));
      this.later(() => to.arrive(part));
    }
  }

  later(run: () => void): void {
    this.#queue.push(run);
  }

  /** Lets everything arrive that is on its way, and what follows from it. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3;) {
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      const run = this.#queue.shift();
      run?.();
      idle = run === undefined ? idle + 1 : 0;
    }
  }
}
