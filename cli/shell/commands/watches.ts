import type { AddWatchMode, WatcherType } from "../../../mod.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../command_error.ts";
import { checkPath } from "../path_check.ts";

/** Apache's names of the modes. */
const modes: Readonly<Record<string, AddWatchMode>> = {
  PERSISTENT: "persistent",
  PERSISTENT_RECURSIVE: "persistentRecursive",
};

/** @see Fact: AddWatchCommand, whose mode stays for the next call */
export const addWatchCommand = defineCommand({
  name: "addWatch",
  family: "watches",
  usage:
    "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE",
  about: "Watch a znode, or a subtree, until the watch is removed",
  flags: {
    mode: {
      short: "m",
      value: "mode",
      about: "PERSISTENT or PERSISTENT_RECURSIVE; also holds for later calls without it",
      choices: Object.keys(modes),
    },
  },
  operands: [{ name: "path", kind: "path" }],
  examples: ["addWatch /a", "addWatch -m PERSISTENT /a"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    if (call.flags.mode !== undefined) {
      const mode = modes[call.flags.mode.toUpperCase()];
      if (mode === undefined) {
        throw new UsageError(`The mode is one of ${Object.keys(modes).join(", ")}, not ${call.flags.mode}`);
      }
      shell.addWatchMode = mode;
    }
    const client = await shell.client();
    await client.addWatch(path, shell.addWatchMode, shell.watcher);
    return { text: null, json: { path, mode: shell.addWatchMode } };
  },
});

/** @see Fact: RemoveWatchesCommand */
export const removeWatchesCommand = defineCommand({
  name: "removewatches",
  family: "watches",
  usage: "path [-c|-d|-a|-p|-r] [-l]",
  about: "Remove this session's watches from a znode",
  flags: {
    children: { short: "c", about: "Watches of its children" },
    data: { short: "d", about: "Watches of its data" },
    any: { short: "a", about: "All kinds, the default" },
    persistent: { short: "p", about: "Persistent watches (servers from 3.9)" },
    recursive: { short: "r", about: "Persistent recursive watches (servers from 3.9)" },
    local: { short: "l", about: "Forget them even when the server cannot be asked" },
  },
  operands: [{ name: "path", kind: "path" }],
  examples: ["removewatches /a", "removewatches /a -d"],
  needsSession: true,
  async run(call, shell) {
    const path = checkPath(call.text(0));
    const { children, data, persistent, recursive, any, local } = call.flags;
    if ([children, data, persistent, recursive, any].filter(Boolean).length > 1) {
      throw new UsageError("only one of -c, -d, -a, -p and -r can be given");
    }
    const type: WatcherType = children
      ? "children"
      : data
      ? "data"
      : persistent
      ? "persistent"
      : recursive
      ? "persistentRecursive"
      : "any";
    const client = await shell.client();
    await client.removeWatches(path, type, { local });
    return { text: null, json: { path, type } };
  },
});

/** @see Fact: ZooKeeperMain.processZKCmd */
export const printWatchesCommand = defineCommand({
  name: "printwatches",
  family: "watches",
  usage: "on|off",
  about: "Turn the printing of watch events on or off, or tell which it is",
  flags: {},
  operands: [{ name: "on|off", kind: ["on", "off"], optional: true }],
  examples: ["printwatches off"],
  needsSession: false,
  run(call, shell) {
    const told = call.operands.length === 0;
    if (!told) shell.printWatches = call.text(0) === "on";
    const state = shell.printWatches ? "on" : "off";
    return Promise.resolve({
      text: told ? `printwatches is ${state}` : null,
      json: { printwatches: state },
    });
  },
});
