import { showText } from "../shell/show.ts";
import type { Style } from "../_style.ts";
import { type Cell, type Column, tableLines, type TableOptions } from "../_table.ts";
import type { Layout } from "./layout.ts";
import { nodeHost } from "./layout.ts";
import type { NodeState, NodeView } from "./node_view.ts";

/** The style each state is shown in. */
export const stateStyles: Readonly<Record<NodeState, Style>> = {
  starting: "yellow",
  looking: "yellow",
  leader: "green",
  follower: "cyan",
  observer: "cyan",
  standalone: "green",
  "read-only": "yellow",
  silent: "red",
  paused: "yellow",
  down: "red",
};

const liveColumns: readonly Column[] = [
  { title: "node", right: true },
  { title: "state" },
  { title: "zxid" },
  { title: "connections", right: true, expendable: 1 },
  { title: "RSS", right: true, expendable: 2 },
  { title: "pid", right: true, expendable: 3 },
  { title: "clients" },
  { title: "" },
];

/** The nodes as they are now; the last column says why one is down. */
export function nodeTable(nodes: readonly NodeView[], options: TableOptions): string[] {
  return tableLines(
    liveColumns,
    nodes.map((node): Cell[] => [
      String(node.id),
      { text: node.state, style: stateStyles[node.state] },
      node.zxid ?? "",
      node.connections === null ? "" : String(node.connections),
      node.rssBytes === null ? "" : `${Math.round(node.rssBytes / 1024 / 1024)} MB`,
      node.pid === null ? "" : String(node.pid),
      node.client,
      node.reason === null ? "" : { text: showText(node.reason), style: "red" },
    ]),
    options,
  );
}

const planColumns: readonly Column[] = [
  { title: "node", right: true },
  { title: "role" },
  { title: "clients" },
  { title: "quorum", right: true },
  { title: "elections", right: true },
  { title: "directory" },
];

/** What the nodes are to be: their roles, ports and directories. */
export function planTable(layout: Layout, directory: string, options: TableOptions): string[] {
  return tableLines(
    planColumns,
    layout.nodes.map((node): Cell[] => [
      String(node.id),
      node.role,
      `${nodeHost}:${node.clientPort}`,
      String(node.quorumPort),
      String(node.electionPort),
      `${directory.replace(/[/\\]+$/, "")}/${node.id}`,
    ]),
    options,
  );
}
