/** What processes use, and which cores they may. Linux only; elsewhere figures are null and nothing is pinned. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Where servers and load generator run. */
export interface Cores {
  /** The words before a command that has to run there; none where it may run anywhere. */
  readonly server: readonly string[];
  readonly generator: readonly string[];
  /** In words, for the report. */
  readonly text: string;
}

const anywhere = { server: [], generator: [] } as const;

/** A core for the server and one for the generator, where the machine has two and `taskset` works. */
export function coresApart(): Cores {
  if (cpus().length < 2) return { ...anywhere, text: "server and generator share the only core" };
  if (spawnSync("taskset", ["-c", "0", "true"]).status !== 0) {
    return { ...anywhere, text: "server and generator are not pinned to cores (there is no taskset)" };
  }
  return {
    server: ["taskset", "-c", "0"],
    generator: ["taskset", "-c", "1"],
    text: "server on core 0, generator on core 1",
  };
}

/** Everything anywhere: for more processes than cores. */
export function coresShared(): Cores {
  return { ...anywhere, text: `servers and generator share ${cpus().length} cores` };
}

/** Moves a process that runs, all its threads, to where its words would have started it. */
export function movePid(pid: number, words: readonly string[]): void {
  const cores = words.at(-1);
  if (cores !== undefined) spawnSync("taskset", ["-acp", cores, String(pid)]);
}

/** CPU time of a process over all its threads, in seconds. */
export interface CpuSeconds {
  readonly user: number;
  readonly system: number;
}

/** CPU time that processes used so far, all together; null when that cannot be known, or of none. */
export function cpuSecondsOf(pids: readonly number[]): CpuSeconds | null {
  let user = 0;
  let system = 0;
  for (const pid of pids) {
    const stat = readProc(pid, "stat");
    if (stat === null) return null;
    const one = cpuSecondsOfStat(stat);
    user += one.user;
    system += one.system;
  }
  return pids.length === 0 ? null : { user, system };
}

/** Of the text of `/proc/PID/stat`, whose times are in hundredths of a second. */
export function cpuSecondsOfStat(stat: string): CpuSeconds {
  // The program's name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { user: Number(fields[11]) / 100, system: Number(fields[12]) / 100 };
}

/** A process and those that it started, as far as they run. */
export function familyOf(pid: number): number[] {
  const children = readProc(pid, `task/${pid}/children`)?.trim() ?? "";
  return [pid, ...children === "" ? [] : children.split(" ").map(Number)];
}

/** Which part of the machine's cores works during a while, 0 to 1; null where that cannot be known. */
export async function busyPart(whileMs: number): Promise<number | null> {
  const before = readProc("", "stat");
  await Bun.sleep(whileMs);
  const after = readProc("", "stat");
  return before === null || after === null ? null : busyPartOfStats(before, after);
}

/** Of two texts of `/proc/stat`. */
export function busyPartOfStats(before: string, after: string): number | null {
  const [first, second] = [before, after].map((text) =>
    /^cpu +([\d ]+)$/m.exec(text)?.[1].split(" ").map(Number)
  );
  if (first === undefined || second === undefined) return null;
  const spent = second.map((ticks, field) => ticks - first[field]);
  const all = spent.reduce((sum, ticks) => sum + ticks, 0);
  // The fourth is idle, the fifth waits for a disk.
  return all === 0 ? null : 1 - (spent[3] + spent[4]) / all;
}

/** Resident bytes of a process, pages shared with other processes included; null when that cannot be known. */
export function rssBytesOf(pid: number): number | null {
  const status = readProc(pid, "status");
  return status === null ? null : rssBytesOfStatus(status);
}

/** Of the text of `/proc/PID/status`; null when it has none, as that of a process that ended. */
export function rssBytesOfStatus(status: string): number | null {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

/**
 * Lets this process and those it starts open as many files as the system allows, where `prlimit` is there to say so.
 *
 * @returns How many that is; Infinity where it is not known.
 */
export function raiseFilesMax(): number {
  const { hard } = filesMaxOfLimits(readProc("self", "limits") ?? "");
  if (hard !== Infinity) spawnSync("prlimit", ["--pid", String(process.pid), `--nofile=${hard}:${hard}`]);
  return filesMaxOfLimits(readProc("self", "limits") ?? "").soft;
}

/** The limits of open files in the text of `/proc/PID/limits`; Infinity for none. */
export function filesMaxOfLimits(limits: string): { readonly soft: number; readonly hard: number } {
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  const read = (text: string | undefined) =>
    text === undefined || text === "unlimited" ? Infinity : Number(text);
  return { soft: read(soft), hard: read(hard) };
}

function readProc(pid: number | "self" | "", file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return null;
  }
}
