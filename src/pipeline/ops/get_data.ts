import type { JuteReader } from "../../jute/reader.ts";
import type { JuteWriter } from "../../jute/writer.ts";
import { Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { noZnode } from "../../tree/znode_store.ts";
import type { ReadContext, ReadOp } from "../op.ts";
import { mayRead, textAt } from "./_read.ts";

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
  const length = body.fieldLength();
  const start = body.position;
  body.skip(Math.max(length, 0));
  const watch = body.bool();
  if (length < 0) return ErrorCode.marshallingError;
  const store = context.tree.store;
  const ref = store.find(body.bytes, start, length);
  if (ref === noZnode) return ErrorCode.noNode;
  if (!mayRead(context, ref, Perms.read)) return ErrorCode.noAuth;
  if (watch && watching) context.watchManager.add(context.watcher, "data", textAt(body, start, length));
  store.writeData(ref, reply);
  store.writeStat(ref, reply);
  return ErrorCode.ok;
}
