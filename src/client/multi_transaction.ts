import type { JuteWriter } from "../jute/writer.ts";
import { OpCode } from "../protocol/op_code.ts";
import { withChroot } from "./connection_string.ts";
import { createError, createOpCode, encodeCreate, encodeData, pathError } from "./create_request.ts";
import type { ZkError } from "./errors.ts";
import type { TransactionStep } from "./request_kinds.ts";
import type { CreateOptions, DataInput, TransactionResult } from "./types.ts";
import type { Transaction } from "./zookeeper.ts";

/** One operation of a transaction under construction. */
interface Step extends TransactionStep {
  readonly version: number;
  readonly data: DataInput;
  readonly options?: CreateOptions;
}

/** Collects operations; the client that made it sends them. */
export class MultiTransaction implements Transaction {
  readonly #commit: (transaction: MultiTransaction) => Promise<TransactionResult[]>;
  readonly #steps: Step[] = [];

  constructor(commit: (transaction: MultiTransaction) => Promise<TransactionResult[]>) {
    this.#commit = commit;
  }

  get size(): number {
    return this.#steps.length;
  }

  get steps(): readonly TransactionStep[] {
    return this.#steps;
  }

  check(path: string, version: number): this {
    return this.#add({ op: "check", path, version, data: null });
  }

  create(path: string, data: DataInput = null, options?: CreateOptions): this {
    return this.#add({ op: "create", path, version: -1, data, options });
  }

  setData(path: string, data: DataInput, version = -1): this {
    return this.#add({ op: "setData", path, version, data });
  }

  delete(path: string, version = -1): this {
    return this.#add({ op: "delete", path, version, data: null });
  }

  commit(): Promise<TransactionResult[]> {
    return this.#commit(this);
  }

  /** @returns What is wrong with the first bad operation, or null. */
  problem(): ZkError | null {
    for (const { op, path, options } of this.#steps) {
      const problem = op === "create" ? createError(path, options) : pathError(op, path);
      if (problem !== null) return problem;
    }
    return null;
  }

  /** Writes the body of the multi request (MultiOperationRecord). */
  encode(writer: JuteWriter, chroot: string): void {
    for (const step of this.#steps) {
      const serverPath = withChroot(chroot, step.path);
      switch (step.op) {
        case "create":
          multiHeader(writer, createOpCode(step.options), false);
          encodeCreate(writer, serverPath, step.data, step.options);
          break;
        case "setData":
          multiHeader(writer, OpCode.setData, false);
          writer.string(serverPath);
          encodeData(writer, step.data);
          writer.int(step.version);
          break;
        case "check":
        case "delete":
          multiHeader(writer, step.op === "check" ? OpCode.check : OpCode.delete, false);
          writer.string(serverPath);
          writer.int(step.version);
          break;
      }
    }
    multiHeader(writer, -1, true);
  }

  #add(step: Step): this {
    this.#steps.push(step);
    return this;
  }
}

/** Writes the header before each operation of a multi, or the one that ends them. */
export function multiHeader(writer: JuteWriter, type: number, done: boolean): void {
  writer.int(type);
  writer.bool(done);
  writer.int(-1);
}
