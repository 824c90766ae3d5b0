import type { Zxid } from "../protocol/zxid.ts";
import type { ServerId } from "../quorum/quorum.ts";

/** A learner's connection, as its host numbers it. */
export type LinkId = number;

/** What a leader knows of a learner that connected to it (LearnerHandler). */
export class Seat {
  readonly link: LinkId;
  /** From its first packet on. */
  serverId: ServerId = -1;
  /** It said OBSERVERINFO: it is told what is committed, with the txn, and never acks. */
  isObserver = false;
  phase:
    /** Its first packet is awaited. */
    | "hello"
    /** It waits to be told the epoch. */
    | "waitEpoch"
    /** It was told the epoch; its ACKEPOCH is awaited. */
    | "ackEpoch"
    /** It acked the epoch, while another connection in its name takes part and is heard. */
    | "waitSeat"
    /** It waits until enough learners have acked the epoch. */
    | "waitSync"
    /** It waits until others are brought up to date: without a vote it has no claim to be at once. */
    | "queued"
    /** It is being sent what it lacks; its ack of NEWLEADER is awaited. */
    | "syncing"
    /** It has acked NEWLEADER, and waits until enough others have. */
    | "synced"
    /** It is up to date and takes part. */
    | "broadcast" = "hello";
  /** It belongs to a membership in force. */
  isListed = false;
  /** Newest zxid in its log when it connected. */
  zxid: Zxid = 0;
  /** Monotonic ms of the last packet from it. */
  heardMs: number;
  /** Monotonic ms until which it counts as there, for the leader's own quorum (Leader.lead, tickOfNextAckDeadline). */
  deadlineMs: number;
  /** PINGs that it was sent and has answered since it takes part; it answers each, in order. */
  #pingsSent = 0;
  #pingsAnswered = 0;
  /** The first PING whose answer tells that it follows still, after it was last wanted to know. */
  #firstTelling = 1;
  /** The proposal whose ack is being waited for, and since when; then the newest one sent after it (SyncLimitCheck). */
  #awaited: Zxid = 0;
  #awaitedMs = 0;
  #later: Zxid = 0;
  #laterMs = 0;

  constructor(link: LinkId, nowMs: number, deadlineMs: number) {
    this.link = link;
    this.heardMs = nowMs;
    this.deadlineMs = deadlineMs;
  }

  /** It has yet to accept the epoch: until then it takes nobody's place. */
  get isGreeting(): boolean {
    return this.phase === "hello" || this.phase === "waitEpoch" || this.phase === "ackEpoch";
  }

  /** It was sent a proposal, which it will ack; what comes before it is up to date may be covered by NEWLEADER's ack. */
  onProposal(zxid: Zxid, nowMs: number): void {
    if (this.phase !== "broadcast") return;
    if (this.#awaited === 0) {
      this.#awaited = zxid;
      this.#awaitedMs = nowMs;
    } else {
      this.#later = zxid;
      this.#laterMs = nowMs;
    }
  }

  /** It acked everything up to `zxid`. */
  onAck(zxid: Zxid): void {
    if (zxid < this.#awaited) return;
    const hasLater = this.#later > zxid;
    this.#awaited = hasLater ? this.#later : 0;
    this.#awaitedMs = hasLater ? this.#laterMs : 0;
    this.#later = 0;
  }

  onPingSent(): void {
    if (this.phase === "broadcast") this.#pingsSent++;
  }

  onPong(): void {
    this.#pingsAnswered = Math.min(this.#pingsAnswered + 1, this.#pingsSent);
  }

  /** From now on it is wanted to know whether it follows still. */
  doubt(): void {
    this.#firstTelling = this.#pingsSent + 1;
  }

  /** Whether it has answered a PING that it was sent after it was in doubt. */
  get isTold(): boolean {
    return this.#pingsAnswered >= this.#firstTelling;
  }

  /**
   * What this server itself does not hold yet is not awaited before it does.
   *
   * @param stoodMs For so long `held` has not moved: if there was more to hold, what is awaited besides was not then.
   */
  excuseBehind(held: Zxid, nowMs: number, stoodMs: number): void {
    if (this.#awaited > held) this.#awaitedMs = nowMs;
    else if (this.#later > held) this.#awaitedMs += stoodMs;
    if (this.#later > held) this.#laterMs = nowMs;
  }

  /** This server did not listen for so long: that is not the learner's silence. */
  forgive(ms: number): void {
    this.heardMs += ms;
    this.deadlineMs += ms;
    if (this.#awaited === 0) return;
    this.#awaitedMs += ms;
    this.#laterMs += ms;
  }

  /** @returns For how long its oldest proposal without an ack has waited, in ms. */
  ackLagMs(nowMs: number): number {
    return this.#awaited === 0 ? 0 : nowMs - this.#awaitedMs;
  }
}
