import { assert } from "../base/assert.ts";
import { counterOf, epochMax, makeZxid, type Zxid, zxidToHex } from "../protocol/zxid.ts";
import { type Quorum, type ServerId, votesInAny } from "../quorum/quorum.ts";

/** A learner's connection, as its host numbers it. */
export type LinkId = number;

/** What a leader knows of a learner that connected to it (LearnerHandler). */
export class Seat {
  readonly link: LinkId;
  /** From its first packet on. */
  serverId: ServerId = -1;
  /** It said OBSERVERINFO: it is told what is committed, with the txn, and never acks. */
  isObserver = false;
  phase:
    /** Its first packet is awaited. */
    | "hello"
    /** It waits to be told the epoch. */
    | "waitEpoch"
    /** It was told the epoch; its ACKEPOCH is awaited. */
    | "ackEpoch"
    /** It waits until enough learners have acked the epoch. */
    | "waitSync"
    /** It is being sent what it lacks; its ack of NEWLEADER is awaited. */
    | "syncing"
    /** It has acked NEWLEADER, and waits until enough others have. */
    | "synced"
    /** It is up to date and takes part. */
    | "broadcast" = "hello";
  /** Newest zxid in its log when it connected. */
  zxid: Zxid = 0;
  /** Monotonic ms of the last packet from it. */
  heardMs: number;
  /** Monotonic ms until which it counts as there, for the leader's own quorum (Leader.lead, tickOfNextAckDeadline). */
  deadlineMs: number;
  /** The proposal whose ack is being waited for, and since when; then the newest one sent after it (SyncLimitCheck). */
  #awaited: Zxid = 0;
  #awaitedMs = 0;
  #later: Zxid = 0;
  #laterMs = 0;

  constructor(link: LinkId, nowMs: number, deadlineMs: number) {
    this.link = link;
    this.heardMs = nowMs;
    this.deadlineMs = deadlineMs;
  }

  /** It was sent a proposal, which it will ack; what comes before it is up to date may be covered by NEWLEADER's ack. */
  onProposal(zxid: Zxid, nowMs: number): void {
    if (this.phase !== "broadcast") return;
    if (this.#awaited === 0) {
      this.#awaited = zxid;
      this.#awaitedMs = nowMs;
    } else {
      this.#later = zxid;
      this.#laterMs = nowMs;
    }
  }

