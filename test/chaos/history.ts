/**
 * What clients asked and what they were told, in one process and by one clock: the checkers judge it.
 *
 * Every write carries a value of its own (its path for creates), so that whoever finds a value knows the
 * operation it came from.
 */

/** What an operation does. */
export type OpKind =
  /** setData with the version read before. */
  | "set"
  /** setData with version -1. */
  | "setAny"
  | "create"
  /** Sequential create: `path` is the prefix, `result.path` what came of it. */
  | "createSequential"
  | "createEphemeral"
  | "delete"
  /** A multi that sets both of `pair` and creates `path`. */
  | "multi"
  | "read"
  /** A read behind a sync of the same session; invoked when the sync was. */
  | "syncRead";

/**
 * How an operation ended.
 *
 * - `fail`: a server said no, or the request never left: nothing was changed.
 * - `unknown`: the connection broke under it: it was done once or not at all.
 */
export type Outcome = "pending" | "ok" | "fail" | "unknown";

/** What an answer told. */
export interface OpResult {
  /** The path created. */
  readonly path?: string;
  /** Data as text; null when there is no such znode. */
  readonly value?: string | null;
  readonly version?: number;
  /** Zxid of the last change of the data. */
  readonly mzxid?: number;
}

/** One operation. Times are monotonic milliseconds. */
export interface Op {
  /** Place in the history, and in the order of requests within its session. */
  readonly index: number;
  /** Place in {@linkcode History.sessions}. */
  readonly session: number;
  readonly kind: OpKind;
  readonly path: string;
  /** What is written; of its own for every write. */
  readonly value: string | null;
  /** Version expected; -1 for any. */
  readonly version: number;
  /** The two registers a multi sets. */
  readonly pair: readonly string[] | null;
  readonly invokedMs: number;
  returnedMs: number;
  outcome: Outcome;
  /** Name of the error of a failed operation. */
  error: string | null;
  /** Of a write: its txn; of a read: the newest txn the server had applied. Null when that is not known. */
  zxid: number | null;
  result: OpResult | null;
  /** Server the session was connected to when the answer came. */
  server: string | null;
}

/** A session, and how it ended. */
export interface SessionRecord {
  readonly index: number;
  readonly client: string;
  readonly id: bigint;
  readonly timeoutMs: number;
  readonly beganMs: number;
  /** When it was closed, expired or abandoned; Infinity while it lives. */
  endedMs: number;
  how: "live" | "closed" | "expired" | "abandoned";
}

/** A one-shot watch on a register, and what came of it. */
export interface WatchRecord {
  readonly session: number;
  readonly path: string;
  /** The state it was set on. */
  readonly mzxid: number;
  firedMs: number;
  /** Index of the operation whose answer showed a newer state before the event came; null if none did. */
  overtakenBy: number | null;
}

/** A time in which some servers could not hear others or did not run, so that an old leader may not know. */
export interface Disturbance {
  readonly name: string;
  readonly beganMs: number;
  endedMs: number;
}

/** One znode as a final dump shows it. */
export interface DumpedNode {
  readonly value: string | null;
  readonly version: number;
  readonly czxid: number;
  readonly mzxid: number;
  readonly ephemeralOwner: bigint;
  /** All fields of the Stat and the data, to compare servers by. */
  readonly text: string;
}

/** Path → znode. */
export type Tree = ReadonlyMap<string, DumpedNode>;

/** Everything the checkers need to know of a round. */
export interface Evidence {
  readonly history: History;
  /** Dump per server, taken when all was healed and quiet. */
  readonly trees: ReadonlyMap<string, Tree>;
  readonly tickMs: number;
  /** For how long behind a disturbance a deposed leader may answer syncs for itself, in ms; null for never. */
  readonly staleMs: number | null;
}

/** A broken promise. */
export interface Violation {
  readonly property: string;
  readonly message: string;
}

/** Collects what happens in a round. */
export class History {
  readonly ops: Op[] = [];
  readonly sessions: SessionRecord[] = [];
  readonly watches: WatchRecord[] = [];
  readonly disturbances: Disturbance[] = [];

  /** Notes a session that has just begun. */
  beginSession(client: string, id: bigint, timeoutMs: number, nowMs: number): SessionRecord {
    const session: SessionRecord = {
      index: this.sessions.length,
      client,
      id,
      timeoutMs,
      beganMs: nowMs,
      endedMs: Infinity,
      how: "live",
    };
    this.sessions.push(session);
    return session;
  }

  /** Notes a request that is about to go out. */
  begin(
    session: number,
    kind: OpKind,
    path: string,
    nowMs: number,
    more: { value?: string; version?: number; pair?: readonly string[] } = {},
  ): Op {
    const op: Op = {
      index: this.ops.length,
      session,
      kind,
      path,
      value: more.value ?? null,
      version: more.version ?? -1,
      pair: more.pair ?? null,
      invokedMs: nowMs,
      returnedMs: Infinity,
      outcome: "pending",
      error: null,
      zxid: null,
      result: null,
      server: null,
    };
    this.ops.push(op);
    return op;
  }
}

/** Whether an operation changes something when it is done. */
export function isWrite(op: Op): boolean {
  return op.kind !== "read" && op.kind !== "syncRead";
}

/** An operation in words, for messages. */
export function describe(op: Op): string {
  const at = (ms: number) => ms === Infinity ? "…" : (ms / 1000).toFixed(3);
  const what = [
    `#${op.index}`,
    op.kind,
    op.pair === null ? op.path : `${op.path} and ${op.pair.join(", ")}`,
    op.value === null ? "" : `value ${op.value}`,
    op.version === -1 ? "" : `at version ${op.version}`,
    `[${at(op.invokedMs)}–${at(op.returnedMs)} s]`,
    op.outcome === "fail" ? `failed ${op.error}` : op.outcome,
    op.zxid === null ? "" : `zxid 0x${op.zxid.toString(16)}`,
    op.result === null ? "" : `got ${JSON.stringify(op.result)}`,
    `session ${op.session}`,
    op.server === null ? "" : `on ${op.server}`,
  ];
  return what.filter((word) => word !== "").join(" ");
}
