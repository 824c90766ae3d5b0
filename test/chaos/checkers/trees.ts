/** After all is healed and quiet, every server has the same tree, to the last field of every Stat. */
import type { Evidence, Violation } from "../history.ts";

const property = "equal trees";

/** See the head of this file. */
export function checkTrees({ trees }: Evidence): Violation[] {
  const violations: Violation[] = [];
  const [first, ...others] = trees;
  for (const [server, tree] of others) {
    const report = (path: string, here: string, there: string) =>
      violations.push({
        property,
        message: `${path} on ${first[0]}: ${here}; on ${server}: ${there}`,
      });
    for (const [path, node] of first[1]) {
      const twin = tree.get(path);
      if (twin === undefined) report(path, node.text, "missing");
      else if (twin.text !== node.text) report(path, node.text, twin.text);
    }
    for (const [path, node] of tree) if (!first[1].has(path)) report(path, "missing", node.text);
  }
  return violations;
}
