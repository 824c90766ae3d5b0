import type { ServerMetrics } from "../../admin/metrics.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { DiskError } from "../../base/disk.ts";
import type { Logger } from "../../base/log.ts";
import type { Network, Socket } from "../../base/network.ts";
import type { Trace } from "../../base/trace.ts";
import { JuteError, JuteReader } from "../../jute/reader.ts";
import {
  learnerProtocolVersion,
  PacketType,
  type QuorumPacket,
  type RawConsumer,
  snapshotSignature,
  writeLearnerInfo,
} from "../../protocol/quorum_packet.ts";
import { counterOf, makeZxid, type Zxid, zxidToHex } from "../../protocol/zxid.ts";
import type { EnsembleAddress } from "../../quorum/membership.ts";
import type { ServerId } from "../../quorum/quorum.ts";
import { CorruptLogError, RecoveryError } from "../../storage/errors.ts";
import type { TreeEvents } from "../../tree/tree_observer.ts";
import { TreeSnapshotLoader } from "../../tree/tree_snapshot.ts";
import type { LoggedEntry } from "../../zab/committed_log.ts";
import { Learner, type LearnerEffects } from "../../zab/learner.ts";
import type { Database } from "../database.ts";
import { QuorumLink, type QuorumLinkHost, type QuorumLinkOwner } from "../quorum_link.ts";
import { LearnerRole, type LearnerRoleHost } from "./learner.ts";

/** What a learner asks of the server around it. */
export interface FollowingPeer {
  /** It is up to date: clients are served from now on. */
  onUpToDate(role: LearnerRole, epoch: number): void;
  /** It has left its leader; the server ends the role when the present turn is done. */
  onFollowingOver(reason: string, wantsSnapshot: boolean): void;
  /** The disk did not take a promise, or a txn: it will not at once. */
  onDiskFailed(): void;
  /** The tree was loaded anew: what the server puts into it by itself is missing. */
  onTreeLoaded(): void;
  /** The leader's configuration, as it told it with NEWLEADER; UPTODATE puts it in force. */
  onLeaderConfig(text: string): void;
  /** A proposal came; it may change the membership, which then counts beside the old one. */
  onProposal(entry: LoggedEntry): void;
  /** A change of the membership is committed, and this server leads from now on. */
  onActivate(zxid: Zxid, designatedLeader: ServerId, entry: LoggedEntry | null): void;
  /** Whether there is a link to a server on the election port. */
  isLinked(server: ServerId): boolean;
  /** The data cannot be brought back: the server must stop. */
  onFatal(error: Error): void;
}

/** What a {@link Following} is made of. */
export interface FollowingParts {
  readonly self: ServerId;
  readonly leader: ServerId;
  readonly isObserver: boolean;
  /** An observer's txns go to its disk, too. */
  readonly isLogged: boolean;
  /** See {@link Learner}: a cut that the disk could not do came before. */
  readonly wantsSnapshot: boolean;
  readonly addresses: readonly EnsembleAddress[];
  readonly configVersion: Zxid;
  readonly tickMs: number;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  /** Ticks for the connection to be made. */
  readonly connectLimitTicks: number;
  /** Wait before a dial that was refused is tried again, ms. */
  readonly redialMs: number;
  readonly database: Database;
  readonly events: TreeEvents;
  readonly network: Network;
  readonly clock: Clock;
  readonly metrics: ServerMetrics;
  readonly logger: Logger;
  readonly host: LearnerRoleHost & QuorumLinkHost;
  readonly peer: FollowingPeer;
  readonly trace?: Trace;
}

/** Dials of a leader before another election is called for (Learner.LeaderConnector). */
const dialsMax = 5;
/** How long a leader that speaks on the election port may take to open its quorum port, ms. */
const lateLeaderMs = 3000;
/** A leader that was elected this moment may open its port a moment later. */
const firstRedialMs = 10;

