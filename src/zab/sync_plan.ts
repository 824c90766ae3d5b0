import { limits } from "../base/limits.ts";
import type { JuteWriter } from "../jute/writer.ts";
import { PacketType, writeEntryPacket, writePacket } from "../protocol/quorum_packet.ts";
import { counterOf, epochOf, type Zxid } from "../protocol/zxid.ts";
import type { CommittedLog, LoggedEntry } from "./committed_log.ts";

/** How a learner comes to have what its leader has. */
export interface SyncPlan {
  /** Go on from what it has; cut its log first; or take the whole tree. */
  readonly how: "DIFF" | "TRUNC" | "SNAP";
  /** The packet's zxid: where to cut for TRUNC, else for information. */
  readonly zxid: Zxid;
  /** Everything committed up to here is queued, or in the learner already. Of no meaning for SNAP. */
  readonly queuedUpTo: Zxid;
}

/** Entries of the txn log on disk, in order. */
export interface HistoryReader {
  /** @returns The next entry, good until the next call; null at the end, or where reading fails. */
  next(): LoggedEntry | null;
  /**
   * Zxid of what precedes the entry that {@link next} gave last: another entry, or the snapshot with which a hole
   * ends; -1 when unknown.
   */
  readonly before: Zxid;
  /** Reading failed. */
  readonly isBroken: boolean;
  close(): void;
}

/** What {@link planSync} decides by. */
export interface SyncState {
  /** Newest zxid in the learner's log. */
  readonly learnerZxid: Zxid;
  /** Newest zxid that is committed here, or of what else the learner may have: nothing newer is sent. */
  readonly lastCommitted: Zxid;
  readonly committedLog: CommittedLog;
  /**
   * Opens the log on disk at the first entry that is not older than `zxid`; null when that is so much that a
   * snapshot is the shorter way (`snapshotSizeFactor`).
   */
  openHistory(zxid: Zxid): HistoryReader | null;
}

/**
 * Chooses how a learner is synchronized, and writes the txns it lacks as PROPOSAL and COMMIT pairs into `queue`,
 * which is left as it was for SNAP (LearnerHandler.syncFollower, queueCommittedProposals).
 *
 * A learner that holds what this server never had is cut back to the newest txn that both have, where that can be
 * told: when this server has a txn of the learner's newest epoch, or nothing newer than the learner has; else it takes
 * a snapshot. One that stands at the very beginning of an epoch is never cut: it has been told of the epoch, not of a
 * txn; and none is cut back to there, which no log could find. Nothing is sent from before a hole, as a log on disk has
 * one where its server was once sent a snapshot.
 */
export function planSync(state: SyncState, queue: JuteWriter): SyncPlan {
  const { learnerZxid, lastCommitted, committedLog } = state;
  const isNewEpoch = counterOf(learnerZxid) === 0;
  const count = committedLog.firstAfter(lastCommitted);
  const max = count === 0 ? lastCommitted : committedLog.at(count - 1).zxid;
  const min = count === 0 ? lastCommitted : committedLog.min;
  if (learnerZxid === lastCommitted) return { how: "DIFF", zxid: learnerZxid, queuedUpTo: learnerZxid };
  if (learnerZxid > max && !isNewEpoch && counterOf(max) !== 0) {
    return { how: "TRUNC", zxid: max, queuedUpTo: max };
  }
  const start = queue.length;
  const walk = new Walk(learnerZxid, max, queue);
  if (learnerZxid >= 0 && learnerZxid === committedLog.base) walk.onBase(learnerZxid);
  if (walk.last < 0 && learnerZxid < min) walkHistory(state, walk, min);
  if (walk.last >= 0 || (learnerZxid >= min && learnerZxid <= max)) walkCommitted(committedLog, count, walk);
  const plan = walk.end();
  if (plan !== null) return plan;
  queue.rewind(start);
  return { how: "SNAP", zxid: lastCommitted, queuedUpTo: lastCommitted };
}

/** Takes the first `count` entries in memory, behind what the walk has seen on the disk. */
function walkCommitted(committedLog: CommittedLog, count: number, walk: Walk): void {
  // Else what lies between the two came by a snapshot: no log here has it.
  if (walk.last >= 0 && walk.last < committedLog.base) walk.isHopeless = true;
  for (let index = committedLog.firstAfter(walk.last); index < count; index++) {
    if (walk.isHopeless) return;
    walk.onEntry(committedLog.at(index));
  }
}

