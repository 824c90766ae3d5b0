import type { FlagSpec, ShellCommand } from "./command.ts";
import { commonFlags, usageLine } from "./parse_call.ts";

/** Columns of running text. */
const columns = 88;

/** The help of one command: usage, flags, rules, examples. */
export function commandHelp(command: ShellCommand): string {
  const lines = [usageLine(command), "", `${command.about}.`];
  if (command.aliases !== undefined) lines.push(`Also: ${command.aliases.join(", ")}.`);
  const flags = Object.entries<FlagSpec>({ ...command.flags, ...commonFlags })
    .map(([long, spec]) => ({ names: flagText(long, spec), about: spec.about }));
  const width = Math.max(...flags.map(({ names }) => names.length)) + 2;
  lines.push("", ...flags.map(({ names, about }) => `  ${names.padEnd(width)}${about}`));
  if (command.details !== undefined) lines.push("", ...wrapped(command.details));
  lines.push("", command.examples.length > 1 ? "Examples:" : "Example:");
  lines.push(...command.examples.map((example) => `  ${example}`));
  return lines.join("\n");
}

function flagText(long: string, spec: FlagSpec): string {
  const short = spec.short === undefined ? "    " : `-${spec.short}, `;
  return `${short}--${long}${spec.value === undefined ? "" : ` <${spec.value}>`}`;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length >= columns) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}
