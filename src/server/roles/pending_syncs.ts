import { Deque } from "../../base/deque.ts";
import type { Zxid } from "../../protocol/zxid.ts";

interface PendingSync<Asker> {
  readonly asker: Asker;
  /** What the asker must have been told before. */
  readonly upTo: Zxid;
  /** The newest txn that was proposed when it asked. */
  readonly proposed: Zxid;
  /** The round of questions after a quorum that began behind it. */
  readonly round: number;
}

/**
 * Syncs that a leader has not answered, oldest first. It answers when a quorum has followed since it was asked: by then
 * nobody else led when that was, so whatever had been acknowledged, by whomever, it knew. Apache's leader answers without
 * asking anybody, so that one which has been replaced and does not know it answers from the past.
 *
 * A quorum says so in answer to a question ({@link onConfirmed}), or by its acks of a txn proposed since. The answer must
 * come before that txn does, for behind a sync its asker may have sent that very write, and waits in this order.
 */
export class PendingSyncs<Asker> {
  readonly #answer: (asker: Asker) => void;
  readonly #waiting = new Deque<PendingSync<Asker>>();
  #confirmed = 0;

  constructor(answer: (asker: Asker) => void) {
    this.#answer = answer;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** @param round The round of questions that tells whether a quorum follows. */
  push(asker: Asker, upTo: Zxid, proposed: Zxid, round: number): void {
    this.#waiting.push({ asker, upTo, proposed, round });
  }

  /** A quorum followed when that round had begun. */
  onConfirmed(round: number): void {
    this.#confirmed = round;
  }

  /**
   * Answers those that may be answered, in their order.
   *
   * @param told What askers have been told so far.
   * @param committed What a quorum is known to have acked.
   */
  answer(told: Zxid, committed: Zxid): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (next.upTo > told || (next.proposed >= committed && next.round > this.#confirmed)) return;
      this.#waiting.shift();
      this.#answer(next.asker);
    }
  }
}
