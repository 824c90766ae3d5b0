import { type Answer, defineCommand, families, type ShellCommand } from "../command.ts";
import { UsageError } from "../command_error.ts";
import { findCommand, unknownCommand } from "../find_command.ts";
import { commandHelp } from "../help_text.ts";

/** Not in Apache's shell, which shows its table only after an unknown command. */
export const helpCommand = defineCommand({
  name: "help",
  aliases: ["?"],
  family: "shell",
  usage: "[command]",
  about: "List the commands, or explain one",
  flags: {},
  operands: [{ name: "command", kind: "command", optional: true }],
  examples: ["help", "help create"],
  needsSession: false,
  run(call, shell): Promise<Answer> {
    if (call.operands.length === 0) {
      return Promise.resolve({
        text: tableText(shell.commands),
        json: shell.commands.map(({ name, usage, about }) => ({ name, usage, about })),
      });
    }
    const name = call.text(0);
    const command = findCommand(shell.commands, name);
    if (command === null) throw new UsageError(unknownCommand(shell.commands, name));
    return Promise.resolve({
      text: commandHelp(command),
      json: { name: command.name, usage: command.usage, about: command.about },
    });
  },
});

/** @see Fact: ZooKeeperMain; `exit` came with 3.10 */
export const quitCommand = defineCommand({
  name: "quit",
  aliases: ["exit"],
  family: "shell",
  usage: "",
  about: "Leave the shell",
  flags: {},
  operands: [],
  examples: ["quit"],
  needsSession: false,
  run(_call, shell): Promise<Answer> {
    shell.quit();
    return Promise.resolve({ text: null, json: { quit: true } });
  },
});

function tableText(commands: readonly ShellCommand[]): string {
  const lines: string[] = [];
  for (const [family, title] of Object.entries(families)) {
    lines.push(`${title}:`);
    for (const command of commands.filter((each) => each.family === family)) {
      lines.push(`  ${command.name.padEnd(22)}${command.about}`);
    }
    lines.push("");
  }
  lines.push("help <command> shows its flags and examples; so does <command> -h.");
  lines.push("Quotes: \"two words\\n\" knows escapes, 'two words' is literal.");
  return lines.join("\n");
}
