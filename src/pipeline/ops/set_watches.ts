import { JuteError, type JuteReader } from "../../jute/reader.ts";
import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { noZnode } from "../../tree/znode_store.ts";
import { catchUp, type NodeZxids } from "../../watch/catch_up.ts";
import type { ReadContext, ReadOp } from "../op.ts";

/** setWatches: a reconnected client's one-shot watches; those that would have fired meanwhile fire now. */
export const setWatches: ReadOp = {
  kind: "read",
  code: OpCode.setWatches,
  name: "SETW",
  execute: (context, body) => restoreWatches(context, body, false),
};

/** setWatches2: the same with persistent and recursive watches. */
export const setWatches2: ReadOp = {
  kind: "read",
  code: OpCode.setWatches2,
  name: "STW2",
  execute: (context, body) => restoreWatches(context, body, true),
};

function restoreWatches(context: ReadContext, body: JuteReader, withPersistent: boolean): number {
  const relativeZxid = body.longNumber();
  const lists = {
    data: decodePaths(body),
    exist: decodePaths(body),
    child: decodePaths(body),
    persistent: withPersistent ? decodePaths(body) : [],
    recursive: withPersistent ? decodePaths(body) : [],
  };
  const { store } = context.tree;
  const { watchManager, watcher } = context;
  const nodeAt = (path: string): NodeZxids | null => {
    const ref = store.findPath(path);
    return ref === noZnode ? null : { mzxid: store.mzxidOf(ref), pzxid: store.pzxidOf(ref) };
  };
  catchUp(lists, relativeZxid, nodeAt, {
    tell: (type, path) => context.tell(type, path),
    watch: (kind, path) => watchManager.add(watcher, kind, path),
    watchPersistent: (path) => watchManager.addPersistent(watcher, path),
    watchRecursive: (path) => watchManager.addRecursive(watcher, path),
  });
  return ErrorCode.ok;
}

function decodePaths(body: JuteReader): string[] {
  const paths = body.vector((reader) => reader.string());
  if (paths === null) throw new JuteError("a list of watches is null");
  return paths.map((path) => {
    if (path === null) throw new JuteError("a watched path is null");
    return path;
  });
}
