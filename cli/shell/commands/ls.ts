import type { ZooKeeper } from "../../../mod.ts";
import { type Answer, defineCommand } from "../command.ts";
import { checkPath } from "../path_check.ts";
import { grouped } from "../progress.ts";
import type { Shell } from "../shell_context.ts";
import { statJson, statText } from "../stat_text.ts";
import { preorder } from "../subtree.ts";

/** Characters gathered before they are written. */
const chunkChars = 64 * 1024;

/** @see Fact: LsCommand */
export const lsCommand = defineCommand({
  name: "ls",
  family: "znodes",
  usage: "[-s] [-w] [-R] path",
  about: "List a znode's children",
  flags: {
    stat: { short: "s", about: "Print its Stat too" },
    watch: { short: "w", about: "Tell of the next change of its children, or its deletion" },
    recursive: { short: "R", about: "List the whole subtree, one path a line" },
  },
  operands: [
    { name: "path", kind: "path" },
    { name: "watch", kind: "text", optional: true },
  ],
  examples: ["ls /", "ls -s -w /a", "ls -R /a"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    const oldWatch = call.operands.length > 1;
    if (oldWatch) shell.warn("'ls path [watch]' has been deprecated. Please use 'ls [-w] path' instead.");
    const watch = call.flags.watch || oldWatch;
    const client = await shell.client();
    if (call.flags.recursive) return await listAll(client, path, { watch, json: call.json }, shell);
    const { children, stat } = await client.getChildren(path, watch ? { watch: shell.watcher } : undefined);
    children.sort();
    const list = `[${children.join(", ")}]`;
    return {
      text: call.flags.stat ? `${list}\n${statText(stat)}` : list,
      json: { path, children, stat: statJson(stat) },
    };
  },
});

async function listAll(
  client: ZooKeeper,
  root: string,
  how: { watch: boolean; json: boolean },
  shell: Shell,
): Promise<Answer> {
  const progress = shell.progress();
  const all: string[] = [];
  let chunk = "";
  let count = 0;
  try {
    const batches = preorder(client, root, {
      signal: shell.signal,
      watch: how.watch ? shell.watcher : undefined,
      onFound: (found) => progress.update(() => `${grouped(found)} znodes found`),
    });
    for await (const batch of batches) {
      for (const path of batch) {
        count++;
        if (how.json) {
          all.push(path);
          continue;
        }
        chunk += `${path}\n`;
        if (chunk.length < chunkChars) continue;
        progress.done();
        await shell.print(chunk);
        chunk = "";
      }
    }
  } finally {
    progress.done();
  }
  if (chunk !== "") await shell.print(chunk);
  return { text: null, json: { path: root, count, paths: all } };
}
