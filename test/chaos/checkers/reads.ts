/**
 * Reads: a session never goes back, on whatever server it is, and each read shows exactly the state of the zxid
 * it carries. A read behind a sync sees all that was acknowledged before the sync.
 */
import { describe, type Evidence, isWrite, type Op, type Violation } from "../history.ts";
import type { Facts, VersionFact } from "./facts.ts";

const property = "reads";

/** See the head of this file; syncs have {@linkcode checkSyncs}. */
export function checkReads(evidence: Evidence, facts: Facts): Violation[] {
  const violations: Violation[] = [];
  const report = (message: string) => violations.push({ property, message });
  const newest = new Map<number, Op>();
  const orders = new Map<string, [number, VersionFact][]>();
  for (const [path, versions] of facts.registers) {
    orders.set(path, [...versions].sort(([, a], [, b]) => a.mzxid - b.mzxid));
  }

  for (const op of evidence.history.ops) {
    if (op.error === "NONODE" && !isWrite(op)) report(`a register was not there: ${describe(op)}`);
    if (op.outcome !== "ok" || op.zxid === null) continue;
    const before = newest.get(op.session);
    if (before !== undefined && before.zxid! > op.zxid) {
      report(`a session went back: ${describe(before)}; ${describe(op)}`);
    } else newest.set(op.session, op);
    if (isWrite(op)) continue;

    const order = orders.get(op.path);
    if (order === undefined) continue;
    const { version, mzxid, value } = op.result!;
    if (version === undefined || mzxid === undefined) continue;
    const writer = value === undefined || value === null ? undefined : facts.writers.get(value);
    if (writer !== undefined && writer.invokedMs > op.returnedMs) {
      report(`read before it was written: ${describe(op)}; ${describe(writer)}`);
    }
    if (mzxid > op.zxid) report(`shows a change newer than its own zxid: ${describe(op)}`);
    const due = newestUpTo(order, op.zxid);
    if (due !== undefined && due[1].mzxid > mzxid) {
      report(
        `shows version ${version}, at its zxid there was version ${due[0]} of 0x${
          due[1].mzxid.toString(16)
        } already: ${describe(op)}`,
      );
    }
  }
  return violations;
}

/** What came of the reads behind syncs. */
export interface SyncVerdict {
  readonly violations: Violation[];
  /** Stale ones of leaders that did not know yet that they were replaced. */
  readonly excused: number;
}

/**
 * Reads behind syncs see all writes acknowledged before the sync was sent.
 *
 * Excused is a leader of Apache's that others have replaced and that does not know it yet, since its sync asks no quorum
 * (apache/zookeeper Leader.java, processSync): the write it misses is of a later epoch, and was acknowledged no longer
 * ago than it may take to notice, unless the servers were stopped or cut off.
 */
export function checkSyncs(evidence: Evidence): SyncVerdict {
  const violations: Violation[] = [];
  const { history: { ops, disturbances }, staleMs } = evidence;
  const writes = ops.filter((op) => isWrite(op) && op.outcome === "ok" && op.zxid !== null)
    .sort((a, b) => a.returnedMs - b.returnedMs);
  const reads = ops.filter((op) => op.kind === "syncRead" && op.outcome === "ok" && op.zxid !== null)
    .sort((a, b) => a.invokedMs - b.invokedMs);
  const isExcused = (read: Op, missed: Op) =>
    staleMs !== null && epochOf(read.zxid!) < epochOf(missed.zxid!) &&
    (read.returnedMs - missed.returnedMs <= staleMs ||
      disturbances.some(({ beganMs, endedMs }) =>
        beganMs <= read.returnedMs && read.invokedMs <= endedMs + staleMs
      ));
  let excused = 0;
  let at = 0;
  let highest: Op | undefined;
  for (const read of reads) {
    for (; at < writes.length && writes[at].returnedMs < read.invokedMs; at++) {
      if (highest === undefined || writes[at].zxid! > highest.zxid!) highest = writes[at];
    }
    if (highest === undefined || highest.zxid! <= read.zxid!) continue;
    if (isExcused(read, highest)) excused++;
    else {
      violations.push({
        property: "syncs",
        message: `a read behind a sync misses an older write: ${describe(highest)}; ${describe(read)}`,
      });
    }
  }
  return { violations, excused };
}

function newestUpTo(
  order: readonly [number, VersionFact][],
  zxid: number,
): [number, VersionFact] | undefined {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order[middle][1].mzxid <= zxid) low = middle + 1;
    else high = middle;
  }
  return order[low - 1];
}

function epochOf(zxid: number): number {
  return Math.floor(zxid / 0x1_0000_0000);
}
