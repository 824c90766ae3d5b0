import { z } from "zod";
import type { ServerFinding } from "../_server_report.ts";

/** What a node does, in one word. */
export const nodeState = z.enum([
  /** Its process runs, and does not listen for clients yet. */
  "starting",
  /** It runs and serves nobody: it looks for a leader, or catches up with one. */
  "looking",
  "leader",
  "follower",
  "observer",
  "standalone",
  "read-only",
  /** It takes connections and does not answer. */
  "silent",
  /** Its process is stopped, as by SIGSTOP. */
  "paused",
  /** It has no process. */
  "down",
]);

/** One of the states of a node. */
export type NodeState = z.infer<typeof nodeState>;

/** The shape of {@link NodeView} between launcher and other terminals. */
export const nodeView = z.object({
  id: z.number(),
  role: z.enum(["participant", "observer"]),
  state: nodeState,
  /** Why it is down; null while it runs. */
  reason: z.string().nullable(),
  pid: z.number().nullable(),
  /** Where clients connect, `host:port`. */
  client: z.string(),
  quorumPort: z.number(),
  electionPort: z.number(),
  /** Hexadecimal with `0x`; the last one heard of. */
  zxid: z.string().nullable(),
  /** Clients connected. */
  connections: z.number().nullable(),
  rssBytes: z.number().nullable(),
  log: z.string(),
});

/** A node as its operator sees it. */
export type NodeView = Readonly<z.infer<typeof nodeView>>;

/** States in which clients are served. */
const serving: ReadonlySet<NodeState> = new Set([
  "leader",
  "follower",
  "observer",
  "standalone",
  "read-only",
]);

/** Whether clients are served. */
export function isServing(state: NodeState): boolean {
  return serving.has(state);
}

/** Whether writes are decided here. */
export function isLeading(state: NodeState): boolean {
  return state === "leader" || state === "standalone";
}

/** What an answer to `srvr` says of a node whose process runs. */
export function stateOfFinding(finding: ServerFinding): NodeState {
  switch (finding.kind) {
    case "serving":
      return finding.report.mode;
    case "looking":
      return "looking";
    case "forbidden":
      return "silent";
    case "unreachable":
      return finding.nobodyHome ? "starting" : "silent";
  }
}

/** The id of the node that leads; undefined while none does. */
export function leaderOf(nodes: readonly NodeView[]): number | undefined {
  return nodes.find(({ state }) => isLeading(state))?.id;
}
