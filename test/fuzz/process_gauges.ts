/** Memory and open files of a process, where the system tells. */
import { readdirSync, readFileSync } from "node:fs";

/** Resident memory in MiB; 0 without a pid or on a system without /proc. */
export function rssMb(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Math.round(Number(kb ?? 0) / 1024);
  } catch {
    return 0;
  }
}

/** Open files and sockets; 0 without a pid or on a system without /proc. */
export function openFiles(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}
