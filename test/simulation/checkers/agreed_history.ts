import { OpCode } from "../../../src/protocol/op_code.ts";
import type { TxnBody, TxnHeader } from "../../../src/protocol/txn.ts";
import type { TraceEvent } from "../../../src/base/trace.ts";
import { counterOf } from "../../../src/protocol/zxid.ts";
import { decodeEntry, ZnodeHistory } from "./znode_history.ts";

/** A txn that some leader proposed. */
export interface Proposed {
  readonly zxid: number;
  readonly entry: Uint8Array;
  readonly leader: number;
}

/** A txn that a quorum has, in its place in the order of all. */
export interface Committed {
  readonly zxid: number;
  /** The zxid before it; 0 for the first. */
  readonly before: number;
  readonly entry: Uint8Array;
  readonly header: TxnHeader;
  readonly body: TxnBody;
}

/** What one server holds, as far as its trace tells. */
interface Chain {
  isLeading: boolean;
  /** In broadcast: what it applies is committed. */
  isServing: boolean;
  /**
   * Zxids in its log or tree, ascending; behind the first `length` of them, what it may find again at a start: a crash
   * can bring back what a failed disk had lost from sight.
   */
  zxids: number[];
  length: number;
  /** What was in place of all that before a leader sent its tree: a crash can bring it back, too. */
  replaced: readonly number[];
  /** Who sends it a snapshot. */
  source: number;
}

/**
 * The one history that a whole ensemble has agreed on, put together from what its servers tell: what was proposed,
 * which of it each server has logged, and what was committed or applied first by anybody. It judges nothing; the
 * checkers hold the servers and the clients against it.
 */
export class AgreedHistory {
  readonly znodes = new ZnodeHistory();
  /** A committed txn that cannot follow from those before it, by its zxid. */
  readonly impossible = new Map<number, string>();
  readonly #proposed = new Map<number, Proposed>();
  readonly #committed: Committed[] = [];
  readonly #byZxid = new Map<number, Committed>();
  readonly #chains = new Map<number, Chain>();
  /** First committed zxid of each request: session and xid. */
  readonly #byRequest = new Map<string, number>();
  /** Sessions whose beginning was committed. */
  readonly #begun = new Set<bigint>();
  /** Sessions whose end was proposed, by anybody. */
  readonly #endsProposed = new Set<bigint>();
  /** What read-only servers began with: zxids in order, by server and the last of them. */
  readonly #readOnly = new Map<string, { readonly zxids: readonly number[]; znodes?: ZnodeHistory }>();
  readonly #listeners: ((txn: Committed) => void)[] = [];

  /** Calls `listener` with each txn as soon as it is known to be committed, in order. */
  onCommitted(listener: (txn: Committed) => void): void {
    this.#listeners.push(listener);
  }

  /** Zxid of the newest committed txn; 0 before the first. */
  get lastZxid(): number {
    return this.#committed.at(-1)?.zxid ?? 0;
  }

  /** Committed txns in order. */
  get txns(): readonly Committed[] {
    return this.#committed;
  }

  proposed(zxid: number): Proposed | undefined {
    return this.#proposed.get(zxid);
  }

  committed(zxid: number): Committed | undefined {
    return this.#byZxid.get(zxid);
  }

  /**
   * @returns Whether an answer shows what a read-only server's log has and nobody has committed yet: who leads next
   *   decides what becomes of it.
   */
  isUndecided({ isReadOnly, zxid }: { readonly isReadOnly: boolean; readonly zxid: number }): boolean {
    return isReadOnly && counterOf(zxid) !== 0 && !this.#byZxid.has(zxid);
  }

