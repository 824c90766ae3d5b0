import type { JuteReader } from "../../../src/jute/reader.ts";
import type { JuteWriter } from "../../../src/jute/writer.ts";
import { encodeAcl, openAcl } from "../../../src/protocol/acl.ts";
import { CreateFlag } from "../../../src/protocol/create_mode.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { AddWatchMode } from "../../../src/protocol/watch_event.ts";
import { decodeStat, type Stat } from "../../../src/protocol/stat.ts";
import type { Zxid } from "../../../src/protocol/zxid.ts";

/** A part of a multi. */
export interface MultiPart {
  readonly kind: "check" | "create" | "setData" | "delete";
  readonly path: string;
  readonly data: string | null;
  /** Expected version, -1 for any. */
  readonly version: number;
}

/** What a client asks for. */
export type Request =
  | {
    readonly kind: "create";
    readonly path: string;
    readonly data: string;
    readonly ephemeral: boolean;
    readonly sequential: boolean;
  }
  | { readonly kind: "delete"; readonly path: string; readonly version: number }
  | { readonly kind: "setData"; readonly path: string; readonly data: string; readonly version: number }
  | { readonly kind: "getData" | "exists" | "getChildren"; readonly path: string; readonly watch: boolean }
  | { readonly kind: "addWatch"; readonly path: string; readonly isRecursive: boolean }
  | { readonly kind: "sync"; readonly path: string }
  | { readonly kind: "multi"; readonly path: string; readonly parts: readonly MultiPart[] }
  | {
    readonly kind: "reconfig";
    readonly path: string;
    readonly joining: string | null;
    readonly leaving: string | null;
  }
  | { readonly kind: "closeSession"; readonly path: "" }
  | { readonly kind: "ping"; readonly path: "" }
  | { readonly kind: "setWatches"; readonly path: ""; readonly watches: RestoredWatches };

/** What a client that has connected again asks to have back. */
export interface RestoredWatches {
  /** Newest zxid it has seen. */
  readonly relativeZxid: Zxid;
  readonly data: readonly string[];
  readonly exist: readonly string[];
  readonly child: readonly string[];
  readonly persistent: readonly string[];
  readonly recursive: readonly string[];
}

/** One request of a client and what became of it: what histories are made of. */
export interface Operation {
  readonly client: string;
  readonly session: bigint;
  readonly xid: number;
  readonly request: Request;
  readonly invokedMs: number;
  /** Server it was sent to. */
  readonly server: number;
  /** Its server said that it is read-only. */
  readonly isReadOnly: boolean;
  /** `lost`: the connection went away before the answer; a write may have happened or not. */
  outcome: "pending" | "replied" | "lost";
  /** Of the reply's header. */
  zxid: Zxid;
  error: number;
  /** Of the znode, where the reply has one. */
  stat: Stat | null;
  /** Data that was read. */
  data: string | null;
  /** Names that were read, sorted. */
  children: readonly string[] | null;
  /** Path of the znode that was created. */
  created: string | null;
}

/** @returns Whether a request changes the state, if it succeeds. */
export function isWrite(request: Request): boolean {
  switch (request.kind) {
    case "create":
    case "delete":
    case "setData":
    case "multi":
    case "reconfig":
    case "closeSession":
      return true;
    default:
      return false;
  }
}

const codes: Readonly<Record<Request["kind"], number>> = {
  create: OpCode.create2,
  delete: OpCode.delete,
  setData: OpCode.setData,
  getData: OpCode.getData,
  exists: OpCode.exists,
  getChildren: OpCode.getChildren2,
  addWatch: OpCode.addWatch,
  sync: OpCode.sync,
  multi: OpCode.multi,
  reconfig: OpCode.reconfig,
  closeSession: OpCode.closeSession,
  ping: OpCode.ping,
  setWatches: OpCode.setWatches,
};

