/** What the system tells of processes by their ids. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { isEnsemble } from "./ensemble_directory.ts";

/** The words a process was started with; none when it is gone or the system does not tell. */
export function commandOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    if (process.platform === "linux" || process.platform === "win32") return [];
    const ps = spawnSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" });
    return (ps.stdout ?? "").trim().split(" ");
  }
}

/** Whether a process runs a server with this zoo.cfg, and not something else that has its id by now. */
export function runsNode(pid: number, config: string): boolean {
  const words = commandOf(pid);
  return words.includes("server") && words.includes(config);
}

/** The ensemble and the node that a process is, if it is one. */
export function nodeOf(pid: number): { readonly directory: string; readonly id: string } | undefined {
  for (const word of commandOf(pid)) {
    const [, home, id] = /^(.*[/\\]([0-9]+))[/\\]zoo\.cfg$/.exec(word) ?? [];
    if (home !== undefined && isEnsemble(dirname(home))) return { directory: dirname(home), id };
  }
  return undefined;
}

/** Memory that a process holds in RAM, in bytes; null when the system does not tell. */
export function rssBytesOf(pid: number): number | null {
  try {
    const [, kilobytes] = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}
