import { defineCommand } from "../command.ts";
import { base64Operand, versionFlag } from "../operands.ts";
import { checkPath } from "../path_check.ts";
import { statJson, statText } from "../stat_text.ts";

/** @see Fact: SetCommand; the flags may stand before or after, as 3.8 and 3.9 document it differently */
export const setCommand = defineCommand({
  name: "set",
  family: "znodes",
  usage: "path data [-s] [-v version] [-b]",
  about: "Replace a znode's data",
  flags: {
    stat: { short: "s", about: "Print the new Stat" },
    version: { short: "v", value: "version", about: "Only if its data has this version" },
    base64: { short: "b", about: "The data is given in base64" },
  },
  operands: [
    { name: "path", kind: "path" },
    { name: "data", kind: "text" },
  ],
  examples: ["set /a hello", 'set /a "two words\\n" -v 3', "set -b /a AAEC"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    const data = call.flags.base64 ? base64Operand(call, 1) : call.bytes(1);
    const version = versionFlag(call.flags.version);
    const client = await shell.client();
    const stat = await client.setData(path, data, version);
    return { text: call.flags.stat ? statText(stat) : null, json: { path, stat: statJson(stat) } };
  },
});
