/**
 * Which listener waits for which events, by path on the server. (ZKWatchManager)
 *
 * One-shot lists (data, exist, child) lose an entry when it fires; persistent ones keep it.
 */
import { EventType } from "../protocol/watch_event.ts";
import { parentPath } from "../protocol/path.ts";
import type { WatcherType, WatchEventType, WatchListener } from "./types.ts";

/** Lists of watches, in the order in which setWatches2 carries them. */
export const watchKinds = ["data", "exist", "child", "persistent", "recursive"] as const;

/** One of {@linkcode watchKinds}. */
export type WatchKind = (typeof watchKinds)[number];

/** A part of all watches, small enough for one setWatches or setWatches2 request. */
export type WatchBatch = Record<WatchKind, string[]>;

/** A listener that no longer waits, and the event that tells it so. */
export interface RemovedWatch {
  readonly listener: WatchListener;
  readonly type: WatchEventType;
}

type Listeners = Map<string, Set<WatchListener>>;

/** UTF-16 units of paths in one batch (ClientCnxn SET_WATCHES_MAX_LENGTH). */
const batchUnitsMax = 128 * 1024;

const kindsOfType: Record<WatcherType, readonly WatchKind[]> = {
  children: ["child"],
  data: ["data", "exist"],
  any: watchKinds,
  persistent: ["persistent"],
  persistentRecursive: ["recursive"],
};

const removedEvent: Record<WatchKind, WatchEventType> = {
  data: "DataWatchRemoved",
  exist: "DataWatchRemoved",
  child: "ChildWatchRemoved",
  persistent: "PersistentWatchRemoved",
  recursive: "PersistentWatchRemoved",
};

/** See the head of this file. */
export class WatchRegistry {
  readonly #lists: Record<WatchKind, Listeners> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    recursive: new Map(),
  };

  /** Paths with a watch, over all lists. */
  get size(): number {
    let size = 0;
    for (const kind of watchKinds) size += this.#lists[kind].size;
    return size;
  }

  /** Registers a listener; the same one twice counts once. */
  add(kind: WatchKind, path: string, listener: WatchListener): void {
    const list = this.#lists[kind];
    const known = list.get(path);
    if (known === undefined) list.set(path, new Set([listener]));
    else known.add(listener);
  }

  /** An event has come: who is to hear of it, each once. One-shot entries are spent. */
  take(type: number, path: string): Set<WatchListener> {
    const hearers = new Set<WatchListener>();
    switch (type) {
      case EventType.nodeCreated:
      case EventType.nodeDataChanged:
        this.#spend("data", path, hearers);
        this.#spend("exist", path, hearers);
        break;
      case EventType.nodeDeleted:
        this.#spend("data", path, hearers);
        this.#spend("exist", path, hearers);
        this.#spend("child", path, hearers);
        break;
      case EventType.nodeChildrenChanged:
        this.#spend("child", path, hearers);
        break;
    }
    addAll(hearers, this.#lists.persistent.get(path));
    const recursive = this.#lists.recursive;
    if (recursive.size > 0 && type !== EventType.nodeChildrenChanged) {
      for (let at = path;; at = parentPath(at)) {
        addAll(hearers, recursive.get(at));
        if (at === "/") break;
      }
    }
    return hearers;
  }

  /** @returns Whether such a watch exists, of this listener when one is given. */
  has(path: string, type: WatcherType, listener?: WatchListener): boolean {
    return kindsOfType[type].some((kind) => {
      const known = this.#lists[kind].get(path);
      return known !== undefined && (listener === undefined || known.has(listener));
    });
  }

  /** @returns Whether the server must keep a watch of this type for listeners other than this one. */
  hasOthers(path: string, type: WatcherType, listener: WatchListener): boolean {
    return kindsOfType[type].some((kind) => {
      const known = this.#lists[kind].get(path);
      return known !== undefined && known.size > (known.has(listener) ? 1 : 0);
    });
  }

  /** Forgets watches of a type on a path, only this listener's when one is given. */
  remove(path: string, type: WatcherType, listener?: WatchListener): RemovedWatch[] {
    const removed: RemovedWatch[] = [];
    for (const kind of kindsOfType[type]) {
      const list = this.#lists[kind];
      const known = list.get(path);
      if (known === undefined) continue;
      for (const one of known) {
        if (listener !== undefined && one !== listener) continue;
        known.delete(one);
        const event = removedEvent[kind];
        if (!removed.some((other) => other.listener === one && other.type === event)) {
          removed.push({ listener: one, type: event });
        }
      }
      if (known.size === 0) list.delete(path);
    }
    return removed;
  }

  /** All watches, cut into requests of bearable size; none when there is no watch. */
  batches(): WatchBatch[] {
    const batches: WatchBatch[] = [];
    let batch: WatchBatch | null = null;
    let units = 0;
    for (const kind of watchKinds) {
      for (const path of this.#lists[kind].keys()) {
        if (batch === null || units + path.length > batchUnitsMax) {
          batch = { data: [], exist: [], child: [], persistent: [], recursive: [] };
          batches.push(batch);
          units = 0;
        }
        batch[kind].push(path);
        units += path.length;
      }
    }
    return batches;
  }

  /** Calls `visit` for every listener of these lists, with the path it waits at. */
  forEach(kinds: readonly WatchKind[], visit: (listener: WatchListener, path: string) => void): void {
    for (const kind of kinds) {
      for (const [path, listeners] of this.#lists[kind]) {
        for (const listener of listeners) visit(listener, path);
      }
    }
  }

  /** Forgets everything. */
  clear(): void {
    for (const kind of watchKinds) this.#lists[kind].clear();
  }

  #spend(kind: WatchKind, path: string, into: Set<WatchListener>): void {
    const list = this.#lists[kind];
    const known = list.get(path);
    if (known === undefined) return;
    addAll(into, known);
    list.delete(path);
  }
}

function addAll<T>(into: Set<T>, from: Set<T> | undefined): void {
  if (from !== undefined) { for (const item of from) into.add(item); }
}
