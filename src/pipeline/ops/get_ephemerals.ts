import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { ReadOp } from "../op.ts";

/** Nothing, or "/", between what Java's trim() takes off: everything up to U+0020. */
const aroundNothing = /^[\u0000-\u0020]*\/?[\u0000-\u0020]*$/;

/** getEphemerals: the session's own, whose path begins with a prefix taken as plain text. */
export const getEphemerals: ReadOp = {
  kind: "read",
  code: OpCode.getEphemerals,
  name: "GETE",
  execute(context, body, reply) {
    const prefix = body.string();
    const everything = prefix === null || aroundNothing.test(prefix);
    const paths = [...context.tree.ephemerals.of(context.sessionId)];
    const chosen = everything ? paths : paths.filter((path) => path.startsWith(prefix));
    reply.vector(chosen, (writer, path) => writer.string(path));
    return ErrorCode.ok;
  },
};
