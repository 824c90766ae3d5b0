/**
 * Reads what a server sends. Strict where a server may not be sloppy: a reply with bytes missing or left over
 * throws, so every test that looks at a body also checks its length.
 *
 * @see Fact: apache/zookeeper zookeeper.jute (ReplyHeader, WatcherEvent, Stat, responses), MultiResponse.java
 */
import { opcode } from "./codes.ts";
import type { Acl } from "./frames.ts";

const utf8 = new TextDecoder();

/** A znode's Stat, 68 bytes on the wire. */
export interface Stat {
  czxid: bigint;
  mzxid: bigint;
  ctime: bigint;
  mtime: bigint;
  version: number;
  cversion: number;
  aversion: number;
  ephemeralOwner: bigint;
  dataLength: number;
  numChildren: number;
  pzxid: bigint;
}

/** A ConnectResponse. */
export interface ConnectAnswer {
  protocolVersion: number;
  timeoutMs: number;
  sessionId: bigint;
  password: Uint8Array;
  /** `"absent"` when the record ends before the flag. */
  readOnly: boolean | "absent";
  /** Size of the payload. */
  bytes: number;
}

/** One entry of a multi's answer; `type` is -1 for a failed operation. */
export interface MultiEntry {
  type: number;
  err: number;
  path?: string;
  stat?: Stat;
  data?: Uint8Array | null;
  children?: string[];
}

/** What a WatcherEvent carries. */
export interface EventBody {
  type: number;
  state: number;
  path: string;
}

/** Takes jute values from bytes. */
export class ByteReader {
  #view: DataView;
  #at = 0;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  #take(count: number): number {
    if (count > this.left) throw new Error(`Answer is cut short: wants ${count} bytes, has ${this.left}`);
    const at = this.#at;
    this.#at += count;
    return at;
  }

  bool(): boolean {
    const value = this.#view.getUint8(this.#take(1));
    if (value > 1) throw new Error(`Answer has ${value} for a boolean`);
    return value === 1;
  }

  int(): number {
    return this.#view.getInt32(this.#take(4));
  }

  long(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  buffer(): Uint8Array | null {
    const size = this.int();
    if (size === -1) return null;
    if (size < 0) throw new Error(`Answer has a buffer of ${size} bytes`);
    const at = this.#take(size);
    return this.bytes.slice(at, at + size);
  }

  string(): string {
    const bytes = this.buffer();
    if (bytes === null) throw new Error("Answer has a null string");
    return utf8.decode(bytes);
  }

  vector<T>(read: () => T): T[] {
    const count = this.int();
    if (count < 0) throw new Error(`Answer has a vector of ${count}`);
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read());
    return items;
  }

  strings(): string[] {
    return this.vector(() => this.string());
  }

  acl(): Acl[] {
    return this.vector(() => ({ perms: this.int(), scheme: this.string(), id: this.string() }));
  }

  stat(): Stat {
    return {
      czxid: this.long(),
      mzxid: this.long(),
      ctime: this.long(),
      mtime: this.long(),
      version: this.int(),
      cversion: this.int(),
      aversion: this.int(),
      ephemeralOwner: this.long(),
      dataLength: this.int(),
      numChildren: this.int(),
      pzxid: this.long(),
    };
  }

  event(): EventBody {
    return { type: this.int(), state: this.int(), path: this.string() };
  }

  multi(): MultiEntry[] {
    const entries: MultiEntry[] = [];
    for (;;) {
      const type = this.int();
      const done = this.bool();
      const err = this.int();
      if (done) {
        if (type !== -1 || err !== -1) {
          throw new Error(`A multi ends with -1 and -1, here ${type} and ${err}`);
        }
        return entries;
      }
      entries.push(this.#multiEntry(type, err));
    }
  }

  #multiEntry(type: number, err: number): MultiEntry {
    switch (type) {
      case opcode.error: {
        const repeated = this.int();
        if (repeated !== err) {
          throw new Error(`A multi entry says ${err} in its header, ${repeated} in its body`);
        }
        return { type, err };
      }
      case opcode.create:
        return { type, err, path: this.string() };
      case opcode.create2:
        return { type, err, path: this.string(), stat: this.stat() };
      case opcode.setData:
        return { type, err, stat: this.stat() };
      case opcode.getData:
        return { type, err, data: this.buffer(), stat: this.stat() };
      case opcode.getChildren:
        return { type, err, children: this.strings() };
      case opcode.delete:
      case opcode.check:
        return { type, err };
      default:
        throw new Error(`A multi cannot answer with type ${type}`);
    }
  }

  /** @throws {Error} When bytes are left over. */
  end(): void {
    if (this.left !== 0) throw new Error(`Answer has ${this.left} bytes too many`);
  }
}

