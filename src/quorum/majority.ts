import { assert } from "../base/assert.ts";
import type { Quorum, ServerId } from "./quorum.ts";

/** More than half of the voters suffice, each counting once. (QuorumMaj) */
export class Majority implements Quorum {
  readonly voters: readonly ServerId[];
  readonly #needed: number;

  /** @param voters The voting servers, at least one, each once; in any order. */
  constructor(voters: Iterable<ServerId>) {
    this.voters = [...new Set(voters)].sort((a, b) => a - b);
    assert(this.voters.length > 0, "an ensemble has a voter");
    this.#needed = Math.floor(this.voters.length / 2) + 1;
  }

  contains(acks: ReadonlySet<ServerId>): boolean {
    let count = 0;
    for (const voter of this.voters) if (acks.has(voter)) count++;
    return count >= this.#needed;
  }

  reachedByQuorum(reached: readonly number[]): number {
    assert(reached.length === this.voters.length, "one place for each voter");
    if (reached.length === 1) return reached[0];
    let best = -Infinity;
    for (const candidate of reached) {
      if (candidate <= best) continue;
      let count = 0;
      for (const place of reached) if (place >= candidate) count++;
      if (count >= this.#needed) best = candidate;
    }
    return best;
  }
}
