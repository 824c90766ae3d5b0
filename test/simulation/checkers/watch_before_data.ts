import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import { EventType } from "../../../src/protocol/watch_event.ts";
import type { Operation, RestoredWatches } from "../clients/operation.ts";
import type { Notification } from "../clients/sim_session.ts";
import { describe } from "./acknowledged_writes.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";
import { tellsOf } from "./persistent_watches.ts";
import type { ZnodeHistory } from "./znode_history.ts";

type WatchKind = "data" | "exist" | "child";

interface Watch {
  readonly kind: WatchKind;
  readonly path: string;
  /** What happened up to here is known to the client. */
  sinceZxid: number;
}

interface Watched {
  readonly watches: Map<string, Watch>;
  /** Those that stay, which another checker judges. */
  readonly persistent: { readonly path: string; readonly isRecursive: boolean }[];
  /** All watches were looked at up to here. */
  checkedZxid: number;
}

const kinds: Readonly<Record<number, readonly WatchKind[]>> = {
  [EventType.nodeCreated]: ["data", "exist"],
  [EventType.nodeDeleted]: ["data", "exist", "child"],
  [EventType.nodeDataChanged]: ["data", "exist"],
  [EventType.nodeChildrenChanged]: ["child"],
};

/**
 * A client that watches a znode hears of its change before it sees any state that holds the change; of a watch that
 * moves with its session to another server, too. It hears of nothing that it does not watch.
 */
export class WatchBeforeData implements Checker {
  readonly property = "WatchBeforeData";
  readonly #history: AgreedHistory;
  readonly #fail: Fail;
  readonly #sessions = new Map<bigint, Watched>();

  constructor(history: AgreedHistory, fail: Fail) {
    this.#history = history;
    this.#fail = fail;
  }

  onClient(event: ClientEvent): void {
    if (event.kind === "replied") this.#onReply(event.operation);
    else if (event.kind === "notified") this.#onNotified(event.session, event.notification);
    else if (event.kind === "ended") this.#sessions.delete(event.session);
    else if (event.kind === "renewed") this.#onRenewed(event.before, event.session);
  }

  #onRenewed(before: bigint, session: bigint): void {
    const watched = this.#sessions.get(before);
    this.#sessions.delete(before);
    if (watched !== undefined) this.#sessions.set(session, watched);
  }

  #onReply(operation: Operation): void {
    const { session, request, zxid } = operation;
    let watched = this.#sessions.get(session);
    if (watched === undefined) {
      watched = { watches: new Map(), persistent: [], checkedZxid: 0 };
      this.#sessions.set(session, watched);
    }
    if (request.kind === "setWatches") {
      if (operation.error === ErrorCode.ok) this.#onRestored(operation, request.watches, watched);
    } else if (zxid > watched.checkedZxid) this.#look(operation, watched);
    watched.checkedZxid = Math.max(watched.checkedZxid, zxid);
    if (request.kind === "addWatch" && operation.error === ErrorCode.ok) watched.persistent.push(request);
    const kind = kindSetBy(operation);
    if (kind === null || !("path" in request)) return;
    const key = `${kind} ${request.path}`;
    // One that is set already has missed nothing, or it would have fired.
    if (!watched.watches.has(key)) watched.watches.set(key, { kind, path: request.path, sinceZxid: zxid });
  }

  #look(operation: Operation, { watches }: Watched): void {
    for (const { kind, path, sinceZxid } of watches.values()) {
      const change = firedBetween(this.#history.znodes, kind, path, sinceZxid, operation.zxid);
      if (change === null) continue;
      this.#fail(
        `${operation.client} watches ${path} (${kind}) since ${zxidText(sinceZxid)} and was not told of ` +
          `${zxidText(change)} before the answer to ${describe(operation)} at ${zxidText(operation.zxid)}`,
      );
    }
  }

  /** The rules by which a server judges what a watch has missed are weaker than those of a watch that stays. */
  #onRestored(operation: Operation, restored: RestoredWatches, { watches }: Watched): void {
    const { zxid, client, server } = operation;
    const znodes = this.#history.isUndecided(operation)
      ? this.#history.znodesOf(server, zxid)
      : this.#history.znodes;
    if (znodes === undefined) return;
    for (const kind of ["data", "exist", "child"] as const) {
      for (const path of restored[kind]) {
        const watch = watches.get(`${kind} ${path}`);
        if (watch === undefined) continue;
        watch.sinceZxid = zxid;
        const state = znodes.at(path, zxid);
        const newest = kind === "child"
          ? Math.max(state?.czxid ?? 0, znodes.lastChildChange(path, zxid))
          : state?.mzxid ?? 0;
        const isMissed = kind === "exist" ? state !== null : state === null || newest > restored.relativeZxid;
        if (isMissed) {
          this.#fail(
            `${client} set its watch on ${path} (${kind}) again at ${
              zxidText(zxid)
            } and was not told what it ` +
              `had missed since ${zxidText(restored.relativeZxid)}`,
          );
        }
      }
    }
  }

  #onNotified(session: bigint, { type, path, zxid }: Notification): void {
    const { watches, persistent } = this.#sessions.get(session) ?? {};
    let isAsked = persistent?.some((watch) => tellsOf(watch, { type, path })) === true;
    for (const kind of kinds[type] ?? []) {
      if (watches?.delete(`${kind} ${path}`) === true) isAsked = true;
    }
    if (!isAsked) {
      this.#fail(
        `session ${sessionIdToHex(session)} was told of event ${type} on ${path} at ${zxidText(zxid)}, ` +
          "which it does not watch",
      );
    }
  }
}

function kindSetBy({ request, error }: Operation): WatchKind | null {
  if (!("watch" in request) || !request.watch) return null;
  if (request.kind === "exists" && error === ErrorCode.noNode) return "exist";
  if (error !== ErrorCode.ok) return null;
  return request.kind === "getChildren" ? "child" : "data";
}

/** @returns The zxid of a change that a watch must have told of, or null. */
function firedBetween(
  znodes: ZnodeHistory,
  kind: WatchKind,
  path: string,
  sinceZxid: number,
  zxid: number,
): number | null {
  const change = znodes.lastChange(path, zxid);
  const isChanged = change !== undefined && change.zxid > sinceZxid;
  if (kind !== "child") return isChanged ? change.zxid : null;
  const child = znodes.lastChildChange(path, zxid);
  if (child > sinceZxid) return child;
  return isChanged && znodes.changesBetween(path, sinceZxid, zxid).some((one) => one.state === null)
    ? change.zxid
    : null;
}
