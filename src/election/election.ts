import { assert } from "../base/assert.ts";
import { longMin, type Notification, notificationVersion, type PeerState } from "../protocol/notification.ts";
import type { Quorum, ServerId } from "../quorum/quorum.ts";
import { isQuorum, saysItLeads, type Votes } from "./tally.ts";
import {
  beats,
  type HeardVote,
  isLaterRound,
  nextRound,
  nobody,
  sameVote,
  untrustedZxid,
  type Vote,
} from "./vote.ts";

/** Who takes part, as one server sees it. Never changed: replaced as a whole ({@link Election.setMembership}). */
export interface ElectionMembership {
  readonly self: ServerId;
  /** Whether this server has a vote in the committed configuration, and so may be elected. */
  readonly selfVotes: boolean;
  /**
   * Whether this server is listed as an observer. Without a vote and not listed, as before a reconfiguration lets
   * it in, it follows without one.
   */
  readonly selfObserves: boolean;
  /** Of the committed configuration, and of the last seen one when that is newer: a tally must satisfy all. */
  readonly quorums: readonly Quorum[];
  /** Votes of a server, by the committed configuration; 1 unless configured. */
  weightOf(sid: ServerId): number;
  /** The committed configuration as text, sent along with every vote. */
  readonly configText: string;
}

/** What an election asks of its host. A call only queues work; it never re-enters the election. */
export interface ElectionEffects {
  /** To another server, over its link or, while that is down, over the next one. */
  send(to: ServerId, notification: Notification): void;
  /** Dial those of `peers` whose link is down, and go on trying until the election is decided. */
  connect(peers: readonly ServerId[]): void;
  /** The election ended: this server is LEADING when `vote.leader` is itself, else FOLLOWING or OBSERVING. */
  decided(vote: Vote, state: Exclude<PeerState, "LOOKING">): void;
  /**
   * While this server looks, `from` sent another configuration than the committed one; unchecked text.
   *
   * @returns Whether it is newer and {@link Election.setMembership} will follow: the vote that came with it then
   *   does not count.
   */
  configSeen(from: ServerId, text: string): boolean;
  /** While this server leads, a voter looks for a leader. */
  peerLooking(from: ServerId): void;
  /**
   * The leader that was decided on, and is not established yet, has gone on to another or to a later round; or it is
   * this server, and too many of those that elected it have: it will not lead. Nobody else would say so, and waiting
   * for it costs an outage; the host looks again.
   */
  leaderGone(): void;
}

/** Times of an election, in milliseconds. */
export interface ElectionTimes {
  /** From one telling of the vote to the next while nothing is decided: doubled from the least to the greatest. */
  readonly notificationMsMin: number;
  readonly notificationMsMax: number;
}

/** What a server stands for when it begins to look. */
export interface InitialVote {
  /** Newest zxid of its log, committed or not; -1 when its database is not to be trusted. */
  readonly zxid: number;
  /** Its current epoch. */
  readonly peerEpoch: number;
}

/**
 * How long a quorum that agrees waits for a voter that is linked and has not spoken yet: it may know a better
 * candidate. (FastLeaderElection.finalizeWait)
 */
export const finalizeMs = 200;

/**
 * How long it waits for a voter of which nothing is known yet, since the first dial has not been answered. On one
 * machine or in one data centre an answer takes a few milliseconds; one that takes longer is not worth an outage,
 * for a candidate that comes late is only better by uncommitted txns or by its number.
 */
export const firstDialMs = 50;

/** A server without a vote hears of a new leader only by asking, so it does not ask ever more rarely. */
const nonVoterAskMsMax = 1000;

/** The same answer to the same server is not given twice within this time: two that think each other wrong would never stop. */
const sameAnswerMs = 20;

/** Servers remembered that were told no leader yet; others ask again by themselves. */
const askersMax = 256;

