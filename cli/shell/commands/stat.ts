import { defineCommand } from "../command.ts";
import { noNode } from "../error_text.ts";
import { checkPath } from "../path_check.ts";
import { statJson, statText } from "../stat_text.ts";

/** @see Fact: StatCommand */
export const statCommand = defineCommand({
  name: "stat",
  family: "znodes",
  usage: "[-w] path",
  about: "Print a znode's Stat",
  flags: {
    watch: { short: "w", about: "Tell of its next creation, change or deletion" },
  },
  operands: [
    { name: "path", kind: "path" },
    { name: "watch", kind: "text", optional: true },
  ],
  examples: ["stat /a", "stat -w /not/yet"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    const oldWatch = call.operands.length > 1;
    if (oldWatch) shell.warn("'stat path [watch]' has been deprecated. Please use 'stat [-w] path' instead.");
    const client = await shell.client();
    const watch = call.flags.watch || oldWatch ? { watch: shell.watcher } : undefined;
    const stat = await client.exists(path, watch);
    if (stat === null) throw noNode(path);
    return { text: statText(stat), json: { path, stat: statJson(stat) } };
  },
});
