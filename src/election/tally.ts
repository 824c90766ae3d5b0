import type { Quorum, ServerId } from "../quorum/quorum.ts";
import { type HeardVote, sameVote } from "./vote.ts";

/** The latest vote of each server. Bound: one entry per voter. */
export type Votes = Map<ServerId, HeardVote>;

/**
 * Whether those who voted as `vote` are a quorum of each of `quorums`: while a reconfiguration is under way, of
 * the committed servers and of the coming ones.
 *
 * @see Fact: FastLeaderElection.getVoteTracker
 */
export function isQuorum(votes: Votes, vote: HeardVote, quorums: readonly Quorum[]): boolean {
  const agreeing = new Set<ServerId>();
  for (const [sid, other] of votes) if (sameVote(vote, other)) agreeing.add(sid);
  return quorums.every((quorum) => quorum.contains(agreeing));
}

/**
 * Whether the leader of a vote says so itself. Without it servers elect one that has crashed, over and over, since
 * those it left behind still speak for it (ZOOKEEPER-569).
 *
 * @see Fact: FastLeaderElection.checkLeader
 */
export function saysItLeads(votes: Votes, leader: ServerId): boolean {
  return votes.get(leader)?.state === "LEADING";
}
