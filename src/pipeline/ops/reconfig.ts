import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { WriteOp } from "../op.ts";

/** reconfig: refused, since a standalone server has no ensemble to change (PrepRequestProcessor). */
export const reconfig: WriteOp = {
  kind: "write",
  code: OpCode.reconfig,
  name: "RECO",
  reply: "nothing",
  prepare(preparation, body) {
    for (let text = 0; text < 3; text++) body.skip(Math.max(body.fieldLength(), 0));
    body.skip(8);
    return preparation.settings.reconfigEnabled ? ErrorCode.unimplemented : ErrorCode.reconfigDisabled;
  },
};
