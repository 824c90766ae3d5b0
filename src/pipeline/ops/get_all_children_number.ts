import { Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { noZnode } from "../../tree/znode_store.ts";
import type { ReadOp } from "../op.ts";
import { mayRead } from "./_read.ts";

/** getAllChildrenNumber: how many descendants a znode has. */
export const getAllChildrenNumber: ReadOp = {
  kind: "read",
  code: OpCode.getAllChildrenNumber,
  name: "GETACN",
  execute(context, body, reply) {
    const length = body.fieldLength();
    if (length < 0) return ErrorCode.marshallingError;
    const ref = context.tree.store.find(body.bytes, body.position, length);
    if (ref === noZnode) return ErrorCode.noNode;
    if (!mayRead(context, ref, Perms.read)) return ErrorCode.noAuth;
    reply.int(context.tree.countDescendants(ref));
    return ErrorCode.ok;
  },
};
