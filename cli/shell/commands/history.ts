import { defineCommand } from "../command.ts";
import { UsageError } from "../command_error.ts";

/** Lines that `history` shows, its own included. */
const shownLines = 11;

/** @see Fact: ZooKeeperMain.processZKCmd */
export const historyCommand = defineCommand({
  name: "history",
  family: "shell",
  usage: "",
  about: "Print the last lines typed, with their numbers",
  flags: {},
  operands: [],
  examples: ["history"],
  needsSession: false,
  run(_call, shell) {
    const from = Math.max(0, shell.history.length - shownLines);
    const lines = shell.history.slice(from).map((line, at) => ({ number: from + at, line }));
    return Promise.resolve({
      text: lines.map(({ number, line }) => `${number} - ${line}`).join("\n"),
      json: lines,
    });
  },
});

/** @see Fact: ZooKeeperMain.processZKCmd */
export const redoCommand = defineCommand({
  name: "redo",
  family: "shell",
  usage: "cmdno",
  about: "Run a line of the history again",
  flags: {},
  operands: [{ name: "cmdno", kind: "text" }],
  examples: ["redo 3"],
  needsSession: false,
  async run(call, shell) {
    const text = call.text(0);
    if (!/^\d+$/.test(text)) throw new UsageError(`redo takes a number of the history, not ${text}`);
    await shell.redo(Number(text));
    return null;
  },
});
