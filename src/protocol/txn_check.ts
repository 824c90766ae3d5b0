import { JuteError, JuteReader } from "../jute/reader.ts";
import { OpCode } from "./op_code.ts";
import { digestVersion, txnDigestBytes, txnHeaderBytes, txnTypeOf } from "./txn.ts";
import { isMultiPart, readPathLength, skipBuffer } from "./txn_fields.ts";

const reader = new JuteReader();

/**
 * Whether a txn entry can be applied, as far as its form goes: what gets into the log is read again at every start, so
 * what cannot be read must not get there.
 *
 * @returns Null, or what is wrong with the entry `bytes[start, end)`.
 */
export function txnProblem(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start < txnHeaderBytes) return "it is too short for a txn";
  const type = txnTypeOf(bytes, start);
  reader.fieldBytesMax = end - start;
  reader.reset(bytes, start + txnHeaderBytes, end);
  try {
    if (type === OpCode.check || !skipBody(type)) return `it is of type ${type}, which is unknown here`;
    return null;
  } catch (error) {
    if (!(error instanceof JuteError)) throw error;
    return error.message;
  }
}

/** Steps over a body. @returns False for a type that no txn has. @throws {JuteError} If it cannot be read. */
function skipBody(type: number): boolean {
  switch (type) {
    case OpCode.create:
    case OpCode.create2:
      skipCreate();
      reader.skip(1);
      return true;
    case OpCode.createContainer:
      skipCreate();
      reader.skip(4);
      return true;
    case OpCode.createTTL:
      skipCreate();
      reader.skip(12);
      return true;
    case OpCode.delete:
    case OpCode.deleteContainer:
      reader.skip(readPathLength(reader));
      return true;
    case OpCode.setData:
    case OpCode.reconfig:
      skipBuffer(reader);
      skipBuffer(reader);
      reader.skip(4);
      return true;
    case OpCode.setACL:
      skipBuffer(reader);
      skipAcl();
      reader.skip(4);
      return true;
    case OpCode.check:
      skipBuffer(reader);
      reader.skip(4);
      return true;
    case OpCode.createSession:
    case OpCode.error:
      reader.skip(4);
      return true;
    case OpCode.closeSession:
      skipClosed();
      return true;
    case OpCode.multi:
      return skipMulti();
    default:
      return false;
  }
}

function skipCreate(): void {
  reader.skip(readPathLength(reader));
  skipBuffer(reader);
  skipAcl();
}

function skipAcl(): void {
  const count = reader.vectorCount();
  for (let index = 0; index < count; index++) {
    reader.skip(4);
    skipBuffer(reader);
    skipBuffer(reader);
  }
}

/** closeSession may have no body at all; then nothing follows, or a digest. */
function skipClosed(): void {
  if (reader.remaining < 4) return;
  if (reader.remaining === txnDigestBytes) {
    const version = reader.int();
    if (version === digestVersion) return;
    reader.position -= 4;
  }
  const count = reader.vectorCount();
  for (let index = 0; index < count; index++) {
    const length = reader.fieldLength();
    if (length <= 0) continue;
    reader.position -= 4;
    reader.skip(readPathLength(reader));
  }
}

function skipMulti(): boolean {
  const wholeEnd = reader.end;
  const count = Math.max(reader.vectorCount(), 0);
  for (let index = 0; index < count; index++) {
    const type = reader.int();
    if (!isMultiPart(type)) throw new JuteError(`a multi has a part of type ${type}, which is unknown here`);
    const partEnd = Math.max(reader.fieldLength(), 0) + reader.position;
    reader.end = partEnd;
    skipBody(type);
    reader.end = wholeEnd;
    reader.position = partEnd;
  }
  return true;
}
