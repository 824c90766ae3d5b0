/**
 * Sessions: ephemerals stay as long as their session lives and go with it; no session that is heard expires.
 */
import { describe, type Evidence, isWrite, type Violation } from "../history.ts";
import type { Facts } from "./facts.ts";

const property = "sessions";

/** See the head of this file. The dump must have waited until dead sessions can have expired. */
export function checkSessions(evidence: Evidence, facts: Facts): Violation[] {
  const violations: Violation[] = [];
  const report = (message: string) => violations.push({ property, message });
  const { ops, sessions } = evidence.history;
  const live = new Map(sessions.filter((one) => one.how === "live").map((one) => [one.id, one]));

  for (const [path, { ephemeralOwner, value }] of facts.tree) {
    if (ephemeralOwner === 0n) continue;
    const owner = live.get(ephemeralOwner);
    const creator = value === null ? undefined : facts.writers.get(value);
    if (owner === undefined) {
      report(`${path} outlived its session 0x${ephemeralOwner.toString(16)}`);
    } else if (creator !== undefined && creator.session !== owner.index) {
      report(`${path} belongs to session ${owner.index}, but came of ${describe(creator)}`);
    }
  }

  const heardMs = new Map<number, number>();
  for (const op of ops) {
    if (isWrite(op) && op.outcome === "ok") {
      heardMs.set(op.session, Math.max(heardMs.get(op.session) ?? 0, op.invokedMs));
    }
  }
  for (const session of sessions) {
    if (session.how !== "expired") continue;
    // A follower that dies takes with it what it heard since the leader's last ping, half a tick at most.
    const earliestMs = (heardMs.get(session.index) ?? session.beganMs) + session.timeoutMs - evidence.tickMs;
    if (session.endedMs < earliestMs) {
      report(
        `session ${session.index} (0x${session.id.toString(16)}, ${session.timeoutMs} ms) expired ` +
          `${Math.round(earliestMs - session.endedMs)} ms too early`,
      );
    }
  }
  return violations;
}
