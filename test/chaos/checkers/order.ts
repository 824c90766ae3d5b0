/**
 * Writes have one order, that of their zxids: distinct, in keeping with time (what was acknowledged before
 * another was asked for comes first), and within a session in the order of its requests. Writes of unknown fate
 * that turned out to be done are held to it too.
 */
import { describe, type Evidence, isWrite, type Op, type Violation } from "../history.ts";
import type { Facts } from "./facts.ts";

const property = "order of writes";

/** See the head of this file. */
export function checkOrder(evidence: Evidence, facts: Facts): Violation[] {
  const violations: Violation[] = [];
  const report = (message: string) => violations.push({ property, message });
  const done = evidence.history.ops.filter((op) => isWrite(op) && facts.zxids.has(op));
  const zxidOf = (op: Op) => facts.zxids.get(op)!;

  const byZxid = new Map<number, Op>();
  const newest = new Map<number, Op>();
  for (const op of done) {
    const same = byZxid.get(zxidOf(op));
    if (same !== undefined) report(`one zxid for two: ${describe(same)}; ${describe(op)}`);
    byZxid.set(zxidOf(op), op);
    const before = newest.get(op.session);
    if (before !== undefined && zxidOf(before) > zxidOf(op)) {
      report(
        `done in another order than asked for by one session: ${describe(before)} ` +
          `(0x${zxidOf(before).toString(16)}); ${describe(op)} (0x${zxidOf(op).toString(16)})`,
      );
    } else newest.set(op.session, op);
  }

  const byReturn = done.filter((op) => op.outcome === "ok").sort((a, b) => a.returnedMs - b.returnedMs);
  const byInvoke = done.toSorted((a, b) => a.invokedMs - b.invokedMs);
  let at = 0;
  let highest: Op | undefined;
  for (const op of byInvoke) {
    for (; at < byReturn.length && byReturn[at].returnedMs < op.invokedMs; at++) {
      if (highest === undefined || zxidOf(byReturn[at]) > zxidOf(highest)) highest = byReturn[at];
    }
    if (highest !== undefined && zxidOf(highest) > zxidOf(op)) {
      report(`acknowledged first, yet ordered behind: ${describe(highest)}; ${describe(op)}`);
    }
  }
  return violations;
}
