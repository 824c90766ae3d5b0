import { Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { noZnode } from "../../tree/znode_store.ts";
import type { ReadOp } from "../op.ts";
import { mayRead, textAt } from "./_read.ts";

/** exists: the Stat, or -101 with the watch set all the same. */
export const exists: ReadOp = {
  kind: "read",
  code: OpCode.exists,
  name: "EXIS",
  execute(context, body, reply) {
    const length = body.fieldLength();
    const start = body.position;
    body.skip(Math.max(length, 0));
    const watch = body.bool();
    if (length < 0) return ErrorCode.marshallingError;
    const store = context.tree.store;
    const ref = store.find(body.bytes, start, length);
    if (ref === noZnode && textAt(body, start, length).includes("\0")) return ErrorCode.badArguments;
    if (ref !== noZnode && !mayRead(context, ref, Perms.read)) return ErrorCode.noAuth;
    if (watch) context.watchManager.add(context.watcher, "data", textAt(body, start, length));
    if (ref === noZnode) return ErrorCode.noNode;
    store.writeStat(ref, reply);
    return ErrorCode.ok;
  },
};
