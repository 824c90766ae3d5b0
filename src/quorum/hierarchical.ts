import { assert } from "../base/assert.ts";
import type { Quorum, ServerId } from "./quorum.ts";

/**
 * More than half of the groups suffice, each by more than half of its weight. Groups without any weight do not
 * count, and servers without weight change nothing. (QuorumHierarchical)
 */
export class Hierarchical implements Quorum {
  readonly voters: readonly ServerId[];
  /** Each voter's weight, and the index of its group in `#weightNeeded`; in the order of the voters. */
  readonly #weights: readonly number[];
  readonly #groups: readonly number[];
  /** The least weight that decides for each group that has any. */
  readonly #weightNeeded: readonly number[];
  readonly #groupsNeeded: number;

  /**
   * @param voters The voting servers, at least one, each once and in a group; in any order.
   * @param groups Group of each server. Members that do not vote add to what the group needs, as they do in
   *   Apache, if they have a weight.
   * @param weights Votes of each server where it is not 1; whole numbers from 0.
   */
  constructor(
    voters: Iterable<ServerId>,
    groups: ReadonlyMap<ServerId, number>,
    weights: ReadonlyMap<ServerId, number>,
  ) {
    this.voters = [...new Set(voters)].sort((a, b) => a - b);
    assert(this.voters.length > 0, "an ensemble has a voter");
    const isVoter = new Set(this.voters);
    const total = new Map<number, number>();
    for (const [id, group] of groups) {
      const weight = weights.get(id) ?? (isVoter.has(id) ? 1 : 0);
      total.set(group, (total.get(group) ?? 0) + weight);
    }
    const counted = [...total.keys()].filter((group) => total.get(group)! > 0);
    this.#weightNeeded = counted.map((group) => Math.floor(total.get(group)! / 2) + 1);
    this.#groupsNeeded = Math.floor(counted.length / 2) + 1;
    this.#weights = this.voters.map((id) => weights.get(id) ?? 1);
    this.#groups = this.voters.map((id) => {
      const group = groups.get(id);
      assert(group !== undefined, "a voter is in a group, as there are groups");
      return counted.indexOf(group);
    });
  }

  contains(acks: ReadonlySet<ServerId>): boolean {
    let decided = 0;
    for (let group = 0; group < this.#weightNeeded.length; group++) {
      let weight = 0;
      for (let voter = 0; voter < this.voters.length; voter++) {
        if (this.#groups[voter] === group && acks.has(this.voters[voter])) weight += this.#weights[voter];
      }
      if (weight >= this.#weightNeeded[group]) decided++;
    }
    return decided >= this.#groupsNeeded;
  }

  reachedByQuorum(reached: readonly number[]): number {
    assert(reached.length === this.voters.length, "one place for each voter");
    let best = -Infinity;
    for (const candidate of reached) {
      if (candidate > best && this.#isReached(candidate, reached)) best = candidate;
    }
    return best;
  }

  #isReached(place: number, reached: readonly number[]): boolean {
    let decided = 0;
    for (let group = 0; group < this.#weightNeeded.length; group++) {
      let weight = 0;
      for (let voter = 0; voter < reached.length; voter++) {
        if (this.#groups[voter] === group && reached[voter] >= place) weight += this.#weights[voter];
      }
      if (weight >= this.#weightNeeded[group]) decided++;
    }
    return decided >= this.#groupsNeeded;
  }
}
