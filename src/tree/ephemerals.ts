import type { SessionId } from "../protocol/session_id.ts";

const none: ReadonlySet<string> = new Set();

/** Which session owns which ephemeral znodes. */
export class EphemeralIndex {
  readonly #bySession = new Map<SessionId, Set<string>>();
  #count = 0;

  /** Ephemeral znodes of all sessions. */
  get count(): number {
    return this.#count;
  }

  /** Sessions that own at least one ephemeral znode. */
  get sessionCount(): number {
    return this.#bySession.size;
  }

  /** @returns Paths of the session's ephemeral znodes: the live set, so copy it before the tree changes. */
  of(session: SessionId): ReadonlySet<string> {
    return this.#bySession.get(session) ?? none;
  }

  /** @returns The sessions that own at least one. */
  sessions(): IterableIterator<SessionId> {
    return this.#bySession.keys();
  }

  add(session: SessionId, path: string): void {
    let paths = this.#bySession.get(session);
    if (paths === undefined) {
      paths = new Set();
      this.#bySession.set(session, paths);
    }
    if (paths.has(path)) return;
    paths.add(path);
    this.#count++;
  }

  remove(session: SessionId, path: string): void {
    const paths = this.#bySession.get(session);
    if (paths === undefined || !paths.delete(path)) return;
    this.#count--;
    if (paths.size === 0) this.#bySession.delete(session);
  }

  clear(): void {
    this.#bySession.clear();
    this.#count = 0;
  }
}
