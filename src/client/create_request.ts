import type { JuteWriter } from "../jute/writer.ts";
import { type Acl, encodeAcl, openAcl } from "../protocol/acl.ts";
import { CreateFlag, ttlMsMax } from "../protocol/create_mode.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { OpCode } from "../protocol/op_code.ts";
import { pathProblem } from "../protocol/path.ts";
import { BadArgumentsError, InvalidAclError, type ZkError } from "./errors.ts";
import type { CreateOptions, DataInput } from "./types.ts";

const noOptions: CreateOptions = {};

/** @returns What is wrong with a path given to `op`, or null. */
export function pathError(op: string, path: string): ZkError | null {
  const problem = pathProblem(path);
  return problem === null ? null : badArguments(op, path, problem);
}

/** @returns What is wrong with an ACL to be set, or null. Its entries are judged by the server. */
export function aclError(op: string, path: string, acl: readonly Acl[]): ZkError | null {
  if (acl.length > 0) return null;
  const reason = "an ACL needs at least one entry, such as openAcl";
  return new InvalidAclError(ErrorCode.invalidACL, { op, path, reason });
}

/** @returns What is wrong with a create, or null. (ZooKeeper.create, EphemeralType.validateTTL) */
export function createError(path: string, options: CreateOptions = noOptions): ZkError | null {
  const { mode = "persistent", sequential = false, ttlMs, acl } = options;
  // The server appends digits, so that "/a/" is fine here.
  const problem = pathError("create", sequential ? `${path}1` : path);
  if (problem !== null) return problem;
  if (ttlMs !== undefined) {
    if (mode !== "persistent") {
      return badArguments("create", path, `only persistent znodes take a time to live, not ${mode} ones`);
    }
    if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > ttlMsMax) {
      return badArguments("create", path, `a time to live is 1 to ${ttlMsMax} ms, not ${ttlMs}`);
    }
  }
  if (mode === "container" && sequential) {
    return badArguments("create", path, "containers cannot be sequential");
  }
  return acl === undefined ? null : aclError("create", path, acl);
}

/** @returns The operation that creates such a znode and answers its Stat. */
export function createOpCode(options: CreateOptions = noOptions): number {
  if (options.mode === "container") return OpCode.createContainer;
  return options.ttlMs === undefined ? OpCode.create2 : OpCode.createTTL;
}

/** Writes the body for {@linkcode createOpCode}. */
export function encodeCreate(
  writer: JuteWriter,
  serverPath: string,
  data: DataInput,
  options: CreateOptions = noOptions,
): void {
  const { mode, sequential = false, ttlMs, acl = openAcl } = options;
  writer.string(serverPath);
  encodeData(writer, data);
  writer.vector(acl, encodeAcl);
  if (mode === "container") writer.int(CreateFlag.container);
  else if (mode === "ephemeral") {
    writer.int(sequential ? CreateFlag.ephemeralSequential : CreateFlag.ephemeral);
  } else if (ttlMs === undefined) {
    writer.int(sequential ? CreateFlag.persistentSequential : CreateFlag.persistent);
  } else {
    writer.int(sequential ? CreateFlag.persistentSequentialWithTtl : CreateFlag.persistentWithTtl);
    writer.longNumber(ttlMs);
  }
}

/** Writes data; a string and a buffer look the same on the wire. */
export function encodeData(writer: JuteWriter, data: DataInput): void {
  if (typeof data === "string") writer.string(data);
  else writer.buffer(data);
}

function badArguments(op: string, path: string, reason: string): ZkError {
  return new BadArgumentsError(ErrorCode.badArguments, { op, path, reason });
}