/** A server that follows another: connects to it, is brought to its state, and then takes part. */
export class Following implements QuorumLinkOwner, LearnerEffects {
  readonly #parts: FollowingParts;
  readonly #learner: Learner;
  #link: QuorumLink | null = null;
  #role: LearnerRole | null = null;
  #heardMs: number;
  readonly #beganMs: number;
  readonly #connectByMs: number;
  #dials = 0;
  #dialTimer: Timer | null = null;
  /** When this learner took on the leader's epoch: its synchronization begins. */
  #acceptedMs = 0;
  /** Newest zxid in the log when it began to serve. */
  #zxidBefore: Zxid = 0;
  #over = false;

  constructor(parts: FollowingParts) {
    this.#parts = parts;
    const { database, host, tickMs, connectLimitTicks } = parts;
    this.#heardMs = host.nowMs;
    this.#beganMs = host.nowMs;
    this.#connectByMs = host.nowMs + tickMs * connectLimitTicks;
    this.#learner = new Learner({
      isObserver: parts.isObserver,
      acceptedEpoch: database.acceptedEpoch,
      currentEpoch: database.currentEpoch,
      lastZxid: database.tree.lastProcessedZxid,
      wantsSnapshot: parts.wantsSnapshot,
    }, this);
  }

  get epoch(): number {
    return this.#learner.epoch;
  }

  /** Its connection to the leader; null before there is one. */
  get link(): QuorumLink | null {
    return this.#link;
  }

  get phaseName(): string {
    return this.#learner.phaseName;
  }

  /** Syncs under way, for `mntr`. */
  get pendingSyncs(): number {
    return this.#role?.pendingSyncs ?? 0;
  }

  /** When {@link onTimer} wants to be called. */
  get deadlineMs(): number {
    return this.#over ? Infinity : this.#heardMs + this.#silenceMsMax;
  }

  /** Begins to dial the leader. */
  start(): void {
    void this.#dial();
  }

  /** Time passes: a leader that is silent is left. */
  onTimer(nowMs: number): void {
    if (!this.#over && nowMs >= this.deadlineMs) {
      this.#end(`the leader was silent for ${this.#silenceMsMax} ms`);
    }
  }

  /** This process stood still for so long: what the leader sent meanwhile waits in the socket. */
  onStandstill(ms: number): void {
    this.#heardMs += ms;
  }

  /** Lets go of the leader. */
  close(reason: string): void {
    this.#over = true;
    this.#dialTimer?.cancel();
    this.#link?.close(reason);
  }

  /** The log is at rest: takes what is in it into the tree, or back out of the tree what is not. */
  finish(): void {
    if (this.#learner.isTreeAhead) {
      this.#parts.database.reload();
      this.#parts.peer.onTreeLoaded();
      return;
    }
    this.#role?.finish();
    const { tree } = this.#parts.database;
    // Without a txn the epoch has left no trace in the log, as a start from the disk would find.
    if (counterOf(tree.lastProcessedZxid) === 0 && this.#role !== null) {
      tree.lastProcessedZxid = this.#zxidBefore;
    }
  }

  onPacket(packet: QuorumPacket): void {
    if (this.#over) return;
    this.#heardMs = this.#parts.host.nowMs;
    try {
      this.#learner.onPacket(packet);
    } catch (error) {
      this.#onThrown(error);
    }
  }

  onLinkClosed(reason: string): void {
    this.#end(reason);
  }

  // What the learner asks for.

  sendInfo(acceptedEpoch: number): void {
    const { self, isObserver, configVersion } = this.#parts;
    this.#link!.write((out) =>
      writeLearnerInfo(
        out,
        isObserver ? PacketType.observerInfo : PacketType.followerInfo,
        makeZxid(acceptedEpoch, 0),
        { serverId: self, protocolVersion: learnerProtocolVersion, configVersion },
      )
    );
  }

  acceptEpoch(epoch: number): void {
    this.#parts.database.saveEpoch("acceptedEpoch", epoch);
  }

  sendAckEpoch(zxid: Zxid, currentEpoch: number): void {
    this.#acceptedMs = this.#parts.clock.monotonicMs();
    const data = new Uint8Array(4);
    new DataView(data.buffer).setInt32(0, currentEpoch);
    this.#link!.send(PacketType.ackEpoch, zxid, data);
  }

  truncate(zxid: Zxid): boolean {
    const isCut = this.#parts.database.truncate(zxid);
    if (isCut) this.#parts.peer.onTreeLoaded();
    this.#hear();
    return isCut;
  }

  receiveSnapshot(zxid: Zxid): void {
    const { database, trace, logger, leader, host } = this.#parts;
    database.beginReceiving();
    trace?.({ kind: "sync", how: "SNAP", zxid, peer: leader });
    this.#link!.expectTree(
      new TreeReceiver(new TreeSnapshotLoader(database.tree, host.fieldBytesMax), () => this.#hear(), () => {
        database.tree.lastProcessedZxid = zxid;
        database.tree.digestAudit.awaitMatch();
        trace?.({ kind: "load", zxid, from: "leader", digest: database.tree.digest });
        logger.info("The leader's tree is received", { zxid: `0x${zxidToHex(zxid)}` });
        this.#parts.peer.onTreeLoaded();
        this.#learner.onSnapshot();
      }),
    );
  }

  persistSnapshot(): void {
    this.#parts.database.replaceByTree();
    this.#hear();
  }

  applyUnlogged(entry: LoggedEntry): void {
    this.#apply(entry);
  }

  logAndApply(entries: readonly LoggedEntry[]): void {
    const { database, isLogged } = this.#parts;
    if (isLogged) database.logNow(entries);
    for (const entry of entries) {
      this.#apply(entry);
      database.committedLog.append(entry.zxid, entry.bytes, entry.start, entry.end);
    }
    this.#hear();
  }

  onLeaderConfig(text: string): void {
    this.#parts.peer.onLeaderConfig(text);
  }

  beginEpoch(epoch: number): void {
    this.#parts.database.saveEpoch("currentEpoch", epoch);
  }

  sendAck(zxid: Zxid): void {
    this.#link!.send(PacketType.ack, zxid, null);
  }

  serve(epoch: number): void {
    const { database, peer, trace, isObserver, leader, metrics, clock } = this.#parts;
    const syncTime = isObserver ? metrics.observerSyncTime : metrics.followerSyncTime;
    syncTime.record(clock.monotonicMs() - this.#acceptedMs);
    // As on the leader: a client that comes from there has seen this zxid.
    this.#zxidBefore = database.tree.lastProcessedZxid;
    database.tree.lastProcessedZxid = Math.max(this.#zxidBefore, makeZxid(epoch, 0));
    this.#role = new LearnerRole({
      ...this.#parts,
      mode: isObserver ? "observer" : "follower",
      tree: database.tree,
      link: this.#link!,
      log: database,
      lastZxid: database.tree.lastProcessedZxid,
    });
    trace?.({ kind: "upToDate", epoch, peer: leader });
    peer.onUpToDate(this.#role, epoch);
  }

  onProposal(entry: LoggedEntry): void {
    this.#parts.peer.onProposal(entry);
    this.#role!.onProposal(entry);
  }

  onCommit(zxid: Zxid): void {
    this.#role!.onCommit(zxid);
  }

  onInform(entry: LoggedEntry): void {
    this.#role!.onInform(entry);
  }

  onActivate(zxid: Zxid, designatedLeader: number, entry: LoggedEntry | null): void {
    this.#parts.peer.onActivate(zxid, designatedLeader, entry);
  }

  onPing(zxid: Zxid): void {
    this.#role!.onPing(zxid);
  }

  onRevalidated(sessionId: bigint, isValid: boolean): void {
    this.#role!.onRevalidated(sessionId, isValid);
  }

  onSynced(): void {
    this.#role!.onSynced();
  }

  leave(reason: string, wantsSnapshot: boolean): void {
    // A leader cannot know where this disk has a snapshot for the txns it is to cut back to.
    if (!wantsSnapshot) this.#parts.trace?.({ kind: "violation", peer: this.#parts.leader, reason });
    this.#end(reason, wantsSnapshot);
  }

  /** The leader is not silent while it sends a tree, nor while this server does not listen for its own disk's sake. */
  #hear(): void {
    this.#heardMs = this.#parts.clock.monotonicMs();
  }

  #apply({ zxid, bytes, start, end }: LoggedEntry): void {
    const { database: { tree }, trace } = this.#parts;
    tree.apply(bytes, start, end, null, null);
    trace?.({ kind: "apply", zxid, entry: bytes.subarray(start, end), digest: tree.digest });
  }

  get #silenceMsMax(): number {
    const { tickMs, initLimitTicks, syncLimitTicks } = this.#parts;
    return tickMs * (this.#learner.isSynced ? syncLimitTicks : initLimitTicks);
  }

  /** Dials the leader at all of its addresses; a few times, since it may not listen yet. */
  async #dial(): Promise<void> {
    const { network, clock, peer, addresses, leader, logger } = this.#parts;
    let failure = "its address is not known";
    const leftMs = this.#connectByMs - clock.monotonicMs();
    const dials = addresses.map(({ host, quorumPort }) =>
      network.dial(host, quorumPort, leftMs, (socket) => this.#onConnected(socket))
        .catch((error: Error) => {
          failure = error.message;
          throw error;
        })
    );
    try {
      await Promise.any(dials);
      return;
    } catch {
      // The last failure is told below.
    }
    if (this.#over) return;
    this.#dials++;
    logger.debug("The leader cannot be reached yet", { server: leader, reason: failure });
    if (clock.monotonicMs() >= this.#connectByMs) {
      return this.#end(`the leader cannot be reached: ${failure}`);
    }
    // One that is there and does not listen yet is an Apache server that reads its data first.
    const isComing = peer.isLinked(leader) && clock.monotonicMs() - this.#beganMs < lateLeaderMs;
    if (this.#dials >= dialsMax + quickRedials && !isComing) {
      return this.#end(`the leader cannot be reached: ${failure}`);
    }
    const waitMs = this.#dials <= quickRedials ? firstRedialMs * this.#dials : this.#parts.redialMs;
    this.#dialTimer = clock.setTimer(waitMs, () => void this.#dial());
  }

  /** The first of its addresses that answers is as good as any. */
  #onConnected(socket: Socket): QuorumLink {
    const { host, trace, leader } = this.#parts;
    const link = new QuorumLink(host, socket, trace);
    link.peer = leader;
    if (this.#over || this.#link !== null) {
      link.close("no longer wanted");
      return link;
    }
    this.#link = link;
    link.setOwner(this);
    host.beginTurn();
    this.#hear();
    this.#learner.start();
    return link;
  }

  #end(reason: string, wantsSnapshot = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.peer.onFollowingOver(reason, wantsSnapshot);
  }

  /** A disk that fails ends the role; data that cannot be read back ends the server. */
  #onThrown(error: unknown): void {
    if (error instanceof DiskError) {
      this.#parts.peer.onDiskFailed();
      return this.#end(`the disk failed: ${error.message}`);
    }
    if (!(error instanceof RecoveryError) && !(error instanceof CorruptLogError)) throw error;
    this.#end(error.message);
    this.#parts.peer.onFatal(error);
  }
}

/** Dials that come quicker one after another than the configured wait. */
const quickRedials = 4;

const signatureBytes = 4 + snapshotSignature.length;

/** Takes the tree behind SNAP and its signature. */
class TreeReceiver implements RawConsumer {
  done = false;
  readonly #loader: TreeSnapshotLoader;
  readonly #onBytes: () => void;
  readonly #onEnd: () => void;

  constructor(loader: TreeSnapshotLoader, onBytes: () => void, onEnd: () => void) {
    this.#loader = loader;
    this.#onBytes = onBytes;
    this.#onEnd = onEnd;
  }

  push(bytes: Uint8Array, start: number, end: number): number {
    this.#onBytes();
    let at = start;
    if (!this.#loader.done) at += this.#loader.push(bytes, at, end);
    if (!this.#loader.done || end - at < signatureBytes) return at - start;
    const signature = new JuteReader(bytes, at, at + signatureBytes).string();
    if (signature !== snapshotSignature) throw new JuteError(`a tree ends with ${signature}`);
    this.done = true;
    this.#onEnd();
    return at + signatureBytes - start;
  }
}
