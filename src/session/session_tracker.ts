import { assert } from "../base/assert.ts";
import { type SessionId, sessionIdHalves } from "../protocol/session_id.ts";

/**
 * One session as its server knows it. Connections hold the object, so that a request needs no look-up.
 *
 * `owner`, `closing` and what the session lasts are for the tracker's host to read; deadlines belong to the
 * tracker.
 */
export class Session {
  readonly id: SessionId;
  /** High 32 bits of the id, signed: a txn header is written from the halves. */
  readonly idHigh: number;
  /** Low 32 bits of the id, signed. */
  readonly idLow: number;
  /** Granted milliseconds of silence; changed by {@link SessionTracker.setTimeout} only. */
  timeoutMs: number;
  /** Its end was proposed, by expiry or by its client: no request of it counts any more. */
  closing = false;
  /** No other server knows of it. */
  isLocal = false;
  /** Its client was heard here, which the leader has yet to be told. */
  isTouched = false;
  /** Who it is attached to now: a write from anybody else has moved away (-118); null until somebody is. */
  owner: unknown = null;

  /** When it expires unless touched, in monotonic ms. Owned by the tracker. */
  deadlineMs = 0;
  /** The bucket it waits in; no later than the deadline. Owned by the tracker. */
  bucket: SessionBucket | null = null;
  /** Neighbours in the bucket. Owned by the tracker. */
  before: Session | null = null;
  after: Session | null = null;
  /** Next session with the same low half of the id. Owned by the tracker. */
  sameLow: Session | null = null;

  constructor(id: SessionId, timeoutMs: number) {
    this.id = id;
    [this.idHigh, this.idLow] = sessionIdHalves(id);
    this.timeoutMs = timeoutMs;
  }
}

/** Sessions to be looked at again at one time. */
export interface SessionBucket {
  readonly timeMs: number;
  first: Session | null;
}

/** What a {@link SessionTracker} is made from. */
export interface SessionTrackerOptions {
  /** Sessions expire on multiples of this many milliseconds (`tickTime`). */
  readonly tickMs: number;
}

/**
 * The sessions of a server and when each expires.
 *
 * A session touched at `now` expires at `(floor((now + timeout) / tick) + 1) * tick`: in batches, never early.
 * A touch only writes the new deadline; the session stays in the bucket of an older one until that is due and
 * then moves on. All times are monotonic milliseconds that the caller brings. (SessionTrackerImpl, ExpiryQueue)
 */
export class SessionTracker {
  readonly #tickMs: number;
  /** By the low half of the id, since a number is several times quicker a key than a bigint. */
  readonly #byLow = new Map<number, Session>();
  /** By their time; none is empty. */
  readonly #buckets = new Map<number, SessionBucket>();
  /** Time of the earliest bucket; Infinity when there is none. */
  #earliestMs = Infinity;
  #size = 0;

  /** @throws {AssertionError} If the tick is not positive. */
  constructor(options: SessionTrackerOptions) {
    assert(options.tickMs > 0, "a tick lasts some time");
    this.#tickMs = options.tickMs;
  }

  /** Sessions held, closing ones too. */
  get size(): number {
    return this.#size;
  }

  /**
   * Begins to track a session. One that is there already is touched with the new timeout instead, as when a
   * txn is replayed.
   */
  add(id: SessionId, timeoutMs: number, nowMs: number): Session {
    const known = this.get(id);
    if (known !== undefined) {
      this.setTimeout(known, timeoutMs, nowMs);
      return known;
    }
    const session = new Session(id, timeoutMs);
    session.sameLow = this.#byLow.get(session.idLow) ?? null;
    this.#byLow.set(session.idLow, session);
    this.#size++;
    session.deadlineMs = this.#roundUp(nowMs + timeoutMs);
    this.#place(session);
    return session;
  }

  get(id: SessionId): Session | undefined {
    return this.find(...sessionIdHalves(id));
  }

  /** Like {@link get}, by the signed halves of the id. */
  find(idHigh: number, idLow: number): Session | undefined {
    let session = this.#byLow.get(idLow) ?? null;
    while (session !== null && session.idHigh !== idHigh) session = session.sameLow;
    return session ?? undefined;
  }

  /** The client was heard: the session lasts its whole timeout from now. A closing one stays as it is. */
  touch(session: Session, nowMs: number): void {
    if (session.closing) return;
    const deadlineMs = this.#roundUp(nowMs + session.timeoutMs);
    session.deadlineMs = deadlineMs;
    const bucket = session.bucket;
    // Only a shorter timeout, or a clock reading older than the last, brings a deadline forward.
    if (bucket !== null && deadlineMs < bucket.timeMs) this.#replace(session);
  }

