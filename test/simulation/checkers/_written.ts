/** Histories written down by hand, to see what each checker makes of them. */
import type { TraceEvent } from "../../../src/base/trace.ts";
import { openAcl } from "../../../src/protocol/acl.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import type { Stat } from "../../../src/protocol/stat.ts";
import type { TxnBody, TxnHeader } from "../../../src/protocol/txn.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { entryOf } from "../../unit/tree/_txns.ts";
import type { Operation, Request } from "../clients/operation.ts";
import { AgreedHistory } from "./agreed_history.ts";
import type { Checker, ClientEvent, EndOfProcess, Fail } from "./checker.ts";

/** @returns The `counter`th zxid of an epoch. */
export function z(epoch: number, counter: number): number {
  return makeZxid(epoch, counter);
}

/** Session of the client that the histories are about. */
export const session = 0x100n;

/** @returns A txn that creates a znode. */
export function creates(path: string, data = "", ephemeral = false): TxnBody {
  return {
    type: OpCode.create,
    path,
    data: new TextEncoder().encode(data),
    acl: openAcl,
    ephemeral,
    parentCVersion: -1,
  };
}

/** @returns A txn that sets a znode's data and leads to this version. */
export function sets(path: string, data: string, version: number): TxnBody {
  return { type: OpCode.setData, path, data: new TextEncoder().encode(data), version };
}

/** @returns A znode's Stat with these fields, zeros elsewhere. */
export function statOf(fields: Partial<Stat>): Stat {
  return {
    czxid: 0,
    mzxid: 0,
    ctime: 0,
    mtime: 0,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner: 0n,
    dataLength: 0,
    numChildren: 0,
    pzxid: 0,
    ...fields,
  };
}

/** A history as it is written, and one checker that reads along. */
export class Written {
  readonly history = new AgreedHistory();
  /** What the checker has said. */
  readonly failures: string[] = [];
  #checkers: Checker[] = [];
  #entries = new Map<number, Uint8Array>();
  readonly #leading = new Set<number>();

  /** Lets a checker read along from here on. */
  judge(make: (history: AgreedHistory, fail: Fail) => Checker): this {
    this.#checkers = [make(this.history, (message) => this.failures.push(message))];
    return this;
  }

  trace(server: number, event: TraceEvent): this {
    this.history.onTrace(server, event);
    for (const checker of this.#checkers) checker.onTrace?.(server, event);
    return this;
  }

  end(server: number, how: EndOfProcess): this {
    this.#leading.delete(server);
    for (const checker of this.#checkers) checker.onEnded?.(server, how);
    return this;
  }

  quiet(): this {
    for (const checker of this.#checkers) checker.onQuiet?.();
    return this;
  }

  /** The server takes office and has a quorum: those of the first three that do not lead follow it. */
  lead(server: number, epoch: number): this {
    this.#leading.add(server);
    this.trace(server, { kind: "state", state: "LEADING" })
      .trace(server, { kind: "acceptedEpoch", epoch })
      .trace(server, { kind: "currentEpoch", epoch })
      .trace(server, { kind: "established", epoch });
    for (const other of [1, 2, 3]) if (!this.#leading.has(other)) this.follow(other, server, epoch);
    return this;
  }

  follow(server: number, leader: number, epoch: number): this {
    return this.trace(server, { kind: "state", state: "FOLLOWING" })
      .trace(server, { kind: "upToDate", epoch, peer: leader });
  }

  propose(
    server: number,
    zxid: number,
    body: TxnBody = creates(`/n${zxid}`),
    header: Partial<TxnHeader> = {},
  ): this {
    const entry = entryOf(body, { zxid, clientId: session, ...header });
    this.#entries.set(zxid, entry);
    return this.trace(server, { kind: "propose", zxid, entry }).log(server, zxid);
  }

  log(server: number, zxid: number): this {
    return this.trace(server, { kind: "log", zxid });
  }

  durable(server: number, zxid: number): this {
    return this.trace(server, { kind: "durable", zxid });
  }

  commit(server: number, zxid: number): this {
    return this.trace(server, { kind: "commit", zxid });
  }

  /** @param entry Its bytes, if not those proposed. */
  apply(server: number, zxid: number, entry = this.#entries.get(zxid), digest = 0n): this {
    return this.trace(server, {
      kind: "apply",
      zxid,
      entry: entry ?? entryOf(creates("/x"), { zxid }),
      digest,
    });
  }

  load(server: number, zxid: number, from: "disk" | "leader" = "disk", digest = 0n): this {
    return this.trace(server, { kind: "load", zxid, from, digest });
  }

  /** Proposed, logged, committed and applied by the leader and by others. */
  agree(
    leader: number,
    zxid: number,
    body?: TxnBody,
    header?: Partial<TxnHeader>,
    others: number[] = [2, 3],
  ): this {
    this.propose(leader, zxid, body, header).durable(leader, zxid);
    for (const other of others) this.log(other, zxid).durable(other, zxid);
    this.commit(leader, zxid).apply(leader, zxid);
    for (const other of others) this.apply(other, zxid);
    return this;
  }

  client(event: ClientEvent): this {
    for (const checker of this.#checkers) checker.onClient?.(event);
    return this;
  }

  /** A request is sent. */
  invoke(request: Request, xid = 1, of = session): Operation {
    const operation: Operation = {
      client: "client1",
      session: of,
      xid,
      request,
      invokedMs: 0,
      server: 1,
      isReadOnly: false,
      outcome: "pending",
      zxid: 0,
      error: 0,
      stat: null,
      data: null,
      children: null,
      created: null,
    };
    this.client({ kind: "invoked", operation });
    return operation;
  }

  /** It is answered. */
  reply(operation: Operation, answer: Partial<Operation> & { zxid: number }): this {
    Object.assign(operation, { outcome: "replied" }, answer);
    return this.client({ kind: "replied", operation });
  }

  /** A request is sent and answered. */
  ask(request: Request, answer: Partial<Operation> & { zxid: number }, xid = 1): this {
    return this.reply(this.invoke(request, xid), answer);
  }
}
