/**
 * The connections of the election port (QuorumCnxManager). Between two servers there is one, and the one with the
 * greater id opens it:
 *
 *     dialled, the other id is smaller    handshake; this is the link
 *     dialled, the other id is greater    handshake, hang up; the other dials back
 *     accepted from a smaller id          hang up, dial it back, whether there is a link or not
 *     accepted from a greater id          this is the link
 *
 * A newer link replaces an older one. Behind the handshake come notifications as `int32 length + body`, both ways.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { limits } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import {
  type Listener,
  ListenError,
  type Network,
  noAddress,
  type Socket,
  type SocketEvents,
} from "../base/network.ts";
import type { EnsembleAddress } from "../config/server_config.ts";
import { type FrameHandler, FrameSplitter } from "../jute/frame.ts";
import {
  decodeHandshake,
  type ElectionAddress,
  encodeHandshake,
  type Handshake,
  handshakeBytesMax,
} from "../protocol/notification.ts";
import type { ServerId } from "../quorum/quorum.ts";

/** What the election port needs of the world. */
export interface ElectionPortWorld {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Settings of an election port. */
export interface ElectionPortOptions {
  /** This server's id. */
  readonly self: ServerId;
  /** Time to open a connection, ms (`cnxTimeout`). */
  readonly connectMs: number;
  /** Time in which a handshake must have come, ms: `syncLimit` ticks. */
  readonly handshakeMs: number;
  /** Attempts to bind, a second apart; 0 is forever (`electionPortBindRetry`). */
  readonly bindAttempts: number;
  /** Where a server takes election connections, this one too; empty when not known. Asked anew at each dial. */
  addressesOf(sid: ServerId): readonly Pick<EnsembleAddress, "host" | "electionPort">[];
}

/** What an election port tells its host. */
export interface ElectionPortEvents {
  /** The body of a notification; `bytes` are only good during the call. */
  onMessage(from: ServerId, bytes: Uint8Array): void;
  /** There is a link, or a new one in place of the old. */
  onLinkUp(sid: ServerId): void;
  /** The link broke, or the server could not be reached. Said once until the next link. */
  onLinkDown(sid: ServerId): void;
}

/** Between two attempts to bind. */
const bindRetryMs = 1000;
/** Between two dials of a server that is looked for: doubled from the least to the greatest. */
const redialMsMin = 10;
const redialMsMax = 1000;
/**
 * How long a server with a greater id may take to dial back before it is dialled again: it answers every handshake
 * with a new link in place of the old, so impatience would cut what has just been made.
 */
const dialBackMs = 1000;
/**
 * How long a server that is looked for may be silent after it was told something, before a new link is made in place of
 * the old: after a network was cut, TCP tries a dead one ever more rarely, for minutes. One that has nothing to say is
 * linked anew in vain, so the time is doubled from the least to the greatest until it is heard.
 */
const silenceMsMin = 1000;
const silenceMsMax = 16_000;
/** A handshake that comes so soon after a link was made was sent before the link was seen: both sides dialled at once. */
const crossingMs = 500;

/** Sockets of the election port: dials, takes and keeps one link to each server, and carries messages. */
export class ElectionPort {
  readonly #world: ElectionPortWorld;
  readonly #options: ElectionPortOptions;
  readonly #events: ElectionPortEvents;
  readonly #listeners = new Map<string, Listener>();
  readonly #peers = new Map<ServerId, Peer>();
  /** Accepted connections whose handshake has not come yet. */
  readonly #greeting = new Set<Greeting>();
  /** Servers that are dialled until they are met. */
  #sought: ReadonlySet<ServerId> = new Set();
  #nextAnonymous: ServerId = -1;
  /** Counts calls of {@link listen}: a later one ends the attempts of an earlier. */
  #listenTurn = 0;
  #closed = false;

  constructor(world: ElectionPortWorld, options: ElectionPortOptions, events: ElectionPortEvents) {
    this.#world = world;
    this.#options = options;
    this.#events = events;
  }

