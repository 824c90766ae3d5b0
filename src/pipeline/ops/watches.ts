import { ErrorCode } from "../../protocol/error_code.ts";
import { OpCode } from "../../protocol/op_code.ts";
import { AddWatchMode, WatcherType } from "../../protocol/watch_event.ts";
import type { ReadOp } from "../op.ts";

/** addWatch: persistent or recursive; neither the znode nor its ACL is looked at. */
export const addWatch: ReadOp = {
  kind: "read",
  code: OpCode.addWatch,
  name: "ADDW",
  execute(context, body, reply) {
    const path = body.string();
    const mode = body.int();
    if (path === null) return ErrorCode.marshallingError;
    if (mode === AddWatchMode.persistent) context.watchManager.addPersistent(context.watcher, path);
    else if (mode === AddWatchMode.persistentRecursive) {
      context.watchManager.addRecursive(context.watcher, path);
    } else return ErrorCode.marshallingError;
    reply.int(0);
    return ErrorCode.ok;
  },
};

/** checkWatches: whether this connection has a watch of a kind at exactly a path. */
export const checkWatches: ReadOp = {
  kind: "read",
  code: OpCode.checkWatches,
  name: "CHKW",
  execute(context, body) {
    const path = body.string();
    const type = watcherType(body.int());
    if (path === null || type === null) return ErrorCode.marshallingError;
    return context.watchManager.has(context.watcher, path, type) ? ErrorCode.ok : ErrorCode.noWatcher;
  },
};

/** removeWatches: takes this connection's watches of a kind off a path, without an event. */
export const removeWatches: ReadOp = {
  kind: "read",
  code: OpCode.removeWatches,
  name: "REMW",
  execute(context, body) {
    const path = body.string();
    const type = watcherType(body.int());
    if (path === null || type === null) return ErrorCode.marshallingError;
    return context.watchManager.remove(context.watcher, path, type) ? ErrorCode.ok : ErrorCode.noWatcher;
  },
};

type WatcherTypeValue = (typeof WatcherType)[keyof typeof WatcherType];

function watcherType(value: number): WatcherTypeValue | null {
  return value >= WatcherType.children && value <= WatcherType.persistentRecursive
    ? value as WatcherTypeValue
    : null;
}
