import { ZkError } from "../../../mod.ts";
import { aclJson, aclText, parseAcl } from "../acl_text.ts";
import { type Answer, defineCommand } from "../command.ts";
import { CommandError } from "../command_error.ts";
import { versionFlag } from "../operands.ts";
import { checkPath } from "../path_check.ts";
import { grouped } from "../progress.ts";
import { statJson, statText } from "../stat_text.ts";
import { keeperSentence } from "../error_text.ts";
import { forEachPipelined, listSubtree, walkRequestsMax } from "../subtree.ts";

/** @see Fact: GetAclCommand */
export const getAclCommand = defineCommand({
  name: "getAcl",
  family: "acl",
  usage: "[-s] path",
  about: "Print who may do what with a znode",
  flags: {
    stat: { short: "s", about: "Print its Stat too" },
  },
  operands: [{ name: "path", kind: "path" }],
  examples: ["getAcl /a"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    const client = await shell.client();
    const { acl, stat } = await client.getAcl(path);
    const text = aclText(acl);
    return {
      text: call.flags.stat ? `${text}\n${statText(stat)}` : text,
      json: { path, acl: aclJson(acl), stat: statJson(stat) },
    };
  },
});

/** @see Fact: SetAclCommand */
export const setAclCommand = defineCommand({
  name: "setAcl",
  family: "acl",
  usage: "[-s] [-v version] [-R] path acl",
  about: "Replace a znode's access control list",
  flags: {
    stat: { short: "s", about: "Print the new Stat" },
    version: { short: "v", value: "version", about: "Only if its ACL has this version" },
    recursive: { short: "R", about: "For all znodes below it, too" },
  },
  operands: [
    { name: "path", kind: "path" },
    { name: "acl", kind: "text" },
  ],
  details: "The acl is scheme:id:perms, several joined by commas; perms are letters of cdrwa. " +
    "auth::cdrwa stands for all ids of this session.",
  examples: ["setAcl /a world:anyone:r", "setAcl -R /a auth::cdrwa,world:anyone:r"],
  needsSession: true,
  async run(call, shell): Promise<Answer> {
    const path = checkPath(call.text(0));
    const version = versionFlag(call.flags.version);
    const { acl, complaints } = parseAcl(call.text(1));
    for (const complaint of complaints) shell.warn(complaint);
    const client = await shell.client();
    if (!call.flags.recursive) {
      const stat = await client.setAcl(path, acl, version);
      return { text: call.flags.stat ? statText(stat) : null, json: { path, stat: statJson(stat) } };
    }
    const progress = shell.progress();
    let changed = 0;
    let refused = 0;
    try {
      const paths = await listSubtree(client, path, { signal: shell.signal });
      await forEachPipelined(paths, walkRequestsMax, shell.signal, async (each) => {
        try {
          await client.setAcl(each, acl, version);
          changed++;
        } catch (error) {
          if (!(error instanceof ZkError)) throw error;
          refused++;
          shell.warn(keeperSentence(error));
        }
        progress.update(() => `${grouped(changed + refused)} of ${grouped(paths.length)} ACLs set`);
      });
    } finally {
      progress.done();
    }
    if (refused > 0) {
      throw new CommandError(`${grouped(refused)} of ${grouped(changed + refused)} ACLs were not set`, {
        code: "PARTIAL",
        path,
      });
    }
    return { text: null, json: { path, changed } };
  },
});
