/** Writes and edits the zoo.cfg of a node: an ordinary one, which Apache's server runs with too. */
import { escapeValue, parseProperties, withoutKeys } from "../../src/quorum/properties.ts";
import { type Layout, nodeHost, type NodePlan, votersOf } from "./layout.ts";

/** One key and its value. */
export type Setting = readonly [key: string, value: string];

/** Keys that the launcher decides on itself. */
export const ownKeys: readonly string[] = [
  "dataDir",
  "clientPort",
  "clientPortAddress",
  "dynamicConfigFile",
];

/** Whether a key is the launcher's: those of its own and the server list. */
export function isOwnKey(key: string): boolean {
  return ownKeys.includes(key) || /^(?:server\.|group|weight)/.test(key);
}

/**
 * Timing for one machine, where a message takes no time and a pause is a fault: followers leave a silent leader
 * after 3 s. Sessions may still be as long as clients of real ensembles ask for.
 */
const localSettings: readonly Setting[] = [
  ["tickTime", "500"],
  ["initLimit", "20"],
  ["syncLimit", "6"],
  ["minSessionTimeout", "1000"],
  ["maxSessionTimeout", "60000"],
  // All clients come from one address here.
  ["maxClientCnxns", "0"],
  ["4lw.commands.whitelist", "*"],
  ["reconfigEnabled", "true"],
  ["extendedTypesEnabled", "true"],
];

/**
 * The text of a new node's zoo.cfg.
 *
 * @param dataDir Absolute, so that the file works from anywhere.
 * @param settings Win over the defaults.
 */
export function newNodeConfig(
  layout: Layout,
  node: NodePlan,
  dataDir: string,
  settings: readonly Setting[],
): string {
  let text = `# Node ${node.id} of a local ensemble, made by "zoon ensemble". Edits stay until --fresh.\n`;
  const voters = votersOf(layout);
  const alone: readonly Setting[] = voters === 1 && layout.nodes.length > 1
    ? [["standaloneEnabled", "false"]]
    : [];
  const chosen = new Map([["dataDir", dataDir], ...localSettings, ...alone, ...settings]);
  for (const [key, value] of chosen) text += `${key}=${escapeValue(value)}\n`;
  for (const each of layout.nodes) text += `server.${each.id}=${serverLine(each)}\n`;
  return text;
}

function serverLine({ role, clientPort, quorumPort, electionPort }: NodePlan): string {
  return `${nodeHost}:${quorumPort}:${electionPort}:${role};${nodeHost}:${clientPort}`;
}

/** Sets keys in the text of a properties file: a key that has another value, or none, gets a line at the end. */
export function withSettings(text: string, settings: readonly Setting[]): string {
  let edited = text;
  for (const [key, value] of settings) {
    if (parseProperties(edited).get(key)?.value === value) continue;
    edited = `${withoutKeys(edited, (each) => each === key)}${key}=${escapeValue(value)}\n`;
  }
  return edited;
}

/**
 * Moves the ports in the server lines of a zoo.cfg or a dynamic file. Lines with other ports stay as they are:
 * somebody else's servers may have joined.
 */
export function withPorts(text: string, from: Layout, to: Layout): string {
  const moved = new Map<string, string>();
  from.nodes.forEach((node, index) => {
    const target = to.nodes[index];
    moved.set(String(node.clientPort), String(target.clientPort));
    moved.set(String(node.quorumPort), String(target.quorumPort));
    moved.set(String(node.electionPort), String(target.electionPort));
  });
  return text.replace(
    /^([ \t]*server\.[0-9]+[ \t]*=)(.*)$/gm,
    (_line, head: string, tail: string) =>
      head + tail.replace(/([:;])([0-9]+)(?=[:;\s]|$)/g, (all, mark: string, port: string) => {
        const target = moved.get(port);
        return target === undefined ? all : mark + target;
      }),
  );
}
