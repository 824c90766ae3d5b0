import type { Acl } from "../protocol/acl.ts";
import type { SessionId } from "../protocol/session_id.ts";
import type { Stat } from "../protocol/stat.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type {
  AddWatchMode,
  ClientState,
  Created,
  CreateOptions,
  DataInput,
  Identity,
  NodeAcl,
  NodeChildren,
  NodeData,
  RawReply,
  ReadOp,
  ReadResult,
  ReconfigRequest,
  RemoveWatchesOptions,
  StateChange,
  TransactionResult,
  WatcherType,
  WatchEvent,
  WatchListener,
  WatchOption,
} from "./types.ts";

/**
 * A session with a ZooKeeper ensemble.
 *
 * Requests go out together at the end of the turn that made them, over one connection, and are done in the
 * order in which they were made. While the connection is down, new requests wait for the next one, as long as the
 * session may live (before the first session: a session timeout). Requests that were under way when it broke fail with `ConnectionLossError`; they are
 * never repeated by the client. All methods reject with a `ZkError`; `BadVersionError` and friends tell what
 * happened. A version of -1 means any.
 *
 * Watches survive reconnects. Events and replies are seen in the order in which the server sent them.
 */
export interface ZooKeeper extends AsyncDisposable {
  /** Where the session stands. */
  readonly state: ClientState;
  /** 0n as long as no server has given one. */
  readonly sessionId: SessionId;
  /** 16 bytes. */
  readonly sessionPassword: Uint8Array;
  /** What the server granted, in ms; what was asked for as long as there is no session. */
  readonly sessionTimeoutMs: number;
  /** The newest txn seen in any reply. */
  readonly lastZxid: Zxid;
  /** `host:port` connected to at the moment, or null. */
  readonly server: string | null;
  /** Path before all paths; "" for none. */
  readonly chroot: string;

  /** Hears of every change of state. @returns Stops it. */
  onState(listener: (change: StateChange) => void): () => void;
  /**
   * Resolves once the session is served, at once if it is.
   *
   * @param timeoutMs How long to wait; by default as long as it takes.
   * @throws {ConnectionLossError} Not within `timeoutMs`.
   * @throws {ZkError} The client is dead.
   */
  connected(timeoutMs?: number): Promise<void>;
  /**
   * Ends the session: all that was asked before is answered first, then the server removes its ephemeral
   * znodes. When no server can be reached the session is left to expire. Never rejects.
   */
  close(): Promise<void>;

  /**
   * Creates a znode.
   *
   * @param data Null by default.
   * @throws {NodeExistsError} @throws {NoNodeError} The parent is missing. @throws {InvalidAclError}
   */
  create(path: string, data?: DataInput, options?: CreateOptions): Promise<Created>;
  /** Deletes a znode. @throws {NoNodeError} @throws {BadVersionError} @throws {NotEmptyError} */
  delete(path: string, version?: number): Promise<void>;
  /** Looks for a znode. @returns Its Stat, or null when there is none; a watch is set either way. */
  exists(path: string, options?: WatchOption): Promise<Stat | null>;
  /** Reads a znode. @throws {NoNodeError} No watch is set then. */
  getData(path: string, options?: WatchOption): Promise<NodeData>;
  /** Replaces a znode's data. @throws {NoNodeError} @throws {BadVersionError} */
  setData(path: string, data: DataInput, version?: number): Promise<Stat>;
  /** Reads who may do what; needs READ or ADMIN. @throws {NoNodeError} */
  getAcl(path: string): Promise<NodeAcl>;
  /**
   * Replaces a znode's ACL.
   *
   * @param version Compared with the Stat's `aversion`.
   * @throws {InvalidAclError} @throws {BadVersionError} @throws {NoNodeError}
   */
  setAcl(path: string, acl: readonly Acl[], version?: number): Promise<Stat>;
  /** Lists a znode's children. @throws {NoNodeError} No watch is set then. */
  getChildren(path: string, options?: WatchOption): Promise<NodeChildren>;
  /** Later reads of this session see at least what was committed when the leader got this. */
  sync(path?: string): Promise<void>;
  /** Lists this session's ephemeral znodes whose paths begin with `prefix`. The chroot is not applied. */
  getEphemerals(prefix?: string): Promise<string[]>;
  /** Counts a znode's descendants. @throws {NoNodeError} */
  getAllChildrenNumber(path: string): Promise<number>;
  /** Asks for the ids the server holds for this connection. */
  whoAmI(): Promise<Identity[]>;
  /**
   * Adds an id to this session; it is sent again at each reconnect.
   *
   * @throws {AuthFailedError} The client is dead then, as with every ZooKeeper client.
   */
  addAuth(scheme: string, auth: string | Uint8Array): Promise<void>;
  /** The ensemble's members, as text; the chroot is not applied. */
  getConfig(options?: WatchOption): Promise<NodeData>;
  /** Changes the ensemble's members. @throws {ReconfigDisabledError} @throws {UnimplementedError} On a standalone server. */
  reconfig(request: ReconfigRequest): Promise<NodeData>;

  /** A transaction: all of its operations are done, or none. */
  multi(): Transaction;
  /** Several reads in one request; each answers or fails by itself. */
  multiRead(reads: readonly ReadOp[]): Promise<ReadResult[]>;

  /** Sets a watch that stays until it is removed. Adding the same listener again changes nothing. */
  addWatch(path: string, mode: AddWatchMode, listener: WatchListener): Promise<void>;
  /**
   * Sets a persistent watch and gives its events as a stream. Resolves once the watch is in force.
   *
   * @example for await (const event of await zk.watch("/a", { recursive: true })) console.log(event.path);
   */
  watch(path: string, options?: { readonly recursive?: boolean }): Promise<WatchStream>;
  /** Removes watches; their listeners get a last `…WatchRemoved` event. @throws {NoWatcherError} */
  removeWatches(path: string, type?: WatcherType, options?: RemoveWatchesOptions): Promise<void>;

  /** Sends any request as it is. @param body Encoded after the header. @throws {ZkError} */
  rawRequest(opCode: number, body: Uint8Array): Promise<RawReply>;
}

/**
 * A transaction under construction. Nothing is sent before `commit`.
 *
 * @example await zk.multi().check("/a", 3).setData("/a/b", "x").delete("/a/c").commit();
 */
export interface Transaction {
  /** Operations so far. */
  readonly size: number;
  /** Fails the transaction unless the znode has this version. */
  check(path: string, version: number): Transaction;
  /** Creates a znode. */
  create(path: string, data?: DataInput, options?: CreateOptions): Transaction;
  /** Replaces a znode's data. */
  setData(path: string, data: DataInput, version?: number): Transaction;
  /** Deletes a znode. */
  delete(path: string, version?: number): Transaction;
  /**
   * Sends the transaction; it may be sent again.
   *
   * @returns One result per operation.
   * @throws {MultiError} Names the operation at fault; nothing was done.
   */
  commit(): Promise<TransactionResult[]>;
}

/**
 * Events of one persistent watch. Ends when `return` is called (a loop's `break` does) or the client is
 * closed; throws `SessionExpiredError` when the session expires and `WatchOverflowError` when too many events
 * were left lying.
 */
export interface WatchStream extends AsyncIterableIterator<WatchEvent>, AsyncDisposable {
  /** As it was given to `watch()`. */
  readonly path: string;
  /** Removes the watch and ends the stream. */
  return(): Promise<IteratorResult<WatchEvent>>;
}
