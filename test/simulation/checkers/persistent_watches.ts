import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import { EventType } from "../../../src/protocol/watch_event.ts";
import type { Operation } from "../clients/operation.ts";
import type { Notification } from "../clients/sim_session.ts";
import { describe } from "./acknowledged_writes.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";
import type { ZnodeEvent } from "./znode_history.ts";

/** A watch that stays. */
interface Watch {
  readonly path: string;
  readonly isRecursive: boolean;
  /** What happened up to here it need not tell; Infinity while no server has it. */
  sinceZxid: number;
}

interface Watcher {
  readonly watches: Map<string, Watch>;
  /** How often each event came by the present connection. */
  readonly told: Map<string, number>;
  /** Events before this one were looked for. */
  nextEvent: number;
}

/** @returns Whether a watch that stays, at `watched`, tells of an event. A recursive one tells of no children. */
export function tellsOf(
  watched: { readonly path: string; readonly isRecursive: boolean },
  event: { readonly type: number; readonly path: string },
): boolean {
  if (!watched.isRecursive) return event.path === watched.path;
  if (event.type === EventType.nodeChildrenChanged) return false;
  return event.path === watched.path || event.path.startsWith(`${watched.path}/`);
}

/**
 * A watch that stays tells of every change, each once and before any state that holds it; but not of what happened while
 * its client was on no server.
 */
export class PersistentWatches implements Checker {
  readonly property = "PersistentWatches";
  readonly #history: AgreedHistory;
  readonly #fail: Fail;
  readonly #watchers = new Map<bigint, Watcher>();
  /** How often each event happened: a multi may bring it more than once. */
  readonly #happened = new Map<string, number>();
  #counted = 0;

  constructor(history: AgreedHistory, fail: Fail) {
    this.#history = history;
    this.#fail = fail;
  }

  onClient(event: ClientEvent): void {
    if (event.kind === "replied") this.#onReply(event.operation);
    else if (event.kind === "notified") this.#onNotified(event.session, event.notification);
    else if (event.kind === "ended") this.#watchers.delete(event.session);
    else if (event.kind === "disconnected") this.#onDisconnected(event.session);
    else if (event.kind === "renewed") this.#onRenewed(event.before, event.session);
  }

  #onRenewed(before: bigint, session: bigint): void {
    const watcher = this.#watchers.get(before);
    this.#watchers.delete(before);
    if (watcher !== undefined) this.#watchers.set(session, watcher);
  }

  #onReply(operation: Operation): void {
    const { session, request, zxid, error } = operation;
    const watcher = this.#watchers.get(session);
    if (watcher !== undefined) this.#look(operation, watcher);
    if (error !== ErrorCode.ok) return;
    if (request.kind === "addWatch") this.#set(session, request.path, request.isRecursive, zxid);
    else if (request.kind === "setWatches") {
      for (const path of request.watches.persistent) this.#set(session, path, false, zxid);
      for (const path of request.watches.recursive) this.#set(session, path, true, zxid);
    }
  }

  #set(session: bigint, path: string, isRecursive: boolean, zxid: number): void {
    let watcher = this.#watchers.get(session);
    if (watcher === undefined) {
      watcher = { watches: new Map(), told: new Map(), nextEvent: this.#history.znodes.events.length };
      // Those after this zxid may be known already, from other servers.
      while (watcher.nextEvent > 0 && this.#history.znodes.events[watcher.nextEvent - 1].zxid > zxid) {
        watcher.nextEvent--;
      }
      this.#watchers.set(session, watcher);
    }
    const watch = watcher.watches.get(path);
    if (watch === undefined) watcher.watches.set(path, { path, isRecursive, sinceZxid: zxid });
    else if (watch.sinceZxid === Infinity) watch.sinceZxid = zxid;
  }

  #look(operation: Operation, watcher: Watcher): void {
    const { events } = this.#history.znodes;
    for (; watcher.nextEvent < events.length; watcher.nextEvent++) {
      const event = events[watcher.nextEvent];
      if (event.zxid > operation.zxid) return;
      if (watcher.told.has(keyOf(event))) continue;
      for (const watch of watcher.watches.values()) {
        if (watch.sinceZxid >= event.zxid || !tellsOf(watch, event)) continue;
        this.#fail(
          `${operation.client} watches ${watch.path} for good since ${
            zxidText(watch.sinceZxid)
          } and was not told ` +
            `of event ${event.type} on ${event.path} at ${zxidText(event.zxid)} before the answer to ` +
            `${describe(operation)} at ${zxidText(operation.zxid)}`,
        );
        return;
      }
    }
  }

  #onNotified(session: bigint, notification: Notification): void {
    const watcher = this.#watchers.get(session);
    if (watcher === undefined || notification.zxid < 0) return;
    const watch = [...watcher.watches.values()].find((one) => tellsOf(one, notification));
    if (watch === undefined) return;
    const key = keyOf(notification);
    const count = (watcher.told.get(key) ?? 0) + 1;
    watcher.told.set(key, count);
    if (count <= this.#countOf(key)) return;
    const { type, path, zxid } = notification;
    this.#fail(
      `session ${sessionIdToHex(session)} was told for the ${count}. time of event ${type} on ${path} at ` +
        zxidText(zxid),
    );
  }

  #onDisconnected(session: bigint): void {
    const watcher = this.#watchers.get(session);
    if (watcher === undefined) return;
    for (const watch of watcher.watches.values()) watch.sinceZxid = Infinity;
    // An event is no state that the next server has to have: it may yet come to it, and tell of it again.
    watcher.told.clear();
  }

  #countOf(key: string): number {
    const { events } = this.#history.znodes;
    for (; this.#counted < events.length; this.#counted++) {
      const each = keyOf(events[this.#counted]);
      this.#happened.set(each, (this.#happened.get(each) ?? 0) + 1);
    }
    return this.#happened.get(key) ?? 0;
  }
}

function keyOf({ zxid, type, path }: ZnodeEvent | Notification): string {
  return `${zxid} ${type} ${path}`;
}
