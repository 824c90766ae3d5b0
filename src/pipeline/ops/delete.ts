import { JuteError } from "../../jute/reader.ts";
import { Perms } from "../../protocol/acl.ts";
import { ownerKind } from "../../protocol/create_mode.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { WriteOp } from "../op.ts";
import type { PendingZnode } from "../pending_znode.ts";
import type { Preparation } from "../preparation.ts";
import type { RequestPath } from "../request_path.ts";
import { skimPath } from "./_skim.ts";

/** delete: judged by the parent's ACL, even when the znode is missing. */
export const deleteOp: WriteOp = {
  kind: "write",
  code: OpCode.delete,
  name: "DELE",
  reply: "nothing",
  prepare(preparation, body) {
    const { path, pending } = preparation;
    const isNamed = path.read(body);
    const version = body.int();
    if (!isNamed) return ErrorCode.marshallingError;
    if (!isDeletable(path)) return ErrorCode.badArguments;
    const parent = pending.findParent(path);
    if (parent === null) return ErrorCode.noNode;
    if (!preparation.access.allows(parent.acl, Perms.delete, preparation.authIds)) return ErrorCode.noAuth;
    const znode = pending.find(path);
    if (znode === null) return ErrorCode.noNode;
    if (version !== -1 && version !== znode.version) return ErrorCode.badVersion;
    if (znode.numChildren > 0) return ErrorCode.notEmpty;
    writeDelete(preparation, parent, znode);
    return ErrorCode.ok;
  },
  skim(body) {
    if (skimPath(body) < 0) throw new JuteError("a delete in a multi needs a path");
    body.skip(4);
  },
};

/**
 * deleteContainer: the reaper's own request for a container or TTL znode that is empty; never taken from a
 * client. Its body is the path as a buffer (ContainerManager).
 */
export const deleteContainer: WriteOp = {
  kind: "write",
  code: OpCode.deleteContainer,
  name: "DELC",
  reply: "nothing",
  prepare(preparation, body) {
    const { path, pending } = preparation;
    if (!path.read(body) || !isDeletable(path)) return ErrorCode.badArguments;
    const znode = pending.find(path);
    const parent = pending.findParent(path);
    if (znode === null || parent === null) return ErrorCode.noNode;
    if (znode.numChildren > 0) return ErrorCode.notEmpty;
    if (ownerKind(znode.owner, preparation.settings.ownerRules) === "ephemeral") return ErrorCode.badVersion;
    writeDelete(preparation, parent, znode);
    return ErrorCode.ok;
  },
};

function writeDelete(preparation: Preparation, parent: PendingZnode, znode: PendingZnode): void {
  znode.writePath(preparation.txn);
  preparation.pending.delete(parent, znode, preparation.zxid);
}

/** PrepRequestProcessor.getParentPathAndValidate, DataTree.isSpecialPath. */
function isDeletable(path: RequestPath): boolean {
  return path.parentLength >= 0 && !path.has(0) && !keptPaths.some((kept) => path.is(kept));
}

const textEncoder = new TextEncoder();
const keptPaths = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"].map((path) =>
  textEncoder.encode(path)
);
