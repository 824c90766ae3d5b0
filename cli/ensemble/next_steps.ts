import { resolve } from "node:path";
import { defaultDataDir } from "../ensemble.ts";

/** What to type next in another terminal in the same directory. */
export function nextSteps(
  { zoon, hosts, dataDir, leader, voters }: {
    /** How the program is called there. */
    readonly zoon: string;
    /** What clients connect to. */
    readonly hosts: string;
    readonly dataDir: string;
    readonly leader: number;
    readonly voters: number;
  },
): string[] {
  const flag = dataDirFlag(dataDir);
  const server = flag === "" ? "" : ` -s ${hosts}`;
  return [
    "",
    "In another terminal, write and read something,",
    "",
    `  ${zoon} shell${server} create /hello world`,
    `  ${zoon} shell${server} get /hello`,
    "",
    // With fewer there would be nobody to take over.
    ...(voters < 3 ? ["and see how it is:", "", `  ${zoon} status${server}`] : [
      "then kill the leader, see who leads instead, and bring it back:",
      "",
      `  ${zoon} ensemble kill ${leader}${flag}`,
      `  ${zoon} status${server}`,
      `  ${zoon} ensemble start ${leader}${flag}`,
    ]),
    "",
    `Any ZooKeeper client can connect to ${hosts}. Ctrl-C stops all nodes.`,
    "",
  ];
}

/** The flag that names a directory, with a blank before it; empty for the default one. */
export function dataDirFlag(dataDir: string): string {
  if (resolve(dataDir) === resolve(defaultDataDir)) return "";
  const quoted = /^[\w./@%+=:,-]+$/.test(dataDir) ? dataDir : `'${dataDir.replaceAll("'", "'\\''")}'`;
  return ` --data-dir ${quoted}`;
}
