import type { FourLetterWord } from "../../admin/four_letter_words.ts";
import { fourLetterWords } from "../../admin/four_letter_words.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Listener, Socket, SocketEvents } from "../../base/network.ts";
import { JuteWriter } from "../../jute/writer.ts";
import { OpCode } from "../../protocol/op_code.ts";
import {
  decodeLearnerInfo,
  learnerProtocolVersion,
  packetName,
  PacketType,
  type QuorumPacket,
} from "../../protocol/quorum_packet.ts";
import type { SessionId } from "../../protocol/session_id.ts";
import {
  type ConfigZnode,
  encodeConfigZnode,
  type RefusedRequest,
  WorkerPacketType,
} from "../../protocol/worker_packet.ts";
import { epochOf, makeZxid, type Zxid, zxidToHex } from "../../protocol/zxid.ts";
import type { DataTree } from "../../tree/data_tree.ts";
import { TreeSnapshotCursor } from "../../tree/tree_snapshot.ts";
import type { CommittedLog } from "../../zab/committed_log.ts";
import { planSync } from "../../zab/sync_plan.ts";
import { ClientRequest } from "../client_request.ts";
import { QuorumLink } from "../quorum_link.ts";
import type { Replica } from "../replica.ts";
import { type ForwardedRequest, forwardedRequest } from "../roles/forwarded_request.ts";
import { LeaderRole } from "../roles/leader.ts";
import { LearnerRole } from "../roles/learner.ts";
import type { Role, SessionClaimant, SyncClaimant, WorkersOfRole } from "../roles/role.ts";
import { WorkerSeat, type WorkerSeatKeeper } from "./worker_seat.ts";
import { WorkerWords } from "./worker_words.ts";

/** Where workers come in, and who started them. */
export interface WorkerDoor {
  /** Workers connect here, and nobody else can. @throws {ListenError} */
  listen(accept: (socket: Socket) => SocketEvents): Promise<Listener>;
  /** A worker does not answer: it is to be ended, and another one started in its place. */
  onSilent(index: number): void;
}

/** What a {@link WorkerHub} is made of. */
export interface WorkerHubParts {
  readonly door: WorkerDoor;
  readonly replica: Replica;
  readonly tree: DataTree;
  readonly committedLog: CommittedLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tickMs: number;
}

/** A worker that is silent for so long is taken for dead; ticks, and ms at least. */
const silentTicksMax = 5;
const silentMsMin = 5000;

/**
 * The main process's side of `zoon server --workers N`: its other processes observe it, as observers do a leader, and
 * have a share of the clients each. What their clients write comes here and goes the way of this process's own writes;
 * each txn is told to them once it is in this process's tree, so that they are behind it or level, never ahead.
 */
export class WorkerHub implements WorkerSeatKeeper, WorkersOfRole {
  readonly #parts: WorkerHubParts;
  readonly #words: WorkerWords;
  readonly #seats = new Set<WorkerSeat>();
  /** Those that are told every txn, for the loop of the hot path. */
  #told: WorkerSeat[] = [];
  #role: LeaderRole | LearnerRole | null = null;
  #listener: Listener | null = null;
  #closed = false;
  #address: { readonly host: string; readonly port: number } | null = null;
  #config: ConfigZnode | null = null;

