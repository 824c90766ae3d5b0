import type { JuteWriter } from "../jute/writer.ts";
import type { Zxid } from "./zxid.ts";
import { Xid } from "./op_code.ts";

/** Kinds of watch events (Watcher.Event.EventType); a server sends 1 to 4, clients make the others. */
export const EventType = {
  none: -1,
  nodeCreated: 1,
  nodeDeleted: 2,
  nodeDataChanged: 3,
  nodeChildrenChanged: 4,
  dataWatchRemoved: 5,
  childWatchRemoved: 6,
  persistentWatchRemoved: 7,
} as const;

/** One of {@link EventType}. */
export type EventType = (typeof EventType)[keyof typeof EventType];

/** States of a client's connection (Watcher.Event.KeeperState); on the wire always `syncConnected`. */
export const KeeperState = {
  disconnected: 0,
  syncConnected: 3,
  authFailed: 4,
  connectedReadOnly: 5,
  saslAuthenticated: 6,
  closed: 7,
  expired: -112,
} as const;

/** One of {@link KeeperState}. */
export type KeeperState = (typeof KeeperState)[keyof typeof KeeperState];

/** Modes of addWatch (AddWatchMode). */
export const AddWatchMode = { persistent: 0, persistentRecursive: 1 } as const;

/** What removeWatches and checkWatches are about (Watcher.WatcherType). */
export const WatcherType = { children: 1, data: 2, any: 3, persistent: 4, persistentRecursive: 5 } as const;

/** One of {@link WatcherType}. */
export type WatcherType = (typeof WatcherType)[keyof typeof WatcherType];

/**
 * Writes a whole notification frame, length prefix included.
 *
 * @param zxid The txn that caused it; -1 for catch-up events of setWatches.
 */
export function encodeNotification(writer: JuteWriter, type: EventType, path: string, zxid: Zxid): void {
  const at = writer.length;
  writer.int(0);
  writer.int(Xid.notification);
  writer.longNumber(zxid);
  writer.int(0);
  writer.int(type);
  writer.int(KeeperState.syncConnected);
  writer.string(path);
  writer.intAt(at, writer.length - at - 4);
}
