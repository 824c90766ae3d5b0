import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { WriteOp } from "../op.ts";

/** reconfig: refused as disabled, which it is unless `reconfigEnabled` is set and there is an ensemble to change. */
export const reconfig: WriteOp = {
  kind: "write",
  code: OpCode.reconfig,
  name: "RECO",
  reply: "nothing",
  prepare(_preparation, body) {
    for (let text = 0; text < 3; text++) body.skip(Math.max(body.fieldLength(), 0));
    body.skip(8);
    return ErrorCode.reconfigDisabled;
  },
};
