import { assert } from "../base/assert.ts";
import { limits } from "../base/limits.ts";
import { counterOf, epochMax, makeZxid, type Zxid, zxidToHex } from "../protocol/zxid.ts";
import { type Quorum, type ServerId, votesInAny } from "../quorum/quorum.ts";
import { type LinkId, Seat } from "./seat.ts";

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
  /** Whether a server belongs to the committed membership or the last seen one, with a vote or without. */
  isMember(id: ServerId): boolean;
  /** Whether an election could make a server the leader: voters without weight never are. */
  mayLead(id: ServerId): boolean;
}

/**
 * Who says that it has accepted a later epoch raises it by so much at most, for it cannot prove that, and there is no way
 * back. Epochs rise by one with each office; a voter that is further ahead, since offices came to nothing without this
 * server, gets its leader after so many elections more.
 */
const epochJumpMax = 256;

/** What an office asks of its host. Calls only queue work and never re-enter the machine. */
export interface LeadershipEffects {
  /** Makes the promise of an epoch durable before it returns. @throws {DiskError} Which ends the office. */
  acceptEpoch(epoch: number): void;
  /** Promises, durably, to follow nobody below `epoch`: the next office begins above. @throws {DiskError} */
  promiseEpoch(epoch: number): void;
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
  /** A quorum followed still when this round of {@link Leadership.confirm} had begun. */
  confirmed(round: number): void;
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
 *
 * Nobody can prove who it is. So a word in a voter's name takes no more than that voter would lose by it: a learner
 * that is up to date and heard keeps its seat, and an epoch rises by little at once. Bounds: limits.learnerGreetingsMax,
 * unlistedLearnersMax, learnerSyncsMax; of one server's connections one is at work, one waits to take its place, and
 * one has yet to ack the epoch.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #effects: LeadershipEffects;
  readonly #seats = new Map<LinkId, Seat>();
  readonly #told = new Set<ServerId>();
  readonly #accepted = new Set<ServerId>();
  readonly #synced = new Set<ServerId>();
  /** Voters that have accepted an epoch which this office cannot begin above, and the highest of those. */
  readonly #beyond = new Set<ServerId>();
  #beyondEpoch = 0;
  /** How often it was looked whether a quorum follows still; the last one may be under way, and another be wanted. */
  #confirmRound = 0;
  #isConfirming = false;
  #wantsConfirm = false;
  /** When the next learner that is no member may be brought up to date. */
  #unlistedFromMs = -Infinity;
  #quorums: readonly Quorum[];
  #configVersion: Zxid;
  #epoch: number;
  #phase: "epoch" | "history" | "newLeader" | "broadcast" = "epoch";
  /** When the present wait is given up; in broadcast: when the quorum is looked at next. */
  #dueMs: number;
  #pingMs: number;
  /** How far this server's own disk was when it was looked at last, and when that was. */
  #heldBefore: Zxid = -1;
  #heldBeforeMs = 0;
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

