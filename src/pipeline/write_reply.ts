import { JuteWriter } from "../jute/writer.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { OpCode } from "../protocol/op_code.ts";
import type { TxnResults } from "../tree/tree_observer.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "../tree/znode_store.ts";
import { writeMultiEnd, writeMultiError, writeMultiHeader } from "./ops/_multi_result.ts";
import type { WriteReply } from "./op.ts";

/**
 * Makes the body of the reply to a write while its txn is applied: the Stats are those of that very moment.
 * One builder serves one write after another.
 */
export class WriteReplyBuilder implements TxnResults {
  readonly body: JuteWriter = new JuteWriter(256);
  /** What the client is told: 0 or an error. A failed multi is 0 here and says so in its results. */
  error: number = ErrorCode.ok;
  readonly #store: ZnodeStore;
  #reply: WriteReply = "nothing";

  constructor(store: ZnodeStore) {
    this.#store = store;
  }

  /** Turns to the next write. */
  begin(reply: WriteReply): void {
    this.body.reset(64 * 1024);
    this.error = ErrorCode.ok;
    this.#reply = reply;
  }

  onTxn(type: number, error: number, ref: ZnodeRef): void {
    if (this.#reply === "results") return this.#addResult(type, error, ref);
    this.error = error;
    if (error !== ErrorCode.ok || ref === noZnode) return;
    if (this.#reply === "data and stat") this.#store.writeData(ref, this.body);
    if (this.#reply === "path" || this.#reply === "path and stat") this.#store.writePath(ref, this.body);
    if (this.#reply !== "nothing" && this.#reply !== "path") this.#store.writeStat(ref, this.body);
  }

  /** The txn is applied; nothing more comes. */
  end(): void {
    if (this.#reply === "results") writeMultiEnd(this.body);
  }

  /** One part of a multi; creates other than the plain one answer as create2 (FinalRequestProcessor). */
  #addResult(type: number, error: number, ref: ZnodeRef): void {
    const body = this.body;
    if (error !== ErrorCode.ok || type === OpCode.error) return writeMultiError(body, error);
    switch (type) {
      case OpCode.create:
        writeMultiHeader(body, type, ErrorCode.ok);
        return this.#store.writePath(ref, body);
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
        writeMultiHeader(body, OpCode.create2, ErrorCode.ok);
        this.#store.writePath(ref, body);
        return this.#store.writeStat(ref, body);
      case OpCode.setData:
        writeMultiHeader(body, type, ErrorCode.ok);
        return this.#store.writeStat(ref, body);
      default:
        writeMultiHeader(body, type, ErrorCode.ok);
    }
  }
}
