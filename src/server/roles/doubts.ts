import { limits } from "../../base/limits.ts";

/**
 * Clients' questions after sessions of which a leader is certain only once it has heard that a quorum follows still. Each
 * waits for the round that tells; none outlasts the office. Bound: limits.sessionsInDoubtMax.
 */
export class Doubts {
  #waiting: { readonly round: number; readonly answer: () => void }[] = [];

  /** @returns False when too many wait already: this one is not answered. */
  add(round: number, answer: () => void): boolean {
    if (this.#waiting.length >= limits.sessionsInDoubtMax) return false;
    this.#waiting.push({ round, answer });
    return true;
  }

  /** A quorum has said that it follows, by that round: answers all that waited for it. */
  settle(round: number): void {
    const due = this.#waiting.filter((one) => one.round <= round);
    this.#waiting = this.#waiting.filter((one) => one.round > round);
    for (const { answer } of due) answer();
  }
}
