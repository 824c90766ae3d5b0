import { JuteError } from "../../jute/reader.ts";
import { Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { WriteOp } from "../op.ts";
import { skimPath } from "./_skim.ts";
import { nextVersion } from "./set_data.ts";

/** check: holds a multi to a znode's version; not known outside a multi. */
export const check: WriteOp = {
  kind: "write",
  code: OpCode.check,
  name: "CHEC",
  reply: "nothing",
  prepare(preparation, body) {
    const { path } = preparation;
    const isNamed = path.read(body);
    const expected = body.int();
    if (!isNamed || !path.isValid) return ErrorCode.badArguments;
    const znode = preparation.pending.find(path);
    if (znode === null) return ErrorCode.noNode;
    if (!preparation.access.allows(znode.acl, Perms.read, preparation.authIds)) return ErrorCode.noAuth;
    if (expected !== -1 && expected !== znode.version) return ErrorCode.badVersion;
    path.write(preparation.txn);
    preparation.txn.int(nextVersion(znode.version));
    return ErrorCode.ok;
  },
  skim(body) {
    if (skimPath(body) < 0) throw new JuteError("a check in a multi needs a path");
    body.skip(4);
  },
};
