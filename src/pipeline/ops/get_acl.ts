import { type Acl, encodeAcl, Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { noZnode } from "../../tree/znode_store.ts";
import type { ReadOp } from "../op.ts";
import { mayRead } from "./_read.ts";

/** getACL: without ADMIN the hashes of digest ids are blanked. */
export const getACL: ReadOp = {
  kind: "read",
  code: OpCode.getACL,
  name: "GETA",
  execute(context, body, reply) {
    const length = body.fieldLength();
    if (length < 0) return ErrorCode.marshallingError;
    const store = context.tree.store;
    const ref = store.find(body.bytes, body.position, length);
    if (ref === noZnode) return ErrorCode.noNode;
    if (!mayRead(context, ref, Perms.read | Perms.admin)) return ErrorCode.noAuth;
    const acl = context.tree.acls.get(store.aclKeyOf(ref));
    reply.vector(mayRead(context, ref, Perms.admin) ? acl : acl.map(blankDigest), encodeAcl);
    store.writeStat(ref, reply);
    return ErrorCode.ok;
  },
};

function blankDigest(entry: Acl): Acl {
  if (entry.scheme !== "digest" || entry.id === null) return entry;
  return { perms: entry.perms, scheme: entry.scheme, id: entry.id.replace(/:.*/, ":x") };
}