  /** The ports it listens on. */
  get ports(): readonly number[] {
    return [...this.#listeners.values()].map((listener) => listener.port);
  }

  /** The servers there is a link to. */
  get linked(): readonly ServerId[] {
    return [...this.#peers.values()].filter((peer) => peer.link !== null).map((peer) => peer.sid);
  }

  /**
   * Listens on these addresses and no others; where it listens already it goes on. Links stay as they are.
   *
   * @param addresses "" for the host means all.
   * @throws {ListenError} When none of them could be opened in the attempts allowed. A name that has no address yet is
   *   tried for ever.
   */
  async listen(addresses: readonly ElectionAddress[]): Promise<void> {
    const wanted = new Map(addresses.map((address) => [`${address.host} ${address.port}`, address]));
    for (const [key, listener] of this.#listeners) {
      if (wanted.has(key)) continue;
      listener.close();
      this.#listeners.delete(key);
    }
    const { bindAttempts } = this.#options;
    const turn = ++this.#listenTurn;
    const isOver = () => this.#closed || turn !== this.#listenTurn;
    for (let attempt = 1;; attempt++) {
      let failure: ListenError | null = null;
      for (const [key, { host, port }] of wanted) {
        if (isOver() || this.#listeners.has(key)) continue;
        try {
          const listener = await this.#world.network.listen(host, port, (socket) => this.#accept(socket));
          if (isOver()) listener.close();
          else this.#listeners.set(key, listener);
        } catch (error) {
          if (!(error instanceof ListenError)) throw error;
          failure = error;
          this.#world.log[attempt === 1 ? "warn" : "debug"]("Cannot open the election port", {
            attempt,
            reason: error.message,
          });
        }
      }
      if (failure === null || isOver()) return;
      if (bindAttempts > 0 && attempt >= bindAttempts) {
        if (this.#listeners.size > 0) return;
        if (failure.code !== noAddress) {
          throw new ListenError(
            failure.code,
            `${failure.message}; this is the election port, tried ${attempt} times`,
            failure.address,
          );
        }
      }
      await new Promise<void>((resolve) => this.#world.clock.setTimer(bindRetryMs, resolve));
    }
  }

  /**
   * Sends a message at once, or over the next link, which is then dialled for. Only the newest message waits; it is
   * sent again over each new link until {@link rest}, since the old one may have broken before it arrived.
   */
  send(to: ServerId, body: Uint8Array): void {
    const peer = this.#peer(to);
    if (this.#closed || peer === undefined) return;
    const frame = new Uint8Array(4 + body.length);
    new DataView(frame.buffer).setInt32(0, body.length);
    frame.set(body, 4);
    peer.last = frame;
    if (peer.link !== null) {
      peer.link.write(frame);
      this.#awaitAnswer(peer);
    } else this.#maybeDial(peer);
  }

  /** Dials those of `sids` that there is no link to, again and again until they are met or {@link rest} is called. */
  connect(sids: readonly ServerId[]): void {
    if (this.#closed) return;
    const before = this.#sought;
    this.#sought = new Set(sids);
    for (const sid of sids) {
      const peer = this.#peer(sid);
      if (peer === undefined || peer.link !== null) continue;
      if (!before.has(sid)) peer.redialMs = 0;
      this.#maybeDial(peer);
    }
  }

  /** Looks for nobody any more, and forgets what was to be sent: the election is over. Links stay. */
  rest(): void {
    this.#sought = new Set();
    for (const peer of this.#peers.values()) {
      peer.last = null;
      peer.wait(null);
      peer.onHeard();
      this.#tidy(peer);
    }
  }

  /** Closes the port and all its links; tells nothing more. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
    for (const greeting of this.#greeting) greeting.drop();
    for (const peer of this.#peers.values()) {
      peer.wait(null);
      peer.onHeard();
      peer.link?.drop();
      peer.link = null;
    }
    this.#peers.clear();
  }

  #accept(socket: Socket): SocketEvents {
    const greeting = new Greeting(socket, {
      done: () => this.#greeting.delete(greeting),
      greeted: (handshake) => this.#greeted(socket, handshake),
      refused: (reason) => {
        this.#world.log.warn("Closed an election connection", { from: socket.remoteAddress, reason });
      },
    });
    if (this.#closed) {
      socket.destroy();
      return greeting;
    }
    this.#greeting.add(greeting);
    // A sound one says at once who it is; were the newest turned away, those that say nothing would keep it out.
    if (this.#greeting.size > limits.electionGreetingsMax) {
      const [oldest] = this.#greeting;
      oldest.drop();
    }
    greeting.giveUpAfter(this.#world.clock, this.#options.handshakeMs);
    return greeting;
  }

  /** @returns The link that the connection is from now on, or null when it is not kept. */
  #greeted(socket: Socket, { sid: given, addresses }: Handshake): Link | null {
    const sid = given ?? this.#nextAnonymous--;
    if (sid === this.#options.self) {
      this.#world.log.warn("Closed an election connection", {
        from: socket.remoteAddress,
        reason: `it gives this server's own id ${sid}`,
      });
      socket.destroy();
      return null;
    }
    const peer = this.#peer(sid);
    if (peer === undefined) {
      socket.destroy();
      return null;
    }
    if (sid > this.#options.self) return this.#establish(peer, socket);
    socket.end();
    const isCrossing = peer.link !== null && this.#world.clock.monotonicMs() - peer.linkedAtMs < crossingMs;
    if (peer.dialling || isCrossing) return null;
    peer.isDoubted = false;
    void this.#dial(peer, addresses);
    return null;
  }

  #maybeDial(peer: Peer): void {
    if (!peer.dialling && !peer.awaitsDialBack) void this.#dial(peer, []);
  }

  /** @param told Where the server itself says that it is; tried first. */
  async #dial(peer: Peer, told: readonly ElectionAddress[]): Promise<void> {
    const { network } = this.#world;
    peer.wait(null);
    peer.dialling = true;
    const addresses = [...told];
    for (const { host, electionPort } of this.#options.addressesOf(peer.sid)) {
      if (!told.some((address) => address.host === host && address.port === electionPort)) {
        addresses.push({ host, port: electionPort });
      }
    }
    let reason = "its address is not known";
    for (const { host, port } of addresses) {
      try {
        await network.dial(
          host,
          port,
          this.#options.connectMs / addresses.length,
          (socket) => this.#dialled(peer, socket),
        );
        peer.dialling = false;
        return;
      } catch (error) {
        reason = (error as Error).message;
      }
      if (this.#closed) return;
    }
    peer.dialling = false;
    this.#unreachable(peer, reason);
  }

  #dialled(peer: Peer, socket: Socket): SocketEvents {
    const { self } = this.#options;
    // It may have dialled in the meantime: then this connection is one too many, and a handshake would cut the other.
    if (this.#closed || (peer.sid > self && peer.link !== null && peer.link !== peer.silentLink)) {
      socket.destroy();
      return unheard;
    }
    const own = this.#options.addressesOf(self).map(({ host, electionPort }) => ({
      host,
      port: electionPort,
    }));
    socket.write(encodeHandshake(self, own));
    if (peer.sid < self) return this.#establish(peer, socket);
    socket.end();
    peer.wait(this.#world.clock.setTimer(dialBackMs, () => {
      peer.wait(null);
      this.#unreachable(peer, "it did not dial back");
    }));
    peer.awaitsDialBack = true;
    return unheard;
  }

  #establish(peer: Peer, socket: Socket): Link {
    const old = peer.link;
    const bytesMax = this.#isKnown(peer.sid)
      ? limits.electionMessageBytesMax
      : limits.electionStrangerBytesMax;
    const link: Link = new Link(socket, bytesMax, {
      onMessage: (bytes) => {
        if (peer.link === link) peer.onHeard();
        this.#events.onMessage(peer.sid, bytes);
      },
      onBadLength: (length) => {
        this.#world.log.warn("Closed an election connection", {
          server: peer.sid,
          reason: `a message of ${length} bytes`,
        });
      },
      onClose: () => {
        if (peer.link === link) this.#broken(peer);
      },
    });
    peer.link = link;
    peer.linkedAtMs = this.#world.clock.monotonicMs();
    old?.drop();
    peer.wait(null);
    peer.redialMs = 0;
    peer.state = "up";
    this.#world.log[peer.complained ? "info" : "debug"]("Linked for elections", {
      server: peer.sid,
      address: socket.remoteAddress,
    });
    peer.complained = false;
    if (peer.last !== null) {
      link.write(peer.last);
      peer.giveTime(null);
      this.#awaitAnswer(peer);
    }
    this.#events.onLinkUp(peer.sid);
    return link;
  }

  /** A server that is looked for was told something, and may be silent for a while. */
  #awaitAnswer(peer: Peer): void {
    if (peer.awaitsAnswer || !this.#sought.has(peer.sid)) return;
    peer.giveTime(this.#world.clock.setTimer(peer.silenceMs, () => {
      peer.giveTime(null);
      if (peer.link === null) return;
      this.#world.log.debug("An election link is silent", { server: peer.sid, ms: peer.silenceMs });
      peer.silenceMs = Math.min(peer.silenceMs * 2, silenceMsMax);
      peer.silentLink = peer.link;
      peer.isDoubted = true;
      this.#maybeDial(peer);
    }));
  }

  #broken(peer: Peer): void {
    peer.link = null;
    this.#world.log.debug("An election link broke", { server: peer.sid });
    this.#down(peer);
  }

  /** A dial led to nothing. */
  #unreachable(peer: Peer, reason: string): void {
    // It dialled meanwhile, or was only slow to speak.
    const isGood = peer.link !== null && peer.link !== peer.silentLink;
    if (isGood && (peer.isDoubted || peer.sid > this.#options.self)) return;
    this.#world.log[peer.complained ? "debug" : "warn"]("Cannot reach a server for elections", {
      server: peer.sid,
      reason,
    });
    peer.complained = true;
    // Dialled although there was a link: the other side thought it broken.
    peer.link?.drop();
    peer.link = null;
    this.#down(peer);
  }

  #down(peer: Peer): void {
    if (peer.state !== "down") {
      peer.state = "down";
      this.#events.onLinkDown(peer.sid);
    }
    if (this.#closed || peer.link !== null || peer.dialling) return;
    if (this.#sought.has(peer.sid)) {
      peer.redialMs = Math.min(Math.max(redialMsMin, peer.redialMs * 2), redialMsMax);
      peer.wait(this.#world.clock.setTimer(peer.redialMs, () => this.#maybeDial(peer)));
    } else {
      this.#tidy(peer);
    }
  }

  /** @returns Undefined for one server too many. */
  #peer(sid: ServerId): Peer | undefined {
    let peer = this.#peers.get(sid);
    if (peer === undefined) {
      if (this.#peers.size >= limits.electionPeersMax && !this.#isKnown(sid)) return undefined;
      peer = new Peer(sid);
      this.#peers.set(sid, peer);
    }
    return peer;
  }

  /** Forgets a server that belongs to no configuration and is not connected. */
  #tidy(peer: Peer): void {
    if (peer.link !== null || peer.dialling || this.#isKnown(peer.sid)) return;
    this.#peers.delete(peer.sid);
  }

  /** Whether a configuration names this server. */
  #isKnown(sid: ServerId): boolean {
    return this.#options.addressesOf(sid).length > 0;
  }
}

