import { decodeText, type JuteReader } from "../../jute/reader.ts";
import { openAclKey } from "../../tree/acl_cache.ts";
import type { ZnodeRef } from "../../tree/znode_store.ts";
import type { ReadContext } from "../op.ts";

/** @returns Whether the client has one of the permission bits `perms` on a znode. */
export function mayRead(context: ReadContext, ref: ZnodeRef, perms: number): boolean {
  const key = context.tree.store.aclKeyOf(ref);
  return key === openAclKey || context.access.allows(context.tree.acls.get(key), perms, context.authIds);
}

/** @returns The path whose bytes lie in the request; the root's alias "" as "/". */
export function textAt(body: JuteReader, start: number, length: number): string {
  return length === 0 ? "/" : decodeText(body.bytes, start, length);
}
