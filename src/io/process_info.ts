import { readdirSync, readFileSync } from "node:fs";
import { arch, freemem, homedir, hostname, release, tmpdir, totalmem, type, userInfo } from "node:os";
import type { ProcessStatus } from "../admin/status_view.ts";
import { fullVersion } from "../admin/version.ts";

/** Commit the binary was built from, told by the build; "" from source. */
export const buildCommit: string = process.env.ZOON_COMMIT ?? "";

/** When that commit was made, as `2026-11-21 01:17 UTC`; `source` from source. */
export const buildDate: string = utcMinutes(process.env.ZOON_COMMIT_DATE ?? "");

/** @param iso A date with time and zone; anything else gives `source`. */
export function utcMinutes(iso: string): string {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? "source" : `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** What this process tells an operator of itself. */
export const processStatus: ProcessStatus = {
  version: fullVersion(buildDate),
  environment: readEnvironment,
  openFiles: countOpenFiles,
  openFilesMax: readOpenFilesMax,
};

const notAvailable = "<NA>";
const megabyte = 1024 * 1024;
/** The names Java gives them. */
const osNames: Readonly<Record<string, string>> = { Darwin: "Mac OS X", Windows_NT: "Windows" };
const archNames: Readonly<Record<string, string>> = { x64: "amd64", arm64: "aarch64" };

/** Apache's keys in its order; those about Java tell that there is none. (Environment) */
function readEnvironment(): ReadonlyArray<readonly [string, string]> {
  const memory = process.memoryUsage();
  return [
    ["host.name", hostname()],
    ["java.version", notAvailable],
    ["java.vendor", notAvailable],
    ["java.home", notAvailable],
    ["java.class.path", notAvailable],
    ["java.library.path", notAvailable],
    ["java.io.tmpdir", tmpdir()],
    ["java.compiler", notAvailable],
    ["os.name", osNames[type()] ?? type()],
    ["os.arch", archNames[arch()] ?? arch()],
    ["os.version", release()],
    ["user.name", userName()],
    ["user.home", homedir()],
    ["user.dir", process.cwd()],
    ["os.memory.free", `${Math.floor(freemem() / megabyte)}MB`],
    ["os.memory.max", `${Math.floor(totalmem() / megabyte)}MB`],
    ["os.memory.total", `${Math.floor(memory.rss / megabyte)}MB`],
  ];
}

/** By the user's id, as Java does: the runtime asks $USER, which services often lack. A container's id may have no name. */
function userName(): string {
  const id = process.getuid?.();
  if (id === undefined) return userInfo().username;
  try {
    for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
      const [name, , lineId] = line.split(":");
      if (lineId === String(id)) return name;
    }
  } catch {
    // Some systems keep their users elsewhere.
  }
  return process.env.USER ?? notAvailable;
}

function countOpenFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return -1;
  }
}

function readOpenFilesMax(): number {
  try {
    const [, limit] =
      /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return limit === undefined || limit === "unlimited" ? -1 : Number(limit);
  } catch {
    return -1;
  }
}
