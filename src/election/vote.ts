import { longMin, type PeerState, roundLimit } from "../protocol/notification.ts";
import type { ServerId } from "../quorum/quorum.ts";

/** Whom a server wants to lead, and what speaks for it. */
export interface Vote {
  readonly leader: ServerId;
  /** The newest zxid of `leader` when it was proposed. */
  readonly zxid: number;
  /** The round the vote was cast in. */
  readonly electionEpoch: number;
  /** The epoch of `leader` when it was proposed; once it is established, the epoch that it leads. */
  readonly peerEpoch: number;
}

/** A vote as it was heard. */
export interface HeardVote extends Vote {
  /** What its sender was doing. */
  readonly state: PeerState;
  /** Version of the notification; 0 among the votes of one's own round, where it does not matter. */
  readonly version: number;
}

/** @returns The round behind this one. */
export function nextRound(round: number): number {
  return round + 1 < roundLimit ? round + 1 : 1;
}

/** Whether one round is later than another: what lies more than half of all rounds behind is ahead by the rest of them. */
export function isLaterRound(round: number, than: number): boolean {
  const ahead = round - than;
  return ahead > 0 ? ahead <= roundLimit / 2 : ahead < -roundLimit / 2;
}

/** Stands for the leader, and for the zxid and epoch of observers, in the vote of a server that has none. */
export const nobody: ServerId = longMin;

/** The zxid of a database that is empty though it should not be: such a vote counts for nothing (ZOOKEEPER-261). */
export const untrustedZxid = -1;

/**
 * The order of votes: the newer epoch, then the newer zxid, then the greater server id. A server without weight
 * is never better than another (ZOOKEEPER-764), and any is better than none.
 *
 * @see Fact: FastLeaderElection.totalOrderPredicate
 */
export function beats(
  candidate: Omit<Vote, "electionEpoch">,
  current: Omit<Vote, "electionEpoch">,
  weightOf: (sid: ServerId) => number,
): boolean {
  if (candidate.leader === nobody || weightOf(candidate.leader) === 0) return false;
  if (current.leader === nobody) return true;
  if (candidate.peerEpoch !== current.peerEpoch) return candidate.peerEpoch > current.peerEpoch;
  if (candidate.zxid !== current.zxid) return candidate.zxid > current.zxid;
  return candidate.leader > current.leader;
}

/**
 * Whether two votes stand for the same thing.
 *
 * Among servers that look, everything has to agree. Servers that have a leader may know it by different zxids and
 * rounds (ZOOKEEPER-1805), so leader and epoch suffice; and where just one of them is older than 3.4.6, whose
 * epochs are others, the leader alone does (ZOOKEEPER-1732).
 *
 * @see Fact: Vote.equals
 */
export function sameVote(a: HeardVote, b: HeardVote): boolean {
  if (a.leader !== b.leader) return false;
  if (a.state === "LOOKING" || b.state === "LOOKING") {
    return a.zxid === b.zxid && a.electionEpoch === b.electionEpoch && a.peerEpoch === b.peerEpoch;
  }
  return a.version > 0 !== b.version > 0 || a.peerEpoch === b.peerEpoch;
}
