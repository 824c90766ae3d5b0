/** A server's number in its ensemble (`myid`). */
export type ServerId = number;

/** Who votes, and which of them suffice. (QuorumVerifier) */
export interface Quorum {
  /** The voting servers, ascending. Observers are not among them. */
  readonly voters: readonly ServerId[];

  /** @returns Whether the servers in `acks` that vote suffice. */
  contains(acks: ReadonlySet<ServerId>): boolean;

  /**
   * The furthest place in the log that a quorum has reached, where a voter that reached a place has reached all
   * before it. Keeps nothing and allocates nothing: it is asked at every ack.
   *
   * @param reached How far each voter is, as zxids or other rising numbers, in the order of {@link voters}.
   */
  reachedByQuorum(reached: readonly number[]): number;
}

/** @returns Whether a server has a vote in one of these memberships at least. */
export function votesInAny(quorums: readonly Quorum[], server: ServerId): boolean {
  return quorums.some((quorum) => quorum.voters.includes(server));
}
