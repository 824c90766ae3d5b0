import { int32At } from "../jute/int_at.ts";
import type { JuteReader } from "../jute/reader.ts";
import type { JuteWriter } from "../jute/writer.ts";
import { type Acl, decodeAcl, encodeAcl } from "./acl.ts";
import { OpCode } from "./op_code.ts";
import type { SessionId } from "./session_id.ts";
import type { Zxid } from "./zxid.ts";

/*
 * A txn entry, the same bytes in a log record and in a PROPOSAL packet:
 *
 *   0   clientId  8   session that asked for it
 *   8   cxid      4   that session's request number
 *   12  zxid      8
 *   20  time      8   ms since 1970
 *   28  type      4   OpCode
 *   32  body          by type, below
 *       digest    12  optional: version int (2), tree digest after the txn long
 */

/** Bytes of a txn's header. */
export const txnHeaderBytes = 32;

/** Version of the tree digest algorithm (DigestCalculator.DIGEST_VERSION). */
export const digestVersion = 2;

/** Bytes of the optional digest behind a txn's body. */
export const txnDigestBytes = 12;

/** @returns What the txn entry that begins at `start` does: one of {@link OpCode}. */
export function txnTypeOf(bytes: Uint8Array, start: number): number {
  return int32At(bytes, start + txnHeaderBytes - 4);
}

/** @returns The zxid of the txn entry that begins at `start`. */
export function txnZxidOf(bytes: Uint8Array, start: number): Zxid {
  return int32At(bytes, start + 12) * 0x100000000 + (int32At(bytes, start + 16) >>> 0);
}

/** The head of every txn (TxnHeader). */
export interface TxnHeader {
  readonly clientId: SessionId;
  readonly cxid: number;
  readonly zxid: Zxid;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** What it does: one of {@link OpCode}. */
  readonly type: number;
}

/** What a txn does, decoded; the machines mostly work on the bytes instead. */
export type TxnBody =
  | { readonly type: typeof OpCode.createSession; readonly timeoutMs: number }
  | { readonly type: typeof OpCode.closeSession; readonly paths: readonly (string | null)[] | null }
  | { readonly type: typeof OpCode.error; readonly code: number }
  | {
    readonly type: typeof OpCode.create | typeof OpCode.create2;
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly acl: readonly Acl[];
    readonly ephemeral: boolean;
    /** The parent's create counter afterwards; -1 (old logs) means one more than now. */
    readonly parentCVersion: number;
  }
  | {
    readonly type: typeof OpCode.createContainer;
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly acl: readonly Acl[];
    readonly parentCVersion: number;
  }
  | {
    readonly type: typeof OpCode.createTTL;
    readonly path: string;
    readonly data: Uint8Array | null;
    readonly acl: readonly Acl[];
    readonly parentCVersion: number;
    readonly ttlMs: number;
  }
  | { readonly type: typeof OpCode.delete | typeof OpCode.deleteContainer; readonly path: string }
  | {
    readonly type: typeof OpCode.setData | typeof OpCode.reconfig;
    readonly path: string;
    readonly data: Uint8Array | null;
    /** The znode's version afterwards. */
    readonly version: number;
  }
  | {
    readonly type: typeof OpCode.setACL;
    readonly path: string;
    readonly acl: readonly Acl[];
    /** The znode's aversion afterwards. */
    readonly aversion: number;
  }
  | { readonly type: typeof OpCode.check; readonly path: string; readonly version: number }
  | { readonly type: typeof OpCode.multi; readonly txns: readonly TxnBody[] };

/** A txn type that no ZooKeeper writes; loading stops, since skipping it would lose data. */
export class UnknownTxnError extends Error {
  override name = "UnknownTxnError";
}

export function decodeTxnHeader(reader: JuteReader): TxnHeader {
  return {
    clientId: reader.long(),
    cxid: reader.int(),
    zxid: reader.longNumber(),
    timeMs: reader.longNumber(),
    type: reader.int(),
  };
}

export function encodeTxnHeader(writer: JuteWriter, header: TxnHeader): void {
  writer.long(header.clientId);
  writer.int(header.cxid);
  writer.longNumber(header.zxid);
  writer.longNumber(header.timeMs);
  writer.int(header.type);
}

/**
 * Decodes a txn's body.
 *
 * @throws {UnknownTxnError} If the type, or that of a multi's part, is none that ZooKeeper writes.
 * @throws {JuteError} If the bytes end too early.
 */
