/**
 * Hand-made frames of the ZooKeeper client protocol: every request there is, and the parts to make wrong ones.
 *
 * A frame is an int32 length, which does not count itself, then the payload. The first payload on a connection
 * is a ConnectRequest, every later one a RequestHeader {int xid, int type} and the record of that type. All
 * integers are big-endian; a buffer or string is an int32 length (-1 for null) and its bytes; a vector is an
 * int32 count (-1 for null) and its elements; records have no framing of their own.
 *
 * @see Fact: apache/zookeeper zookeeper.jute (records), BinaryOutputArchive.java (encoding),
 *   ClientCnxn.java (Packet.createBB, primeConnection), MultiOperationRecord.java
 */
import { opcode } from "./codes.ts";

const utf8 = new TextEncoder();

/** Data of a znode: text stands for its UTF-8 bytes; null is not empty. */
export type Data = Uint8Array | string | null;

/** One entry of an ACL. */
export interface Acl {
  perms: number;
  scheme: string | null;
  id: string | null;
}

/** world:anyone with all permissions. */
export const openAcl: readonly Acl[] = [{ perms: 31, scheme: "world", id: "anyone" }];

/** Appends jute values to a growing array of bytes. */
export class ByteWriter {
  #bytes = new Uint8Array(128);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;

  #reserve(count: number): number {
    const at = this.#size;
    this.#size += count;
    if (this.#size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#size, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  byte(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  bool(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  int(value: number): this {
    const at = this.#reserve(4);
    this.#view.setInt32(at, value);
    return this;
  }

