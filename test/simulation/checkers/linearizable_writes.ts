import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { isWrite, type Operation } from "../clients/operation.ts";
import { describe } from "./acknowledged_writes.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";

/**
 * Writes are linearizable: their order is that of their zxids, it agrees with real time, each answer is the one
 * that the state before the write gives, and each txn can follow from those before it.
 */
export class LinearizableWrites implements Checker {
  readonly property = "LinearizableWrites";
  readonly #history: AgreedHistory;
  readonly #fail: Fail;
  /** Newest zxid that any client had been told of when a write was sent. */
  readonly #knownAt = new WeakMap<Operation, number>();
  #known = 0;

  constructor(history: AgreedHistory, fail: Fail) {
    this.#history = history;
    this.#fail = fail;
    history.onCommitted(({ zxid }) => {
      const problem = history.impossible.get(zxid);
      if (problem !== undefined) fail(`${zxidText(zxid)} ${problem}`);
    });
  }

  onClient(event: ClientEvent): void {
    if (event.kind === "invoked" && isWrite(event.operation.request)) {
      this.#knownAt.set(event.operation, this.#known);
    } else if (event.kind === "replied" && isWrite(event.operation.request)) {
      this.#onAnswer(event.operation);
    }
  }

  #onAnswer(operation: Operation): void {
    const { error, zxid, request, session } = operation;
    if (request.kind === "closeSession" && !this.#history.hasBegun(session)) return;
    const known = this.#knownAt.get(operation) ?? 0;
    if (error === 0) {
      if (zxid <= known) {
        this.#fail(
          `${describe(operation)} of ${operation.client} is ${zxidText(zxid)}, and ${zxidText(known)} was ` +
            "acknowledged before it was sent",
        );
      }
      this.#known = Math.max(this.#known, zxid);
    }
    const wrong = this.#wrong(operation);
    if (wrong !== null) {
      this.#fail(`${describe(operation)} of ${operation.client} at ${zxidText(zxid)}: ${wrong}`);
    }
  }

  /** @returns Why the answer is not the one that the history gives, or null. */
  #wrong({ request, error, zxid, stat, created }: Operation): string | null {
    const { znodes } = this.#history;
    if (this.#history.committed(zxid) === undefined) return null;
    const pathBefore = "path" in request ? request.path : "";
    const before = znodes.at(pathBefore, zxid - 1);
    switch (error) {
      case ErrorCode.ok:
        break;
      case ErrorCode.noNode:
        if (request.kind === "create" || request.kind === "multi") return null;
        return before === null ? null : "answered NONODE, and it is there";
      case ErrorCode.badVersion:
        if (request.kind !== "setData" && request.kind !== "delete") return null;
        return before !== null && before.version === request.version
          ? `answered BADVERSION, and version ${request.version} is right`
          : null;
      case ErrorCode.nodeExists:
        return before === null && request.kind === "create"
          ? "answered NODEEXISTS, and it is not there"
          : null;
      default:
        return null;
    }
    if (request.kind === "setData") {
      if (request.version !== -1 && before?.version !== request.version) {
        return `succeeded over version ${before?.version}, and only ${request.version} was to be replaced`;
      }
      if (stat?.version !== (before?.version ?? -1) + 1) return `answered version ${stat?.version}`;
      if (znodes.at(request.path, zxid)?.data !== request.data) return "another value is there";
    } else if (request.kind === "create") {
      if (created === null || !created.startsWith(request.path)) return `created ${created}`;
      if (znodes.at(created, zxid)?.data !== request.data) return "another value is there";
    } else if (request.kind === "delete" && znodes.at(request.path, zxid) !== null) {
      return "it is still there";
    }
    return null;
  }
}
