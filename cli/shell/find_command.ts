import type { ShellCommand } from "./command.ts";
import { nearest } from "./nearest.ts";

/** @returns The command of this name; capitals do not matter, as Apache's own names mix them. */
export function findCommand(commands: readonly ShellCommand[], name: string): ShellCommand | null {
  const lower = name.toLowerCase();
  return commands.find((command) =>
    command.name.toLowerCase() === lower || command.aliases?.includes(lower) === true
  ) ?? null;
}

/** @returns The sentence for a name that no command has. */
export function unknownCommand(commands: readonly ShellCommand[], name: string): string {
  const near = nearest(name, commands.flatMap((command) => [command.name, ...command.aliases ?? []]));
  return `Command not found ${name}${
    near === null ? "" : `; did you mean ${near}?`
  } (help lists the commands)`;
}
