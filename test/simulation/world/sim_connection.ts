import type { Socket, SocketEvents } from "../../../src/base/network.ts";
import type { Chance } from "./chance.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimHost } from "./sim_network.ts";
import type { SimProcess } from "./sim_process.ts";

/** One direction between two hosts: how long packets take, and whether any get through. */
export interface Link {
  isCut: boolean;
  latencyMs: number;
  readonly usualLatencyMs: number;
  readonly jitterMs: number;
  /** Pipes whose packets wait for the link to work again. */
  readonly waiting: Set<Pipe>;
}

/** How byte streams behave in a simulation. */
export interface StreamSettings {
  /** Bytes under way in one direction before `write` keeps the rest. */
  readonly windowBytes: number;
  /** How often a write arrives in pieces. */
  readonly splitChance: number;
  /** How often a stream is so slow that it arrives byte by byte, nearly. */
  readonly dripChance: number;
}

/** Milliseconds for which an ended connection waits for the other side. */
const lingerMs = 5000;
/** Longest time, in ms, until a packet that was lost is sent again once the link works. */
const resendMsMax = 300;

const fin = Symbol("fin");

interface Packet {
  readonly arriveMs: number;
  readonly content: Uint8Array | typeof fin;
}

/** The bytes of a connection in one direction: they arrive in order, when the link lets them. */
export class Pipe {
  readonly link: Link;
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #settings: StreamSettings;
  readonly #from: Endpoint;
  readonly #to: Endpoint;
  readonly #drips: boolean;
  readonly #packets: Packet[] = [];
  #isScheduled = false;
  #lastArriveMs = 0;
  /** Sent and not acknowledged. */
  #bytesUnderWay = 0;
  /** Arrived while acknowledgements could not come back. */
  #bytesUnacknowledged = 0;
  /** Handed over by the sender beyond the window. */
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #isFinKept = false;

