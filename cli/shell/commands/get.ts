import { defineCommand } from "../command.ts";
import { dataJson } from "../operands.ts";
import { checkPath } from "../path_check.ts";
import { hexDump, showData, toBase64 } from "../show.ts";
import { statJson, statText } from "../stat_text.ts";

/** @see Fact: GetCommand */
export const getCommand = defineCommand({
  name: "get",
  family: "znodes",
  usage: "[-s] [-w] [-b] [-x] path",
  about: "Print a znode's data",
  flags: {
    stat: { short: "s", about: "Print its Stat too" },
    watch: { short: "w", about: "Tell of the next change of its data, or its deletion" },
    base64: { short: "b", about: "Print the data in base64" },
    hex: { short: "x", about: "Print the data as a hex dump" },
  },
  operands: [
    { name: "path", kind: "path" },
    { name: "watch", kind: "text", optional: true },
  ],
  details:
    "Data that is not printable UTF-8 is shown with escapes such as \\x00, which may be typed back between " +
    "double quotes; -b, -x and --json leave no doubt. A znode without data prints null.",
  examples: ["get /a", "get -s -w /a", "get -x /a"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    const oldWatch = call.operands.length > 1;
    if (oldWatch) {
      shell.warn("'get path [watch]' has been deprecated. Please use 'get [-s] [-w] path' instead.");
    }
    const client = await shell.client();
    const watch = call.flags.watch || oldWatch ? { watch: shell.watcher } : undefined;
    const { data, stat } = await client.getData(path, watch);
    const show = call.flags.hex ? hexDump : call.flags.base64 ? toBase64 : showData;
    // Apache encodes the word "null" as well.
    const text = show(data ?? new TextEncoder().encode("null"));
    return {
      text: call.flags.stat ? `${text}\n${statText(stat)}` : text,
      json: { path, ...dataJson(data), stat: statJson(stat) },
    };
  },
});
