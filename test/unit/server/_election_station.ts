import { expect } from "bun:test";
import type { LogFields, Logger } from "../../../src/base/log.ts";
import type { Socket, SocketEvents } from "../../../src/base/network.ts";
import { type ElectionAddress, encodeHandshake } from "../../../src/protocol/notification.ts";
import type { ServerId } from "../../../src/quorum/quorum.ts";
import { ElectionPort } from "../../../src/server/election_port.ts";
import { FakeClock } from "../client/fake_world.ts";
import { MemoryNetwork, type MemorySocket } from "./_memory_network.ts";

/** Where server N listens. */
export const portOf = (sid: ServerId) => 3000 + sid;
export const bytes = (text: string) => new TextEncoder().encode(text);
export const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** An election port and all that it says. */
export class Station {
  readonly port: ElectionPort;
  /** "up 1", "down 1", "1: message". */
  events: string[] = [];
  /** Warnings; and debug lines, which begin with a "-". */
  readonly lines: string[] = [];
  readonly addresses = new Map<ServerId, { host: string; electionPort: number }[]>();

  constructor(world: World, self: ServerId, options: { bindAttempts?: number } = {}) {
    for (let sid = 1; sid <= 5; sid++) {
      this.addresses.set(sid, [{ host: `host${sid}`, electionPort: portOf(sid) }]);
    }
    const say = (mark: string) => (message: string, fields: LogFields = {}) => {
      this.lines.push(`${mark}${message} ${fields.server ?? ""}`.trim());
    };
    const log: Logger = { debug: say("-"), info: say(""), warn: say(""), error: say("") };
    this.port = new ElectionPort(
      { network: world.network, clock: world.clock, log },
      {
        self,
        connectMs: 5000,
        handshakeMs: 10_000,
        bindAttempts: options.bindAttempts ?? 3,
        addressesOf: (sid) => this.addresses.get(sid) ?? [],
      },
      {
        onMessage: (from, message) => this.events.push(`${from}: ${text(message)}`),
        onLinkUp: (sid) => this.events.push(`up ${sid}`),
        onLinkDown: (sid) => this.events.push(`down ${sid}`),
      },
    );
  }

  /** What happened since the last call. */
  seen(): string[] {
    const { events } = this;
    this.events = [];
    return events;
  }

  warnings(): string[] {
    return this.lines.filter((line) => !line.startsWith("-"));
  }
}

/** A server without manners: a socket, and what came out of it. */
export class Raw implements SocketEvents {
  readonly socket: MemorySocket;
  received: Uint8Array[] = [];
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket as MemorySocket;
  }
  onData(data: Uint8Array): void {
    this.received.push(data);
  }
  onDrain(): void {}
  onClose(): void {
    this.closed = true;
  }
  /** All bytes so far, in hexadecimal. */
  get hex(): string {
    return Buffer.concat(this.received).toString("hex");
  }
}

/** Election ports, other programs and time, in memory. */
export class World {
  readonly network = new MemoryNetwork();
  readonly clock = new FakeClock();

  async station(self: ServerId): Promise<Station> {
    const station = new Station(this, self);
    await station.port.listen([{ host: `host${self}`, port: portOf(self) }]);
    return station;
  }

  /** Time passes, and everything that follows from it happens. */
  async pass(ms: number): Promise<void> {
    const endMs = this.clock.nowMs + ms;
    await this.network.settle();
    while (this.clock.fireNext(endMs)) await this.network.settle();
    this.clock.nowMs = endMs;
    expect(this.clock.uncaught).toEqual([]);
  }

  /** Dials a port and sends these bytes. */
  async raw(port: number, first: Uint8Array): Promise<Raw> {
    let raw!: Raw;
    const dialled = this.network.dial("anywhere", port, 1000, (socket) => raw = new Raw(socket));
    await this.network.settle();
    await dialled;
    raw.socket.write(first);
    await this.network.settle();
    return raw;
  }

  /** Takes connections on a port. */
  async takes(port: number): Promise<Raw[]> {
    const raws: Raw[] = [];
    await this.network.listen("", port, (socket) => {
      const raw = new Raw(socket);
      raws.push(raw);
      return raw;
    });
    return raws;
  }
}

/** What server `sid` says when it has dialled. */
export function handshake(
  sid: ServerId,
  address: ElectionAddress = { host: `host${sid}`, port: portOf(sid) },
): Uint8Array {
  return encodeHandshake(sid, [address]);
}

/** Bytes behind a length, which need not be theirs. */
export function frame(length: number, body = new Uint8Array(0)): Uint8Array {
  const framed = new Uint8Array(4 + body.length);
  new DataView(framed.buffer).setInt32(0, length);
  framed.set(body, 4);
  return framed;
}
