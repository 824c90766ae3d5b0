import type { Evidence, Violation } from "../history.ts";
import { checkCreations } from "./creations.ts";
import { gather } from "./facts.ts";
import { checkOrder } from "./order.ts";
import { checkReads, checkSyncs } from "./reads.ts";
import { checkRegisters } from "./registers.ts";
import { checkSessions } from "./sessions.ts";
import { checkTrees } from "./trees.ts";
import { checkWatches } from "./watches.ts";

/** What came of a round. */
export interface Verdict {
  readonly violations: readonly Violation[];
  /** Checks that were made, by name. */
  readonly checks: readonly string[];
  /** Stale syncs that were excused. */
  readonly syncsExcused: number;
}

/**
 * Judges a round by every checker.
 *
 * @param roots Parents of all that the round created.
 */
export function checkAll(evidence: Evidence, roots: readonly string[]): Verdict {
  const facts = gather(evidence);
  const syncs = checkSyncs(evidence);
  const results: Record<string, readonly Violation[]> = {
    registers: checkRegisters(evidence, facts),
    creations: checkCreations(evidence, facts, roots),
    "order of writes": checkOrder(evidence, facts),
    reads: checkReads(evidence, facts),
    syncs: syncs.violations,
    sessions: checkSessions(evidence, facts),
    watches: checkWatches(evidence, facts),
    "equal trees": checkTrees(evidence),
  };
  return {
    violations: Object.values(results).flat(),
    checks: Object.keys(results),
    syncsExcused: syncs.excused,
  };
}