  constructor(parts: WorkerHubParts) {
    this.#parts = parts;
    this.#words = new WorkerWords({
      clock: parts.clock,
      status: () => parts.replica.status,
      settings: () => parts.replica.fourLetter,
      seats: () => [...this.#seats].filter((seat) => seat.phase === "serving"),
    });
  }

  get isOpen(): boolean {
    return this.#listener !== null;
  }

  /** Lets workers in. @throws {ListenError} */
  async open(): Promise<void> {
    this.#listener = await this.#parts.door.listen((socket) => {
      const { replica } = this.#parts;
      const link = new QuorumLink(replica, socket, undefined);
      const seat = new WorkerSeat(this, link, this.#parts.clock.monotonicMs());
      link.setOwner(seat);
      if (this.#closed) link.close("this server stops");
      else this.#seats.add(seat);
      return link;
    });
  }

  /** Sends all workers away, for good. */
  close(): void {
    this.#closed = true;
    this.#listener?.close();
    this.onIdle();
    for (const seat of [...this.#seats]) seat.link.close("this server stops");
  }

  /** This process has an office in which clients are served. */
  onServing(role: Role): void {
    this.onIdle();
    if (!(role instanceof LeaderRole) && !(role instanceof LearnerRole)) return;
    this.#role = role;
    for (const seat of this.#seats) if (seat.phase === "waiting") this.#tellEpoch(seat);
  }

  /** The office is over: workers lose their clients as this process does, and wait for the next one. */
  onIdle(): void {
    this.#role = null;
    this.#told = [];
    for (const seat of [...this.#seats]) {
      if (seat.phase !== "hello" && seat.phase !== "waiting") seat.link.close("the office is over");
    }
  }

  /** Clients are served there, by workers, too. */
  serveAt(host: string, port: number): void {
    this.#address = { host, port };
    for (const seat of this.#seats) if (seat.phase === "serving") seat.tellServe(host, port);
  }

  /** This process has put into its tree what no txn brings. */
  setConfig(config: ConfigZnode): void {
    this.#config = config;
    for (const seat of this.#seats) if (seat.phase === "serving") this.#sendConfig(seat, config);
  }

  /** Time passes: workers are asked which sessions they have heard of, and those that do not answer are given up. */
  tick(lateMs: number): void {
    const { replica: { nowMs }, tree, tickMs, door, logger } = this.#parts;
    const limitMs = Math.max(silentMsMin, silentTicksMax * tickMs);
    for (const seat of [...this.#seats]) {
      // What came while this process itself stood still waits in the sockets.
      seat.heardMs += lateMs;
      if (seat.phase === "hello" || seat.phase === "waiting") continue;
      if (nowMs - seat.heardMs > limitMs) {
        logger.error("A worker does not answer; it is ended", { worker: seat.index, silentMs: limitMs });
        seat.link.close("it is silent");
        door.onSilent(seat.index);
      } else if (seat.phase === "serving") {
        seat.link.send(PacketType.ping, tree.lastProcessedZxid, null);
      }
    }
  }

  /** Answers for the server as a whole; `done` is called once. */
  answerWord(word: FourLetterWord, rest: Uint8Array, done: (text: string) => void): void {
    this.#words.answer(word, rest, done);
  }

  onApplied(zxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    const told = this.#told;
    for (let index = 0; index < told.length; index++) {
      const seat = told[index];
      if (zxid <= seat.sentUpTo) continue;
      seat.link.sendEntry(PacketType.inform, zxid, bytes, start, end);
    }
  }

  onRefused(from: unknown, request: RefusedRequest): void {
    if (from instanceof WorkerSeat) from.tellRefused(request);
  }

  onPacket(seat: WorkerSeat, packet: QuorumPacket): void {
    seat.heardMs = this.#parts.replica.nowMs;
    switch (seat.phase) {
      case "hello":
        return this.#onHello(seat, packet);
      case "ackEpoch":
        if (packet.type !== PacketType.ackEpoch) break;
        return this.#synchronize(seat, packet.zxid);
      case "syncing":
        if (packet.type !== PacketType.ack) break;
        return this.#bringUp(seat);
      case "serving":
        return this.#onServingPacket(seat, packet);
    }
    seat.link.close(`it sent ${packetName(packet.type)} out of turn`);
  }

  onLinkClosed(seat: WorkerSeat, reason: string): void {
    this.#seats.delete(seat);
    this.#told = this.#told.filter((one) => one !== seat);
    this.#words.onGone(seat);
    if (seat.phase === "serving" && this.#role !== null) {
      this.#parts.logger.info("A worker is gone", { worker: seat.index, reason });
    }
  }

  #onHello(seat: WorkerSeat, packet: QuorumPacket): void {
    if (packet.type !== PacketType.observerInfo) {
      return seat.link.close(`it began with ${packetName(packet.type)}`);
    }
    seat.index = seat.link.peer = decodeLearnerInfo(packet).serverId;
    seat.phase = "waiting";
    if (this.#role !== null) this.#tellEpoch(seat);
  }

  #tellEpoch(seat: WorkerSeat): void {
    const version = new Uint8Array(4);
    new DataView(version.buffer).setInt32(0, learnerProtocolVersion);
    seat.link.send(PacketType.leaderInfo, makeZxid(this.#epoch, 0), version);
    seat.phase = "ackEpoch";
  }

  get #epoch(): number {
    return epochOf(this.#parts.tree.lastProcessedZxid);
  }

  /** Sends what the worker lacks of this process's tree: the newest txns, or the whole. */
  #synchronize(seat: WorkerSeat, workerZxid: Zxid): void {
    const { tree, committedLog, replica, logger } = this.#parts;
    const { link } = seat;
    const newLeaderZxid = makeZxid(this.#epoch, 0);
    const queue = new JuteWriter(4096);
    const plan = planSync({
      learnerZxid: workerZxid,
      lastCommitted: tree.lastProcessedZxid,
      committedLog,
      openHistory: () => null,
    }, queue);
    seat.phase = "syncing";
    if (plan.how === "DIFF") {
      seat.sentUpTo = plan.queuedUpTo;
      link.send(PacketType.diff, plan.zxid, null);
      link.write((out) => out.raw(queue.view()));
      link.send(PacketType.newLeader, newLeaderZxid, null);
    } else {
      const cursor = new TreeSnapshotCursor(tree);
      seat.sentUpTo = cursor.zxid;
      link.send(PacketType.snap, cursor.zxid, null);
      link.sendTree(cursor, {
        onPiece: () => seat.heardMs = replica.nowMs,
        onSent: () => link.send(PacketType.newLeader, newLeaderZxid, null),
      });
    }
    this.#told.push(seat);
    logger.debug("A worker is brought up to date", {
      worker: seat.index,
      how: plan.how,
      workerZxid: `0x${zxidToHex(workerZxid)}`,
      zxid: `0x${zxidToHex(seat.sentUpTo)}`,
    });
  }

  #bringUp(seat: WorkerSeat): void {
    seat.phase = "serving";
    seat.link.send(PacketType.upToDate, -1, null);
    if (this.#config !== null) this.#sendConfig(seat, this.#config);
    if (this.#address !== null) seat.tellServe(this.#address.host, this.#address.port);
    this.#parts.logger.info("A worker serves", { worker: seat.index });
  }

  #sendConfig(seat: WorkerSeat, config: ConfigZnode): void {
    const out = new JuteWriter(512);
    encodeConfigZnode(out, config);
    seat.link.send(WorkerPacketType.config, -1, out.view());
  }

  #onServingPacket(seat: WorkerSeat, packet: QuorumPacket): void {
    switch (packet.type) {
      case PacketType.request:
        return this.#onRequest(seat, packet);
      case PacketType.ping:
        return this.#onPing(packet);
      case PacketType.revalidate: {
        const reader = packet.data();
        const id = reader.long();
        return this.#role!.revalidate(new WorkerClaim(seat, id), id, reader.int());
      }
      case PacketType.ack:
        // Of UPTODATE.
        return;
      case WorkerPacketType.answer:
        return this.#words.onAnswer(seat, packet.data());
      case WorkerPacketType.ask:
        return this.#onAsk(seat, packet);
      default:
        seat.link.close(`it sent ${packetName(packet.type)}, which no worker sends`);
    }
  }

  /** A worker's client sent a four-letter word. */
  #onAsk(seat: WorkerSeat, packet: QuorumPacket): void {
    const reader = packet.data();
    const number = reader.int();
    const name = reader.string();
    const word = fourLetterWords.find((one) => one === name);
    if (word === undefined) return seat.link.close(`it asks "${name}"`);
    this.answerWord(word, reader.buffer() ?? new Uint8Array(0), (text) => seat.answer(number, text));
  }

  #onPing(packet: QuorumPacket): void {
    const { sessions, nowMs } = this.#parts.replica;
    const reader = packet.data();
    while (reader.remaining > 0) {
      const session = sessions.get(reader.long());
      reader.skip(4);
      if (session !== undefined) this.#role!.touch(session, nowMs);
    }
  }

  #onRequest(seat: WorkerSeat, packet: QuorumPacket): void {
    const role = this.#role!;
    const request = forwardedRequest(seat, packet, this.#parts.replica.sessions);
    const { code, sessionId, body } = request;
    if (code === OpCode.sync) return this.#onSync(seat, request);
    if (role instanceof LearnerRole) return this.#relay(role, seat, packet, request);
    if (code === OpCode.createSession) return role.createForwarded(sessionId, body.int(), seat);
    role.submitForwarded(request);
  }

  /** The leader takes all that comes from here for this process's own: whose a session is, it is asked here. */
  #relay(role: LearnerRole, seat: WorkerSeat, packet: QuorumPacket, request: ForwardedRequest): void {
    const { replica } = this.#parts;
    const { code, sessionId, session, body } = request;
    if (code === OpCode.createSession) {
      replica.sessions.add(sessionId, body.int(), replica.nowMs).owner = seat;
    } else if (session?.owner !== seat) {
      return seat.tellTaken(sessionId);
    }
    role.relay(packet);
  }

  #onSync(
    seat: WorkerSeat,
    { sessionId, cxid, authIds, body: { bytes, position, end } }: ForwardedRequest,
  ): void {
    const role = this.#role!;
    // Alone: whatever anybody was told is in this process's tree, and on its way to the worker.
    if (!role.asksForSync) return seat.link.send(PacketType.sync, 0, null);
    const { replica } = this.#parts;
    const body = bytes.slice(position, end);
    const request = new ClientRequest(cxid, OpCode.sync, null, body, authIds, replica.nowMs, 0);
    role.sync(new WorkerSync(seat, sessionId, authIds), request);
  }
}

/** A client of a worker's wants to take up a session. */
class WorkerClaim implements SessionClaimant {
  readonly sessionOwner: WorkerSeat;
  readonly #id: SessionId;

  constructor(seat: WorkerSeat, id: SessionId) {
    this.sessionOwner = seat;
    this.#id = id;
  }

  get isClosed(): boolean {
    return this.sessionOwner.link.isClosed;
  }

  get remoteAddress(): string {
    return `worker ${this.sessionOwner.index}`;
  }

  onSessionReady(): void {
    this.sessionOwner.tellRevalidated(this.#id, true);
  }

  onSessionInvalid(): void {
    this.sessionOwner.tellRevalidated(this.#id, false);
  }

  close(): void {
    this.sessionOwner.tellTaken(this.#id);
  }
}

/** A client of a worker's asks for everything committed. */
class WorkerSync implements SyncClaimant {
  readonly sessionId: SessionId;
  readonly authIds: SyncClaimant["authIds"];
  readonly #seat: WorkerSeat;

  constructor(seat: WorkerSeat, sessionId: SessionId, authIds: SyncClaimant["authIds"]) {
    this.#seat = seat;
    this.sessionId = sessionId;
    this.authIds = authIds;
  }

  onSyncDone(): void {
    this.#seat.link.send(PacketType.sync, 0, null);
  }
}