/** What is known of another server. */
class Peer {
  readonly sid: ServerId;
  link: Link | null = null;
  linkedAtMs = 0;
  /** What was last told of it. */
  state: "unknown" | "up" | "down" = "unknown";
  /** The newest message to it, framed. */
  last: Uint8Array | null = null;
  dialling = false;
  /** We hung up on it, for it to dial back. */
  awaitsDialBack = false;
  /** The wait before the last dial again, ms; 0 when there was none. */
  redialMs = 0;
  /** A line about it in the log says that it cannot be reached. */
  complained = false;
  /** The link that nothing was heard over for too long. */
  silentLink: Link | null = null;
  /** It was dialled last because it was silent, not because it said that the link is gone. */
  isDoubted = false;
  /** How long it may be silent next time, ms. */
  silenceMs = silenceMsMin;
  #timer: Timer | null = null;
  #silenceTimer: Timer | null = null;

  constructor(sid: ServerId) {
    this.sid = sid;
  }

  /** Replaces what is waited for: with its timer goes the wait for a dial back. */
  wait(timer: Timer | null): void {
    this.#timer?.cancel();
    this.#timer = timer;
    this.awaitsDialBack = false;
  }

  get awaitsAnswer(): boolean {
    return this.#silenceTimer !== null;
  }

