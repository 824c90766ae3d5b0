import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { counterOf } from "../../../src/protocol/zxid.ts";
import type { Operation } from "../clients/operation.ts";
import { describe } from "./acknowledged_writes.ts";
import type { AgreedHistory } from "./agreed_history.ts";
import { type Checker, type ClientEvent, type Fail, zxidText } from "./checker.ts";
import type { ZnodeHistory } from "./znode_history.ts";

/**
 * What a client reads at a zxid is the state that the agreed history makes at that zxid, and it is committed. A read-only
 * server alone may show what its log has beyond that, in its place.
 */
export class ReadsSeeAgreedState implements Checker {
  readonly property = "ReadsSeeAgreedState";
  readonly #history: AgreedHistory;
  readonly #fail: Fail;

  constructor(history: AgreedHistory, fail: Fail) {
    this.#history = history;
    this.#fail = fail;
  }

  onClient(event: ClientEvent): void {
    if (event.kind !== "replied") return;
    const { operation } = event;
    const { zxid } = operation;
    const { kind } = operation.request;
    if (kind !== "getData" && kind !== "exists" && kind !== "getChildren") return;
    if (operation.error !== ErrorCode.ok && operation.error !== ErrorCode.noNode) return;
    const wrong = this.#history.isUndecided(operation)
      ? wrongBy(this.#history.znodesOf(operation.server, zxid), operation)
      : zxid > this.#history.lastZxid && counterOf(zxid) !== 0
      ? "it is not committed"
      : wrongBy(this.#history.znodes, operation);
    if (wrong !== null) {
      this.#fail(
        `${describe(operation)} of ${operation.client} on server ${operation.server} at ${
          zxidText(zxid)
        }: ${wrong}`,
      );
    }
  }
}

/** @returns Why the answer is not what these znodes give, or null. */
function wrongBy(
  znodes: ZnodeHistory | undefined,
  { request, zxid, error, stat, data, children }: Operation,
): string | null {
  if (znodes === undefined) return "its server, which is read-only, never stood there";
  const path = request.path;
  const state = znodes.at(path, zxid);
  if (error === ErrorCode.noNode) return state === null ? null : "answered NONODE, and it is there";
  if (state === null) return "answered, and it is not there";
  if (stat !== null) {
    if (stat.version !== state.version) return `version ${stat.version}, not ${state.version}`;
    if (stat.mzxid !== state.mzxid) return `mzxid ${zxidText(stat.mzxid)}, not ${zxidText(state.mzxid)}`;
    if (stat.czxid !== state.czxid) return `czxid ${zxidText(stat.czxid)}, not ${zxidText(state.czxid)}`;
    if (stat.ephemeralOwner !== state.ephemeralOwner) return "another session's ephemeral";
    const pzxid = Math.max(state.czxid, znodes.lastChildChange(path, zxid));
    if (stat.pzxid !== pzxid) return `pzxid ${zxidText(stat.pzxid)}, not ${zxidText(pzxid)}`;
  }
  if (request.kind === "getData" && data !== state.data) return `"${data}", not "${state.data}"`;
  if (request.kind !== "getChildren") return null;
  const names = znodes.childrenAt(path, zxid).join();
  return children?.join() === names ? null : `children ${children}, not ${names}`;
}
