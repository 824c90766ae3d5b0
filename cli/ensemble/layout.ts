import { z } from "zod";
import { formatServer, type ServerAddress } from "../../src/client/connection_string.ts";
import { observersMax, portStride, votersMax } from "./limits.ts";

/** Where the nodes of a local ensemble listen: all of them on this machine alone. */
export const nodeHost = "127.0.0.1";

/** The most nodes of one ensemble. */
const nodesMax = votersMax + observersMax;

const port = z.int().min(1).max(65_535);

const nodePlan = z.object({
  id: z.int().min(1).max(nodesMax),
  role: z.enum(["participant", "observer"]),
  clientPort: port,
  quorumPort: port,
  electionPort: port,
});

/** One node: its id, whether it votes, and its ports. */
export type NodePlan = Readonly<z.infer<typeof nodePlan>>;

/** The shape of {@link Layout} in `ensemble.json`. */
export const layoutSchema = z.object({
  /** Says what the file is; a later shape would have another number. */
  zoonEnsemble: z.literal(1),
  basePort: port,
  nodes: z.array(nodePlan).min(1).max(nodesMax),
});

/** What an ensemble is made of: its nodes in the order of their ids. */
export type Layout = Readonly<z.infer<typeof layoutSchema>>;

/**
 * Plans an ensemble: voters have the ids 1 to N, observers those after them, and node i listens at
 * `basePort + i - 1` for clients, 100 above that for its leader and 200 above for elections.
 */
export function planLayout(
  { voters, observers, basePort }: { voters: number; observers: number; basePort: number },
): Layout {
  const nodes = Array.from({ length: voters + observers }, (_, index): NodePlan => ({
    id: index + 1,
    role: index < voters ? "participant" : "observer",
    ...portsOf(basePort, index),
  }));
  return { zoonEnsemble: 1, basePort, nodes };
}

/** The same nodes with ports from another base. */
export function movedLayout(layout: Layout, basePort: number): Layout {
  const nodes = layout.nodes.map((node, index) => ({ ...node, ...portsOf(basePort, index) }));
  return { ...layout, basePort, nodes };
}

function portsOf(basePort: number, index: number) {
  const clientPort = basePort + index;
  return { clientPort, quorumPort: clientPort + portStride, electionPort: clientPort + 2 * portStride };
}

/** How many nodes vote. */
export function votersOf({ nodes }: Layout): number {
  return nodes.filter(({ role }) => role === "participant").length;
}

/** Where clients find the nodes. */
export function clientAddresses({ nodes }: Layout): readonly ServerAddress[] {
  return nodes.map(({ clientPort }) => ({ host: nodeHost, port: clientPort }));
}

/** What clients are given to connect to. */
export function connectionString(layout: Layout): string {
  return clientAddresses(layout).map(formatServer).join(",");
}

/** `3 servers`, or `3 servers and 1 observer`. */
export function sizeText(layout: Layout): string {
  const voters = votersOf(layout);
  const observers = layout.nodes.length - voters;
  const voting = `${voters} ${voters === 1 ? "server" : "servers"}`;
  return observers === 0
    ? voting
    : `${voting} and ${observers} ${observers === 1 ? "observer" : "observers"}`;
}
