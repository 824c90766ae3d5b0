import type { ServerConfig } from "../../src/config/server_config.ts";
import { loadServerConfig } from "../../src/config/zoo_cfg.ts";
import type { MemoryDisk } from "../world/memory_disk.ts";
import type { Parameters } from "./parameters.ts";
import { machineOf } from "./world/sim_server.ts";

/** Where each server's configuration lies on its disk. */
export const zooCfgPath = "/conf/zoo.cfg";
/** Ports of every server; each has a machine of its own. */
export const ports = { client: 2181, quorum: 2888, election: 3888 } as const;

const groupsOfThree = 3;

/** @returns A server's own line. */
export function serverLine(id: number, role: "participant" | "observer"): string {
  return `server.${id}=${machineOf(id).name}:${ports.quorum}:${ports.election}:${role};${ports.client}`;
}

/** @returns The server, group and weight lines of the ensemble that a simulation begins with. */
export function memberLines({ voters, observers, hierarchical }: Parameters): string[] {
  const lines: string[] = [];
  for (let id = 1; id <= voters + observers; id++) {
    lines.push(serverLine(id, id <= voters ? "participant" : "observer"));
  }
  if (!hierarchical) return lines;
  for (let group = 1; group <= groupsOfThree; group++) {
    const members: number[] = [];
    for (let id = group; id <= voters; id += groupsOfThree) members.push(id);
    lines.push(`group.${group}=${members.join(":")}`);
  }
  // A voter without weight never leads and never counts.
  for (let id = 1; id <= voters; id++) lines.push(`weight.${id}=${id === voters ? 0 : id % 2 + 1}`);
  return lines;
}

/**
 * Lays a server's configuration on its disk, as an operator does before its first start, or before it joins.
 *
 * @param members Server, group and weight lines.
 */
export function installConfig(
  disk: MemoryDisk,
  parameters: Parameters,
  members = memberLines(parameters),
): void {
  const { tickMs, initLimit, syncLimit, snapCount, preAllocKb, voters, observers, faults } = parameters;
  const lines = [
    "dataDir=/data",
    `tickTime=${tickMs}`,
    `initLimit=${initLimit}`,
    `syncLimit=${syncLimit}`,
    `snapCount=${snapCount}`,
    `preAllocSize=${preAllocKb}`,
    "4lw.commands.whitelist=*",
  ];
  if (parameters.localSessions) lines.push("localSessionsEnabled=true", "localSessionsUpgradingEnabled=true");
  if (parameters.readOnlyMode) lines.push("readonlymode.enabled=true");
  if (faults.reconfig > 0) lines.push("reconfigEnabled=true");
  if (voters + observers === 1) lines.push(`clientPort=${ports.client}`);
  else lines.push(...members);
  disk.put(zooCfgPath, new TextEncoder().encode(lines.join("\n")));
}

/** Reads a server's configuration from its disk, and shortens what would never happen in a simulation's time. */
export function readConfig(disk: MemoryDisk, id: number, parameters: Parameters): ServerConfig {
  const { config } = loadServerConfig({
    file: zooCfgPath,
    overrides: [],
    serverId: id,
    readFile: (path) => disk.exists(path) ? disk.bytesOf(path) : undefined,
  });
  const { committedTxnsKept, snapshotSizeFactor, purgeEveryMs, faults, zxidCounterMax } = parameters;
  return {
    ...config,
    ensemble: config.ensemble === undefined ? undefined : { ...config.ensemble, zxidCounterMax },
    auth: { ...config.auth, skipAcl: faults.reconfig > 0 },
    storage: {
      ...config.storage,
      committedTxnsKept,
      snapshotSizeFactor,
      purge: purgeEveryMs > 0 ? { keepSnapshots: 3, everyMs: purgeEveryMs } : undefined,
    },
  };
}
