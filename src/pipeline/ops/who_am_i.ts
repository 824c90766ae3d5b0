import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { ReadOp } from "../op.ts";

/** whoAmI: scheme and user of every id the client holds; no user where the scheme has no provider. */
export const whoAmI: ReadOp = {
  kind: "read",
  code: OpCode.whoAmI,
  name: "HOMI",
  execute(context, _body, reply) {
    reply.vector(context.authIds, (writer, held) => {
      writer.string(held.scheme);
      writer.string(context.access.provider(held.scheme ?? "")?.userOf(held.id ?? "") ?? "");
    });
    return ErrorCode.ok;
  },
};
