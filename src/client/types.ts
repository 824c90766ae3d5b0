import type { Acl } from "../protocol/acl.ts";
import type { SessionId } from "../protocol/session_id.ts";
import type { Stat } from "../protocol/stat.ts";
import type { Zxid } from "../protocol/zxid.ts";

/**
 * Where a client stands.
 *
 * - `connecting`: no session yet.
 * - `connected`, `connectedReadOnly`: the session is served.
 * - `disconnected`: the session may live on; the client is looking for a server. Requests wait.
 * - `expired`, `authFailed`, `closed`: the end. Ephemeral znodes are gone or going; connect anew.
 */
export type ClientState =
  | "connecting"
  | "connected"
  | "connectedReadOnly"
  | "disconnected"
  | "expired"
  | "authFailed"
  | "closed";

/** A change of a client's state. */
export interface StateChange {
  readonly state: ClientState;
  readonly previous: ClientState;
  /** Why, in words a person can act on; null when nothing went wrong. */
  readonly reason: string | null;
  /** `host:port` that was connected, lost or refused; null when none is meant. */
  readonly server: string | null;
}

/** Who somebody says to be. */
export interface Credentials {
  /** `digest`, or another scheme the ensemble has. */
  readonly scheme: string;
  /** For digest `user:password`. Strings travel as UTF-8. */
  readonly auth: string | Uint8Array;
}

/** A session to take over: its id and password as another client had them. */
export interface SessionHandle {
  readonly id: SessionId;
  /** 16 bytes. */
  readonly password: Uint8Array;
}

/** What {@linkcode ZooKeeper} takes beside the connection string. */
export interface ClientOptions {
  /** Session timeout to ask for, in ms; the server clamps it. 30000 by default. */
  readonly sessionTimeoutMs?: number;
  /** How long `connect()` waits for the first session, in ms; by default the session timeout. */
  readonly connectTimeoutMs?: number;
  /** Added to each connection of the session before any request. */
  readonly auth?: readonly Credentials[];
  /** Puts up with a read-only server while no other can be had. */
  readonly readOnlyAllowed?: boolean;
  /** Takes a session over instead of opening one. */
  readonly session?: SessionHandle;
  /** Largest reply accepted, in bytes; larger than the server's own limit, which bounds requests. 64 MiB by default. */
  readonly replyBytesMax?: number;
  /** Largest request sent, in bytes: the server's `jute.maxbuffer`. 1048575 by default. */
  readonly requestBytesMax?: number;
  /** Requests that may be unanswered at once, waiting for a connection included. 100000 by default. */
  readonly requestsMax?: number;
}

/** Kinds of znode. */
export type CreateMode = "persistent" | "ephemeral" | "container";

/** How a znode is created. */
export interface CreateOptions {
  /** `persistent` by default. */
  readonly mode?: CreateMode;
  /** Appends ten digits that count the parent's creations. Not for containers. */
  readonly sequential?: boolean;
  /** The server deletes the znode after so many ms without change, once it has no children. Persistent only. */
  readonly ttlMs?: number;
  /** Everybody may do everything by default. */
  readonly acl?: readonly Acl[];
}

/** A created znode: its path, sequence suffix included, and Stat. */
export interface Created {
  readonly path: string;
  readonly stat: Stat;
}

/** A znode's data, a copy of its own; null and empty are distinct, as the creator had it. */
export interface NodeData {
  readonly data: Uint8Array | null;
  readonly stat: Stat;
}

/** Names of a znode's children, in the server's order. */
export interface NodeChildren {
  readonly children: string[];
  readonly stat: Stat;
}

/** A znode's ACL. */
export interface NodeAcl {
  readonly acl: Acl[];
  readonly stat: Stat;
}

/** An id the server holds for this connection. */
export interface Identity {
  readonly scheme: string;
  /** Without the password's hash. */
  readonly user: string;
}

/** Data to write: strings travel as UTF-8; null is kept as null. */
export type DataInput = Uint8Array | string | null;

/** Kinds of watch event, by ZooKeeper's names (Watcher.Event.EventType). */
export type WatchEventType =
  /** No znode: see {@linkcode WatchEvent}. */
  | "None"
  | "NodeCreated"
  | "NodeDeleted"
  | "NodeDataChanged"
  | "NodeChildrenChanged"
  | "DataWatchRemoved"
  | "ChildWatchRemoved"
  | "PersistentWatchRemoved";

/**
 * What a watch reports.
 *
 * `None` is not about a znode: with state `expired`, `authFailed` or `closed` it is the last event, no watch
 * of this client fires again. Persistent watches also get it with `connected` or `connectedReadOnly` after a
 * reconnect, since what happened in between is not reported to them: look again. One-shot watches are made
 * good by the server instead.
 */
export interface WatchEvent {
  readonly type: WatchEventType;
  /** The znode, without the chroot; for `None` the path the watch was set on. */
  readonly path: string;
  readonly state: ClientState;
  /** The txn that caused it; -1 from servers before 3.9, at reconnect and for events made by the client. */
  readonly zxid: Zxid;
}

/** Takes a watch's events, in order with the replies. Must not throw. */
export type WatchListener = (event: WatchEvent) => void;

/** Sets a one-shot watch along with a read. */
export interface WatchOption {
  readonly watch?: WatchListener;
}

/** Modes of `addWatch`. */
export type AddWatchMode = "persistent" | "persistentRecursive";

/** Which watches are meant (Watcher.WatcherType); the last two need a server of 3.9 or newer. */
export type WatcherType = "children" | "data" | "any" | "persistent" | "persistentRecursive";

/** How watches are removed. */
export interface RemoveWatchesOptions {
  /** Forget them here even when the server cannot be asked. */
  readonly local?: boolean;
  /** Only this listener's; all on the path by default. */
  readonly listener?: WatchListener;
}

/** What a transaction's operation did. */
export type TransactionResult =
  | { readonly op: "check" | "delete"; readonly path: string }
  /** The Stat is null from servers before 3.8.2. */
  | { readonly op: "create"; readonly path: string; readonly stat: Stat | null }
  | { readonly op: "setData"; readonly path: string; readonly stat: Stat };

/** One read of `multiRead`. */
export interface ReadOp {
  readonly op: "getData" | "getChildren";
  readonly path: string;
}

/** One answer of `multiRead`; each read fails by itself. */
export type ReadResult =
  | { readonly op: "getData"; readonly path: string; readonly data: Uint8Array | null; readonly stat: Stat }
  | { readonly op: "getChildren"; readonly path: string; readonly children: string[] }
  | { readonly op: "error"; readonly path: string; readonly error: Error };

/** A change of the ensemble's members. */
export interface ReconfigRequest {
  /** `server.N=host:quorumPort:electionPort[:role];clientPort`, comma-separated or as a list. */
  readonly joining?: string | readonly string[];
  /** Server ids, comma-separated or as a list. */
  readonly leaving?: string | readonly (string | number)[];
  /** The full new list; excludes the two above. */
  readonly newMembers?: string | readonly string[];
  /** Config version that must be in force, as in its `version=` line; -1 for any, the default. */
  readonly fromConfig?: number;
}

/** An answer as it came, for tools that speak the protocol themselves. */
export interface RawReply {
  /** Newest txn applied on the server when it answered. */
  readonly zxid: Zxid;
  /** The body, a copy. */
  readonly body: Uint8Array;
}