  /** It does not serve yet, and of those that it would need too few follow: others may, or nobody with a vote. */
  get isWithoutFollowers(): boolean {
    if (this.#phase === "epoch" || this.#phase === "broadcast") return this.#phase === "epoch";
    const followers = new Set<ServerId>();
    for (const seat of this.#seats.values()) if (this.#votes(seat)) followers.add(seat.serverId);
    return !this.#isQuorum(followers);
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
    for (const seat of this.#seats.values()) {
      if (seat.phase !== "hello") seat.isListed = this.#options.isMember(seat.serverId);
    }
  }

  onConnected(link: LinkId, nowMs: number): Seat {
    const { tickMs, initLimitTicks, syncLimitTicks } = this.#options;
    const seat = new Seat(link, nowMs, nowMs + tickMs * (initLimitTicks + syncLimitTicks));
    this.#seats.set(link, seat);
    const silent = [...this.#seats.values()].filter((one) => one.phase === "hello");
    if (silent.length > limits.learnerGreetingsMax) this.#drop(silent[0], "too many say nothing");
    return seat;
  }

  onClosed(seat: Seat): void {
    if (this.#seats.delete(seat.link)) this.#onSeatFree(seat);
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
    const isListed = this.#options.isMember(info.serverId);
    if (!isListed && this.#unlistedCount() >= limits.unlistedLearnersMax) {
      return this.#drop(seat, "too many learners are no members");
    }
    for (const other of this.#sameServer(info.serverId)) {
      if (other.isGreeting) this.#drop(other, "the same server connected anew");
    }
    seat.serverId = info.serverId;
    seat.isObserver = info.isObserver;
    seat.isListed = isListed;
    seat.phase = "waitEpoch";
    const votes = this.#votes(seat);
    if (this.#phase !== "epoch") {
      if (votes && info.acceptedEpoch > this.#epoch && !this.#isServed(info.serverId, nowMs)) {
        // It promised a later epoch to a leader that came to nothing, and may not follow an earlier one any more. As
        // with a higher term in Raft, another election brings an epoch above its promise; Apache leaves it out.
        this.#promiseUpTo(info.acceptedEpoch);
        return this.#resign(`server ${info.serverId} has promised epoch ${info.acceptedEpoch}`);
      }
      return this.#tellEpoch(seat);
    }
    if (!votes) return;
    if (info.acceptedEpoch < this.#epochMax) {
      this.#epoch = Math.max(this.#epoch, info.acceptedEpoch + 1);
      this.#told.add(info.serverId);
      this.#maybeChooseEpoch(nowMs);
    } else {
      this.#beyond.add(info.serverId);
      this.#beyondEpoch = Math.max(this.#beyondEpoch, info.acceptedEpoch);
      // Others may still make a quorum without it; initLimit is too long to wait for them.
      const all = new Set([...this.#told, ...this.#beyond]);
      if (this.#isQuorum(all)) this.#dueMs = Math.min(this.#dueMs, nowMs + this.#options.tickMs);
    }
  }

  /** ACKEPOCH: `currentEpoch` is -1 from a learner that had accepted the epoch before, which is no ack. */
  onAckEpoch(seat: Seat, zxid: Zxid, currentEpoch: number, nowMs: number): void {
    if (this.#over) return;
    if (seat.phase !== "ackEpoch") return this.#drop(seat, "it acked an epoch out of turn");
    if (currentEpoch < -1) return this.#drop(seat, `it acked with epoch ${currentEpoch}, which none can be`);
    seat.zxid = zxid;
    if (this.#phase === "history" && currentEpoch !== -1) {
      const { currentEpoch: own, lastZxid } = this.#options;
      // Counter 0 is no txn: a leader's or its snapshot's mark that it began an epoch.
      if (currentEpoch > own || (currentEpoch === own && zxid > lastZxid && counterOf(zxid) !== 0)) {
        this.#drop(seat, "its history is ahead of the leader's");
        // Whoever is ahead and can lead must: another election finds it at once, waiting would not. For any other one an
        // election would end with this leader again; what is committed of what it has, no quorum is without.
        if (!seat.isObserver && this.#options.mayLead(seat.serverId)) {
          this.#resign(
            `server ${seat.serverId} is ahead, at epoch ${currentEpoch} and zxid 0x${zxidToHex(zxid)}`,
          );
        }
        return;
      }
      if (!seat.isObserver) this.#accepted.add(seat.serverId);
    }
    let waits = false;
    for (const other of this.#sameServer(seat.serverId)) {
      if (other === seat || other.isGreeting) continue;
      // It may be the same server, whose connection before is dead though nobody has noticed yet; or somebody else. Who
      // is asked every half tick and answers is alive.
      if (this.#isHeard(other, nowMs)) waits = true;
      else this.#drop(other, "the same server connected anew");
    }
    seat.phase = waits ? "waitSeat" : "waitSync";
    if (this.#phase !== "history") return this.#maybeSynchronize(seat, nowMs);
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
    if (this.#phase === "broadcast") this.#bringUp(seat, nowMs);
    else this.#maybeEstablish(nowMs);
    this.#onSeatFree(seat);
  }

  /**
   * Asks the followers whether they follow still: a leader can be the last to hear that there is another. Each is sent a
   * PING; an answer to one that was sent from now on tells, for who has gone to another leader answers no more. While one
   * such round is under way, the next begins behind it.
   *
   * @returns The round that tells, by {@link LeadershipEffects.confirmed}; where no follower is needed it has done so.
   */
  confirm(): number {
    const round = this.nextConfirmRound;
    this.#wantsConfirm = this.#isConfirming;
    if (this.#isConfirming) return round;
    this.#isConfirming = true;
    this.#confirmRound = round;
    for (const seat of this.#seats.values()) {
      if (seat.phase !== "broadcast" || !this.#votes(seat)) continue;
      seat.doubt();
      this.#ping(seat);
    }
    this.#maybeConfirmed();
    return round;
  }

  /** The round that {@link confirm} would begin now. */
  get nextConfirmRound(): number {
    return this.#confirmRound + 1;
  }

  /** A learner answered a PING. */
  onPong(seat: Seat): void {
    seat.onPong();
    this.#maybeConfirmed();
  }

  #maybeConfirmed(): void {
    if (!this.#isConfirming || this.#over) return;
    const following = new Set<ServerId>();
    for (const seat of this.#seats.values()) {
      if (seat.phase === "broadcast" && this.#votes(seat) && seat.isTold) following.add(seat.serverId);
    }
    if (!this.#isQuorum(following)) return;
    this.#isConfirming = false;
    this.#effects.confirmed(this.#confirmRound);
    if (!this.#wantsConfirm) return;
    this.#wantsConfirm = false;
    this.confirm();
  }

  #ping(seat: Seat): void {
    seat.onPingSent();
    this.#effects.ping(seat);
  }

  /**
   * This process, its disk or its machine stood still for so long: what learners sent meanwhile waits in the sockets, so
   * that time counts against nobody. Who left has closed the connection.
   */
  onStandstill(ms: number): void {
    for (const seat of this.#seats.values()) seat.forgive(ms);
    if (this.#phase !== "broadcast") this.#dueMs += ms;
  }

  /**
   * Time passes: gives up what waited too long, pings, looks whether a quorum is still there.
   *
   * @param held The newest proposal that this server's own disk holds, or that is committed: none of the later ones is a
   *   learner's lag, nor is time in which it stands still, for one disk may be slow for all. Apache's leader drops its
   *   followers then.
   */
  onTimer(nowMs: number, held: Zxid): void {
    if (this.#over) return;
    for (const seat of [...this.#seats.values()]) {
      if (seat.phase === "queued") {
        // It is told nothing, and has nothing to say.
        seat.heardMs = nowMs;
        this.#maybeSynchronize(seat, nowMs);
      }
      if (seat.phase === "waitSeat") this.#maybeTakeSeat(seat, nowMs);
      const limitMs = seat.phase === "broadcast" ? this.#syncMs : this.#initMs;
      if (nowMs - seat.heardMs > limitMs) this.#drop(seat, `it was silent for ${limitMs} ms`);
    }
    if (nowMs >= this.#pingMs) {
      const stoodMs = held === this.#heldBefore ? nowMs - this.#heldBeforeMs : 0;
      this.#heldBefore = held;
      this.#heldBeforeMs = nowMs;
      this.#pingMs = nowMs + this.#options.tickMs / 2;
      for (const seat of [...this.#seats.values()]) {
        if (seat.phase !== "broadcast" && seat.phase !== "synced") continue;
        seat.excuseBehind(held, nowMs, stoodMs);
        if (seat.phase === "broadcast" && seat.ackLagMs(nowMs) > this.#syncMs) {
          this.#drop(seat, `it left a proposal without an ack for ${this.#syncMs} ms`);
        } else {
          this.#ping(seat);
        }
      }
    }
    if (nowMs < this.#dueMs) return;
    if (this.#phase !== "broadcast") {
      if (this.#phase === "epoch" && this.#beyond.size > 0) {
        this.#promiseUpTo(this.#beyondEpoch);
        return this.#resign(
          `the servers ${[...this.#beyond].join(", ")} have promised epochs up to ${this.#beyondEpoch}`,
        );
      }
      return this.#resign(
        `no quorum within initLimit, ${this.#initMs} ms, while it waited for ${this.#awaited()}`,
      );
    }
    this.#dueMs = nowMs + this.#options.tickMs;
    const present = new Set<ServerId>([this.#options.self]);
    for (const seat of this.#seats.values()) {
      // Those being synchronized count as well: they are on their way, and a new leader would have to begin anew.
      if (!seat.isGreeting && seat.deadlineMs >= nowMs && !seat.isObserver) present.add(seat.serverId);
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
    if (this.#epoch > epochMax) return this.#resign(`there is no epoch behind ${epochMax}`);
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
    for (const seat of [...this.#seats.values()]) this.#maybeSynchronize(seat, nowMs);
    this.#maybeEstablish(nowMs);
  }

  /**
   * Who votes is needed; of the others few are brought up to date at once, members first. What that costs this server is
   * much more than it costs a stranger to ask for it: for strangers it begins every half tick at most, and without
   * `nowMs` not before the next {@link onTimer}.
   */
  #maybeSynchronize(seat: Seat, nowMs = -Infinity): void {
    if (seat.phase !== "waitSync" && seat.phase !== "queued") return;
    if (!this.#votes(seat)) {
      const others = [...this.#seats.values()].filter((one) => one.phase === "syncing" && !this.#votes(one));
      const isEarly = nowMs < this.#unlistedFromMs ||
        others.filter((one) => !one.isListed).length >= limits.unlistedSyncsMax;
      if (others.length >= limits.learnerSyncsMax || (!seat.isListed && isEarly)) {
        seat.phase = "queued";
        return;
      }
      if (!seat.isListed) this.#unlistedFromMs = nowMs + this.#options.tickMs / 2;
    }
    seat.phase = "syncing";
    this.#effects.synchronize(seat);
  }

  /** A learner is brought up to date, or gone: others may have waited for that. */
  #onSeatFree(free: Seat): void {
    if (this.#over) return;
    for (const seat of this.#sameServer(free.serverId)) {
      if (seat.phase === "waitSeat" && !this.#seats.has(free.link)) this.#takeSeat(seat);
    }
    for (const seat of [...this.#seats.values()]) {
      if (seat.phase === "queued" && seat.isListed) this.#maybeSynchronize(seat);
    }
  }

  /** Takes the place of a connection in the same name once that is not heard any more. */
  #maybeTakeSeat(seat: Seat, nowMs: number): void {
    const before = this.#sameServer(seat.serverId).filter((other) => other !== seat && !other.isGreeting);
    if (before.some((other) => this.#isHeard(other, nowMs))) return;
    for (const other of before) this.#drop(other, "the same server connected anew, and this one is silent");
  }

  #takeSeat(seat: Seat): void {
    seat.phase = "waitSync";
    if (this.#phase !== "history") this.#maybeSynchronize(seat);
  }

  /** @returns The connections in this name. Learners without a number of their own have nothing in common. */
  #sameServer(id: ServerId): Seat[] {
    return id < 0 ? [] : [...this.#seats.values()].filter((seat) => seat.serverId === id);
  }

  /** Whether it takes part and has spoken within a tick: it is asked every half of one. */
  #isHeard(seat: Seat, nowMs: number): boolean {
    return seat.phase === "broadcast" && nowMs - seat.heardMs <= this.#options.tickMs;
  }

  /** Whether this server has been brought up to date by a connection that is not dead for all that is known. */
  #isServed(id: ServerId, nowMs: number): boolean {
    return this.#sameServer(id).some((seat) => seat.phase === "synced" || this.#isHeard(seat, nowMs));
  }

  #votes(seat: Seat): boolean {
    return !seat.isObserver && votesInAny(this.#quorums, seat.serverId);
  }

  #unlistedCount(): number {
    let count = 0;
    for (const seat of this.#seats.values()) if (seat.phase !== "hello" && !seat.isListed) count++;
    return count;
  }

  /** The highest epoch that others can make this office begin. */
  get #epochMax(): number {
    return Math.min(epochMax, this.#options.acceptedEpoch + epochJumpMax);
  }

  /** A voter can only follow above this epoch: the next office shall begin there, or nearer to it. */
  #promiseUpTo(epoch: number): void {
    const promised = Math.max(this.#options.acceptedEpoch, this.#phase === "epoch" ? 0 : this.#epoch);
    const next = Math.min(epoch, promised + epochJumpMax);
    if (next > promised) this.#effects.promiseEpoch(next);
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
    this.#onSeatFree(seat);
  }

  #resign(reason: string): void {
    this.#over = true;
    this.#dueMs = Infinity;
    this.#pingMs = Infinity;
    this.#effects.resign(reason);
  }
}
