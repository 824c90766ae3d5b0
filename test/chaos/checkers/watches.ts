/** Watches: the event comes before any answer that shows the change, and it comes. */
import { describe, type Evidence, type Violation } from "../history.ts";
import type { Facts } from "./facts.ts";

const property = "watches";

/** See the head of this file. Sessions must have made a round trip after the last change. */
export function checkWatches(evidence: Evidence, facts: Facts): Violation[] {
  const violations: Violation[] = [];
  const report = (message: string) => violations.push({ property, message });
  const { watches, sessions, ops } = evidence.history;
  for (const watch of watches) {
    const where = `the watch of session ${watch.session} on ${watch.path} at 0x${watch.mzxid.toString(16)}`;
    if (watch.overtakenBy !== null) {
      report(`data came before the event of ${where}: ${describe(ops[watch.overtakenBy])}`);
    }
    const node = facts.tree.get(watch.path);
    const changed = node === undefined || node.mzxid > watch.mzxid;
    if (changed && watch.firedMs === Infinity && sessions[watch.session].how === "live") {
      report(`the event of ${where} never came`);
    }
  }
  return violations;
}