  /** It acked everything up to `zxid`. */
  onAck(zxid: Zxid): void {
    if (zxid < this.#awaited) return;
    const hasLater = this.#later > zxid;
    this.#awaited = hasLater ? this.#later : 0;
    this.#awaitedMs = hasLater ? this.#laterMs : 0;
    this.#later = 0;
  }

  /** This server did not listen for so long: that is not the learner's silence. */
  forgive(ms: number): void {
    this.heardMs += ms;
    this.deadlineMs += ms;
    if (this.#awaited === 0) return;
    this.#awaitedMs += ms;
    this.#laterMs += ms;
  }

  /** @returns For how long its oldest proposal without an ack has waited, in ms. */
  ackLagMs(nowMs: number): number {
    return this.#awaited === 0 ? 0 : nowMs - this.#awaitedMs;
  }
}

/** What a {@link Leadership} starts from. */
export interface LeadershipOptions {
  readonly self: ServerId;
  /** What the two epoch files hold. */
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /** Newest zxid in the log, all of it durable and in the tree. */
  readonly lastZxid: Zxid;
  /** The committed configuration's, and the last-seen one's when that is newer: a set must satisfy each. */
  readonly quorums: readonly Quorum[];
  readonly tickMs: number;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  /** Of the committed configuration: a learner that knows a newer one is refused. */
  readonly configVersion: Zxid;
  readonly nowMs: number;
}

/** What an office asks of its host. Calls only queue work and never re-enter the machine. */
export interface LeadershipEffects {
  /** Makes the promise of an epoch durable before it returns. @throws {DiskError} Which ends the office. */
  acceptEpoch(epoch: number): void;
  /** Makes the epoch current, durably. @throws {DiskError} Which ends the office. */
  beginEpoch(epoch: number): void;
  sendLeaderInfo(seat: Seat, epoch: number): void;
  /** Sends the learner what it lacks and NEWLEADER behind it, and from now on every proposal. */
  synchronize(seat: Seat): void;
  /** Enough have the leader's history: it may serve. Comes before any {@link sendUpToDate}. */
  establish(epoch: number): void;
  sendUpToDate(seat: Seat): void;
  /**
   * Sends PING to a learner that is up to date, or waits to be: it leaves a leader that is silent beyond syncLimit, and
   * others may take longer to come so far. What comes before UPTODATE no learner answers.
   */
  ping(seat: Seat): void;
  /** Ends a learner's connection. */
  drop(seat: Seat, reason: string): void;
  /** Gives up the office: a new election. */
  resign(reason: string): void;
}

/**
 * A leader's office, from the vote to the last ping: discovery of the epoch, synchronization of the learners, and
 * whether a quorum is still there (Leader.lead, LearnerHandler.run).
 *
 * - W1: a quorum has told its accepted epochs; the new one is above them all and durable here before any learner
 *   hears of it.
 * - W2: a quorum has accepted it, and none of them has a history that is ahead of the leader's; the epoch becomes
 *   current here.
 * - W3: a quorum has the leader's whole history on its disks and said so: only then may the leader serve.
 *
 * The leader itself counts in each of the three from the start. What is waited for must come within initLimit.
 * Proposals and their acks are {@link Leader}'s business.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #effects: LeadershipEffects;
  readonly #seats = new Map<LinkId, Seat>();
  readonly #told = new Set<ServerId>();
  readonly #accepted = new Set<ServerId>();
  readonly #synced = new Set<ServerId>();
  #quorums: readonly Quorum[];
  #configVersion: Zxid;
  #epoch: number;
  #phase: "epoch" | "history" | "newLeader" | "broadcast" = "epoch";
  /** When the present wait is given up; in broadcast: when the quorum is looked at next. */
  #dueMs: number;
  #pingMs: number;
  #over = false;

  constructor(options: LeadershipOptions, effects: LeadershipEffects) {
    this.#options = options;
    this.#effects = effects;
    this.#quorums = options.quorums;
    this.#configVersion = options.configVersion;
    this.#epoch = options.acceptedEpoch + 1;
    this.#dueMs = options.nowMs + this.#initMs;
    this.#pingMs = options.nowMs + options.tickMs / 2;
  }

  /** The epoch of this office; final once the first phase is over. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The election port's way to say it: what the office is waiting for. */
  get phaseName(): "discovery" | "synchronization" | "broadcast" {
    if (this.#phase === "epoch" || this.#phase === "history") return "discovery";
    return this.#phase === "newLeader" ? "synchronization" : "broadcast";
  }

  /** When {@link onTimer} wants to be called. */
  get deadlineMs(): number {
    return Math.min(this.#dueMs, this.#pingMs);
  }

  /** It has no epoch yet, for want of followers. */
  get isWithoutFollowers(): boolean {
    return this.#phase === "epoch";
  }

  seats(): Iterable<Seat> {
    return this.#seats.values();
  }

  /** Begins: an ensemble of one needs nobody else. */
  start(nowMs: number): void {
    this.#maybeChooseEpoch(nowMs);
  }

  /** The configuration in force, or the one proposed beside it, changed. */
  setMembership(quorums: readonly Quorum[], configVersion: Zxid): void {
    this.#quorums = quorums;
    this.#configVersion = configVersion;
  }

  onConnected(link: LinkId, nowMs: number): Seat {
    const { tickMs, initLimitTicks, syncLimitTicks } = this.#options;
    const seat = new Seat(link, nowMs, nowMs + tickMs * (initLimitTicks + syncLimitTicks));
    this.#seats.set(link, seat);
    return seat;
  }

  onClosed(seat: Seat): void {
    this.#seats.delete(seat.link);
  }

  /** Anything at all came from a learner. */
  onHeard(seat: Seat, nowMs: number): void {
    seat.heardMs = nowMs;
    seat.deadlineMs = Math.max(seat.deadlineMs, nowMs + this.#syncMs);
  }

  /** FOLLOWERINFO or OBSERVERINFO: a learner's first packet. */
  onInfo(
    seat: Seat,
    info: { serverId: ServerId; isObserver: boolean; acceptedEpoch: number; configVersion: Zxid },
    nowMs: number,
  ): void {
    if (this.#over) return;
    if (seat.phase !== "hello") return this.#drop(seat, "it introduced itself twice");
    if (info.serverId === this.#options.self) return this.#drop(seat, "it gives this server's own id");
    if (info.configVersion > this.#configVersion) {
      return this.#drop(seat, "it knows a newer configuration than its leader");
    }
    if (info.acceptedEpoch >= epochMax) {
      return this.#drop(seat, `it has accepted epoch ${info.acceptedEpoch}, which is out of reason`);
    }
    for (const other of [...this.#seats.values()]) {
      if (other !== seat && other.serverId === info.serverId && info.serverId >= 0) {
        this.#drop(other, "the same server connected anew");
      }
    }
    seat.serverId = info.serverId;
    seat.isObserver = info.isObserver;
    seat.phase = "waitEpoch";
    if (this.#phase !== "epoch") {
      const votes = !info.isObserver && votesInAny(this.#quorums, info.serverId);
      if (votes && info.acceptedEpoch > this.#epoch) {
        // It promised a later epoch to a leader that came to nothing, and may not follow an earlier one any more. As
        // with a higher term in Raft, another election brings an epoch above its promise; Apache leaves it out.
        return this.#resign(`server ${info.serverId} has promised epoch ${info.acceptedEpoch}`);
      }
      return this.#tellEpoch(seat);
    }
    if (info.acceptedEpoch >= this.#epoch) this.#epoch = info.acceptedEpoch + 1;
    if (!info.isObserver) this.#told.add(info.serverId);
    this.#maybeChooseEpoch(nowMs);
  }

  /** ACKEPOCH: `currentEpoch` is -1 from a learner that had accepted the epoch before, which is no ack. */
  onAckEpoch(seat: Seat, zxid: Zxid, currentEpoch: number, nowMs: number): void {
    if (this.#over) return;
    if (seat.phase !== "ackEpoch") return this.#drop(seat, "it acked an epoch out of turn");
    seat.zxid = zxid;
    if (this.#phase === "history" && currentEpoch !== -1) {
      const { currentEpoch: own, lastZxid } = this.#options;
      // Counter 0 is no txn: a leader's or its snapshot's mark that it began an epoch.
      if (currentEpoch > own || (currentEpoch === own && zxid > lastZxid && counterOf(zxid) !== 0)) {
        this.#drop(seat, "its history is ahead of the leader's");
        // Whoever is ahead and votes must lead: another election finds it at once, waiting would not.
        if (!seat.isObserver && votesInAny(this.#quorums, seat.serverId)) {
          this.#resign(
            `server ${seat.serverId} is ahead, at epoch ${currentEpoch} and zxid 0x${zxidToHex(zxid)}`,
          );
        }
        return;
      }
      if (!seat.isObserver) this.#accepted.add(seat.serverId);
    }
    seat.phase = "waitSync";
    if (this.#phase !== "history") return this.#synchronize(seat);
    this.#maybeBeginEpoch(nowMs);
  }

  /** The first ACK of a learner that is being synchronized must be that of NEWLEADER (ZOOKEEPER-4685). */
  onNewLeaderAck(seat: Seat, zxid: Zxid, nowMs: number): void {
    if (this.#over) return;
    if (zxid !== makeZxid(this.#epoch, 0)) {
      return this.#drop(seat, `it acked 0x${zxidToHex(zxid)} where NEWLEADER's ack was due`);
    }
    seat.phase = "synced";
    if (!seat.isObserver) this.#synced.add(seat.serverId);
    if (this.#phase === "broadcast") return this.#bringUp(seat, nowMs);
    this.#maybeEstablish(nowMs);
  }

  /**
   * This process, its disk or its machine stood still for so long: what learners sent meanwhile waits in the sockets, so
   * that time counts against nobody. Who left has closed the connection.
   */
  onStandstill(ms: number): void {
    for (const seat of this.#seats.values()) seat.forgive(ms);
    if (this.#phase !== "broadcast") this.#dueMs += ms;
  }

  /** Time passes: gives up what waited too long, pings, looks whether a quorum is still there. */
  onTimer(nowMs: number): void {
    if (this.#over) return;
    for (const seat of [...this.#seats.values()]) {
      const limitMs = seat.phase === "broadcast" ? this.#syncMs : this.#initMs;
      if (nowMs - seat.heardMs > limitMs) this.#drop(seat, `it was silent for ${limitMs} ms`);
    }
    if (nowMs >= this.#pingMs) {
      this.#pingMs = nowMs + this.#options.tickMs / 2;
      for (const seat of [...this.#seats.values()]) {
        if (seat.phase !== "broadcast" && seat.phase !== "synced") continue;
        if (seat.phase === "broadcast" && seat.ackLagMs(nowMs) > this.#syncMs) {
          this.#drop(seat, `it left a proposal without an ack for ${this.#syncMs} ms`);
        } else {
          this.#effects.ping(seat);
        }
      }
    }
    if (nowMs < this.#dueMs) return;
    if (this.#phase !== "broadcast") {
      return this.#resign(
        `no quorum within initLimit, ${this.#initMs} ms, while it waited for ${this.#awaited()}`,
      );
    }
    this.#dueMs = nowMs + this.#options.tickMs;
    const present = new Set<ServerId>([this.#options.self]);
    for (const seat of this.#seats.values()) {
      // Those being synchronized count as well: they are on their way, and a new leader would have to begin anew.
      const counts = seat.phase !== "hello" && seat.phase !== "waitEpoch" && seat.phase !== "ackEpoch";
      if (counts && seat.deadlineMs >= nowMs && !seat.isObserver) present.add(seat.serverId);
    }
    if (!this.#isQuorum(present)) {
      this.#resign(`only the servers ${[...present].join(", ")} are left, which is no quorum`);
    }
  }

  #awaited(): string {
    switch (this.#phase) {
      case "epoch":
        return "followers to connect";
      case "history":
        return "followers to accept the epoch";
      default:
        return "followers to be synchronized";
    }
  }

  get #initMs(): number {
    return this.#options.tickMs * this.#options.initLimitTicks;
  }

  get #syncMs(): number {
    return this.#options.tickMs * this.#options.syncLimitTicks;
  }

  /** Whether these servers and the leader itself suffice, by every configuration that counts. */
  #isQuorum(servers: ReadonlySet<ServerId>): boolean {
    const all = new Set(servers).add(this.#options.self);
    return this.#quorums.every((quorum) => quorum.contains(all));
  }

  #maybeChooseEpoch(nowMs: number): void {
    if (this.#phase !== "epoch" || !this.#isQuorum(this.#told)) return;
    this.#effects.acceptEpoch(this.#epoch);
    this.#phase = "history";
    this.#dueMs = nowMs + this.#initMs;
    for (const seat of [...this.#seats.values()]) {
      if (seat.phase === "waitEpoch") this.#tellEpoch(seat);
    }
    this.#maybeBeginEpoch(nowMs);
  }

  #tellEpoch(seat: Seat): void {
    seat.phase = "ackEpoch";
    this.#effects.sendLeaderInfo(seat, this.#epoch);
  }

  #maybeBeginEpoch(nowMs: number): void {
    if (this.#phase !== "history" || !this.#isQuorum(this.#accepted)) return;
    this.#effects.beginEpoch(this.#epoch);
    this.#phase = "newLeader";
    this.#dueMs = nowMs + this.#initMs;
    for (const seat of [...this.#seats.values()]) {
      if (seat.phase === "waitSync") this.#synchronize(seat);
    }
    this.#maybeEstablish(nowMs);
  }

  #synchronize(seat: Seat): void {
    seat.phase = "syncing";
    this.#effects.synchronize(seat);
  }

  #maybeEstablish(nowMs: number): void {
    if (this.#phase !== "newLeader" || !this.#isQuorum(this.#synced)) return;
    this.#phase = "broadcast";
    this.#dueMs = nowMs + this.#options.tickMs;
    this.#effects.establish(this.#epoch);
    for (const seat of [...this.#seats.values()]) {
      if (seat.phase === "synced") this.#bringUp(seat, nowMs);
    }
  }

  #bringUp(seat: Seat, nowMs: number): void {
    assert(this.#phase === "broadcast", "a learner serves only under a leader that serves");
    // It had nothing to say while it waited for the others.
    this.onHeard(seat, nowMs);
    seat.phase = "broadcast";
    this.#effects.sendUpToDate(seat);
  }

  #drop(seat: Seat, reason: string): void {
    if (!this.#seats.delete(seat.link)) return;
    this.#effects.drop(seat, reason);
  }

  #resign(reason: string): void {
    this.#over = true;
    this.#dueMs = Infinity;
    this.#pingMs = Infinity;
    this.#effects.resign(reason);
  }
}
