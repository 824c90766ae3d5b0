import { readdirSync, readFileSync } from "node:fs";
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
    return identityOf(pid) === identity && !hasEnded(pid);
  },
};

function identityOf(pid: number): string {
  const fields = statOf(pid);
  // The 20th is the start time in ticks.
  return fields === null ? String(pid) : `${pid} ${fields[19]}`;
}

/** Whether only a parent that has not asked yet how it ended keeps the process in the table. */
function hasEnded(pid: number): boolean {
  if (statOf(pid)?.[0] !== "Z") return false;
  try {
    // The first thread of a killed process ends before one that is in the middle of a write.
    return readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch {
    return true;
  }
}

/** @returns What the system tells of a process behind its name in parentheses, which may hold anything. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}
