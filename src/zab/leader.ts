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
  readonly #quorum: Quorum;
  /** The newest zxid each voter has acked, in the order of the quorum's voters. */
  readonly #acked: Zxid[];
  #lastProposed: Zxid;
  #lastCommitted: Zxid;

  /**
   * @param start What is committed before the first proposal, which gets the next zxid: the newest zxid of the
   *   log when standalone, counter 0 of its epoch for a leader that was elected.
   */
  constructor(quorum: Quorum, start: Zxid) {
    this.#quorum = quorum;
    this.#acked = quorum.voters.map(() => start);
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
    const voter = this.#quorum.voters.indexOf(from);
    if (voter === -1) return;
    if (zxid > this.#lastProposed) {
      return effects.reject(from, `acked 0x${zxidToHex(zxid)}, which was never proposed`);
    }
    if (zxid <= this.#acked[voter]) return;
    this.#acked[voter] = zxid;
    const reached = this.#quorum.reachedByQuorum(this.#acked);
    while (this.#lastCommitted < reached) effects.commit(++this.#lastCommitted);
  }

  /**
   * The log refused `firstZxid` and all proposals after it (a full disk): they never happened, and their zxids
   * are given out again. Only right while no other server was sent them, as when standalone; a leader with
   * followers has to give up its office instead.
   */
  onRefused(firstZxid: Zxid): void {
    assert(firstZxid > this.#lastCommitted, "what is committed cannot be refused");
    assert(firstZxid <= this.#lastProposed, "what is refused was proposed");
    for (const zxid of this.#acked) assert(zxid < firstZxid, "what was acked cannot be refused");
    this.#lastProposed = firstZxid - 1;
  }
}