  /** Replaces what ends the time it has to answer. */
  giveTime(timer: Timer | null): void {
    this.#silenceTimer?.cancel();
    this.#silenceTimer = timer;
  }

  /** It has spoken, or need not. */
  onHeard(): void {
    this.giveTime(null);
    this.silentLink = null;
    this.silenceMs = silenceMsMin;
  }
}

interface LinkOwner {
  onMessage(bytes: Uint8Array): void;
  onBadLength(length: number): void;
  onClose(): void;
}

/** A connection that carries notifications. */
class Link implements SocketEvents, FrameHandler {
  readonly #socket: Socket;
  readonly #owner: LinkOwner;
  readonly #splitter: FrameSplitter;
  #dropped = false;
  /** The network has not taken all of the last message. */
  #stalled = false;
  /** The newest message meanwhile. */
  #next: Uint8Array | null = null;

  /** @param bytesMax Of a message that comes. */
  constructor(socket: Socket, bytesMax: number, owner: LinkOwner) {
    this.#socket = socket;
    this.#splitter = new FrameSplitter(bytesMax);
    this.#owner = owner;
  }

  /** Sends a frame; while the other side does not read, only the newest waits. */
  write(frame: Uint8Array): void {
    if (this.#stalled) this.#next = frame;
    else this.#stalled = this.#socket.write(frame) > 0;
  }

  /** Ends the connection; its owner hears nothing more. */
  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#socket.end();
  }

