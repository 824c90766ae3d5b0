import { readFileSync } from "node:fs";
import type { LockHolder } from "../storage/data_lock.ts";

/**
 * Names processes by id and, where the system tells it, by the time they began, so that a later process with the
 * same id is not taken for them.
 */
export const processIdentity: LockHolder = {
  identity: identityOf(process.pid),
  isRunning(identity) {
    const pid = Number(identity.split(" ")[0]);
    if (!Number.isInteger(pid) || pid <= 0) return false;
    try {
      process.kill(pid, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    }
    return identityOf(pid) === identity;
  },
};

function identityOf(pid: number): string {
  try {
    // Behind the name in parentheses, which may hold anything, the 20th field is the start time in ticks.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return String(pid);
  }
}
