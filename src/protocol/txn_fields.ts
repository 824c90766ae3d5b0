import { decodeText, JuteError, type JuteReader } from "../jute/reader.ts";
import { OpCode } from "./op_code.ts";

const slash = 0x2f;

/** @returns Whether a multi's txn may have a part of this type; Apache stops at anything else too. */
export function isMultiPart(type: number): boolean {
  switch (type) {
    case OpCode.create:
    case OpCode.create2:
    case OpCode.createContainer:
    case OpCode.createTTL:
    case OpCode.delete:
    case OpCode.deleteContainer:
    case OpCode.setData:
    case OpCode.check:
    case OpCode.error:
      return true;
    default:
      return false;
  }
}

/** Steps over a buffer, null or not. */
export function skipBuffer(reader: JuteReader): void {
  const length = reader.fieldLength();
  if (length > 0) reader.skip(length);
}

/**
 * Reads the length of a path that must name a znode below the root; the reader then stands at its bytes.
 *
 * @throws {JuteError} If it cannot be such a path.
 */
export function readPathLength(reader: JuteReader): number {
  const length = reader.fieldLength();
  checkPath(reader.bytes, reader.position, length);
  return length;
}

/** @throws {JuteError} If the bytes cannot be the path of a znode below the root. */
export function checkPath(bytes: Uint8Array, start: number, length: number): void {
  if (length < 2 || bytes[start] !== slash) {
    throw new JuteError(`a txn names an impossible path "${decodeText(bytes, start, Math.max(length, 0))}"`);
  }
}

/** @returns Where the last slash of a path is, which is the length of its parent's: 0 for a child of the root. */
export function lastSlash(bytes: Uint8Array, start: number, length: number): number {
  let at = start + length - 1;
  while (bytes[at] !== slash) at--;
  return at - start;
}
