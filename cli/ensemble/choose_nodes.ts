import { leaderOf, type NodeView } from "./node_view.ts";

/**
 * Finds the nodes that words mean: ids, or `leader`.
 *
 * @returns Their ids, each once; or what is wrong with the words.
 */
export function chooseNodes(
  words: readonly string[],
  nodes: readonly NodeView[],
): readonly number[] | string {
  const chosen = new Set<number>();
  for (const word of words) {
    if (word === "leader") {
      const leader = leaderOf(nodes);
      if (leader === undefined) return "no node leads at the moment";
      chosen.add(leader);
      continue;
    }
    const node = nodes.find(({ id }) => String(id) === word);
    if (node === undefined) {
      const ids = nodes.map(({ id }) => id).join(", ");
      return `there is no node ${word}: ${nodes.length === 1 ? "the only node is" : "the nodes are"} ${ids}`;
    }
    chosen.add(node.id);
  }
  return [...chosen];
}
