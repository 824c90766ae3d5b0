/** What servers say to each other on the quorum and the election port, made by hand: sound, or as wrong as wanted. */
import { connect, type Socket } from "node:net";
import type { Target } from "../wire/connection.ts";
import { ByteWriter } from "../wire/frames.ts";

/** Types of packets on the quorum port. */
export const packetType = {
  request: 1,
  proposal: 2,
  ack: 3,
  commit: 4,
  ping: 5,
  revalidate: 6,
  sync: 7,
  inform: 8,
  newLeader: 10,
  followerInfo: 11,
  upToDate: 12,
  diff: 13,
  trunc: 14,
  snap: 15,
  observerInfo: 16,
  leaderInfo: 17,
  ackEpoch: 18,
} as const;

/** An id of a client, as a REQUEST carries it. */
export interface WireId {
  readonly scheme: string | null;
  readonly id: string | null;
}

/** A packet of the quorum port. */
export function packet(
  type: number,
  zxid: bigint,
  data: Uint8Array | null = null,
  ids: readonly WireId[] | null = null,
): Uint8Array {
  const writer = new ByteWriter().int(type).long(zxid).buffer(data);
  return writer.vector(ids, ({ scheme, id }) => writer.buffer(scheme).buffer(id)).bytes();
}

/** The data of FOLLOWERINFO and OBSERVERINFO. */
export function learnerInfo(sid: bigint, configVersion = 0n, protocol = 0x10000): Uint8Array {
  return new ByteWriter().long(sid).int(protocol).long(configVersion).bytes();
}

/** The data of a REQUEST. */
export function requestData(session: bigint, cxid: number, opcode: number, body: Uint8Array): Uint8Array {
  return new ByteWriter().long(session).int(cxid).int(opcode).raw(body).bytes();
}

/** The first words on an election connection. */
export function handshake(sid: bigint, address: string, protocol = -65536n): Uint8Array {
  return new ByteWriter().long(protocol).long(sid).buffer(address).bytes();
}

/** Fields of a notification, each as wide as on the wire. */
export interface WireNotification {
  readonly state: number;
  readonly leader: bigint;
  readonly zxid: bigint;
  readonly round: bigint;
  readonly peerEpoch: bigint;
  readonly version: number;
  readonly config: Uint8Array | string | null;
}

/** The body of a notification. */
export function notificationBody(fields: WireNotification): Uint8Array {
  return new ByteWriter().int(fields.state).long(fields.leader).long(fields.zxid).long(fields.round)
    .long(fields.peerEpoch).int(fields.version).buffer(fields.config).bytes();
}

/** A packet as a leader sends it. */
export interface ReceivedPacket {
  readonly type: number;
  readonly zxid: bigint;
}

/** There is nobody to attack: the server is down, or its port is full. */
export class Absent extends Error {}

const packetHeadBytes = 16;
const treeEnd = new TextEncoder().encode("\0\0\0\nBenWasHere");

/** A connection to a server's port, with no manners of its own. */
export class PeerSocket {
  readonly #socket: Socket;
  #held: Uint8Array = new Uint8Array(0);
  #wake: (() => void) | null = null;
  #isEnded = false;
  #isKeeping = false;
  /** Bytes that came from the server. */
  receivedBytes = 0;
  /** Resolves once the connection is gone, whoever ended it. */
  readonly ended: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => {
      this.receivedBytes += chunk.length;
      if (!this.#isKeeping) return;
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      this.#wake?.();
    });
    this.ended = new Promise((done) =>
      socket.on("close", () => {
        this.#isEnded = true;
        this.#wake?.();
        done();
      })
    );
  }

  /** @throws {Absent} */
  static open({ host, port }: Target): Promise<PeerSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      const refused = (error: Error) => reject(new Absent(error.message));
      socket.once("error", refused);
      socket.once("connect", () => {
        socket.off("error", refused);
        resolve(new PeerSocket(socket));
      });
    });
  }

  /** Takes over a connection that was accepted. */
  static of(socket: Socket): PeerSocket {
    return new PeerSocket(socket);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Hands bytes over and waits until the system has taken them, or for so long at most, or the end. */
  async send(bytes: Uint8Array, patienceMs = 2_000): Promise<void> {
    if (this.#isEnded || this.#socket.write(bytes)) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const drained = new Promise<void>((done) => this.#socket.once("drain", done));
    const late = new Promise<void>((done) => timer = setTimeout(done, patienceMs));
    await Promise.race([drained, this.ended, late]).finally(() => clearTimeout(timer));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** FIN. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** What comes from now on is read as packets. */
  keepPackets(): void {
    this.#isKeeping = true;
  }

  /** @returns The leader's next packet, null when the connection has ended, undefined after `patienceMs`. */
  async nextPacket(patienceMs: number): Promise<ReceivedPacket | null | undefined> {
    const untilMs = performance.now() + patienceMs;
    for (;;) {
      const end = this.#packetEnd();
      if (end >= 0) {
        const view = new DataView(this.#held.buffer, this.#held.byteOffset);
        const found = { type: view.getInt32(0), zxid: view.getBigInt64(4) };
        this.#held = this.#held.subarray(end);
        return found;
      }
      if (this.#isEnded) return null;
      if (!await this.#more(untilMs)) return undefined;
    }
  }

  /** Reads over the tree behind SNAP. @returns Whether all of it came within `patienceMs`. */
  async skipTree(patienceMs: number): Promise<boolean> {
    const untilMs = performance.now() + patienceMs;
    for (;;) {
      const at = Buffer.from(this.#held.buffer, this.#held.byteOffset, this.#held.length).indexOf(treeEnd);
      if (at >= 0) {
        this.#held = this.#held.subarray(at + treeEnd.length);
        return true;
      }
      this.#held = this.#held.subarray(Math.max(0, this.#held.length - treeEnd.length));
      if (this.#isEnded || !await this.#more(untilMs)) return false;
    }
  }

  /** @returns False when nothing came in time. */
  async #more(untilMs: number): Promise<boolean> {
    const leftMs = untilMs - performance.now();
    if (leftMs <= 0) return false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const came = await new Promise<boolean>((done) => {
      this.#wake = () => done(true);
      timer = setTimeout(() => done(false), leftMs);
    });
    clearTimeout(timer);
    this.#wake = null;
    return came;
  }

  /** @returns Where the first packet ends; -1 while it is not whole. */
  #packetEnd(): number {
    const held = this.#held;
    const view = new DataView(held.buffer, held.byteOffset, held.length);
    if (held.length < packetHeadBytes) return -1;
    let at = packetHeadBytes + Math.max(0, view.getInt32(12));
    if (at + 4 > held.length) return -1;
    const ids = Math.max(0, view.getInt32(at));
    at += 4;
    for (let field = 0; field < 2 * ids; field++) {
      if (at + 4 > held.length) return -1;
      at += 4 + Math.max(0, view.getInt32(at));
    }
    return at <= held.length ? at : -1;
  }
}