/**
 * Fast leader election as one server takes part in it, for as long as it runs: it looks, decides, and while it has
 * a leader answers those that look.
 *
 * The wire, the order of votes and the rules of a decision are Apache's (FastLeaderElection.lookForLeader). What
 * differs is only how long a decision waits. Apache waits {@link finalizeMs} after a quorum agrees, always. Here it
 * waits that long only for voters that are linked and have yet to agree, and {@link firstDialMs} for voters that
 * were never reached nor refused; a voter whose link is down cannot say anything. With all voters heard nothing is
 * waited for. And votes heard over a link end with it: the server behind the next link speaks for itself.
 */
export class Election {
  readonly #effects: ElectionEffects;
  readonly #times: ElectionTimes;
  #membership: ElectionMembership;
  #voters: ReadonlySet<ServerId>;

  #state: PeerState = "LOOKING";
  /** The logical clock. */
  #round = 0;
  /** The last decision. */
  #current: Vote | undefined;
  /** Whether that leader's epoch is established. */
  #isEstablished = false;
  /** Voters that had another leader, or were in another round, by the last word of them, while this server has no epoch to lead in yet. */
  #deserters = new Set<ServerId>();

  /** What this server stands for in the round it takes part in; undefined while it takes part in none. */
  #initial: InitialVote | undefined;
  #proposal: Vote = { leader: nobody, zxid: longMin, electionEpoch: 0, peerEpoch: longMin };
  /** Votes of this round. */
  #received: Votes = new Map();
  /** Votes of servers that have a leader, whatever their round, since this look began. */
  #outside: Votes = new Map();
  /** Voters of this round whose database is not trusted: they have spoken, but do not count. */
  #mute = new Set<ServerId>();
  /** The newest vote of each peer that came when this server was between two roles. */
  #early = new Map<ServerId, Notification>();

  /** Absent: never reached nor refused. Bound: those that are linked, and voters. */
  #links = new Map<ServerId, "up" | "down">();
  /** Servers that look and were not told of this server's leader, or of a leader whose epoch is not established. */
  #askers = new Set<ServerId>();
  /** What was last answered to whom. */
  #answers = new Map<ServerId, { readonly what: string; readonly atMs: number }>();

  #notificationMs = 0;
  #notifyAtMs = Infinity;
  /** Since when a quorum agrees with the proposal. */
  #agreedSinceMs: number | undefined;
  #decideAtMs = Infinity;

  constructor(membership: ElectionMembership, times: ElectionTimes, effects: ElectionEffects) {
    this.#effects = effects;
    this.#times = times;
    this.#membership = membership;
    this.#voters = votersOf(membership);
  }

  /** What this server is doing. LOOKING too before it ever looked and after {@link leave}. */
  get state(): PeerState {
    return this.#state;
  }

  /** The logical clock: the round this server takes or took part in. */
  get round(): number {
    return this.#round;
  }

  /** The last decision; undefined before the first. */
  get currentVote(): Vote | undefined {
    return this.#current;
  }

  /** Whom this server proposes while it looks. */
  get proposal(): Vote {
    return this.#proposal;
  }

