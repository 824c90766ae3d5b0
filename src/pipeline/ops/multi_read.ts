import { JuteError, type JuteReader } from "../../jute/reader.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { ReadOp } from "../op.ts";
import { skimPath } from "./_skim.ts";
import { readChildren } from "./get_children.ts";
import { readData } from "./get_data.ts";
import { writeMultiEnd, writeMultiError, writeMultiHeader } from "./_multi_result.ts";

/** multiRead: each part succeeds or fails by itself; watch flags count for nothing. */
export const multiRead: ReadOp = {
  kind: "read",
  code: OpCode.multiRead,
  name: "MLTR",
  execute(context, body, reply) {
    const start = body.position;
    const count = skimParts(body);
    body.position = start;
    for (let index = 0; index < count; index++) {
      const type = body.int();
      body.skip(5);
      const at = reply.length;
      writeMultiHeader(reply, type, ErrorCode.ok);
      const error = type === OpCode.getData
        ? readData(context, body, reply, false)
        : readChildren(context, body, reply, false);
      if (error === ErrorCode.ok) continue;
      reply.rewind(at);
      writeMultiError(reply, error);
    }
    writeMultiEnd(reply);
    return ErrorCode.ok;
  },
};

function skimParts(body: JuteReader): number {
  for (let count = 0;; count++) {
    const type = body.int();
    const done = body.bool();
    body.skip(4);
    if (done) return count;
    if (type !== OpCode.getData && type !== OpCode.getChildren) {
      throw new JuteError(`a multiRead does not take operation ${type}`);
    }
    if (skimPath(body) < 0) throw new JuteError("a read in a multiRead needs a path");
    body.bool();
  }
}
