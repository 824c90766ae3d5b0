import { limits } from "../base/limits.ts";
import type { Socket, SocketEvents } from "../base/network.ts";
import type { Trace } from "../base/trace.ts";
import type { AuthId } from "../protocol/acl.ts";
import { JuteWriter } from "../jute/writer.ts";
import {
  decodeLearnerInfo,
  isLearnerInfo,
  type PacketHandler,
  packetName,
  PacketSplitter,
  type PacketType,
  type QuorumPacket,
  type RawConsumer,
  snapshotSignature,
  writeEntryPacket,
  writePacket,
  writePacketWithIds,
} from "../protocol/quorum_packet.ts";
import type { WorkerPacketType } from "../protocol/worker_packet.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { ServerId } from "../quorum/quorum.ts";
import type { TreeSnapshotCursor } from "../tree/tree_snapshot.ts";

/** What a {@link QuorumLink} asks of its server. */
export interface QuorumLinkHost {
  /** Bytes of one packet's data (`jute.maxbuffer`, `jute.maxbuffer.extrasize`). */
  readonly fieldBytesMax: number;
  /** Input has come: the clock is read anew, and the turn's end will follow. */
  beginTurn(): void;
  /** This link has bytes to send at the end of the turn. */
  onLinkDirty(link: QuorumLink): void;
}

/** Who speaks through a {@link QuorumLink}. */
export interface QuorumLinkOwner {
  onPacket(packet: QuorumPacket): void;
  /** All packets that came at once were handed out. */
  onInputEnd?(): void;
  /** The connection is gone, by whatever side; nothing follows. */
  onLinkClosed(reason: string): void;
}

/** Who has a tree sent, see {@link QuorumLink.sendTree}; called when a turn ends. */
export interface TreeSending {
  /** Another piece is with the network, which had taken all before it. */
  onPiece(): void;
  /** All of the tree is on its way, and what changed it meanwhile is written behind it. */
  onSent(): void;
}

/**
 * Bytes kept for a connection between two turns; a larger buffer is given back once it is sent. What 1500 clients' sets
 * of 100 bytes take that are proposed in one turn has to fit, or every such turn would begin with a fresh one.
 */
const outBytesKept = 512 * 1024;
/** Bytes of a tree made in one go, between which other work is done. */
const treeChunkBytes = 256 * 1024;

/**
 * A connection of the quorum port, leader's end or learner's: packets in, packets out, one write a turn.
 *
 * While a tree is being sent, packets gather behind it. Bound: limits.learnerOutboundBytesMax; a peer that does not
 * take what it is sent is dropped.
 */
export class QuorumLink implements SocketEvents, PacketHandler {
  readonly socket: Socket;
  /** The server at the other end; -1 while it has not said. */
  peer = -1;
  readonly #host: QuorumLinkHost;
  readonly #trace: Trace | undefined;
  readonly #splitter: PacketSplitter;
  readonly #out = new JuteWriter(4096);
  #owner: QuorumLinkOwner | null = null;
  /** What came before there was an owner. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #tree: TreeSnapshotCursor | null = null;
  #treeOut: JuteWriter | null = null;
  #sending: TreeSending | null = null;
  #unsentBytes = 0;
  #dirty = false;
  #closed = false;

  constructor(host: QuorumLinkHost, socket: Socket, trace: Trace | undefined) {
    this.#host = host;
    this.socket = socket;
    this.#trace = trace;
    this.#splitter = new PacketSplitter(host.fieldBytesMax);
  }

  /** Bytes of a packet that the other end may send; Infinity for what data and ids may have in all. */
  set packetBytesMax(bytes: number) {
    this.#splitter.packetBytesMax = bytes;
  }