/** Reads the payload of the first frame a server sends. */
export function readConnectAnswer(payload: Uint8Array): ConnectAnswer {
  const input = new ByteReader(payload);
  const answer: ConnectAnswer = {
    protocolVersion: input.int(),
    timeoutMs: input.int(),
    sessionId: input.long(),
    password: input.buffer() ?? new Uint8Array(0),
    readOnly: "absent",
    bytes: payload.length,
  };
  if (input.left > 0) answer.readOnly = input.bool();
  input.end();
  return answer;
}

/** Bodies of successful replies. */
export interface Bodies {
  path: { path: string };
  created: { path: string; stat: Stat };
  stat: { stat: Stat };
  data: { data: Uint8Array | null; text: string; stat: Stat };
  acl: { acl: Acl[]; stat: Stat };
  children: { children: string[] };
  children2: { children: string[]; stat: Stat };
  multi: { entries: MultiEntry[] };
  total: { total: number };
  paths: { paths: string[] };
  whoAmI: { users: { scheme: string; user: string }[] };
  errInt: { err: number };
  token: { token: Uint8Array | null };
  none: Record<string, never>;
}

type Readers = { [K in keyof Bodies]: (input: ByteReader) => Bodies[K] };

const readers: Readers = {
  path: (input) => ({ path: input.string() }),
  created: (input) => ({ path: input.string(), stat: input.stat() }),
  stat: (input) => ({ stat: input.stat() }),
  data: (input) => {
    const data = input.buffer();
    return { data, text: data === null ? "<null>" : utf8.decode(data), stat: input.stat() };
  },
  acl: (input) => ({ acl: input.acl(), stat: input.stat() }),
  children: (input) => ({ children: input.strings() }),
  children2: (input) => ({ children: input.strings(), stat: input.stat() }),
  multi: (input) => ({ entries: input.multi() }),
  total: (input) => ({ total: input.int() }),
  paths: (input) => ({ paths: input.strings() }),
  whoAmI: (input) => ({ users: input.vector(() => ({ scheme: input.string(), user: input.string() })) }),
  errInt: (input) => ({ err: input.int() }),
  token: (input) => ({ token: input.buffer() }),
  none: () => ({}),
};

/** Which body answers a request type with error 0. */
export const bodyOf: Record<number, keyof Bodies> = {
  [opcode.create]: "path",
  [opcode.create2]: "created",
  [opcode.createContainer]: "created",
  [opcode.createTTL]: "created",
  [opcode.delete]: "none",
  [opcode.exists]: "stat",
  [opcode.getData]: "data",
  [opcode.setData]: "stat",
  [opcode.getACL]: "acl",
  [opcode.setACL]: "stat",
  [opcode.getChildren]: "children",
  [opcode.getChildren2]: "children2",
  [opcode.sync]: "path",
  [opcode.ping]: "none",
  [opcode.multi]: "multi",
  [opcode.multiRead]: "multi",
  [opcode.reconfig]: "data",
  [opcode.checkWatches]: "none",
  [opcode.removeWatches]: "none",
  [opcode.auth]: "none",
  [opcode.setWatches]: "none",
  [opcode.setWatches2]: "none",
  [opcode.sasl]: "token",
  [opcode.getEphemerals]: "paths",
  [opcode.getAllChildrenNumber]: "total",
  [opcode.addWatch]: "errInt",
  [opcode.whoAmI]: "whoAmI",
  [opcode.closeSession]: "none",
};

/** Decodes a body of the named kind, which must fill the bytes exactly. */
export function readBody<K extends keyof Bodies>(kind: K, bytes: Uint8Array): Bodies[K] {
  const input = new ByteReader(bytes);
  const body = readers[kind](input);
  input.end();
  return body;
}
