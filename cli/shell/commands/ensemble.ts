import { readFile } from "node:fs/promises";
import {
  BadArgumentsError,
  BadVersionError,
  errorName,
  NoAuthError,
  type ReconfigRequest,
  ZkError,
  type ZooKeeper,
} from "../../../mod.ts";
import { zoonVersion } from "../../../src/admin/version.ts";
import { clientConfigText, membersOf, reconfigProblem } from "../config_text.ts";
import { defineCommand } from "../command.ts";
import { CommandError, UsageError } from "../command_error.ts";
import { zkErrorSentence } from "../error_text.ts";
import { checkPath } from "../path_check.ts";
import { showText } from "../show.ts";
import { statJson, statText } from "../stat_text.ts";

/** How long sync may take, in ms (SyncCommand). */
const syncTimeoutMs = 30_000;

/** @see Fact: SyncCommand */
export const syncCommand = defineCommand({
  name: "sync",
  family: "ensemble",
  usage: "path",
  about: "Let this server catch up with the leader",
  details: "Reads after it see at least what was committed when it was asked. Any path will do.",
  flags: {},
  operands: [{ name: "path", kind: "path" }],
  examples: ["sync /"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    const client = await shell.client();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new CommandError("Sync has failed. No answer in 30 s", { code: "TIMEOUT", path })),
      syncTimeoutMs,
    );
    try {
      await Promise.race([client.sync(path), late.promise]);
    } finally {
      clearTimeout(timer);
    }
    return { text: "Sync is OK", json: { path, synced: true } };
  },
});

/** @see Fact: GetAllChildrenNumberCommand */
export const getAllChildrenNumberCommand = defineCommand({
  name: "getAllChildrenNumber",
  family: "znodes",
  usage: "path",
  about: "Print how many znodes are below a znode",
  flags: {},
  operands: [{ name: "path", kind: "path" }],
  examples: ["getAllChildrenNumber /"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    const client = await shell.client();
    const count = await client.getAllChildrenNumber(path);
    return { text: String(count), json: { path, count } };
  },
});

/** @see Fact: GetConfigCommand */
export const configCommand = defineCommand({
  name: "config",
  family: "ensemble",
  usage: "[-c] [-w] [-s]",
  about: "Print the members of the ensemble",
  flags: {
    client: { short: "c", about: "Print the config's version and a connection string" },
    watch: { short: "w", about: "Tell of the next change" },
    stat: { short: "s", about: "Print the Stat too" },
  },
  operands: [],
  examples: ["config", "config -c"],
  needsSession: true,
  async run(call, shell) {
    const client = await shell.client();
    const { data, stat } = await client.getConfig(call.flags.watch ? { watch: shell.watcher } : undefined);
    const config = data === null ? "null" : new TextDecoder().decode(data);
    const text = call.flags.client ? clientConfigText(config) : showText(config);
    return {
      text: call.flags.stat ? `${text}\n${statText(stat)}` : text,
      json: { config, client: clientConfigText(config), stat: statJson(stat) },
    };
  },
});

/** @see Fact: ReconfigCommand */
export const reconfigCommand = defineCommand({
  name: "reconfig",
  family: "ensemble",
  usage: "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | " +
    "[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
  about: "Change the members of the ensemble",
  flags: {
    stat: { short: "s", about: "Print the Stat too" },
    version: { short: "v", value: "version", about: "Only from this config version, in hexadecimal" },
    file: { value: "path", about: "The full new list of members: a local file" },
    members: { value: "members", about: "The full new list of members", repeats: true },
    add: { value: "members", about: "Members to add or change", repeats: true },
    remove: { value: "ids", about: "Members to remove", repeats: true },
  },
  operands: [],
  details: "Needs the super user, or a server that skips ACLs.",
  examples: ["reconfig -remove 3", 'reconfig -add "server.4=zk4:2888:3888;2181"'],
  needsSession: true,
  async run(call, shell) {
    const request = await readReconfig(call.flags);
    const client = await shell.client();
    const { data, stat } = await client.reconfig(request).catch((error) => explain(error, request, client));
    const config = new TextDecoder().decode(data ?? new Uint8Array());
    const text = `Committed new configuration:\n${showText(config)}`;
    return {
      text: call.flags.stat ? `${text}\n${statText(stat)}` : text,
      json: { config, stat: statJson(stat) },
    };
  },
});

/** @see Fact: VersionCommand, which knows only its own version too */
export const versionCommand = defineCommand({
  name: "version",
  family: "shell",
  usage: "",
  about: "Print the version of this shell",
  flags: {},
  operands: [],
  examples: ["version"],
  needsSession: false,
  run() {
    return Promise.resolve({
      text: `ZooKeeper CLI version: ${zoonVersion} (Zoon)`,
      json: { version: zoonVersion },
    });
  },
});

/** @throws {CommandError} With what is wrong, if it can be found out; else what the server said. */
async function explain(error: unknown, request: ReconfigRequest, client: ZooKeeper): Promise<never> {
  if (!(error instanceof ZkError)) throw error;
  const problem = await problemOf(error, request, client);
  if (problem === undefined) throw error;
  throw new CommandError(`${zkErrorSentence(error)}${problem}`, {
    code: errorName(error.code),
    cause: error,
  });
}

async function problemOf(
  error: ZkError,
  request: ReconfigRequest,
  client: ZooKeeper,
): Promise<string | undefined> {
  if (error instanceof NoAuthError) {
    return "only the super user may do it (addauth digest super:…), or anybody where zoo.cfg has skipACL=yes";
  }
  if (!(error instanceof BadArgumentsError) && !(error instanceof BadVersionError)) return undefined;
  const { data } = await client.getConfig();
  const config = new TextDecoder().decode(data ?? new Uint8Array());
  if (error instanceof BadArgumentsError) return reconfigProblem(request, config);
  const version = /^version=(.*)$/m.exec(config)?.[1];
  return version === undefined ? undefined : `the members have version ${version}`;
}

interface ReconfigFlags {
  readonly version: string | undefined;
  readonly file: string | undefined;
  readonly members: string | undefined;
  readonly add: string | undefined;
  readonly remove: string | undefined;
}

/** @throws {UsageError} In Apache's words. */
async function readReconfig(flags: ReconfigFlags): Promise<ReconfigRequest> {
  const { file, members, add, remove } = flags;
  const whole = file !== undefined || members !== undefined;
  const parts = add !== undefined || remove !== undefined;
  if (!whole && !parts) throw new UsageError(`reconfig ${reconfigCommand.usage}`);
  if (flags.version !== undefined && !/^-?[0-9a-fA-F]{1,13}$/.test(flags.version)) {
    throw new UsageError("-v must be followed by a long (configuration version)");
  }
  if (whole && parts) {
    throw new UsageError(
      "Can't use -file or -members together with -add or -remove (mixing incremental" +
        " and non-incremental modes is not allowed)",
    );
  }
  if (file !== undefined && members !== undefined) {
    throw new UsageError("Can't use -file and -members together (conflicting non-incremental modes)");
  }
  const fromConfig = flags.version === undefined ? -1 : parseInt(flags.version, 16);
  if (parts) return { joining: add?.toLowerCase(), leaving: remove?.toLowerCase(), fromConfig };
  const newMembers = file === undefined ? members?.toLowerCase() : await readMembers(file);
  return { newMembers, fromConfig };
}

async function readMembers(file: string): Promise<string> {
  try {
    return membersOf(await readFile(file, "utf8"));
  } catch (error) {
    throw new UsageError(`Error processing ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
