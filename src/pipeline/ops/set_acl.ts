import { decodeAcl, encodeAcl, Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { WriteOp } from "../op.ts";
import { nextVersion } from "./set_data.ts";

/** setACL: compares and raises the aversion, and nothing else. */
export const setACL: WriteOp = {
  kind: "write",
  code: OpCode.setACL,
  name: "SETA",
  reply: "stat",
  prepare(preparation, body) {
    const { path, pending, zxid, txn } = preparation;
    const isNamed = path.read(body);
    const acl = body.vector(decodeAcl);
    const expected = body.int();
    if (!isNamed || !path.isValid) return ErrorCode.badArguments;
    const stored = preparation.access.storable(acl, preparation.authIds);
    if (typeof stored === "number") return stored;
    const znode = pending.find(path);
    if (znode === null) return ErrorCode.noNode;
    if (!preparation.access.allows(znode.acl, Perms.admin, preparation.authIds)) return ErrorCode.noAuth;
    if (expected !== -1 && expected !== znode.aversion) return ErrorCode.badVersion;

    const aversion = nextVersion(znode.aversion);
    path.write(txn);
    txn.vector(stored, encodeAcl);
    txn.int(aversion);
    preparation.checkSize();
    pending.touch(znode, zxid);
    znode.acl = stored;
    znode.aversion = aversion;
    pending.updateDigest(znode);
    return ErrorCode.ok;
  },
};