  constructor(
    parts: { scheduler: Scheduler; chance: Chance; settings: StreamSettings; link: Link },
    from: Endpoint,
    to: Endpoint,
  ) {
    this.#scheduler = parts.scheduler;
    this.#chance = parts.chance;
    this.#settings = parts.settings;
    this.link = parts.link;
    this.#from = from;
    this.#to = to;
    this.#drips = parts.chance.happens(parts.settings.dripChance);
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Bytes or the end are on their way. */
  get isEmpty(): boolean {
    return this.#packets.length === 0 && this.#keptBytes === 0;
  }

  /** When the last packet sent arrives; a reset overtakes none. */
  get lastArriveMs(): number {
    return this.#lastArriveMs;
  }

  write(bytes: Uint8Array, nowMs: number): void {
    const room = this.#keptBytes > 0 ? 0 : Math.max(this.#settings.windowBytes - this.#bytesUnderWay, 0);
    if (room > 0) this.#send(bytes.slice(0, room), nowMs);
    if (room >= bytes.length) return;
    const rest = bytes.slice(room);
    this.#kept.push(rest);
    this.#keptBytes += rest.length;
  }

  writeFin(nowMs: number): void {
    if (this.#keptBytes > 0) this.#isFinKept = true;
    else this.#enqueue(fin, nowMs);
  }

  /** The sender is gone: what it still kept, and what a dead machine would have to send again, is lost. */
  abandon(machineIsDown: boolean): void {
    this.#kept = [];
    this.#keptBytes = 0;
    this.#isFinKept = false;
    if (machineIsDown && (this.link.isCut || this.#to.isReadPaused)) this.drop();
  }

  /** Nothing of it arrives any more. */
  drop(): void {
    this.#packets.length = 0;
    this.link.waiting.delete(this);
  }

  /** The link works again, or the receiver reads or is up again. */
  retry(delayMs = this.#chance.between(0, resendMsMax)): void {
    this.#acknowledge();
    if (this.#packets.length > 0) this.#schedule(this.#scheduler.nowMs + delayMs);
  }

  #send(bytes: Uint8Array, nowMs: number): void {
    this.#bytesUnderWay += bytes.length;
    const { splitChance } = this.#settings;
    if (this.#drips) {
      for (let at = 0; at < bytes.length;) {
        const next = at + this.#chance.whole(1, 40);
        this.#enqueue(bytes.subarray(at, next), nowMs);
        at = next;
      }
    } else if (bytes.length > 1 && this.#chance.happens(splitChance)) {
      const cut = this.#chance.whole(1, bytes.length - 1);
      this.#enqueue(bytes.subarray(0, cut), nowMs);
      this.#enqueue(bytes.subarray(cut), nowMs);
    } else this.#enqueue(bytes, nowMs);
  }

  #enqueue(content: Packet["content"], nowMs: number): void {
    const { latencyMs, jitterMs } = this.link;
    const arriveMs = nowMs + latencyMs + (jitterMs > 0 ? this.#chance.exponential(jitterMs) : 0);
    this.#lastArriveMs = Math.max(this.#lastArriveMs, arriveMs);
    this.#packets.push({ arriveMs: this.#lastArriveMs, content });
    if (this.#packets.length === 1) this.#schedule(this.#lastArriveMs);
  }

  #schedule(atMs: number): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#scheduler.at(atMs, () => {
      this.#isScheduled = false;
      this.#arrive();
    });
  }

  #arrive(): void {
    const packets = this.#packets;
    if (this.link.isCut) {
      this.link.waiting.add(this);
      return;
    }
    while (packets.length > 0) {
      const { arriveMs, content } = packets[0];
      if (arriveMs > this.#scheduler.nowMs) return this.#schedule(arriveMs);
      if (!this.#to.mayArrive(this)) return;
      packets.shift();
      if (content === fin) {
        this.#to.onFin();
        continue;
      }
      this.#bytesUnacknowledged += content.length;
      this.#acknowledge();
      this.#to.onBytes(this.#joined(content));
    }
  }

  /** What arrived together may be read together. */
  #joined(first: Uint8Array): Uint8Array {
    const packets = this.#packets;
    const next = packets[0];
    if (next === undefined || next.content === fin || next.arriveMs > this.#scheduler.nowMs) return first;
    if (this.#chance.happens(0.5)) return first;
    packets.shift();
    const bytes = new Uint8Array(first.length + next.content.length);
    bytes.set(first);
    bytes.set(next.content, first.length);
    this.#bytesUnacknowledged += next.content.length;
    this.#acknowledge();
    return bytes;
  }

  #acknowledge(): void {
    const back = this.#to.outgoing.link;
    if (this.#bytesUnacknowledged === 0) return;
    if (back.isCut) {
      back.waiting.add(this);
      return;
    }
    this.#bytesUnderWay -= this.#bytesUnacknowledged;
    this.#bytesUnacknowledged = 0;
    if (this.#keptBytes === 0) return;
    while (this.#kept.length > 0) {
      const room = this.#settings.windowBytes - this.#bytesUnderWay;
      if (room <= 0) return;
      const bytes = this.#kept.shift()!;
      const sent = bytes.subarray(0, room);
      this.#keptBytes -= sent.length;
      this.#send(sent, this.#scheduler.nowMs);
      if (sent.length < bytes.length) this.#kept.unshift(bytes.subarray(room));
    }
    if (this.#isFinKept) {
      this.#isFinKept = false;
      this.#enqueue(fin, this.#scheduler.nowMs);
    }
    this.#from.onAllSent();
  }
}

/** What a connection asks of its network. */
export interface EndpointParts {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  /** Tells `to` that `from` knows of no such connection. */
  sendReset(from: Endpoint, to: Endpoint): void;
}

/** One side of a connection. */
export class Endpoint implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly host: SimHost;
  /** Null for a side that no program holds: it swallows what it is sent. */
  readonly process: SimProcess | null;
  readonly #parts: EndpointParts;
  outgoing!: Pipe;
  #peer!: Endpoint;
  #events: SocketEvents | null = null;
  #isReadPaused = false;
  #isEnding = false;
  #isFinSent = false;
  #peerEnded = false;
  #isClosed = false;
  /** Its own program has dropped it: nothing is read from it any more. */
  #isDropped = false;
  /** It was reset before anybody owned it. */
  #isResetEarly = false;
  /** The machine lost its memory of it: it answers as if it had never been. */
  #isForgotten = false;
  /** Hears of what is written. */
  onWrite: ((bytes: Uint8Array) => void) | null = null;

  constructor(
    parts: EndpointParts,
    host: SimHost,
    process: SimProcess | null,
    remote: { readonly address: string; readonly port: number },
  ) {
    this.#parts = parts;
    this.host = host;
    this.process = process;
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
  }

  get isReadPaused(): boolean {
    return this.#isReadPaused && !this.#isClosed;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get peer(): Endpoint {
    return this.#peer;
  }

  connect(outgoing: Pipe, peer: Endpoint): void {
    this.outgoing = outgoing;
    this.#peer = peer;
  }

  /** Somebody listens to it from now on. */
  own(events: SocketEvents): void {
    this.#events = events;
    if (this.#isResetEarly) this.#tellClosed(new Error("ECONNRESET"));
  }

  write(bytes: Uint8Array): number {
    if (this.#isEnding || this.#isClosed) return 0;
    this.onWrite?.(bytes);
    this.outgoing.write(bytes, this.#nowMs);
    return this.outgoing.keptBytes;
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    this.#isReadPaused = false;
    this.#sendFin();
    this.#peer.outgoing.retry(0);
    this.#parts.scheduler.at(this.#nowMs + lingerMs, () => this.destroy());
  }

  destroy(): void {
    this.#isDropped = true;
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.host.endpoints.delete(this);
    this.outgoing.abandon(false);
    this.#parts.sendReset(this, this.#peer);
    this.#tellClosed(null);
  }

  pause(): void {
    if (!this.#isEnding) this.#isReadPaused = true;
  }

  resume(): void {
    if (!this.#isReadPaused || this.#isClosed) return;
    this.#isReadPaused = false;
    this.#peer.outgoing.retry(0);
  }

  /** The process that held it was killed: the machine ends the connection in order. */
  onKilled(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.host.endpoints.delete(this);
    this.outgoing.abandon(false);
    if (!this.#isFinSent) this.#sendFin();
  }

  /** The machine has lost power: nobody is told. */
  onPowerCut(): void {
    this.#isClosed = true;
    this.#isForgotten = true;
    this.host.endpoints.delete(this);
    this.outgoing.abandon(true);
  }

  /** @returns Whether the machine and the program take packets now; else `retry` is called later. */
  mayArrive(pipe: Pipe): boolean {
    if (!this.host.isUp) {
      this.host.waiting.add(pipe);
      return false;
    }
    return !this.isReadPaused;
  }

  onBytes(bytes: Uint8Array): void {
    if (this.#isClosed || this.#isForgotten) {
      this.#parts.sendReset(this, this.#peer);
      return;
    }
    if (this.#isEnding || this.process === null) return;
    // What came before a reset is there to be read by a program that was busy.
    this.process.take("io", () => {
      if (!this.#isEnding && !this.#isDropped) this.#events?.onData(bytes);
    });
  }

  onFin(): void {
    if (this.#isForgotten) {
      this.#parts.sendReset(this, this.#peer);
      return;
    }
    if (this.#isClosed || this.#peerEnded) return;
    this.#peerEnded = true;
    const { scheduler, chance } = this.#parts;
    if (this.#isEnding) return this.#maybeFinish();
    // What came with the end may be answered before the connection ends on this side too.
    scheduler.after(chance.between(0.01, 0.5), () =>
      this.process?.take("io", () => {
        if (this.#isClosed) return;
        if (!this.#isEnding) this.end();
        this.#maybeFinish();
      }));
  }

  onReset(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.host.endpoints.delete(this);
    this.outgoing.abandon(false);
    this.outgoing.drop();
    this.#peer.outgoing.drop();
    this.#isResetEarly = this.#events === null;
    const reason = this.#isEnding ? null : new Error("ECONNRESET");
    this.process?.take("io", () => this.#takeEvents()?.onClose(reason));
  }

  onAllSent(): void {
    if (this.#isEnding) {
      this.#isFinSent = true;
      return this.#maybeFinish();
    }
    this.process?.take("io", () => {
      if (!this.#isClosed && !this.#isEnding && this.outgoing.keptBytes === 0) this.#events?.onDrain();
    });
  }

  get #nowMs(): number {
    return this.process?.nowMs ?? this.#parts.scheduler.nowMs;
  }

  #sendFin(): void {
    this.outgoing.writeFin(this.#nowMs);
    this.#isFinSent = this.outgoing.keptBytes === 0;
    this.#maybeFinish();
  }

  /** Both sides have ended it. */
  #maybeFinish(): void {
    if (!this.#isFinSent || !this.#peerEnded || this.#isClosed) return;
    this.#isClosed = true;
    this.host.endpoints.delete(this);
    this.#tellClosed(null);
  }

  /** The owner is not re-entered from its own call. */
  #tellClosed(reason: Error | null): void {
    const { process } = this;
    if (process === null) return;
    this.#parts.scheduler.at(
      process.nowMs,
      () => process.take("io", () => this.#takeEvents()?.onClose(reason)),
    );
  }

  #takeEvents(): SocketEvents | null {
    const events = this.#events;
    this.#events = null;
    return events;
  }
}
