/** How the answer to each operation is read. Bodies as in zookeeper.jute. */
import { JuteError, type JuteReader } from "../jute/reader.ts";
import { type Acl, decodeAcl } from "../protocol/acl.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { OpCode } from "../protocol/op_code.ts";
import { decodeStat, type Stat } from "../protocol/stat.ts";
import { withoutChroot } from "./connection_string.ts";
import { errorOf, MultiError } from "./errors.ts";
import type { PendingRequest, RequestKind } from "./pending_request.ts";
import type {
  Created,
  Identity,
  NodeAcl,
  NodeChildren,
  NodeData,
  RawReply,
  ReadOp,
  ReadResult,
  TransactionResult,
} from "./types.ts";

const nothing = (): void => {};

export const createKind: RequestKind<Created> = {
  op: "create",
  writes: true,
  decode(reader, request) {
    const path = withoutChroot(request.chroot, text(reader));
    return { path, stat: decodeStat(reader) };
  },
};

export const deleteKind: RequestKind<void> = { op: "delete", writes: true, decode: nothing };

export const existsKind: RequestKind<Stat | null> = {
  op: "exists",
  writes: false,
  decode: decodeStat,
  watch: "data",
  onCode: { code: ErrorCode.noNode, value: null, watch: "exist" },
};

export const getDataKind: RequestKind<NodeData> = {
  op: "getData",
  writes: false,
  decode: decodeNodeData,
  watch: "data",
};

export const getConfigKind: RequestKind<NodeData> = { ...getDataKind, op: "getConfig" };

export const setDataKind: RequestKind<Stat> = { op: "setData", writes: true, decode: decodeStat };

export const getAclKind: RequestKind<NodeAcl> = {
  op: "getAcl",
  writes: false,
  decode(reader) {
    const acl: Acl[] = reader.vector(decodeAcl) ?? [];
    return { acl, stat: decodeStat(reader) };
  },
};

export const setAclKind: RequestKind<Stat> = { op: "setAcl", writes: true, decode: decodeStat };

export const getChildrenKind: RequestKind<NodeChildren> = {
  op: "getChildren",
  writes: false,
  decode(reader) {
    const children = texts(reader);
    return { children, stat: decodeStat(reader) };
  },
  watch: "child",
};

export const syncKind: RequestKind<void> = { op: "sync", writes: false, decode: nothing };

export const getEphemeralsKind: RequestKind<string[]> = {
  op: "getEphemerals",
  writes: false,
  decode: texts,
};

export const getAllChildrenNumberKind: RequestKind<number> = {
  op: "getAllChildrenNumber",
  writes: false,
  decode: (reader) => reader.int(),
};

export const whoAmIKind: RequestKind<Identity[]> = {
  op: "whoAmI",
  writes: false,
  decode: (reader) => reader.vector(decodeIdentity) ?? [],
};

export const reconfigKind: RequestKind<NodeData> = {
  op: "reconfig",
  writes: true,
  decode: decodeNodeData,
};

export const addWatchKind: RequestKind<void> = {
  op: "addWatch",
  writes: false,
  decode: nothing,
  watch: "persistent",
  // Java registers here too; no server is known to answer so.
  onCode: { code: ErrorCode.noNode, value: undefined, watch: "persistent" },
};

export const addRecursiveWatchKind: RequestKind<void> = {
  ...addWatchKind,
  watch: "recursive",
  onCode: { code: ErrorCode.noNode, value: undefined, watch: "recursive" },
};

export const rawKind: RequestKind<RawReply> = {
  op: "rawRequest",
  writes: true,
  decode(reader: JuteReader, request: PendingRequest<RawReply>) {
    return { zxid: request.zxid, body: reader.bytes.slice(reader.position, reader.end) };
  },
};

/** What a transaction's operation was, to read its result and to name it when it fails. */
export interface TransactionStep {
  readonly op: "check" | "create" | "setData" | "delete";
  readonly path: string;
}

/** @returns How to read the answer to a transaction of these steps. */
export function multiKind(steps: readonly TransactionStep[]): RequestKind<TransactionResult[]> {
  return {
    op: "multi",
    writes: true,
    decode(reader, request) {
      const results: TransactionResult[] = [];
      const codes: number[] = [];
      for (let header = multiHeader(reader); header !== null; header = multiHeader(reader)) {
        const step = questionOf(steps, codes.length);
        codes.push(header.type === OpCode.error ? reader.int() : 0);
        if (header.type !== OpCode.error) results.push(stepResult(reader, header.type, step, request.chroot));
      }
      expectCount(codes.length, steps.length);
      const index = codes.findIndex((code) => code !== 0);
      if (index === -1) return results;
      throw new MultiError(index, codes, steps[index]);
    },
  };
}

/** @returns How to read the answer to several reads. */
export function multiReadKind(reads: readonly ReadOp[]): RequestKind<ReadResult[]> {
  return {
    op: "multiRead",
    writes: false,
    decode(reader) {
      const results: ReadResult[] = [];
      for (let header = multiHeader(reader); header !== null; header = multiHeader(reader)) {
        const { op, path } = questionOf(reads, results.length);
        if (header.type === OpCode.error) {
          results.push({ op: "error", path, error: errorOf(reader.int(), { op, path }) });
        } else if (header.type === OpCode.getData) {
          results.push({ op: "getData", path, ...decodeNodeData(reader) });
        } else {
          results.push({ op: "getChildren", path, children: texts(reader) });
        }
      }
      expectCount(results.length, reads.length);
      return results;
    },
  };
}

function questionOf<T>(questions: readonly T[], index: number): T {
  if (index >= questions.length) throw new JuteError(`more than ${questions.length} results came`);
  return questions[index];
}

function expectCount(came: number, asked: number): void {
  if (came !== asked) throw new JuteError(`${came} results came for ${asked} operations`);
}

/** The header before each result of a multi, or null for the one that ends them. */
function multiHeader(reader: JuteReader): { readonly type: number } | null {
  const type = reader.int();
  const done = reader.bool();
  reader.int();
  return done ? null : { type };
}

function stepResult(
  reader: JuteReader,
  type: number,
  step: TransactionStep,
  chroot: string,
): TransactionResult {
  switch (type) {
    case OpCode.create:
      return { op: "create", path: withoutChroot(chroot, text(reader)), stat: null };
    case OpCode.create2: {
      const path = withoutChroot(chroot, text(reader));
      return { op: "create", path, stat: decodeStat(reader) };
    }
    case OpCode.setData:
      return { op: "setData", path: step.path, stat: decodeStat(reader) };
    default:
      return { op: step.op === "check" ? "check" : "delete", path: step.path };
  }
}

function decodeNodeData(reader: JuteReader): NodeData {
  const length = reader.fieldLength();
  if (length === -1) return { data: null, stat: decodeStat(reader) };
  // A copy: a view would keep the whole chunk it came in.
  const data = reader.bytes.slice(reader.position, reader.position + length);
  reader.skip(length);
  return { data, stat: decodeStat(reader) };
}

function decodeIdentity(reader: JuteReader): Identity {
  return { scheme: text(reader), user: text(reader) };
}

function text(reader: JuteReader): string {
  return reader.string() ?? "";
}

function texts(reader: JuteReader): string[] {
  return reader.vector(text) ?? [];
}