  /** Bytes that wait for the other end to take what came before. */
  get waitingBytes(): number {
    return this.#unsentBytes + this.#out.length;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Which learner the other end says that it is, where it has spoken before there is an owner. */
  get announcedId(): ServerId | undefined {
    let id: ServerId | undefined;
    const splitter = new PacketSplitter(this.#host.fieldBytesMax);
    const handler: PacketHandler = {
      onPacket(packet) {
        splitter.stop();
        if (isLearnerInfo(packet)) id = decodeLearnerInfo(packet).serverId;
      },
      onBadPacket() {},
    };
    for (const bytes of this.#early) splitter.push(bytes, handler);
    return id;
  }

  /** The address of the other end, for messages. */
  get address(): string {
    return `${this.socket.remoteAddress}:${this.socket.remotePort}`;
  }

  /** Hands the connection over: what came so far is handed out at once. */
  setOwner(owner: QuorumLinkOwner): void {
    this.#owner = owner;
    for (const bytes of this.#early.splice(0)) {
      if (!this.#closed) this.#splitter.push(bytes, this);
    }
    if (!this.#closed) owner.onInputEnd?.();
  }

  onData(bytes: Uint8Array): void {
    this.#host.beginTurn();
    if (this.#owner !== null) {
      this.#splitter.push(bytes, this);
      if (!this.#closed) this.#owner.onInputEnd?.();
      return;
    }
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > limits.learnerGreetingBytesMax) {
      this.close("it sent too much before it was its turn");
    }
  }

  onDrain(): void {
    this.#host.beginTurn();
    this.#unsentBytes = 0;
    if (this.#tree !== null) this.#markDirty();
  }

  onClose(error: Error | null): void {
    this.#end(error === null ? "the connection was closed" : `the connection broke: ${error.message}`);
  }

  onPacket(packet: QuorumPacket): void {
    if (this.#closed) return;
    this.#trace?.({ kind: "receive", peer: this.peer, packet: packetName(packet.type), zxid: packet.zxid });
    this.#owner!.onPacket(packet);
  }

  onBadPacket(reason: string): void {
    this.close(`it sent what is no packet: ${reason}`);
  }

  /** Stops reading: what comes waits in the network, but for what has come already. */
  pause(): void {
    if (!this.#closed) this.socket.pause();
  }

  /** Goes on reading. */
  resume(): void {
    if (!this.#closed) this.socket.resume();
  }

  /** What follows is a tree. */
  expectTree(consumer: RawConsumer): void {
    this.#splitter.expectRaw(consumer);
  }

  /** Sends a packet with `data`, null for none. */
  send(type: PacketType | WorkerPacketType, zxid: Zxid, data: Uint8Array | null): void {
    if (this.#closed) return;
    this.#trace?.({ kind: "send", peer: this.peer, packet: packetName(type), zxid });
    writePacket(this.#out, type, zxid, data);
    this.#markDirty();
  }

  /** Sends a packet whose data is `bytes[start, end)`. */
  sendEntry(type: PacketType, zxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    if (this.#closed) return;
    this.#trace?.({ kind: "send", peer: this.peer, packet: packetName(type), zxid });
    writeEntryPacket(this.#out, type, zxid, bytes, start, end);
    this.#markDirty();
  }

  /** Sends a packet of a client's, whose data is what `data` holds. */
  sendWithIds(type: PacketType, zxid: Zxid, data: JuteWriter, authIds: readonly AuthId[]): void {
    if (this.#closed) return;
    this.#trace?.({ kind: "send", peer: this.peer, packet: packetName(type), zxid });
    writePacketWithIds(this.#out, type, zxid, data, authIds);
    this.#markDirty();
  }

  /** Passes a packet on as it came. */
  relay(packet: QuorumPacket): void {
    if (this.#closed) return;
    this.#trace?.({ kind: "send", peer: this.peer, packet: packetName(packet.type), zxid: packet.zxid });
    packet.copyTo(this.#out);
    this.#markDirty();
  }

  /** Sends packets by writing them in place. */
  write(fill: (out: JuteWriter) => void): void {
    if (this.#closed) return;
    fill(this.#out);
    this.#markDirty();
  }

  /** Sends a tree, bit by bit, and its signature; what is sent from now on comes behind it. */
  sendTree(cursor: TreeSnapshotCursor, sending: TreeSending): void {
    if (this.#closed) return cursor.close();
    this.#sending = sending;
    this.#unsentBytes = this.socket.write(this.#out.view());
    this.#out.reset();
    this.#tree = cursor;
    this.#treeOut = new JuteWriter(2 * treeChunkBytes);
    this.#markDirty();
  }

  /** Hands what was written to the socket. */
  flush(): void {
    this.#dirty = false;
    if (this.#closed) return;
    if (this.#tree !== null) return this.#pumpTree();
    if (this.#out.length === 0) return;
    this.#unsentBytes = this.socket.write(this.#out.view());
    this.#out.reset(outBytesKept);
    if (this.#unsentBytes > limits.learnerOutboundBytesMax) this.close("it does not take what it is sent");
  }

  /** Drops the connection, with what the network does not take at once; the owner is told. */
  close(reason: string): void {
    if (this.#closed) return;
    if (this.#tree === null && this.#out.length > 0) this.socket.write(this.#out.view());
    this.socket.destroy();
    this.#end(reason);
  }

  #pumpTree(): void {
    const tree = this.#tree!;
    const out = this.#treeOut!;
    if (this.#unsentBytes > 0) {
      if (this.#out.length > limits.learnerOutboundBytesMax) this.close("it does not take what it is sent");
      return;
    }
    out.reset();
    const done = tree.writeSome(out, treeChunkBytes);
    if (done) out.string(snapshotSignature);
    this.#unsentBytes = this.socket.write(out.view());
    const sending = this.#sending!;
    sending.onPiece();
    if (done) {
      this.#tree = null;
      this.#treeOut = null;
      this.#sending = null;
      sending.onSent();
    }
    if (done || this.#unsentBytes === 0) this.#markDirty();
  }

  #markDirty(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#host.onLinkDirty(this);
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#splitter.stop();
    this.#tree?.close();
    this.#tree = null;
    this.#treeOut = null;
    this.#sending = null;
    this.#early = [];
    this.#host.beginTurn();
    this.#owner?.onLinkClosed(reason);
  }
}
