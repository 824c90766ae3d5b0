import type { NodeState, NodeView } from "../../../../cli/ensemble/node_view.ts";

/** A node for tests. */
export function view(id: number, state: NodeState, more: Partial<NodeView> = {}): NodeView {
  const down = state === "down";
  return {
    id,
    role: "participant",
    state,
    reason: null,
    pid: down ? null : 4000 + id,
    client: `127.0.0.1:${2180 + id}`,
    quorumPort: 2280 + id,
    electionPort: 2380 + id,
    zxid: down ? null : "0x100000000",
    connections: down ? null : 0,
    rssBytes: down ? null : 50 * 1024 * 1024,
    log: `/ensemble/${id}/zoon.log`,
    ...more,
  };
}
