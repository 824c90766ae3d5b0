import type { Zxid } from "../protocol/zxid.ts";
import type { ZnodeRef } from "./znode_store.ts";

/**
 * Learns what a txn did to znodes, while it is applied and in the order that watches fire (DataTree). ACL keys
 * are those that decide who may hear of it.
 */
export interface TreeEvents {
  /** True while nobody listens: the tree then makes no strings and no calls. */
  readonly idle: boolean;
  /** `path` was created; `parentPath` has a child more. */
  onCreated(path: string, aclKey: number, parentPath: string, parentAclKey: number, zxid: Zxid): void;
  /** `path` was deleted; `aclKey` is the one it had. */
  onDeleted(path: string, aclKey: number, parentPath: string, parentAclKey: number, zxid: Zxid): void;
  onDataChanged(path: string, aclKey: number, zxid: Zxid): void;
}

/** Learns the outcome of a txn, to answer the client that asked for it. */
export interface TxnResults {
  /**
   * Called once per txn, or once per part of a multi, right after it was applied and before the next part is.
   *
   * @param type What was done, one of OpCode; `OpCode.error` for a failed txn or part.
   * @param error 0, or the error the client is told.
   * @param ref The znode it is about, where it still exists; else 0.
   */
  onTxn(type: number, error: number, ref: ZnodeRef): void;
}
