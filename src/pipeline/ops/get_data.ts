import type { JuteReader } from "../../jute/reader.ts";
import type { JuteWriter } from "../../jute/writer.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { ReadContext, ReadOp } from "../op.ts";
import { openForRead } from "./_read.ts";

/** getData: data and Stat; a watch only when it succeeds. */
export const getData: ReadOp = {
  kind: "read",
  code: OpCode.getData,
  name: "GETD",
  execute: (context, body, reply) => readData(context, body, reply, true),
};

/** @param watching Whether the request's watch flag counts; in a multiRead it does not. */
export function readData(
  context: ReadContext,
  body: JuteReader,
  reply: JuteWriter,
  watching: boolean,
): number {
  const ref = openForRead(context, body, watching ? "data" : null);
  if (ref < 0) return ref;
  context.tree.store.writeData(ref, reply);
  context.tree.store.writeStat(ref, reply);
  return ErrorCode.ok;
}
