import type { JuteReader } from "../../jute/reader.ts";
import { Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { membershipText } from "../../quorum/membership.ts";
import {
  isRefusal,
  type ReconfigRefusal,
  type ReconfigRequest,
  reconfigure,
} from "../../quorum/reconfigure.ts";
import type { WriteOp } from "../op.ts";

/** The znode that shows the membership. Its version is always -1. (ZooDefs.CONFIG_NODE) */
const configPath = "/zookeeper/config";
const configVersion = -1;

const errorOf: Readonly<Record<ReconfigRefusal["refused"], number>> = {
  "in progress": ErrorCode.reconfigInProgress,
  "other version": ErrorCode.badVersion,
  "bad arguments": ErrorCode.badArguments,
  "no quorum": ErrorCode.newConfigNoQuorum,
};

const textEncoder = new TextEncoder();

/**
 * reconfig: the txn sets the data of /zookeeper/config to the new membership, whose version is the txn's own zxid.
 * Refused as disabled unless `reconfigEnabled` is set and there is an ensemble to change. The permission is asked
 * for last, as in Apache. (PrepRequestProcessor.pRequest2Txn)
 */
export const reconfig: WriteOp = {
  kind: "write",
  code: OpCode.reconfig,
  name: "RECO",
  reply: "data and stat",
  prepare(preparation, body) {
    const request = readRequest(body);
    const { path, pending, txn, zxid, timeMs } = preparation;
    const context = preparation.reconfigContext;
    if (context === null) return ErrorCode.reconfigDisabled;
    const next = reconfigure(request, context, zxid);
    if (isRefusal(next)) {
      context.onRefused(next);
      return errorOf[next.refused];
    }
    path.set(configPath);
    const znode = pending.find(path);
    if (znode === null) return ErrorCode.noNode;
    if (!preparation.access.allows(znode.acl, Perms.write, preparation.authIds)) return ErrorCode.noAuth;

    const data = textEncoder.encode(membershipText(next));
    txn.string(configPath);
    txn.buffer(data);
    txn.int(configVersion);
    pending.touch(znode, zxid);
    znode.version = configVersion;
    znode.setModified(zxid, timeMs);
    pending.setData(znode, new DataView(data.buffer, data.byteOffset, data.byteLength), 0, data.length);
    pending.updateDigest(znode);
    preparation.newMembership = next;
    return ErrorCode.ok;
  },
};

function readRequest(body: JuteReader): ReconfigRequest {
  return {
    joining: body.string(),
    leaving: body.string(),
    newMembers: body.string(),
    fromVersion: body.longNumber(),
  };
}
