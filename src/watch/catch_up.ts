import { EventType } from "../protocol/watch_event.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { WatchKind } from "./watch_manager.ts";

/** The watches a reconnected client asks to have back (SetWatches2; SetWatches has the first three). */
export interface WatchLists {
  /** Paths watched by getData, or by exists while the znode was there. */
  readonly data: readonly string[];
  /** Paths watched by exists while there was no znode. */
  readonly exist: readonly string[];
  /** Paths watched by getChildren. */
  readonly child: readonly string[];
  readonly persistent: readonly string[];
  readonly recursive: readonly string[];
}

/** What catching up needs to know of a znode. */
export interface NodeZxids {
  readonly mzxid: Zxid;
  readonly pzxid: Zxid;
}

/** What becomes of each watch, in the order that the client sees. */
export interface CatchUpEffects {
  /** The watch would have fired meanwhile: tell the client now, whatever the ACL says; no watch is left. */
  tell(type: EventType, path: string): void;
  /** Nothing happened meanwhile: set a standard watch. */
  watch(kind: WatchKind, path: string): void;
  watchPersistent(path: string): void;
  watchRecursive(path: string): void;
}

/**
 * Decides, for each watch that a client held before it reconnected, whether it has missed an event.
 *
 * Persistent and recursive watches never get an event for the past.
 *
 * @param relativeZxid Newest zxid the client has seen: what came later, it has missed.
 * @param nodeAt The znode at a path, or null.
 * @see Fact: DataTree.setWatches
 */
export function catchUp(
  lists: WatchLists,
  relativeZxid: Zxid,
  nodeAt: (path: string) => NodeZxids | null,
  effects: CatchUpEffects,
): void {
  for (const path of lists.data) {
    const node = nodeAt(path);
    if (node === null) effects.tell(EventType.nodeDeleted, path);
    else if (node.mzxid > relativeZxid) effects.tell(EventType.nodeDataChanged, path);
    else effects.watch("data", path);
  }
  for (const path of lists.exist) {
    if (nodeAt(path) !== null) effects.tell(EventType.nodeCreated, path);
    else effects.watch("data", path);
  }
  for (const path of lists.child) {
    const node = nodeAt(path);
    if (node === null) effects.tell(EventType.nodeDeleted, path);
    else if (node.pzxid > relativeZxid) effects.tell(EventType.nodeChildrenChanged, path);
    else effects.watch("child", path);
  }
  for (const path of lists.persistent) effects.watchPersistent(path);
  for (const path of lists.recursive) effects.watchRecursive(path);
}
