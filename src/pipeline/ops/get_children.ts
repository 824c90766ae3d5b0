import type { JuteReader } from "../../jute/reader.ts";
import type { JuteWriter } from "../../jute/writer.ts";
import { Perms } from "../../protocol/acl.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { noZnode } from "../../tree/znode_store.ts";
import type { ReadContext, ReadOp } from "../op.ts";
import { mayRead, textAt } from "./_read.ts";

/** getChildren: the children's names; a watch only when it succeeds. */
export const getChildren: ReadOp = {
  kind: "read",
  code: OpCode.getChildren,
  name: "GETC",
  execute: (context, body, reply) => readChildren(context, body, reply, { stat: false, watching: true }),
};

/** getChildren2: names and Stat. */
export const getChildren2: ReadOp = {
  kind: "read",
  code: OpCode.getChildren2,
  name: "GETC",
  execute: (context, body, reply) => readChildren(context, body, reply, { stat: true, watching: true }),
};

/** What {@link readChildren} adds. */
export interface ReadChildrenOptions {
  readonly stat: boolean;
  /** Whether the request's watch flag counts; in a multiRead it does not. */
  readonly watching: boolean;
}

export function readChildren(
  context: ReadContext,
  body: JuteReader,
  reply: JuteWriter,
  options: ReadChildrenOptions,
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
  if (watch && options.watching) {
    context.watchManager.add(context.watcher, "child", textAt(body, start, length));
  }
  store.writeChildren(ref, reply);
  if (options.stat) store.writeStat(ref, reply);
  return ErrorCode.ok;
}
