import { JuteError, type JuteReader } from "../../jute/reader.ts";
import { type Acl, decodeAcl, encodeAcl, openAcl, Perms } from "../../protocol/acl.ts";
import {
  CreateFlag,
  isEphemeralFlag,
  isSequentialFlag,
  isTtlFlag,
  ownerKind,
  ttlMsMax,
  ttlOwner,
} from "../../protocol/create_mode.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { containerOwner } from "../../protocol/session_id.ts";
import type { WriteOp } from "../op.ts";
import type { Preparation } from "../preparation.ts";

type CreateCode =
  | typeof OpCode.create
  | typeof OpCode.create2
  | typeof OpCode.createContainer
  | typeof OpCode.createTTL;

/** create: answers with the path. */
export const create = createOp(OpCode.create);
/** create2: answers with path and Stat. */
export const create2 = createOp(OpCode.create2);
/** createContainer: the opcode makes the container, whatever the flags say. */
export const createContainer = createOp(OpCode.createContainer);
/** createTTL: carries the time to live in ms behind the flags. */
export const createTTL = createOp(OpCode.createTTL);

function createOp(code: CreateCode): WriteOp {
  return {
    kind: "write",
    code,
    name: "CREA",
    reply: code === OpCode.create ? "path" : "path and stat",
    prepare: (preparation, body) => prepareCreate(preparation, body, code),
    skim: (body) => skimCreate(body, code),
    // The other two never do, whatever their flags say.
    makesEphemeral: code === OpCode.create || code === OpCode.create2 ? isEphemeralCreate : undefined,
  };
}

function isEphemeralCreate(body: JuteReader): boolean {
  body.skip(Math.max(body.fieldLength(), 0));
  body.skip(Math.max(body.fieldLength(), 0));
  body.vector(decodeAcl);
  return isEphemeralFlag(body.int());
}

/** Order of checks: PrepRequestProcessor.pRequest2TxnCreate. */
function prepareCreate(preparation: Preparation, body: JuteReader, code: CreateCode): number {
  const { path, pending, zxid, timeMs, txn } = preparation;
  const isNamed = path.read(body);
  const dataLength = body.fieldLength();
  const dataStart = body.position;
  body.skip(Math.max(dataLength, 0));
  const acl = decodeAclVector(body);
  const flags = body.int();
  const sentTtlMs = code === OpCode.createTTL ? body.longNumber() : -1;

  if (flags < CreateFlag.persistent || flags > CreateFlag.persistentSequentialWithTtl) {
    return ErrorCode.badArguments;
  }
  const isTtl = isTtlFlag(flags);
  // Inside a multi a createTTL without TTL flags is a plain create, whatever its ttl (Op.create).
  const ttlMs = preparation.inMulti && !isTtl ? -1 : sentTtlMs;
  if (isTtl && !preparation.settings.ownerRules.extendedTypes) return ErrorCode.unimplemented;
  if (isTtl ? ttlMs < 1 || ttlMs > ttlMsMax : ttlMs >= 0) return ErrorCode.badArguments;
  if (code === OpCode.createTTL && !isTtl && !preparation.inMulti) return ErrorCode.badArguments;
  if (!isNamed) return ErrorCode.marshallingError;
  if (path.parentLength < 0 || path.has(0)) return ErrorCode.badArguments;
  const stored = preparation.access.storable(acl, preparation.authIds);
  if (typeof stored === "number") return stored;

  const parent = pending.findParent(path);
  if (parent === null) return ErrorCode.noNode;
  if (!preparation.access.allows(parent.acl, Perms.create, preparation.authIds)) return ErrorCode.noAuth;
  if (isSequentialFlag(flags)) path.append(parent.cversion);
  if (!path.isValid) return ErrorCode.badArguments;
  if (pending.find(path) !== null) return ErrorCode.nodeExists;
  if (ownerKind(parent.owner, preparation.settings.ownerRules) === "ephemeral") {
    return ErrorCode.noChildrenForEphemerals;
  }
  if (preparation.exceedsQuota(1, Math.max(dataLength, 0))) return ErrorCode.quotaExceeded;

  const type = code === OpCode.createTTL && !isTtl ? OpCode.create : code;
  const cversion = (parent.cversion + 1) | 0;
  preparation.txnType = type;
  path.write(txn);
  txn.int(dataLength);
  txn.rawRun(body.bytes, body.dataView, dataStart, Math.max(dataLength, 0));
  txn.vector(stored, encodeAcl);
  if (type === OpCode.create || type === OpCode.create2) txn.bool(isEphemeralFlag(flags));
  txn.int(cversion);
  if (type === OpCode.createTTL) txn.longNumber(ttlMs);
  preparation.checkSize();

  pending.touch(parent, zxid);
  parent.numChildren++;
  parent.cversion = cversion;
  parent.pzxid = zxid;
  pending.updateDigest(parent);
  const znode = pending.create(path, zxid, timeMs, ownerOf(type, flags, ttlMs, preparation));
  znode.acl = stored;
  pending.setData(znode, body.dataView, dataStart, dataLength);
  pending.updateDigest(znode);
  return ErrorCode.ok;
}

function ownerOf(type: CreateCode, flags: number, ttlMs: number, preparation: Preparation): bigint {
  if (type === OpCode.createContainer) return containerOwner;
  if (type === OpCode.createTTL) return ttlOwner(ttlMs);
  return isEphemeralFlag(flags) ? preparation.sessionId : 0n;
}

/** MultiOperationRecord.deserialize: null fields and odd flags spoil the whole multi. */
function skimCreate(body: JuteReader, code: CreateCode): void {
  const path = body.fieldLength();
  body.skip(Math.max(path, 0));
  body.skip(Math.max(body.fieldLength(), 0));
  const acl = body.vector(decodeAcl);
  const flags = body.int();
  if (code === OpCode.createTTL) body.skip(8);
  if (path < 0 || acl === null) throw new JuteError("a create in a multi needs a path and an acl");
  const known = flags >= CreateFlag.persistent && flags <= CreateFlag.persistentSequentialWithTtl;
  if (code !== OpCode.createTTL && (!known || isTtlFlag(flags))) {
    throw new JuteError(`flags ${flags} do not fit a create in a multi`);
  }
}

/** The open ACL as nearly every client sends it: one entry, all permissions, world, anyone. */
const openAclBytes = new Uint8Array([
  ...[0, 0, 0, 1, 0, 0, 0, 31, 0, 0, 0, 5],
  ...new TextEncoder().encode("world"),
  ...[0, 0, 0, 6],
  ...new TextEncoder().encode("anyone"),
]);

function decodeAclVector(body: JuteReader): readonly Acl[] | null {
  const { bytes, position } = body;
  if (body.remaining >= openAclBytes.length) {
    let same = 0;
    while (same < openAclBytes.length && bytes[position + same] === openAclBytes[same]) same++;
    if (same === openAclBytes.length) {
      body.skip(same);
      return openAcl;
    }
  }
  return body.vector(decodeAcl);
}