  /** When {@link onTimer} is due; Infinity when nothing is. */
  get deadlineMs(): number {
    return Math.min(this.#notifyAtMs, this.#decideAtMs);
  }

  /** Begins a round of one's own, with a logical clock one higher. */
  look(initial: InitialVote, nowMs: number): void {
    this.leave();
    this.#initial = initial;
    this.#beginRound(nowMs);
    const early = [...this.#early];
    this.#early.clear();
    for (const [from, notification] of early) {
      if (this.#initial !== undefined) this.#hear(from, notification, nowMs);
    }
  }

  /**
   * The role is over and what this server stands for not known yet: from now on it does not speak for its old
   * leader, and keeps what voters say for {@link look}.
   */
  leave(): void {
    if (this.#state !== "LOOKING") this.#askers.clear();
    this.#state = "LOOKING";
    this.#endRound();
  }

  /** Takes a state and a vote without an election: the leader that a reconfiguration designated. */
  settle(state: Exclude<PeerState, "LOOKING">, vote: Vote): void {
    this.#endRound();
    this.#early.clear();
    this.#deserters.clear();
    this.#state = state;
    this.#current = vote;
    this.#isEstablished = false;
    for (const sid of this.#askers) this.#tellCurrent(sid, vote);
  }

  /**
   * The leader's new epoch is established. Every member gives it in its vote from now on, or a server that joins
   * later would find no quorum that agrees. (QuorumPeer.updateElectionVote)
   */
  setPeerEpoch(peerEpoch: number): void {
    assert(
      this.#state !== "LOOKING" && this.#current !== undefined,
      "an epoch is established under a leader",
    );
    this.#isEstablished = true;
    if (this.#current.peerEpoch === peerEpoch) return;
    this.#current = { ...this.#current, peerEpoch };
    for (const sid of this.#askers) this.#tellCurrent(sid, this.#current);
    this.#askers.clear();
  }

  /** Another configuration came into force or was seen. While looking, a new round begins under it. */
  setMembership(membership: ElectionMembership, nowMs: number): void {
    this.#membership = membership;
    this.#voters = votersOf(membership);
    for (const [sid, link] of this.#links) {
      if (link === "down" && !this.#voters.has(sid)) this.#links.delete(sid);
    }
    if (this.#initial !== undefined) {
      this.#outside.clear();
      this.#beginRound(nowMs);
    }
  }

  /** There is a link to `sid`, or a new one in place of the old. What `sid` said before, it will say again. */
  onLinkUp(sid: ServerId, nowMs: number): void {
    this.#links.set(sid, "up");
    this.#answers.delete(sid);
    this.#forget(sid);
    this.#evaluate(nowMs);
  }

  /** The link to `sid` broke, or could not be made. */
  onLinkDown(sid: ServerId, nowMs: number): void {
    if (this.#voters.has(sid)) this.#links.set(sid, "down");
    else this.#links.delete(sid);
    this.#askers.delete(sid);
    this.#forget(sid);
    this.#evaluate(nowMs);
  }

  /** Something that was due may be done. */
  onTimer(nowMs: number): void {
    if (this.#initial === undefined) return;
    if (nowMs >= this.#notifyAtMs) {
      const max = this.#membership.selfVotes
        ? this.#times.notificationMsMax
        : Math.min(this.#times.notificationMsMax, nonVoterAskMsMax);
      this.#notificationMs = Math.min(this.#notificationMs * 2, max);
      this.#tellAll(nowMs);
      this.#connect();
    }
    this.#evaluate(nowMs);
  }

  /** A server told its vote. Also one that this server does not know, or has no vote. */
  onNotification(from: ServerId, notification: Notification, nowMs: number): void {
    if (from === this.#membership.self) return;
    const { configText } = notification;
    if (this.#state === "LOOKING" && configText !== null && configText !== this.#membership.configText) {
      if (this.#effects.configSeen(from, configText)) return;
    }
    if (!this.#voters.has(from)) return this.#answerNonVoter(from, notification, nowMs);
    if (this.#initial !== undefined) return this.#hear(from, notification, nowMs);
    if (this.#state === "LOOKING") {
      this.#early.set(from, notification);
    } else if (notification.state !== "LOOKING") {
      if (this.#isDeserted(from, notification)) this.#effects.leaderGone();
    } else {
      // Not told that it has followers, which could make it lead after all, while they look again.
      if (this.#hasGoneOn(from, notification) || this.#isDeserted(from, notification)) {
        return this.#effects.leaderGone();
      }
      this.#note(from);
      this.#tellCurrent(from, this.#current!);
      if (this.#state === "LEADING") this.#effects.peerLooking(from);
    }
  }

  /**
   * Whether this is the leader, on its way elsewhere. Servers do not wait equally long before they decide, Apache's
   * least of all, so one that they were about to elect may still hear of a better one. In one round a server never
   * goes back to itself, so a vote for another is always its newer word.
   */
  #hasGoneOn(from: ServerId, { leader, electionEpoch }: Notification): boolean {
    const current = this.#current!;
    // A leader that a reconfiguration designated was elected in no round.
    if (this.#isEstablished || from !== current.leader || current.electionEpoch < 0) return false;
    return isLaterRound(electionEpoch, current.electionEpoch) ||
      (electionEpoch === current.electionEpoch && leader !== from);
  }

  /**
   * Whether this server was elected by voters that are no longer there. Its links may have been dead for a while and then
   * bring all that was said meanwhile, old votes first; or it decided at once, since it could not hear of a better one,
   * and others can. Apache's leader waits the whole initLimit for them.
   */
  #isDeserted(from: ServerId, notification: Notification): boolean {
    const current = this.#current!;
    const { self } = this.#membership;
    if (this.#isEstablished || current.leader !== self || current.electionEpoch < 0) return false;
    const { state, leader, electionEpoch } = notification;
    if (state === "OBSERVING") return false;
    if (leader === self && (state !== "LOOKING" || electionEpoch === current.electionEpoch)) {
      this.#deserters.delete(from);
      return false;
    }
    if (state === "LOOKING" && electionEpoch === current.electionEpoch) {
      // What it wanted before it heard of this server.
      if (!beats(notification, current, (sid) => this.#membership.weightOf(sid))) return false;
      // In one round nobody goes back to a worse vote, so whom it names stands for itself, or for a better one yet.
      if (this.#voters.has(leader)) this.#deserters.add(leader);
    }
    this.#deserters.add(from);
    const left = new Set([...this.#voters].filter((sid) => !this.#deserters.has(sid)));
    return this.#membership.quorums.some((quorum) => !quorum.contains(left));
  }

  /**
   * Servers without a vote are answered and not heard. Apache answers by the last decision even while it looks,
   * which may name a leader that is gone; here it is the proposal, as voters are told.
   */
  #answerNonVoter(from: ServerId, notification: Notification, nowMs: number): void {
    if (notification.state !== "LOOKING") return;
    this.#note(from);
    if (this.#state !== "LOOKING") this.#tellCurrent(from, this.#current!);
    else if (this.#initial !== undefined) this.#answerLooking(from, nowMs);
  }

  /** A voter's word in a round that this server takes part in. */
  #hear(from: ServerId, notification: Notification, nowMs: number): void {
    if (notification.state === "LOOKING") this.#hearLooking(from, notification, nowMs);
    else if (notification.state !== "OBSERVING") this.#hearSettled(from, notification, nowMs);
  }

  #hearLooking(from: ServerId, notification: Notification, nowMs: number): void {
    // It has no leader any more, so it does not speak for one.
    const wasOutside = this.#outside.delete(from);
    // An observer does not take part in deciding: it follows what voters have decided. Who is no member does: a change
    // that others know of may have given it a vote, which they then need.
    if (this.#membership.selfObserves) return;
    const vote: HeardVote = { ...voteOf(notification), state: "LOOKING", version: 0 };
    const isLater = isLaterRound(vote.electionEpoch, this.#round);
    if (vote.electionEpoch !== this.#round && !isLater) return this.#answerLooking(from, nowMs);
    // Who stands for nobody has a vote to give all the same: its round may be one that others have to come to.
    if (!this.#voters.has(vote.leader) && !(isLater && vote.leader === nobody)) return;
    if (vote.zxid === untrustedZxid) this.#mute.add(from);
    if (vote.zxid === untrustedZxid || this.#initial!.zxid === untrustedZxid) return this.#evaluate(nowMs);

    const weightOf = (sid: ServerId) => this.#membership.weightOf(sid);
    const isNews = vote.electionEpoch > this.#round || beats(vote, this.#proposal, weightOf);
    if (isNews && vote.leader === this.#membership.self && beats(vote, this.#ownVote(), weightOf)) {
      // Somebody remembers this server from before a crash that lost the end of its log, or all of it. It must not stand
      // for that, and nobody takes a vote back before the next round. Apache's servers let themselves be elected so.
      this.#round = vote.electionEpoch;
      return this.#beginRound(nowMs);
    }
    let told = true;
    if (isLater) {
      this.#round = vote.electionEpoch;
      this.#received.clear();
      this.#mute.clear();
      const own = this.#ownVote();
      this.#propose(beats(vote, own, weightOf) ? vote : own, nowMs);
    } else if (isNews) {
      this.#propose(vote, nowMs);
    } else {
      told = false;
    }
    this.#received.set(from, vote);
    // It had a leader when it was told our vote, and passed it over.
    if (wasOutside && !told && !sameVote(vote, this.#heardProposal())) {
      this.#tell(from, this.#proposal, this.#round);
    }
    this.#evaluate(nowMs);
  }

  #hearSettled(from: ServerId, notification: Notification, nowMs: number): void {
    if (!this.#voters.has(notification.leader)) return;
    const vote: HeardVote = {
      ...voteOf(notification),
      state: notification.state,
      version: notification.version,
    };
    if (vote.electionEpoch === this.#round) {
      this.#received.set(from, { ...vote, version: 0 });
      if (this.#isDecisive(this.#received, vote)) return this.#decide(vote);
    }
    this.#outside.set(from, vote);
    if (this.#isDecisive(this.#outside, vote)) {
      this.#round = vote.electionEpoch;
      return this.#decide(vote);
    }
    this.#evaluate(nowMs);
  }

  /** Whether a quorum has this vote's leader, and it leads. */
  #isDecisive(votes: Votes, vote: HeardVote): boolean {
    const { self, quorums } = this.#membership;
    if (vote.leader !== self) {
      // Following elects nobody. Of two memberships one suffices, for a change that only this server knows of may be
      // what the others have gone on without; Apache asks for both, and such a server never finds its leader again.
      return quorums.some((quorum) => isQuorum(votes, vote, [quorum])) && saysItLeads(votes, vote.leader);
    }
    if (!isQuorum(votes, vote, quorums)) return false;
    // Others have elected this server in this very round. Apache looks at the round alone; but a leader that was
    // started again may meet the same number while those that followed it have not noticed yet.
    const own = this.#ownVote();
    return this.#membership.selfVotes && vote.electionEpoch === this.#round &&
      vote.zxid === own.zxid && vote.peerEpoch === own.peerEpoch;
  }

  /** Decides for the proposal, now or later, when a quorum of this round agrees with it. */
  #evaluate(nowMs: number): void {
    if (this.#initial === undefined) return;
    if (!isQuorum(this.#received, this.#heardProposal(), this.#membership.quorums)) {
      this.#agreedSinceMs = undefined;
      this.#decideAtMs = Infinity;
      return;
    }
    this.#agreedSinceMs ??= nowMs;
    this.#decideAtMs = this.#agreedSinceMs + this.#waitMs();
    if (nowMs >= this.#decideAtMs) this.#decide(this.#proposal);
  }

  /** How long to wait, from when a quorum agrees, for those that may still know better. */
  #waitMs(): number {
    const { leader } = this.#proposal;
    // Nothing speaks for haste when the one elected cannot be reached.
    if (this.#links.get(leader) === "down") return finalizeMs;
    let waitMs = 0;
    for (const voter of this.#peers()) {
      const link = this.#links.get(voter);
      if (link === undefined) waitMs = firstDialMs;
      else if (link === "up" && !this.#hasSpoken(voter)) return finalizeMs;
    }
    return waitMs;
  }

  /** Whether a voter has said in this round all that it will, as far as this server's proposal goes. */
  #hasSpoken(voter: ServerId): boolean {
    if (this.#mute.has(voter)) return true;
    const vote = this.#received.get(voter);
    if (vote === undefined) return false;
    // A server without weight may stand by itself for ever.
    return sameVote(vote, this.#heardProposal()) || this.#membership.weightOf(voter) === 0;
  }

  #decide({ leader, zxid, electionEpoch, peerEpoch }: Vote): void {
    const vote: Vote = { leader, zxid, electionEpoch, peerEpoch };
    const { self, selfObserves } = this.#membership;
    const state = leader === self ? "LEADING" : selfObserves ? "OBSERVING" : "FOLLOWING";
    const decision: HeardVote = { ...vote, state: "LOOKING", version: 0 };
    // Those that agree decide by themselves; the others would have to ask again.
    for (const sid of this.#mute) this.#note(sid);
    for (const [sid, heard] of this.#received) {
      if (sid !== self && heard.state === "LOOKING" && !sameVote(heard, decision)) this.#note(sid);
    }
    this.#effects.decided(vote, state);
    this.settle(state, vote);
  }

  #beginRound(nowMs: number): void {
    this.#round = nextRound(this.#round);
    this.#received.clear();
    this.#mute.clear();
    this.#notificationMs = this.#times.notificationMsMin;
    this.#propose(this.#ownVote(), nowMs);
    this.#connect();
    this.#evaluate(nowMs);
  }

  #endRound(): void {
    this.#initial = undefined;
    this.#received.clear();
    this.#outside.clear();
    this.#mute.clear();
    this.#agreedSinceMs = undefined;
    this.#notifyAtMs = Infinity;
    this.#decideAtMs = Infinity;
  }

  /** Takes a vote for one's own and tells everybody. */
  #propose({ leader, zxid, peerEpoch }: Omit<Vote, "electionEpoch">, nowMs: number): void {
    this.#proposal = { leader, zxid, electionEpoch: this.#round, peerEpoch };
    this.#agreedSinceMs = undefined;
    const { self, selfObserves } = this.#membership;
    if (!selfObserves && this.#initial!.zxid !== untrustedZxid) {
      this.#received.set(self, this.#heardProposal());
    }
    this.#tellAll(nowMs);
  }

  #connect(): void {
    const peers = this.#peers();
    if (peers.length > 0) this.#effects.connect(peers);
  }

  #tellAll(nowMs: number): void {
    this.#notifyAtMs = nowMs + this.#notificationMs;
    for (const sid of this.#peers()) this.#tell(sid, this.#proposal, this.#round);
  }

  /** An answer to a server that looks too; not the same one again at once. */
  #answerLooking(to: ServerId, nowMs: number): void {
    const { leader, zxid, peerEpoch } = this.#proposal;
    const what = `${this.#round} ${leader} ${zxid} ${peerEpoch}`;
    const last = this.#answers.get(to);
    if (last !== undefined && last.what === what && nowMs - last.atMs < sameAnswerMs) return;
    if (this.#answers.size >= askersMax) this.#answers.clear();
    this.#answers.set(to, { what, atMs: nowMs });
    this.#tell(to, this.#proposal, this.#round);
  }

  #tellCurrent(to: ServerId, vote: Vote): void {
    this.#tell(to, vote, this.#voters.has(to) ? vote.electionEpoch : this.#round);
  }

  #tell(to: ServerId, { leader, zxid, peerEpoch }: Vote, electionEpoch: number): void {
    this.#effects.send(to, {
      state: this.#state,
      leader,
      zxid,
      electionEpoch,
      peerEpoch,
      version: notificationVersion,
      configText: this.#membership.configText,
    });
  }

  #note(asker: ServerId): void {
    if (this.#askers.size < askersMax) this.#askers.add(asker);
  }

  #forget(sid: ServerId): void {
    this.#received.delete(sid);
    this.#outside.delete(sid);
    this.#mute.delete(sid);
    this.#early.delete(sid);
  }

  /** What this server votes for before it hears of a better one. */
  #ownVote(): Vote {
    const { self, selfVotes, selfObserves } = this.#membership;
    const { zxid, peerEpoch } = this.#initial!;
    return {
      leader: selfVotes ? self : nobody,
      zxid: selfObserves ? longMin : zxid,
      electionEpoch: this.#round,
      peerEpoch: selfObserves ? longMin : peerEpoch,
    };
  }

  #heardProposal(): HeardVote {
    return { ...this.#proposal, state: "LOOKING", version: 0 };
  }

  /** The voters except this server. */
  #peers(): ServerId[] {
    return [...this.#voters].filter((sid) => sid !== this.#membership.self);
  }
}

function voteOf({ leader, zxid, electionEpoch, peerEpoch }: Notification): Vote {
  return { leader, zxid, electionEpoch, peerEpoch };
}

function votersOf(membership: ElectionMembership): ReadonlySet<ServerId> {
  return new Set(membership.quorums.flatMap((quorum) => quorum.voters));
}
