import { decodeText, type JuteReader } from "../../jute/reader.ts";
import { Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { openAclKey } from "../../tree/acl_cache.ts";
import { noZnode, type ZnodeRef } from "../../tree/znode_store.ts";
import type { WatchKind } from "../../watch/watch_manager.ts";
import type { ReadContext } from "../op.ts";

/** @returns Whether the client has one of the permission bits `perms` on a znode. */
export function mayRead(context: ReadContext, ref: ZnodeRef, perms: number): boolean {
  const key = context.tree.store.aclKeyOf(ref);
  return key === openAclKey || context.access.allows(context.tree.acls.get(key), perms, context.authIds);
}

/**
 * Decodes a path and a watch flag, finds the znode, checks READ, and sets the watch when all that went well.
 *
 * @param watch The kind of watch that the flag asks for; null where it counts for nothing.
 * @returns The znode; or the error to answer, which is negative.
 */
export function openForRead(
  context: ReadContext,
  body: JuteReader,
  watch: WatchKind | null,
): ZnodeRef | ErrorCode {
  const length = body.fieldLength();
  const start = body.position;
  body.skip(Math.max(length, 0));
  const watching = body.bool();
  if (length < 0) return ErrorCode.marshallingError;
  const ref = context.tree.store.find(body.bytes, start, length);
  if (ref === noZnode) return ErrorCode.noNode;
  if (!mayRead(context, ref, Perms.read)) return ErrorCode.noAuth;
  if (watching && watch !== null) {
    context.watchManager.add(context.watcher, watch, textAt(body, start, length));
  }
  return ref;
}

/**
 * @returns The path whose bytes lie in the request, as a key for watches. The root's alias "" stays what it is: a
 *   watch there is one that nothing fires, as with Apache's server (DataTree).
 */
export function textAt(body: JuteReader, start: number, length: number): string {
  return decodeText(body.bytes, start, length);
}