/** Takes what is older than the txns in memory from the disk. */
function walkHistory(state: SyncState, walk: Walk, min: Zxid): void {
  const history = state.openHistory(state.learnerZxid);
  if (history === null) {
    walk.isHopeless = true;
    return;
  }
  try {
    for (let entry = history.next(); entry !== null && !walk.isHopeless; entry = history.next()) {
      // What the disk holds behind the newest committed txn is not decided yet.
      if (entry.zxid > state.lastCommitted) break;
      // Where files overlap, entries come again.
      if (walk.last >= entry.zxid) continue;
      if (walk.last < 0 && entry.zxid > state.learnerZxid) {
        // What the learner has in front of it and this disk has not, is unknown.
        if (history.before < 0) walk.isHopeless = true;
        else if (history.before === state.learnerZxid) walk.onBase(history.before);
        else walk.onOlder(history.before);
      }
      if (!walk.isHopeless) walk.onEntry(entry);
      if (entry.zxid >= min) break;
    }
    if (history.isBroken) walk.isHopeless = true;
  } finally {
    history.close();
  }
}

/** Whether no txn can lie between the two: counters are consecutive, and an epoch begins with 1. */
function follows(before: Zxid, zxid: Zxid): boolean {
  return zxid === before + 1 || (epochOf(zxid) > epochOf(before) && counterOf(zxid) === 1);
}

/** Goes through entries in order, finds where the learner stands and queues what comes behind. */
class Walk {
  isHopeless = false;
  /** The newest entry seen; -1 before the first. */
  last: Zxid = -1;
  readonly #learnerZxid: Zxid;
  readonly #max: Zxid;
  readonly #queue: JuteWriter;
  readonly #start: number;
  #how: "DIFF" | "TRUNC" | null = null;
  #zxid: Zxid = 0;

  constructor(learnerZxid: Zxid, max: Zxid, queue: JuteWriter) {
    this.#learnerZxid = learnerZxid;
    this.#max = max;
    this.#queue = queue;
    this.#start = queue.length;
  }

  /** The learner has all that precedes the entries to come, and nothing else. */
  onBase(zxid: Zxid): void {
    this.#begin(zxid, zxid);
    this.last = zxid;
  }

  /** An entry that the learner may have, and that precedes those to come. */
  onOlder(zxid: Zxid): void {
    this.last = zxid;
  }

  onEntry(entry: LoggedEntry): void {
    const { zxid } = entry;
    const before = this.last;
    if (before >= 0 && !follows(before, zxid)) {
      this.isHopeless = true;
      return;
    }
    this.last = zxid;
    if (zxid < this.#learnerZxid) return;
    if (this.#how === null) {
      this.#begin(before, zxid);
      if (this.#how === null || zxid === this.#learnerZxid) return;
    }
    writeEntryPacket(this.#queue, PacketType.proposal, zxid, entry.bytes, entry.start, entry.end);
    writePacket(this.#queue, PacketType.commit, zxid, null);
    if (this.#queue.length - this.#start > limits.learnerDiffBytesMax) this.isHopeless = true;
  }

  /** @returns Null when only a snapshot helps. */
  end(): SyncPlan | null {
    if (this.isHopeless || this.#how === null) return null;
    return { how: this.#how, zxid: this.#zxid, queuedUpTo: Math.max(this.last, this.#zxid) };
  }

  /** The first entry that is not older than the learner's newest. */
  #begin(before: Zxid, zxid: Zxid): void {
    if (zxid === this.#learnerZxid || counterOf(this.#learnerZxid) === 0) {
      this.#how = "DIFF";
      this.#zxid = this.#max;
    } else if (before > 0 && counterOf(before) > 0 && epochOf(before) === epochOf(this.#learnerZxid)) {
      // Both had the one leader of that epoch, so what this server has of it the learner has, too.
      this.#how = "TRUNC";
      this.#zxid = before;
    } else {
      this.isHopeless = true;
    }
  }
}
