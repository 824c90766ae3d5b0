import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process that listens on a port. */
export interface PortOwner {
  readonly pid: number;
  /** Its executable's name. */
  readonly name: string;
}

const listening = "0A";

/**
 * Finds out who listens on a TCP port of this machine.
 *
 * @param procDirectory Where the kernel tells of processes.
 * @returns undefined when nobody does, when it is another user's process, or when the system does not tell.
 */
export function findPortOwner(port: number, procDirectory = "/proc"): PortOwner | undefined {
  const inodes = listeningInodes(port, procDirectory);
  if (inodes.size === 0) return undefined;
  for (const pid of entriesOf(procDirectory).filter((name) => /^[0-9]+$/.test(name))) {
    for (const descriptor of entriesOf(`${procDirectory}/${pid}/fd`)) {
      const target = linkOf(`${procDirectory}/${pid}/fd/${descriptor}`);
      const [, inode] = /^socket:\[([0-9]+)\]$/.exec(target) ?? [];
      if (inode !== undefined && inodes.has(inode)) {
        return { pid: Number(pid), name: textOf(`${procDirectory}/${pid}/comm`).trim() };
      }
    }
  }
  return undefined;
}

/** Sockets that listen on a port, over IPv4 or IPv6. */
function listeningInodes(port: number, procDirectory: string): Set<string> {
  const inodes = new Set<string>();
  for (const table of ["tcp", "tcp6"]) {
    for (const line of textOf(`${procDirectory}/net/${table}`).split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === listening && parseInt(local.slice(local.lastIndexOf(":") + 1), 16) === port) {
        inodes.add(inode);
      }
    }
  }
  return inodes;
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
