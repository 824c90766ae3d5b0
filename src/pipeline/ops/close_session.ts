import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { WriteOp } from "../op.ts";

/**
 * closeSession: lists the ephemerals that go with the session, those created behind it in the queue included. Those for
 * which a txn has no room are not listed, and go all the same where it is applied (ZOOKEEPER-4306).
 */
export const closeSession: WriteOp = {
  kind: "write",
  code: OpCode.closeSession,
  name: "CLOS",
  reply: "nothing",
  prepare(preparation) {
    const { path, pending, zxid, txn } = preparation;
    const paths = pending.ephemeralsOf(preparation.sessionId);
    for (const text of paths) {
      path.set(text);
      const parent = pending.findParent(path);
      const znode = pending.find(path);
      if (parent === null || znode === null) continue;
      pending.delete(parent, znode, zxid);
    }
    if (preparation.settings.closeSessionTxn) {
      txn.vector(fitting(paths, preparation.roomBytes), (writer, path) => writer.string(path));
    }
    return ErrorCode.ok;
  },
};

/** @returns As many of the paths as `roomBytes` hold as a vector. */
function fitting(paths: readonly string[], roomBytes: number): readonly string[] {
  let bytes = 4;
  for (const [index, path] of paths.entries()) {
    // UTF-8 takes three bytes for a UTF-16 unit at most.
    bytes += 4 + 3 * path.length;
    if (bytes > roomBytes) return paths.slice(0, index);
  }
  return paths;
}