  /** Puts a newly granted timeout in force and touches the session. */
  setTimeout(session: Session, timeoutMs: number, nowMs: number): void {
    session.timeoutMs = timeoutMs;
    this.touch(session, nowMs);
  }

  /** Forgets a session whose end was committed; harmless when it is unknown. @returns Whether it was there. */
  remove(id: SessionId): boolean {
    const session = this.get(id);
    if (session === undefined) return false;
    const head = this.#byLow.get(session.idLow)!;
    if (head !== session) {
      let before = head;
      while (before.sameLow !== session) before = before.sameLow!;
      before.sameLow = session.sameLow;
    } else if (session.sameLow !== null) this.#byLow.set(session.idLow, session.sameLow);
    else this.#byLow.delete(session.idLow);
    session.sameLow = null;
    if (session.bucket !== null) this.#unplace(session);
    this.#size--;
    return true;
  }

  /**
   * Marks every session whose deadline has come as closing and hands it out, once each; it stays known until
   * {@link remove}. Sessions already closing are passed over.
   *
   * @param onExpired Proposes the end of the session; may remove it or others at once.
   * @param countMax How many are handed out at most; the rest stays open and is due still.
   * @returns Whether sessions may be due still.
   */
  expire(nowMs: number, onExpired: (session: Session) => void, countMax: number = Infinity): boolean {
    let count = 0;
    while (this.#earliestMs <= nowMs) {
      const bucket = this.#buckets.get(this.#earliestMs)!;
      for (let session = bucket.first; session !== null; session = bucket.first) {
        this.#unplace(session);
        if (session.closing) continue;
        if (session.deadlineMs > nowMs) this.#place(session);
        else {
          session.closing = true;
          onExpired(session);
          if (++count >= countMax) return this.#earliestMs <= nowMs;
        }
      }
    }
    return false;
  }

  /** Nobody could be heard for a while: every session that is not closing lasts its whole timeout from now. */
  touchAll(nowMs: number): void {
    for (const session of this.sessions()) this.touch(session, nowMs);
  }

  /**
   * Takes back a closing that could not be committed (a full disk): the session is open again and expires at
   * the next tick, unless its client is heard before.
   */
  retryClosing(session: Session, nowMs: number): void {
    assert(session.closing, "only a closing session is tried again");
    session.closing = false;
    session.deadlineMs = this.#roundUp(nowMs);
    if (session.bucket !== null) this.#unplace(session);
    this.#place(session);
  }

  /**
   * The time to call {@link expire} next; Infinity when there is nothing to wait for. Sessions may have been
   * touched since, so that nothing expires then.
   */
  nextDeadlineMs(): number {
    return this.#earliestMs;
  }

  /** All sessions, closing ones too, in no particular order. */
  *sessions(): IterableIterator<Session> {
    for (const head of this.#byLow.values()) {
      for (let session: Session | null = head; session !== null; session = session.sameLow) yield session;
    }
  }

  /** The ids of the sessions that are not closing by the time they expire, earliest first: for `dump`. */
  sets(): Map<number, SessionId[]> {
    const sets = new Map<number, SessionId[]>();
    for (const session of [...this.sessions()].sort((a, b) => a.deadlineMs - b.deadlineMs)) {
      if (session.closing) continue;
      const ids = sets.get(session.deadlineMs);
      if (ids === undefined) sets.set(session.deadlineMs, [session.id]);
      else ids.push(session.id);
    }
    return sets;
  }

  #roundUp(timeMs: number): number {
    return (Math.floor(timeMs / this.#tickMs) + 1) * this.#tickMs;
  }

  #place(session: Session): void {
    const timeMs = session.deadlineMs;
    let bucket = this.#buckets.get(timeMs);
    if (bucket === undefined) {
      bucket = { timeMs, first: null };
      this.#buckets.set(timeMs, bucket);
      if (timeMs < this.#earliestMs) this.#earliestMs = timeMs;
    }
    session.bucket = bucket;
    session.before = null;
    session.after = bucket.first;
    if (bucket.first !== null) bucket.first.before = session;
    bucket.first = session;
  }

  #unplace(session: Session): void {
    const bucket = session.bucket!;
    if (session.before !== null) session.before.after = session.after;
    else bucket.first = session.after;
    if (session.after !== null) session.after.before = session.before;
    session.bucket = null;
    session.before = null;
    session.after = null;
    if (bucket.first === null) this.#drop(bucket);
  }

  #replace(session: Session): void {
    this.#unplace(session);
    this.#place(session);
  }

  #drop(bucket: SessionBucket): void {
    this.#buckets.delete(bucket.timeMs);
    if (bucket.timeMs !== this.#earliestMs) return;
    let earliestMs = Infinity;
    for (const timeMs of this.#buckets.keys()) if (timeMs < earliestMs) earliestMs = timeMs;
    this.#earliestMs = earliestMs;
  }
}
