import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { ReadOp } from "../op.ts";

/** sync: on a leader ordered like a read; it echoes the path, even a null one. */
export const sync: ReadOp = {
  kind: "read",
  code: OpCode.sync,
  name: "SYNC",
  execute(_context, body, reply) {
    reply.string(body.string());
    return ErrorCode.ok;
  },
};
