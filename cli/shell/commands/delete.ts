import { defineCommand } from "../command.ts";
import { versionFlag } from "../operands.ts";
import { checkPath } from "../path_check.ts";

/** @see Fact: DeleteCommand */
export const deleteCommand = defineCommand({
  name: "delete",
  family: "znodes",
  usage: "[-v version] path",
  about: "Delete a znode without children",
  flags: {
    version: { short: "v", value: "version", about: "Only if its data has this version" },
  },
  operands: [
    { name: "path", kind: "path" },
    { name: "version", kind: "text", optional: true },
  ],
  examples: ["delete /a", "delete -v 3 /a"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    if (call.operands.length > 1) {
      shell.warn(
        "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.",
      );
    }
    const version = versionFlag(call.flags.version);
    const client = await shell.client();
    await client.delete(path, version);
    return { text: null, json: { path } };
  },
});
