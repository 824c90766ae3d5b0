import { JuteError } from "../../jute/reader.ts";
import { Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { WriteOp } from "../op.ts";
import { skimPath } from "./_skim.ts";

/** setData: the quota is looked at before the version. */
export const setData: WriteOp = {
  kind: "write",
  code: OpCode.setData,
  name: "SETD",
  reply: "stat",
  prepare(preparation, body) {
    const { path, pending, zxid, timeMs, txn } = preparation;
    const isNamed = path.read(body);
    const dataLength = body.fieldLength();
    const dataStart = body.position;
    body.skip(Math.max(dataLength, 0));
    const expected = body.int();
    if (!isNamed || path.length === 0) return ErrorCode.badArguments;
    const znode = pending.find(path);
    // What there is has a valid path.
    if (znode === null) return path.isValid ? ErrorCode.noNode : ErrorCode.badArguments;
    if (!preparation.access.allows(znode.acl, Perms.write, preparation.authIds)) return ErrorCode.noAuth;
    const growth = Math.max(dataLength, 0) - Math.max(znode.dataLength, 0);
    if (preparation.exceedsQuota(0, growth)) return ErrorCode.quotaExceeded;
    if (expected !== -1 && expected !== znode.version) return ErrorCode.badVersion;

    const version = nextVersion(znode.version);
    path.write(txn);
    txn.int(dataLength);
    txn.rawRun(body.bytes, body.dataView, dataStart, Math.max(dataLength, 0));
    txn.int(version);
    preparation.checkSize();
    pending.touch(znode, zxid);
    znode.version = version;
    znode.setModified(zxid, timeMs);
    pending.setData(znode, body.dataView, dataStart, dataLength);
    pending.updateDigest(znode);
    return ErrorCode.ok;
  },
  skim(body) {
    if (skimPath(body) < 0) throw new JuteError("a setData in a multi needs a path");
    skimPath(body);
    body.skip(4);
  },
};

/** @returns The version after `version`, in int32 wraparound. */
export function nextVersion(version: number): number {
  return (version + 1) | 0;
}