  /** @returns What a read-only server that stands at this zxid holds, by its log; undefined if it never stood there. */
  znodesOf(server: number, zxid: number): ZnodeHistory | undefined {
    const held = this.#readOnly.get(`${server} ${zxid}`);
    if (held === undefined || held.znodes !== undefined) return held?.znodes;
    const znodes = held.znodes = new ZnodeHistory();
    for (const each of held.zxids) {
      const { header, body } = decodeEntry(this.#proposed.get(each)!.entry);
      znodes.apply(header, body);
    }
    return znodes;
  }

  /** @returns The newest committed zxid that is not above this one; 0 when there is none. */
  lastUpTo(zxid: number): number {
    return this.#committed.findLast((txn) => txn.zxid <= zxid)?.zxid ?? 0;
  }

  /** @returns The zxid under which this request of a session was committed. */
  zxidOfRequest(session: bigint, xid: number): number | undefined {
    return this.#byRequest.get(`${session} ${xid}`);
  }

  /** @returns Whether all servers know of the session: one that is a server's alone begins and ends without a txn. */
  hasBegun(session: bigint): boolean {
    return this.#begun.has(session);
  }

  /** @returns Whether some leader proposed the end of the session. */
  wasEndProposed(session: bigint): boolean {
    return this.#endsProposed.has(session);
  }

  onTrace(server: number, event: TraceEvent): void {
    const chain = this.#chainOf(server);
    switch (event.kind) {
      case "state":
        chain.isLeading = event.state === "LEADING";
        chain.isServing = false;
        return;
      case "propose":
        this.#onPropose(server, event.zxid, event.entry.slice());
        return append(chain, event.zxid);
      case "log":
        return append(chain, event.zxid);
      case "refuse":
        chain.length = chain.zxids.findLastIndex((held) => held < event.zxid) + 1;
        return;
      case "truncate":
        return cut(chain, event.zxid);
      case "load":
        if (event.from === "leader") replace(chain, this.#chainOf(chain.source));
        return reload(chain, event.zxid);
      case "sync":
        if (!chain.isLeading) chain.source = event.peer;
        return;
      case "commit":
        if (chain.isLeading) this.#extend(chain, event.zxid);
        return;
      case "upToDate":
        chain.isServing = true;
        return;
      case "established":
        chain.isServing = true;
        return this.#extend(chain, chain.zxids[chain.length - 1] ?? 0);
      case "readOnly":
        this.#readOnly.set(`${server} ${event.zxid}`, { zxids: chain.zxids.slice(0, chain.length) });
        return;
      case "apply":
        if (!this.#proposed.has(event.zxid)) this.#onPropose(server, event.zxid, event.entry.slice());
        if (chain.isServing) this.#extend(chain, event.zxid);
        return append(chain, event.zxid);
    }
  }

  #onPropose(leader: number, zxid: number, entry: Uint8Array): void {
    this.#proposed.set(zxid, { zxid, entry, leader });
    const { header } = decodeEntry(entry);
    if (header.type === OpCode.closeSession) this.#endsProposed.add(header.clientId);
  }

  /** All that the server holds up to this zxid is committed. */
  #extend(chain: Chain, zxid: number): void {
    const last = this.lastZxid;
    if (zxid <= last) return;
    const newer = chain.zxids.findLastIndex((held) => held <= last) + 1;
    for (const held of chain.zxids.slice(newer)) if (held < zxid) this.#commit(held);
    this.#commit(zxid);
  }

  #commit(zxid: number): void {
    const proposed = this.#proposed.get(zxid);
    if (proposed === undefined) return;
    const { entry } = proposed;
    const { header, body } = decodeEntry(entry);
    const txn: Committed = { zxid, before: this.lastZxid, entry, header, body };
    this.#committed.push(txn);
    this.#byZxid.set(zxid, txn);
    if (body.type === OpCode.createSession) this.#begun.add(header.clientId);
    if (header.cxid !== 0) {
      const request = `${header.clientId} ${header.cxid}`;
      if (!this.#byRequest.has(request)) this.#byRequest.set(request, zxid);
    }
    const problem = this.znodes.apply(header, body);
    if (problem !== null) this.impossible.set(zxid, problem);
    for (const listener of this.#listeners) listener(txn);
  }

  #chainOf(server: number): Chain {
    let chain = this.#chains.get(server);
    if (chain === undefined) {
      chain = { isLeading: false, isServing: false, zxids: [], length: 0, replaced: [], source: 0 };
      this.#chains.set(server, chain);
    }
    return chain;
  }
}

function append(chain: Chain, zxid: number): void {
  if (zxid <= (chain.zxids[chain.length - 1] ?? 0)) return;
  chain.zxids.length = chain.length;
  chain.zxids.push(zxid);
  chain.length++;
}

function replace(chain: Chain, source: Chain): void {
  chain.replaced = chain.zxids;
  chain.zxids = source.zxids.slice(0, source.length);
  chain.length = source.length;
}

/** A start finds what is in sight up to a zxid, or, if that very txn was lost from sight, all up to it. */
function reload(chain: Chain, zxid: number): void {
  if (!chain.zxids.includes(zxid) && chain.replaced.includes(zxid)) {
    chain.zxids = [...chain.replaced];
    chain.length = chain.zxids.length;
  }
  const found = chain.zxids.indexOf(zxid, chain.length);
  const seen = chain.zxids.slice(0, chain.length);
  chain.length = (found >= 0 ? found : seen.findLastIndex((held) => held <= zxid)) + 1;
}

function cut(chain: Chain, zxid: number): void {
  chain.length = chain.zxids.findLastIndex((held) => held <= zxid) + 1;
  chain.zxids.length = chain.length;
}