  onData(bytes: Uint8Array): void {
    if (!this.#dropped) this.#splitter.push(bytes, this);
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    if (start === end) this.onBadLength(0);
    else this.#owner.onMessage(bytes.subarray(start, end));
    return !this.#dropped;
  }

  onBadLength(length: number): void {
    this.#owner.onBadLength(length);
    this.drop();
    this.#owner.onClose();
  }

  onDrain(): void {
    this.#stalled = false;
    const next = this.#next;
    this.#next = null;
    if (next !== null) this.write(next);
  }

  onClose(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#owner.onClose();
  }
}

interface GreetingOwner {
  /** The handshake came, or never will. */
  done(): void;
  /** @returns The link that the connection is from now on, or null when it is not kept. */
  greeted(handshake: Handshake): Link | null;
  refused(reason: string): void;
}

/** An accepted connection: its handshake, and then the link that it may become. */
class Greeting implements SocketEvents {
  readonly #socket: Socket;
  readonly #owner: GreetingOwner;
  #bytes = new Uint8Array(0);
  #state: "open" | "closed" | Link = "open";
  #timer: Timer | null = null;

  constructor(socket: Socket, owner: GreetingOwner) {
    this.#socket = socket;
    this.#owner = owner;
  }

  giveUpAfter(clock: Clock, delayMs: number): void {
    this.#timer = clock.setTimer(delayMs, () => this.#refuse("no handshake in time"));
  }

  drop(): void {
    this.#done();
    this.#socket.destroy();
  }

  onData(bytes: Uint8Array): void {
    if (this.#state !== "open") {
      if (this.#state !== "closed") this.#state.onData(bytes);
      return;
    }
    const all = new Uint8Array(this.#bytes.length + bytes.length);
    all.set(this.#bytes);
    all.set(bytes, this.#bytes.length);
    const result = decodeHandshake(all.subarray(0, handshakeBytesMax));
    if (result.kind === "bad") return this.#refuse(result.reason);
    if (result.kind === "more") {
      this.#bytes = all;
      return;
    }
    this.#done();
    const link = this.#owner.greeted(result.handshake);
    if (link === null) return;
    this.#state = link;
    if (all.length > result.size) link.onData(all.subarray(result.size));
  }

  onDrain(): void {
    if (typeof this.#state !== "string") this.#state.onDrain();
  }

  onClose(): void {
    if (typeof this.#state !== "string") this.#state.onClose();
    else this.#done();
  }

  #refuse(reason: string): void {
    this.#owner.refused(reason);
    this.drop();
  }

  #done(): void {
    this.#state = "closed";
    this.#bytes = new Uint8Array(0);
    this.#timer?.cancel();
    this.#owner.done();
  }
}

/** A connection that nothing is expected of. */
const unheard: SocketEvents = { onData() {}, onDrain() {}, onClose() {} };
