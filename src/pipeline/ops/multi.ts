import { JuteError, type JuteReader } from "../../jute/reader.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { WriteOp } from "../op.ts";
import type { Preparation } from "../preparation.ts";
import { check } from "./check.ts";
import { create, create2, createContainer, createTTL } from "./create.ts";
import { deleteOp } from "./delete.ts";
import { setData } from "./set_data.ts";

const parts = new Map<number, WriteOp>(
  [create, create2, createContainer, createTTL, deleteOp, setData, check].map((op) => [op.code, op]),
);

/**
 * multi: all of its parts or none, under one zxid. A failed one is a txn too, of nothing but errors
 * (PrepRequestProcessor.pRequestHelper).
 */
export const multi: WriteOp = {
  kind: "write",
  code: OpCode.multi,
  name: "MULT",
  reply: "results",
  prepare(preparation, body) {
    const start = body.position;
    const count = skimParts(body);
    body.position = start;
    const { txn, pending } = preparation;
    txn.int(count);
    const bodiesAt = txn.length;
    pending.beginUndo();
    preparation.inMulti = true;
    for (let index = 0; index < count; index++) {
      const error = preparePart(preparation, body);
      if (error === ErrorCode.ok) continue;
      pending.rollBack();
      writeFailure(preparation, body, start, bodiesAt, index, error, count);
      break;
    }
    pending.keep();
    preparation.txnType = OpCode.multi;
    return ErrorCode.ok;
  },
  makesEphemeral(body) {
    let found = false;
    skimParts(body, (op) => {
      const { position } = body;
      found ||= op.makesEphemeral?.(body) === true;
      body.position = position;
    });
    return found;
  },
};

/** Writes one part as int type and buffer body. @returns 0 or its error. */
function preparePart(preparation: Preparation, body: JuteReader): number {
  const { txn } = preparation;
  const op = parts.get(body.int())!;
  body.skip(5);
  preparation.txnType = op.code;
  const at = txn.length;
  txn.int(0);
  txn.int(0);
  const error = op.prepare(preparation, body);
  txn.intAt(at, preparation.txnType);
  txn.intAt(at + 4, txn.length - at - 8);
  return error;
}

/**
 * Writes the parts anew for a multi that failed at `failed`: those before keep their txns (nobody applies
 * them), the culprit its error, those behind -2.
 */
function writeFailure(
  preparation: Preparation,
  body: JuteReader,
  start: number,
  bodiesAt: number,
  failed: number,
  error: number,
  count: number,
): void {
  const { txn } = preparation;
  // The parts before the culprit are already written; cut off what the culprit wrote.
  let end = bodiesAt;
  const view = new DataView(txn.bytes.buffer);
  for (let index = 0; index < failed; index++) end += 8 + view.getInt32(end + 4);
  txn.rewind(end);
  for (let index = failed; index < count; index++) {
    txn.int(OpCode.error);
    txn.int(4);
    txn.int(index === failed ? error : ErrorCode.runtimeInconsistency);
  }
  body.position = start;
}

/**
 * Checks that every part can be decoded and belongs in a multi.
 *
 * @param look Sees each part before it is skimmed, and leaves the reader where it was.
 * @returns How many there are.
 */
function skimParts(body: JuteReader, look?: (op: WriteOp) => void): number {
  for (let count = 0;; count++) {
    const type = body.int();
    const done = body.bool();
    body.skip(4);
    if (done) return count;
    const op = parts.get(type);
    if (op?.skim === undefined) throw new JuteError(`a multi does not take operation ${type}`);
    look?.(op);
    op.skim(body);
  }
}