  long(value: bigint | number): this {
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, BigInt.asIntN(64, BigInt(value)));
    return this;
  }

  raw(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** A jute buffer or ustring. */
  buffer(value: Data): this {
    if (value === null) return this.int(-1);
    const bytes = typeof value === "string" ? utf8.encode(value) : value;
    return this.int(bytes.length).raw(bytes);
  }

  vector<T>(items: readonly T[] | null, write: (item: T) => void): this {
    if (items === null) return this.int(-1);
    this.int(items.length);
    items.forEach(write);
    return this;
  }

  strings(items: readonly (string | null)[] | null): this {
    return this.vector(items, (item) => this.buffer(item));
  }

  acl(items: readonly Acl[] | null): this {
    return this.vector(items, (item) => this.int(item.perms).buffer(item.scheme).buffer(item.id));
  }

  /** A copy of all that was written. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }
}

/** Joins byte arrays. */
export function concat(...parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Puts the length before a payload. */
export function frame(payload: Uint8Array): Uint8Array {
  return new ByteWriter().int(payload.length).raw(payload).bytes();
}

/** Fields of a ConnectRequest; the defaults ask for a new session. */
export interface ConnectFields {
  protocolVersion?: number;
  lastZxidSeen?: bigint;
  timeoutMs?: number;
  sessionId?: bigint;
  /** 16 zero bytes by default. */
  password?: Uint8Array | null;
  /** `"absent"` ends the record before the flag, as go-zk and clients before 3.4 do. */
  readOnly?: boolean | "absent";
}

/** The payload of a ConnectRequest: 45 bytes, or 44 without readOnly. */
export function connectPayload(fields: ConnectFields = {}): Uint8Array {
  const out = new ByteWriter();
  out.int(fields.protocolVersion ?? 0).long(fields.lastZxidSeen ?? 0n).int(fields.timeoutMs ?? 30_000);
  out.long(fields.sessionId ?? 0n);
  out.buffer(fields.password === undefined ? new Uint8Array(16) : fields.password);
  if (fields.readOnly !== "absent") out.bool(fields.readOnly ?? false);
  return out.bytes();
}

/** A whole ConnectRequest frame. */
export function connectFrame(fields: ConnectFields = {}): Uint8Array {
  return frame(connectPayload(fields));
}

/** A whole request frame. */
export function requestFrame(xid: number, type: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  return new ByteWriter().int(8 + body.length).int(xid).int(type).raw(body).bytes();
}

/** What setWatches and setWatches2 carry. */
export interface WatchLists {
  relativeZxid: bigint;
  data?: readonly string[] | null;
  exist?: readonly string[] | null;
  child?: readonly string[] | null;
  persistent?: readonly string[] | null;
  recursive?: readonly string[] | null;
}

/** One operation inside a multi or multiRead: its type and its encoded record. */
export interface SubOp {
  type: number;
  body: Uint8Array;
}

const write = (fill: (out: ByteWriter) => unknown): Uint8Array => {
  const out = new ByteWriter();
  fill(out);
  return out.bytes();
};

/** A record of just a path. */
const pathBody = (path: string | null) => write((out) => out.buffer(path));
const pathAndInt = (path: string | null, value: number) => write((out) => out.buffer(path).int(value));
const pathAndWatch = (path: string | null, watch: boolean) => write((out) => out.buffer(path).bool(watch));

/** Encoders of each request's record, without header; names are the opcode's. */
export const bodies = {
  create: (path: string | null, data: Data, acl: readonly Acl[] | null, flags: number) =>
    write((out) => out.buffer(path).buffer(data).acl(acl).int(flags)),
  createTTL: (path: string | null, data: Data, acl: readonly Acl[] | null, flags: number, ttlMs: bigint) =>
    write((out) => out.buffer(path).buffer(data).acl(acl).int(flags).long(ttlMs)),
  delete: pathAndInt,
  deleteContainer: pathBody,
  exists: pathAndWatch,
  getData: pathAndWatch,
  setData: (path: string | null, data: Data, version: number) =>
    write((out) => out.buffer(path).buffer(data).int(version)),
  getACL: pathBody,
  setACL: (path: string | null, acl: readonly Acl[] | null, version: number) =>
    write((out) => out.buffer(path).acl(acl).int(version)),
  getChildren: pathAndWatch,
  getChildren2: pathAndWatch,
  sync: pathBody,
  check: pathAndInt,
  checkWatches: pathAndInt,
  removeWatches: pathAndInt,
  addWatch: pathAndInt,
  getEphemerals: pathBody,
  getAllChildrenNumber: pathBody,
  auth: (scheme: string | null, credentials: Data, type = 0) =>
    write((out) => out.int(type).buffer(scheme).buffer(credentials)),
  sasl: (token: Data) => write((out) => out.buffer(token)),
  setWatches: (lists: WatchLists) =>
    write((out) =>
      out.long(lists.relativeZxid).strings(orEmpty(lists.data)).strings(orEmpty(lists.exist)).strings(
        orEmpty(lists.child),
      )
    ),
  setWatches2: (lists: WatchLists) =>
    write((out) =>
      out.raw(bodies.setWatches(lists)).strings(orEmpty(lists.persistent)).strings(orEmpty(lists.recursive))
    ),
  reconfig: (joining: string | null, leaving: string | null, members: string | null, configId: bigint) =>
    write((out) => out.buffer(joining).buffer(leaving).buffer(members).long(configId)),
  /** Body of multi and multiRead: a 9-byte header before each record and one with done=1 at the end. */
  multi: (ops: readonly SubOp[]) =>
    write((out) => {
      for (const op of ops) out.int(op.type).bool(false).int(-1).raw(op.body);
      out.int(-1).bool(true).int(-1);
    }),
};

function orEmpty<T>(list: readonly T[] | null | undefined): readonly T[] | null {
  return list === undefined ? [] : list;
}

/** Operations to put into {@linkcode bodies.multi}. */
export const subOps = {
  create: (path: string | null, data: Data = "", acl: readonly Acl[] | null = openAcl, flags = 0): SubOp => ({
    type: opcode.create,
    body: bodies.create(path, data, acl, flags),
  }),
  create2: (
    path: string | null,
    data: Data = "",
    acl: readonly Acl[] | null = openAcl,
    flags = 0,
  ): SubOp => ({
    type: opcode.create2,
    body: bodies.create(path, data, acl, flags),
  }),
  createContainer: (
    path: string,
    data: Data = "",
    acl: readonly Acl[] | null = openAcl,
    flags = 4,
  ): SubOp => ({
    type: opcode.createContainer,
    body: bodies.create(path, data, acl, flags),
  }),
  createTTL: (path: string, ttlMs: bigint, flags = 5, data: Data = ""): SubOp => ({
    type: opcode.createTTL,
    body: bodies.createTTL(path, data, openAcl, flags, ttlMs),
  }),
  delete: (path: string | null, version = -1): SubOp => ({
    type: opcode.delete,
    body: bodies.delete(path, version),
  }),
  setData: (path: string | null, data: Data, version = -1): SubOp => ({
    type: opcode.setData,
    body: bodies.setData(path, data, version),
  }),
  check: (path: string | null, version: number): SubOp => ({
    type: opcode.check,
    body: bodies.check(path, version),
  }),
  getData: (path: string | null, watch = false): SubOp => ({
    type: opcode.getData,
    body: bodies.getData(path, watch),
  }),
  getChildren: (path: string | null, watch = false): SubOp => ({
    type: opcode.getChildren,
    body: bodies.getChildren(path, watch),
  }),
};
