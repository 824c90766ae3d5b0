import { assert } from "../base/assert.ts";
import type { Quorum, ServerId } from "../quorum/quorum.ts";
import { type Zxid, zxidToHex } from "../protocol/zxid.ts";

/** What a leader asks of its host. A call only queues work; it never re-enters the leader. */
export interface LeaderEffects {
  /** A quorum has this proposal on stable storage: it and all before it will survive. Called in zxid order. */
  commit(zxid: Zxid): void;
  /** A peer sent something impossible: the host logs it and may drop the link. */
  reject(from: ServerId, reason: string): void;
}

/**
 * A leader's broadcast phase: which proposals are committed, and in what order.
 *
 * Zxids are consecutive and every server acks in their order, so an ack of one proposal stands for all before
 * it: one zxid per voter is all there is to remember, and nothing per proposal. A standalone server is a
 * leader whose only voter is itself; its own ack comes, like everybody's, once its disk has synced.
 * (Leader.propose, Leader.processAck)
 */
export class Leader {
  #tally: Tally;
  /** While a change of the membership is not committed: it and all behind it need the new quorum, too. */
  #next: Tally | null = null;
  #nextFrom: Zxid = 0;
  #lastProposed: Zxid;
  #lastCommitted: Zxid;

  /**
   * @param start What is committed before the first proposal, which gets the next zxid: the newest zxid of the
   *   log when standalone, counter 0 of its epoch for a leader that was elected.
   */
  constructor(quorum: Quorum, start: Zxid) {
    this.#tally = new Tally(quorum, start);
    this.#lastProposed = start;
    this.#lastCommitted = start;
  }

  /** Newest zxid proposed; the next proposal's is one more. */
  get lastProposed(): Zxid {
    return this.#lastProposed;
  }

  /** Newest zxid committed. */
  get lastCommitted(): Zxid {
    return this.#lastCommitted;
  }

  /** Proposals not committed yet. */
  get outstandingCount(): number {
    return this.#lastProposed - this.#lastCommitted;
  }

  /** @returns The newest zxid a voter has acked; -1 for a server without a vote. */
  ackedBy(voter: ServerId): Zxid {
    return Math.max(this.#tally.ackedBy(voter) ?? -1, this.#next?.ackedBy(voter) ?? -1);
  }

  /** A proposal leaves for the logs; gaps are our own bug, since learners would stop at them. */
  propose(zxid: Zxid): void {
    assert(zxid === this.#lastProposed + 1, "proposals have consecutive zxids");
    this.#lastProposed = zxid;
  }

  /**
   * Server `from`, perhaps this one, has `zxid` and all before it on stable storage.
   *
   * Acks of what is committed already are quietly passed over: of slow learners, of observers that log, and
   * the one that follows UPTODATE, with counter 0.
   */
  onAck(from: ServerId, zxid: Zxid, effects: LeaderEffects): void {
    if (zxid <= this.#lastCommitted) return;
    if (!this.#tally.counts(from) && this.#next?.counts(from) !== true) return;
    if (zxid > this.#lastProposed) {
      return effects.reject(from, `acked 0x${zxidToHex(zxid)}, which was never proposed`);
    }
    const isNews = this.#tally.onAck(from, zxid);
    if (this.#next !== null) this.#next.onAck(from, zxid);
    else if (!isNews) return;
    this.#commitReached(effects);
  }

  /**
   * Server `from` was synchronized anew and holds nothing behind `zxid` any more, whatever it had acked: it was told to
   * cut off what was not committed, and will be sent it again. Counting the old ack could commit what only this
   * server holds.
   */
  onResynced(from: ServerId, zxid: Zxid): void {
    this.#tally.forget(from, zxid);
    this.#next?.forget(from, zxid);
  }

  /**
   * The proposal of this zxid, made already, changes the membership: it and what follows are committed only when
   * both the old quorum and the new one have them (QuorumPeer's last-seen configuration).
   */
  onReconfigProposed(zxid: Zxid, quorum: Quorum): void {
    assert(this.#next === null, "one change of the membership at a time");
    this.#next = new Tally(quorum, this.#lastCommitted, this.#tally);
    this.#nextFrom = zxid;
  }

  /** That change is committed: the new quorum alone decides from now on. */
  onReconfigCommitted(effects: LeaderEffects): void {
    assert(this.#next !== null, "a change of the membership was proposed");
    this.#tally = this.#next;
    this.#next = null;
    this.#commitReached(effects);
  }

  #commitReached(effects: LeaderEffects): void {
    if (this.#next === null) {
      const reached = this.#tally.reached();
      while (this.#lastCommitted < reached) effects.commit(++this.#lastCommitted);
      return;
    }
    // A commit may put the new quorum in force.
    while (this.#lastCommitted < this.#reached()) effects.commit(++this.#lastCommitted);
  }

  #reached(): Zxid {
    const reached = this.#tally.reached();
    if (this.#next === null || reached < this.#nextFrom) return reached;
    return Math.min(reached, Math.max(this.#nextFrom - 1, this.#next.reached()));
  }

  /**
   * The log refused `firstZxid` and all proposals after it (a full disk): they never happened, and their zxids
   * are given out again. Only right while no other server was sent them, as when standalone; a leader with
   * followers has to give up its office instead.
   */
  onRefused(firstZxid: Zxid): void {
    assert(firstZxid > this.#lastCommitted, "what is committed cannot be refused");
    assert(firstZxid <= this.#lastProposed, "what is refused was proposed");
    assert(this.#tally.furthest() < firstZxid, "what was acked cannot be refused");
    this.#lastProposed = firstZxid - 1;
  }
}

/** How far each voter of a configuration has acked. */
class Tally {
  readonly #quorum: Quorum;
  /** The newest zxid each voter has acked, in the order of the quorum's voters. */
  readonly #acked: Zxid[];

  /** @param known Where to look up what its voters acked before. */
  constructor(quorum: Quorum, start: Zxid, known?: Tally) {
    this.#quorum = quorum;
    this.#acked = quorum.voters.map((voter) => known?.ackedBy(voter) ?? start);
  }

  counts(server: ServerId): boolean {
    return this.#quorum.voters.includes(server);
  }

  ackedBy(voter: ServerId): Zxid | undefined {
    const at = this.#quorum.voters.indexOf(voter);
    return at < 0 ? undefined : this.#acked[at];
  }

  /** @returns Whether it says something new. */
  onAck(from: ServerId, zxid: Zxid): boolean {
    const voter = this.#quorum.voters.indexOf(from);
    if (voter === -1 || zxid <= this.#acked[voter]) return false;
    this.#acked[voter] = zxid;
    return true;
  }

  forget(server: ServerId, zxid: Zxid): void {
    const voter = this.#quorum.voters.indexOf(server);
    if (voter !== -1 && this.#acked[voter] > zxid) this.#acked[voter] = zxid;
  }

  reached(): Zxid {
    return this.#quorum.reachedByQuorum(this.#acked);
  }

  furthest(): Zxid {
    return Math.max(...this.#acked);
  }
}
