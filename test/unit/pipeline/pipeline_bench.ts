import { silentLogger } from "../../../src/base/log.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { Access } from "../../../src/pipeline/auth/access.ts";
import { DigestAuth } from "../../../src/pipeline/auth/digest_auth.ts";
import { IpAuth } from "../../../src/pipeline/auth/ip_auth.ts";
import type { WriteOp } from "../../../src/pipeline/op.ts";
import { opOf } from "../../../src/pipeline/op_table.ts";
import { Preparation, type WriteOrigin } from "../../../src/pipeline/preparation.ts";
import { WriteReplyBuilder } from "../../../src/pipeline/write_reply.ts";
import { type Acl, type AuthId, encodeAcl, openAcl } from "../../../src/protocol/acl.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { DataTree } from "../../../src/tree/data_tree.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";

const ownerRules = { extendedTypes: true, emulate353Ttl: false };

/** A request's outcome: the error in the reply's header, and its body. */
export interface Outcome {
  readonly error: number;
  readonly body: JuteReader;
}

/** A tree with the pipeline in front of it and no log behind: requests in, txns prepared, applied when told. */
export class PipelineBench {
  readonly tree: DataTree;
  readonly preparation: Preparation;
  readonly session = 0x100n;
  authIds: AuthId[] = [{ scheme: "ip", id: "127.0.0.1" }];
  readonly #entries: { zxid: number; bytes: Uint8Array; op: WriteOp }[] = [];

  constructor(options: { enforceQuota?: boolean; entryBytesMax?: number } = {}) {
    this.tree = new DataTree({
      store: new ObjectZnodeStore({ ownerRules }),
      ownerRules,
      digestEnabled: true,
      logger: silentLogger,
    });
    const hasher = {
      digest: (_algorithm: string, bytes: Uint8Array) => new Bun.CryptoHasher("sha1").update(bytes).digest(),
    };
    const access = new Access([
      new DigestAuth(hasher, { algorithm: "SHA1", superDigest: null }),
      new IpAuth(),
    ], false);
    this.preparation = new Preparation(this.tree, access, {
      ownerRules,
      enforceQuota: options.enforceQuota ?? false,
      closeSessionTxn: true,
      entryBytesMax: options.entryBytesMax ?? 2_097_150,
    }, 0);
  }

  /** Prepares a request and leaves its txn pending. @returns The error it was given. */
  prepare(code: number, write: (body: JuteWriter) => void, origin: Partial<WriteOrigin> = {}): number {
    const op = opOf(code);
    if (op?.kind !== "write") throw new Error(`${code} is no write`);
    const body = new JuteWriter();
    write(body);
    const error = this.preparation.prepare(
      op,
      { sessionId: this.session, authIds: this.authIds, ...origin },
      1,
      new JuteReader(body.bytes, 0, body.length),
      1000 + this.preparation.zxid,
    );
    const { entryBytes, entryStart, entryEnd } = this.preparation;
    this.#entries.push({ zxid: this.preparation.zxid, bytes: entryBytes.slice(entryStart, entryEnd), op });
    return error;
  }

  /** Applies every pending txn, or the oldest few. @returns What each client would be told. */
  applyAll(count: number = this.#entries.length): Outcome[] {
    return this.#entries.splice(0, count).map(({ zxid, bytes, op }) => {
      const reply = new WriteReplyBuilder(this.tree.store);
      reply.begin(op.reply);
      this.tree.apply(bytes, 0, bytes.length, reply, null);
      reply.end();
      this.preparation.onApplied(zxid, zxid);
      return { error: reply.error, body: new JuteReader(reply.body.copy()) };
    });
  }

  /** Prepares and applies one request. */
  run(code: number, write: (body: JuteWriter) => void, origin: Partial<WriteOrigin> = {}): Outcome {
    this.prepare(code, write, origin);
    return this.applyAll().at(-1)!;
  }

  create(path: string, flags = 0, acl: readonly Acl[] = openAcl): Outcome {
    return this.run(OpCode.create, createBody(path, flags, acl));
  }
}

export function createBody(path: string | null, flags = 0, acl: readonly Acl[] | null = openAcl, data = "d") {
  return (body: JuteWriter) => {
    body.string(path);
    body.buffer(new TextEncoder().encode(data));
    body.vector(acl, encodeAcl);
    body.int(flags);
  };
}

export function createTtlBody(path: string, flags: number, ttlMs: number) {
  return (body: JuteWriter) => {
    createBody(path, flags)(body);
    body.longNumber(ttlMs);
  };
}

export function pathAndVersion(path: string, version = -1) {
  return (body: JuteWriter) => {
    body.string(path);
    body.int(version);
  };
}

export function setDataBody(path: string, data: string | null, version = -1) {
  return (body: JuteWriter) => {
    body.string(path);
    body.buffer(data === null ? null : new TextEncoder().encode(data));
    body.int(version);
  };
}

export function setAclBody(path: string, acl: readonly Acl[], aversion = -1) {
  return (body: JuteWriter) => {
    body.string(path);
    body.vector(acl, encodeAcl);
    body.int(aversion);
  };
}

export function multiBody(...parts: [code: number, write: (body: JuteWriter) => void][]) {
  return (body: JuteWriter) => {
    for (const [code, write] of parts) {
      body.int(code);
      body.bool(false);
      body.int(-1);
      write(body);
    }
    body.int(-1);
    body.bool(true);
    body.int(-1);
  };
}