export function decodeTxnBody(type: number, reader: JuteReader): TxnBody {
  switch (type) {
    case OpCode.createSession:
      return { type, timeoutMs: reader.int() };
    case OpCode.closeSession:
      return { type, paths: hasNoPaths(reader) ? null : reader.vector((r) => r.string()) };
    case OpCode.error:
      return { type, code: reader.int() };
    case OpCode.create:
    case OpCode.create2: {
      const path = text(reader);
      const data = reader.buffer();
      const acl = reader.vector(decodeAcl) ?? [];
      const ephemeral = reader.bool();
      // The form before 3.4 lacks the last field (CreateTxnV0).
      const parentCVersion = reader.remaining >= 4 ? reader.int() : -1;
      return { type, path, data, acl, ephemeral, parentCVersion };
    }
    case OpCode.createContainer:
      return {
        type,
        path: text(reader),
        data: reader.buffer(),
        acl: reader.vector(decodeAcl) ?? [],
        parentCVersion: reader.int(),
      };
    case OpCode.createTTL:
      return {
        type,
        path: text(reader),
        data: reader.buffer(),
        acl: reader.vector(decodeAcl) ?? [],
        parentCVersion: reader.int(),
        ttlMs: reader.longNumber(),
      };
    case OpCode.delete:
    case OpCode.deleteContainer:
      return { type, path: text(reader) };
    case OpCode.setData:
    case OpCode.reconfig:
      return { type, path: text(reader), data: reader.buffer(), version: reader.int() };
    case OpCode.setACL:
      return { type, path: text(reader), acl: reader.vector(decodeAcl) ?? [], aversion: reader.int() };
    case OpCode.check:
      return { type, path: text(reader), version: reader.int() };
    case OpCode.multi: {
      const count = reader.vectorCount();
      const txns: TxnBody[] = [];
      for (let index = 0; index < count; index++) {
        const subType = reader.int();
        if (subType === OpCode.multi) throw new UnknownTxnError("a multi txn lies inside another");
        const length = reader.fieldLength();
        const end = reader.position + Math.max(length, 0);
        const outerEnd = reader.end;
        reader.end = end;
        txns.push(decodeTxnBody(subType, reader));
        reader.end = outerEnd;
        reader.position = end;
      }
      return { type, txns };
    }
    default:
      throw new UnknownTxnError(`txn type ${type} is unknown`);
  }
}

/** Writes a txn's body, the counterpart of {@link decodeTxnBody}. */
export function encodeTxnBody(writer: JuteWriter, body: TxnBody): void {
  switch (body.type) {
    case OpCode.createSession:
      return writer.int(body.timeoutMs);
    case OpCode.closeSession:
      if (body.paths !== null) writer.vector(body.paths, (w, path) => w.string(path));
      return;
    case OpCode.error:
      return writer.int(body.code);
    case OpCode.create:
    case OpCode.create2:
      encodeCreateHead(writer, body);
      writer.bool(body.ephemeral);
      return writer.int(body.parentCVersion);
    case OpCode.createContainer:
      encodeCreateHead(writer, body);
      return writer.int(body.parentCVersion);
    case OpCode.createTTL:
      encodeCreateHead(writer, body);
      writer.int(body.parentCVersion);
      return writer.longNumber(body.ttlMs);
    case OpCode.delete:
    case OpCode.deleteContainer:
      return writer.string(body.path);
    case OpCode.setData:
    case OpCode.reconfig:
      writer.string(body.path);
      writer.buffer(body.data);
      return writer.int(body.version);
    case OpCode.setACL:
      writer.string(body.path);
      writer.vector(body.acl, encodeAcl);
      return writer.int(body.aversion);
    case OpCode.check:
      writer.string(body.path);
      return writer.int(body.version);
    case OpCode.multi:
      writer.int(body.txns.length);
      for (const txn of body.txns) {
        writer.int(txn.type);
        const at = writer.length;
        writer.int(0);
        encodeTxnBody(writer, txn);
        writer.intAt(at, writer.length - at - 4);
      }
      return;
  }
}

function encodeCreateHead(
  writer: JuteWriter,
  body: { readonly path: string; readonly data: Uint8Array | null; readonly acl: readonly Acl[] },
): void {
  writer.string(body.path);
  writer.buffer(body.data);
  writer.vector(body.acl, encodeAcl);
}

/**
 * Whether a closeSession txn ends here, as older servers and `closeSessionTxn.enabled=false` write it. A digest
 * may follow: its version and 8 bytes could only be read as two paths if both were empty.
 */
function hasNoPaths(reader: JuteReader): boolean {
  if (reader.remaining < 4) return true;
  if (reader.remaining !== txnDigestBytes) return false;
  const start = reader.position;
  const version = reader.int();
  reader.position = start;
  return version === digestVersion;
}

function text(reader: JuteReader): string {
  return reader.string() ?? "";
}
