import { type MetricsShare, ServerMetrics } from "./metrics.ts";
import type { FourLetterWord } from "./four_letter_words.ts";
import type {
  ConfigStatus,
  ConnectionExpirySet,
  ConnectionStatus,
  EnsembleStatus,
  ProcessStatus,
  QuotaStatus,
  ServerMode,
  SessionExpirySet,
  StatusView,
  WatchCounts,
} from "./status_view.ts";
import type { SessionId } from "../protocol/session_id.ts";
import type { Zxid } from "../protocol/zxid.ts";

/**
 * What one process of a server adds to the server's answer to a four-letter word. Lists are there where the word shows
 * them. It travels as JSON.
 */
export interface StatusShare {
  readonly connectionCount: number;
  readonly outstandingRequests: number;
  readonly watchCount: number;
  readonly dataWatchers: number;
  readonly dataWatches: number;
  readonly metrics: MetricsShare;
  readonly connections: readonly ConnectionStatus[];
  readonly connectionExpirySets: readonly (readonly [expiresAtMs: number, readonly ConnectionStatus[]])[];
  readonly dataWatchesBySession: readonly (readonly [SessionId, readonly string[]])[];
}

const listsConnections: ReadonlySet<FourLetterWord> = new Set(["stat", "cons"]);
const listsWatches: ReadonlySet<FourLetterWord> = new Set(["wchs", "wchc", "wchp"]);

/** Words whose answer, or whose effect, takes all processes of a server; the others its main one knows alone. */
export const groupWords: ReadonlySet<FourLetterWord> = new Set(
  [...listsConnections, ...listsWatches, "crst", "dump", "mntr", "srst", "srvr"] as const,
);

/** @returns What a process that `view` tells of adds to the answer to `word`. */
export function statusShare(view: StatusView, word: FourLetterWord): StatusShare {
  const { connections, watches } = view.dataWatchCounts();
  return {
    connectionCount: view.connectionCount,
    outstandingRequests: view.outstandingRequests,
    watchCount: view.watchCount,
    dataWatchers: connections,
    dataWatches: watches,
    metrics: view.metrics.share(),
    connections: listsConnections.has(word) ? [...view.connections()] : [],
    connectionExpirySets: word === "dump"
      ? Array.from(view.connectionExpirySets(), (set) => [set.expiresAtMs, [...set.connections]] as const)
      : [],
    dataWatchesBySession: listsWatches.has(word)
      ? Array.from(view.dataWatchesBySession(), ([session, paths]) => [session, [...paths]] as const)
      : [],
  };
}

/** @returns A share as JSON, with session ids as text, since they do not fit a number. */
export function encodeStatusShare(share: StatusShare): string {
  return JSON.stringify(
    share,
    (_key, value) => typeof value === "bigint" ? { session: String(value) } : value,
  );
}

/** @throws {SyntaxError} If it is no JSON. */
export function decodeStatusShare(text: string): StatusShare {
  return JSON.parse(
    text,
    (_key, value) => typeof value?.session === "string" ? BigInt(value.session) : value,
  );
}

/** A server of several processes, as four-letter words see it: the main one, and what the others add. */
export class GroupStatus implements StatusView {
  readonly metrics = new ServerMetrics();
  readonly #main: StatusView;
  readonly #shares: readonly StatusShare[];

  constructor(main: StatusView, shares: readonly StatusShare[]) {
    this.#main = main;
    this.#shares = shares;
    this.metrics.copy(main.metrics);
    for (const share of shares) this.metrics.add(share.metrics);
  }

  get serving(): boolean {
    return this.#main.serving;
  }

  get mode(): ServerMode {
    return this.#main.mode;
  }

  get config(): ConfigStatus {
    return this.#main.config;
  }

  get process(): ProcessStatus {
    return this.#main.process;
  }

  get ensemble(): EnsembleStatus | undefined {
    return this.#main.ensemble;
  }

  get uptimeMs(): number {
    return this.#main.uptimeMs;
  }

  get lastZxid(): Zxid {
    return this.#main.lastZxid;
  }

  get outstandingRequests(): number {
    return this.#sum(this.#main.outstandingRequests, (share) => share.outstandingRequests);
  }

  get znodeCount(): number {
    return this.#main.znodeCount;
  }

  get ephemeralCount(): number {
    return this.#main.ephemeralCount;
  }

  get approximateDataBytes(): number {
    return this.#main.approximateDataBytes;
  }

  get watchCount(): number {
    return this.#sum(this.#main.watchCount, (share) => share.watchCount);
  }

  get globalSessionCount(): number {
    return this.#main.globalSessionCount;
  }

  get localSessionCount(): number {
    return this.#main.localSessionCount;
  }

  get connectionCount(): number {
    return this.#sum(this.#main.connectionCount, (share) => share.connectionCount);
  }

  *connections(): Iterable<ConnectionStatus> {
    yield* this.#main.connections();
    for (const share of this.#shares) yield* share.connections;
  }

  sessionExpirySets(): Iterable<SessionExpirySet> {
    return this.#main.sessionExpirySets();
  }

  localSessionExpirySets(): Iterable<SessionExpirySet> | undefined {
    return this.#main.localSessionExpirySets();
  }

  globalSessions(): Iterable<readonly [sessionId: SessionId, timeoutMs: number]> {
    return this.#main.globalSessions();
  }

  connectionExpirySets(): Iterable<ConnectionExpirySet> {
    const sets = [...this.#main.connectionExpirySets()];
    for (const share of this.#shares) {
      for (const [expiresAtMs, connections] of share.connectionExpirySets) {
        sets.push({ expiresAtMs, connections });
      }
    }
    return sets.sort((one, other) => one.expiresAtMs - other.expiresAtMs);
  }

  ephemeralsBySession(): Iterable<readonly [owner: SessionId, paths: Iterable<string>]> {
    return this.#main.ephemeralsBySession();
  }

  dataWatchCounts(): WatchCounts {
    const { connections, watches } = this.#main.dataWatchCounts();
    const paths = new Set<string>();
    for (const [, own] of this.dataWatchesBySession()) for (const path of own) paths.add(path);
    return {
      connections: this.#sum(connections, (share) => share.dataWatchers),
      paths: paths.size,
      watches: this.#sum(watches, (share) => share.dataWatches),
    };
  }

  *dataWatchesBySession(): Iterable<readonly [sessionId: SessionId, paths: Iterable<string>]> {
    yield* this.#main.dataWatchesBySession();
    for (const share of this.#shares) yield* share.dataWatchesBySession;
  }

  dataWatchesByPath(): Iterable<readonly [path: string, sessionIds: Iterable<SessionId>]> {
    const byPath = new Map<string, SessionId[]>();
    for (const [path, sessions] of this.#main.dataWatchesByPath()) byPath.set(path, [...sessions]);
    for (const share of this.#shares) {
      for (const [session, paths] of share.dataWatchesBySession) {
        for (const path of paths) {
          const sessions = byPath.get(path);
          if (sessions === undefined) byPath.set(path, [session]);
          else sessions.push(session);
        }
      }
    }
    return byPath;
  }

  quotas(): Iterable<QuotaStatus> {
    return this.#main.quotas();
  }

  digestHistory(): Iterable<readonly [zxid: Zxid, digest: bigint]> {
    return this.#main.digestHistory();
  }

  snapshotDirBytes(): number {
    return this.#main.snapshotDirBytes();
  }

  logDirBytes(): number {
    return this.#main.logDirBytes();
  }

  #sum(own: number, of: (share: StatusShare) => number): number {
    return this.#shares.reduce((sum, share) => sum + of(share), own);
  }
}