/** Writes a request's header and body. */
export function encodeRequest(writer: JuteWriter, xid: number, request: Request): void {
  writer.int(xid);
  writer.int(codeOf(request));
  switch (request.kind) {
    case "create":
      return encodeCreate(writer, request.path, request.data, flagsOf(request));
    case "delete":
      writer.string(request.path);
      return writer.int(request.version);
    case "setData":
      writer.string(request.path);
      writer.string(request.data);
      return writer.int(request.version);
    case "getData":
    case "exists":
    case "getChildren":
      writer.string(request.path);
      return writer.bool(request.watch);
    case "addWatch":
      writer.string(request.path);
      return writer.int(request.isRecursive ? AddWatchMode.persistentRecursive : AddWatchMode.persistent);
    case "sync":
      return writer.string(request.path);
    case "multi":
      for (const part of request.parts) encodePart(writer, part);
      writer.int(-1);
      writer.bool(true);
      return writer.int(-1);
    case "reconfig":
      writer.string(request.joining);
      writer.string(request.leaving);
      writer.string(null);
      return writer.longNumber(-1);
    case "setWatches": {
      const { relativeZxid, data, exist, child, persistent, recursive } = request.watches;
      const lists = [data, exist, child, ...hasPersistent(request.watches) ? [persistent, recursive] : []];
      writer.longNumber(relativeZxid);
      for (const paths of lists) writer.vector(paths, (to, path) => to.string(path));
    }
  }
}

function codeOf(request: Request): number {
  // Clients that have none ask as those before 3.6 do.
  const isNew = request.kind === "setWatches" && hasPersistent(request.watches);
  return isNew ? OpCode.setWatches2 : codes[request.kind];
}

function hasPersistent({ persistent, recursive }: RestoredWatches): boolean {
  return persistent.length + recursive.length > 0;
}

/** Reads the body of a successful reply into its operation. @throws {JuteError} If it is too short. */
export function decodeReply(reader: JuteReader, operation: Operation): void {
  const text = new TextDecoder();
  switch (operation.request.kind) {
    case "create":
      operation.created = reader.string();
      operation.stat = decodeStat(reader);
      return;
    case "setData":
    case "exists":
      operation.stat = decodeStat(reader);
      return;
    case "getData": {
      const data = reader.buffer();
      operation.data = data === null ? null : text.decode(data);
      operation.stat = decodeStat(reader);
      return;
    }
    case "getChildren":
      operation.children = (reader.vector((from) => from.string() ?? "") ?? []).sort();
      operation.stat = decodeStat(reader);
      return;
    case "multi":
      operation.error = decodeResults(reader);
  }
}

function flagsOf({ ephemeral, sequential }: { ephemeral: boolean; sequential: boolean }): number {
  if (ephemeral) return sequential ? CreateFlag.ephemeralSequential : CreateFlag.ephemeral;
  return sequential ? CreateFlag.persistentSequential : CreateFlag.persistent;
}

function encodeCreate(writer: JuteWriter, path: string, data: string, flags: number): void {
  writer.string(path);
  writer.string(data);
  writer.vector(openAcl, encodeAcl);
  writer.int(flags);
}

function encodePart(writer: JuteWriter, part: MultiPart): void {
  writer.int(partCodes[part.kind]);
  writer.bool(false);
  writer.int(-1);
  if (part.kind === "create") return encodeCreate(writer, part.path, part.data ?? "", CreateFlag.persistent);
  writer.string(part.path);
  if (part.kind === "setData") writer.string(part.data);
  writer.int(part.version);
}

const partCodes: Readonly<Record<MultiPart["kind"], number>> = {
  check: OpCode.check,
  create: OpCode.create,
  setData: OpCode.setData,
  delete: OpCode.delete,
};

/** @returns 0, or the first error among a multi's results that is not only a follower of another's. */
function decodeResults(reader: JuteReader): number {
  const type = reader.int();
  if (type !== OpCode.error) return 0;
  reader.position -= 4;
  for (;;) {
    const part = reader.int();
    const isLast = reader.bool();
    const code = reader.int();
    if (isLast || part !== OpCode.error) return code;
    const error = reader.int();
    if (error !== 0 && error !== -2) return error;
  }
}
