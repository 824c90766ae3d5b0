import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { parentPath } from "../../protocol/path.ts";
import type { WriteOp } from "../op.ts";

/** closeSession: lists the ephemerals that go with the session, those created behind it in the queue included. */
export const closeSession: WriteOp = {
  kind: "write",
  code: OpCode.closeSession,
  name: "CLOS",
  reply: "nothing",
  prepare(preparation) {
    const { pending, zxid, txn } = preparation;
    const paths = pending.ephemeralsOf(preparation.sessionId);
    for (const path of paths) {
      const parent = pending.find(parentPath(path));
      const znode = pending.find(path);
      if (parent === null || znode === null) continue;
      pending.delete(parent, znode, zxid);
    }
    if (preparation.settings.closeSessionTxn) txn.vector(paths, (writer, path) => writer.string(path));
    return ErrorCode.ok;
  },
};
