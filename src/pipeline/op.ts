import type { JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import type { AuthId } from "../protocol/acl.ts";
import type { SessionId } from "../protocol/session_id.ts";
import type { EventType } from "../protocol/watch_event.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { Watcher, WatchManager } from "../watch/watch_manager.ts";
import type { Access } from "./auth/access.ts";
import type { Preparation } from "./preparation.ts";

/** What a read may see and touch. One object per connection, used for all its reads. */
export interface ReadContext {
  readonly tree: DataTree;
  readonly watchManager: WatchManager;
  readonly access: Access;
  /** The connection that asks, to which watches belong. */
  readonly watcher: Watcher;
  /** Who the client has proved to be. */
  readonly authIds: readonly AuthId[];
  readonly sessionId: SessionId;
  /** Sends a watch event ahead of the reply: what the client missed while it was away. */
  tell(type: EventType, path: string): void;
}

/** A request answered from this server's own state, without a txn. */
export interface ReadOp {
  readonly kind: "read";
  readonly code: number;
  /** As four-letter words show it (`lop`). */
  readonly name: string;
  /**
   * Decodes the body, then looks and sets watches, and writes the reply's body.
   *
   * @returns 0 or an error; with an error nothing written to `reply` is sent.
   * @throws {JuteError} If the body cannot be decoded; nothing has been touched then.
   */
  execute(context: ReadContext, body: JuteReader, reply: JuteWriter): number;
}

/** What the reply to a write carries: fields of the znode it was about. */
export type WriteReply = "nothing" | "path" | "path and stat" | "stat" | "data and stat" | "results";

/** A request that becomes a txn. */
export interface WriteOp {
  readonly kind: "write";
  readonly code: number;
  /** As four-letter words show it (`lop`). */
  readonly name: string;
  readonly reply: WriteReply;
  /**
   * Checks the request against the state that follows all txns prepared before it, in the order of checks that
   * clients rely on, and writes the txn's body.
   *
   * @returns 0 or the error to answer; then what was written is void and an error txn takes its place.
   * @throws {JuteError} If the body cannot be decoded; no txn is made then.
   */
  prepare(preparation: Preparation, body: JuteReader): number;
  /**
   * Reads over the request as a part of a multi, or is absent when it may not be one.
   *
   * @throws {JuteError} If it cannot be decoded or a multi may not carry it.
   */
  skim?(body: JuteReader): void;
  /**
   * Reads over the request and tells whether it makes an ephemeral, for which all servers must know the session.
   * Absent when it never does. (QuorumZooKeeperServer.checkUpgradeSession)
   *
   * @throws {JuteError} If it cannot be decoded.
   */
  makesEphemeral?(body: JuteReader): boolean;
}

/** A row of the op table. */
export type Op = ReadOp | WriteOp;
