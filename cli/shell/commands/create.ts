import { type CreateMode, EphemeralOnLocalSessionError, InvalidAclError, openAcl } from "../../../mod.ts";
import { parseAcl } from "../acl_text.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../command_error.ts";
import { base64Operand } from "../operands.ts";
import { checkPath } from "../path_check.ts";
import { statJson } from "../stat_text.ts";

/** Largest time to live in milliseconds (EphemeralType.TTL). */
const ttlMsMax = 1_099_511_627_775n;

/** @see Fact: CreateCommand */
export const createCommand = defineCommand({
  name: "create",
  family: "znodes",
  usage: "[-s] [-e] [-c] [-t ttl] path [data] [acl]",
  about: "Create a znode",
  flags: {
    sequential: { short: "s", about: "Append a number that counts the parent's creations" },
    ephemeral: { short: "e", about: "Delete it when this session ends" },
    container: { short: "c", about: "Delete it some time after its last child is gone" },
    ttl: { short: "t", value: "ttl", about: "Delete it after so many ms without change and children" },
    base64: { short: "b", about: "The data is given in base64" },
  },
  operands: [
    { name: "path", kind: "path" },
    { name: "data", kind: "text", optional: true },
    { name: "acl", kind: "text", optional: true },
  ],
  details: 'Without data the znode has none, which is not the same as empty data (""). ' +
    "The acl is scheme:id:perms, several joined by commas; perms are letters of cdrwa.",
  examples: ["create /a hello", "create -s -e /locks/lock-", "create /a secret digest:bob:hash=:cdrwa"],
  needsSession: true,
  async run(call, shell) {
    const { sequential, ephemeral, container } = call.flags;
    if (container && (ephemeral || sequential)) {
      throw new UsageError(
        "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.",
      );
    }
    const ttlMs = readTtl(call.flags.ttl, ephemeral, container);
    const mode: CreateMode = ephemeral ? "ephemeral" : container ? "container" : "persistent";
    const path = checkPath(call.text(0), sequential);
    const data = call.flags.base64 ? base64Operand(call, 1) : call.bytes(1);
    const { acl, complaints } = call.operands.length > 2
      ? parseAcl(call.text(2))
      : { acl: openAcl, complaints: [] };
    for (const complaint of complaints) shell.warn(complaint);
    const client = await shell.client();
    try {
      const created = await client.create(path, data, { mode, sequential, ttlMs, acl });
      return { text: `Created ${created.path}`, json: { path: created.path, stat: statJson(created.stat) } };
    } catch (error) {
      if (error instanceof InvalidAclError) shell.warn(`KeeperErrorCode = InvalidACL for ${path}`);
      if (error instanceof EphemeralOnLocalSessionError) {
        shell.warn("Unable to create ephemeral node on a local session");
      }
      throw error;
    }
  },
});

function readTtl(text: string | undefined, ephemeral: boolean, container: boolean): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,19}$/.test(text)) throw new UsageError("-t argument must be a long value");
  if (ephemeral) throw new UsageError("TTLs cannot be used with Ephemeral znodes");
  if (container) throw new UsageError("TTLs cannot be used with Container znodes");
  const ttlMs = BigInt(text);
  if (ttlMs <= 0n || ttlMs > ttlMsMax) {
    throw new UsageError(`ttl must be positive and cannot be larger than: ${ttlMsMax}`);
  }
  return Number(ttlMs);
}
