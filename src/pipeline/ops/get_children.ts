import type { JuteReader } from "../../jute/reader.ts";
import type { JuteWriter } from "../../jute/writer.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import type { ReadContext, ReadOp } from "../op.ts";
import { openForRead } from "./_read.ts";

/** getChildren: the children's names; a watch only when it succeeds. */
export const getChildren: ReadOp = {
  kind: "read",
  code: OpCode.getChildren,
  name: "GETC",
  execute: (context, body, reply) => readChildren(context, body, reply, true),
};

/** getChildren2: names and Stat. */
export const getChildren2: ReadOp = {
  kind: "read",
  code: OpCode.getChildren2,
  name: "GETC",
  execute(context, body, reply) {
    const ref = openForRead(context, body, "child");
    if (ref < 0) return ref;
    context.tree.store.writeChildren(ref, reply);
    context.tree.store.writeStat(ref, reply);
    return ErrorCode.ok;
  },
};

/** @param watching Whether the request's watch flag counts; in a multiRead it does not. */
export function readChildren(
  context: ReadContext,
  body: JuteReader,
  reply: JuteWriter,
  watching: boolean,
): number {
  const ref = openForRead(context, body, watching ? "child" : null);
  if (ref < 0) return ref;
  context.tree.store.writeChildren(ref, reply);
  return ErrorCode.ok;
}
