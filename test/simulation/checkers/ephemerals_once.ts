import { OpCode } from "../../../src/protocol/op_code.ts";
import { sessionIdToHex } from "../../../src/protocol/session_id.ts";
import type { TxnBody } from "../../../src/protocol/txn.ts";
import type { AgreedHistory, Committed } from "./agreed_history.ts";
import { type Checker, type Fail, zxidText } from "./checker.ts";

/**
 * An ephemeral lives exactly as long as its session: made while the session lives, gone with the txn that ends the
 * session and with no other but its own delete. A session begins and ends once, and does nothing outside of that.
 */
export class EphemeralsOnce implements Checker {
  readonly property = "EphemeralsOnce";
  readonly #fail: Fail;
  readonly #open = new Set<bigint>();
  readonly #ended = new Set<bigint>();
  readonly #owned = new Map<bigint, Set<string>>();

  readonly #localSessions: boolean;

  /** @param localSessions A session may write before it begins for all; but it has no ephemerals until then. */
  constructor(history: AgreedHistory, fail: Fail, localSessions = false) {
    this.#fail = fail;
    this.#localSessions = localSessions;
    history.onCommitted((txn) => this.#onTxn(txn));
  }

  #onTxn({ zxid, header, body }: Committed): void {
    const session = header.clientId;
    const name = `session ${sessionIdToHex(session)}`;
    switch (body.type) {
      case OpCode.error:
        return;
      case OpCode.createSession:
        if (this.#open.has(session) || this.#ended.has(session)) {
          this.#fail(`${name} begins a second time in ${zxidText(zxid)}`);
        }
        this.#open.add(session);
        return;
      case OpCode.closeSession: {
        if (!this.#open.has(session)) this.#fail(`${name}, which is not open, ends in ${zxidText(zxid)}`);
        this.#open.delete(session);
        this.#ended.add(session);
        const owned = [...this.#owned.get(session) ?? []].sort().join(" ");
        const removed = (body.paths ?? []).toSorted().join(" ");
        if (body.paths !== null && owned !== removed) {
          this.#fail(`${name} ends in ${zxidText(zxid)} with [${removed}], and owns [${owned}]`);
        }
        this.#owned.delete(session);
        return;
      }
    }
    // Servers write by themselves too, for nobody.
    const mayBeLocal = this.#localSessions && !this.#ended.has(session) && !makesEphemeral(body);
    if (session !== 0n && !this.#open.has(session) && !mayBeLocal) {
      this.#fail(`${name}, which is not open, writes ${zxidText(zxid)}`);
    }
    this.#follow(session, body);
  }

  #follow(session: bigint, body: TxnBody): void {
    if (body.type === OpCode.multi) {
      if (body.txns.some((part) => part.type === OpCode.error)) return;
      for (const part of body.txns) this.#follow(session, part);
    } else if ((body.type === OpCode.create || body.type === OpCode.create2) && makesEphemeral(body)) {
      this.#owned.set(session, (this.#owned.get(session) ?? new Set()).add(body.path));
    } else if (body.type === OpCode.delete) {
      for (const owned of this.#owned.values()) owned.delete(body.path);
    }
  }
}

function makesEphemeral(body: TxnBody): boolean {
  if (body.type === OpCode.multi) return body.txns.some(makesEphemeral);
  return (body.type === OpCode.create || body.type === OpCode.create2) && body.ephemeral;
}
