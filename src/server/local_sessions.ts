import { JuteError, type JuteReader } from "../jute/reader.ts";
import type { WriteOp } from "../pipeline/op.ts";
import type { SessionId } from "../protocol/session_id.ts";
import { type Session, SessionTracker } from "../session/session_tracker.ts";

/** What {@link LocalSessions} need to know. */
export interface LocalSessionsOptions {
  /** New sessions are local (`localSessionsEnabled`); else only a read-only server has any. */
  readonly areEnabled: boolean;
  /** A local session that makes an ephemeral becomes a global one (`localSessionsUpgradingEnabled`). */
  readonly mayUpgrade: boolean;
  readonly tickMs: number;
}

/**
 * The sessions that no other server knows of: no txn made them, and they own no ephemerals (LocalSessionTracker).
 *
 * They belong to the server and not to its role, so that they outlive a change of leaders: a client that comes back to
 * this server goes on with its session, one that goes elsewhere has lost it.
 */
export class LocalSessions {
  readonly areEnabled: boolean;
  readonly mayUpgrade: boolean;
  readonly #tracker: SessionTracker;

  constructor(options: LocalSessionsOptions) {
    this.areEnabled = options.areEnabled;
    this.mayUpgrade = options.mayUpgrade;
    this.#tracker = new SessionTracker(options);
  }

  get size(): number {
    return this.#tracker.size;
  }

  /** Begins a session. */
  open(id: SessionId, timeoutMs: number, nowMs: number): Session {
    const session = this.#tracker.add(id, timeoutMs, nowMs);
    session.isLocal = true;
    return session;
  }

  get(id: SessionId): Session | undefined {
    return this.#tracker.get(id);
  }

  /** Like {@link get}, by the signed halves of the id. */
  find(idHigh: number, idLow: number): Session | undefined {
    return this.#tracker.find(idHigh, idLow);
  }

  touch(session: Session, nowMs: number): void {
    this.#tracker.touch(session, nowMs);
  }

  /** Nobody could be heard for a while: every session lasts its whole timeout from now. */
  touchAll(nowMs: number): void {
    this.#tracker.touchAll(nowMs);
  }

  /** Puts a newly granted timeout in force and touches the session. */
  setTimeout(session: Session, timeoutMs: number, nowMs: number): void {
    this.#tracker.setTimeout(session, timeoutMs, nowMs);
  }

  /** Forgets a session; harmless when it is unknown. */
  remove(id: SessionId): void {
    this.#tracker.remove(id);
  }

  /**
   * The server serves its clients from now on: each session lasts its whole timeout, since nobody could be heard
   * before. Sessions of a read-only server go when it no longer is one, unless sessions are local there, too.
   */
  onServing(isReadOnly: boolean, nowMs: number): void {
    const isKept = isReadOnly || this.areEnabled;
    for (const session of [...this.#tracker.sessions()]) {
      if (isKept) this.#tracker.touch(session, nowMs);
      else this.#tracker.remove(session.id);
    }
  }

  /**
   * Ends those whose clients were not heard in time, and hands them out.
   *
   * @param countMax How many at most.
   * @returns Whether others may be due still.
   */
  expire(nowMs: number, onExpired: (session: Session) => void, countMax: number): boolean {
    return this.#tracker.expire(nowMs, (session) => {
      this.#tracker.remove(session.id);
      onExpired(session);
    }, countMax);
  }

  /** See {@link SessionTracker.sets}. */
  sets(): Map<number, SessionId[]> {
    return this.#tracker.sets();
  }
}

/**
 * Looks whether a write makes an ephemeral, which only a global session may. The reader stays where it is.
 *
 * @returns False also when the body cannot be decoded: who prepares the write finds that out.
 */
export function needsGlobalSession(op: WriteOp, body: JuteReader): boolean {
  const { position } = body;
  try {
    return op.makesEphemeral?.(body) === true;
  } catch (error) {
    if (!(error instanceof JuteError)) throw error;
    return false;
  } finally {
    body.position = position;
  }
}
