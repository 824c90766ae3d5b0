import { UsageError } from "./command_error.ts";
import type { Call, FlagSpec, FlagTable, ShellCommand } from "./command.ts";
import { nearest } from "./nearest.ts";
import { Word } from "./words.ts";

/** Flags that every command takes. */
export const commonFlags = {
  json: { about: "Print the result as one JSON value" },
  help: { short: "h", about: "Show what the command does" },
} as const satisfies FlagTable;

/** A parsed command line. */
export interface ParsedCall {
  readonly call: Call<FlagTable>;
  readonly json: boolean;
  readonly help: boolean;
}

/**
 * Reads the words after a command's name. As with Apache's shell flags may stand before, between or after the
 * operands, `-sw` is `-s -w`, and `-t5`, `-t=5` and `-t 5` are the same. New here: long names, `--` before
 * operands that begin with `-`, and negative numbers and quoted words are never flags.
 *
 * @param jsonAlways The shell itself was started with `--json`.
 * @throws {UsageError} Unknown flag, missing value, too few or too many operands.
 */
export function parseCall(
  command: ShellCommand,
  words: readonly Word[],
  jsonAlways = false,
): ParsedCall {
  const flags: FlagTable = { ...command.flags, ...commonFlags };
  const values = new Map<string, string | true>();
  const operands: Word[] = [];
  let onlyOperands = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (onlyOperands || !looksLikeFlag(word)) {
      operands.push(word);
    } else if (word.text === "--") {
      onlyOperands = true;
    } else {
      for (const { name, attached } of readFlagWord(command, flags, word.text)) {
        if (flags[name].value === undefined) {
          values.set(name, true);
          continue;
        }
        const value = attached ?? words[++at]?.text;
        if (value === undefined) throw usage(command, `${word.text} needs a value: <${flags[name].value}>`);
        const earlier = values.get(name);
        if (typeof earlier === "string" && flags[name].repeats !== true) {
          throw usage(command, `${word.text} is given twice`);
        }
        values.set(name, typeof earlier === "string" ? `${earlier},${value}` : value);
      }
    }
  }
  const help = values.has("help");
  if (!help) checkOperands(command, operands);
  const json = jsonAlways || values.has("json");
  return { call: makeCall(command, values, operands, json), json, help };
}

/** @returns Every name of the command's flags, as typed: `-s`, `--stat`. */
export function flagNames(command: ShellCommand): string[] {
  const names: string[] = [];
  for (const [long, spec] of Object.entries<FlagSpec>({ ...command.flags, ...commonFlags })) {
    if (spec.short !== undefined) names.push(`-${spec.short}`);
    names.push(`--${long}`);
  }
  return names;
}

/** @returns The flag that a whole word such as `-m` or `--mode` names, or null. */
export function flagOf(command: ShellCommand, word: string): FlagSpec | null {
  const name = nameOf({ ...command.flags, ...commonFlags }, word);
  return name === null ? null : command.flags[name] ?? null;
}

function makeCall(
  command: ShellCommand,
  values: ReadonlyMap<string, string | true>,
  operands: readonly Word[],
  json: boolean,
): Call<FlagTable> {
  const flags: Record<string, string | boolean | undefined> = {};
  for (const [name, spec] of Object.entries(command.flags)) {
    flags[name] = spec.value === undefined ? values.has(name) : values.get(name);
  }
  return {
    flags: flags as Call<FlagTable>["flags"],
    operands,
    json,
    text: (index) => operands[index]?.text ?? "",
    bytes: (index) => operands[index]?.bytes ?? null,
  };
}

function looksLikeFlag(word: Word): boolean {
  return !word.quoted && word.text.length > 1 && word.text[0] === "-" && !/^-[0-9.]/.test(word.text);
}

interface FlagUse {
  readonly name: string;
  /** Value in the same word; null when there is none. */
  readonly attached: string | null;
}

function readFlagWord(command: ShellCommand, flags: FlagTable, text: string): FlagUse[] {
  // The help of Apache's ls.
  const whole = text === "-?" ? "help" : nameOf(flags, text);
  if (whole !== null) return [{ name: whole, attached: null }];
  const equals = text.indexOf("=");
  if (equals > 0) {
    const name = nameOf(flags, text.slice(0, equals));
    if (name !== null) {
      if (flags[name].value === undefined) throw usage(command, `${text.slice(0, equals)} takes no value`);
      return [{ name, attached: text.slice(equals + 1) }];
    }
  }
  return (text.startsWith("--") ? null : readCluster(flags, text)) ?? unknownFlag(command, text);
}

/** Reads `-sw` and `-t5`; null when a letter is unknown. */
function readCluster(flags: FlagTable, text: string): FlagUse[] | null {
  const uses: FlagUse[] = [];
  for (let at = 1; at < text.length; at++) {
    const name = nameOf(flags, `-${text[at]}`);
    if (name === null) return null;
    const takesValue = flags[name].value !== undefined;
    const attached = takesValue && at + 1 < text.length ? text.slice(at + 1) : null;
    uses.push({ name, attached });
    if (takesValue) break;
  }
  return uses;
}

function nameOf(flags: FlagTable, word: string): string | null {
  if (word.startsWith("--")) return Object.hasOwn(flags, word.slice(2)) ? word.slice(2) : null;
  if (!word.startsWith("-")) return null;
  const short = word.slice(1);
  for (const [name, spec] of Object.entries(flags)) {
    if (spec.short === short) return name;
  }
  // Apache's library takes one dash for long names too.
  return short.length > 1 && Object.hasOwn(flags, short) ? short : null;
}

function unknownFlag(command: ShellCommand, text: string): never {
  const near = text.length > 2 ? nearest(text, flagNames(command)) : null;
  throw usage(
    command,
    `${command.name} has no flag ${text}${near === null ? "" : `; did you mean ${near}?`}`,
  );
}

function checkOperands(command: ShellCommand, operands: readonly Word[]): void {
  const required = command.operands.filter((operand) => operand.optional !== true).length;
  if (operands.length < required) throw new UsageError(usageLine(command));
  const most = command.operands.length;
  if (operands.length > most) {
    throw usage(command, `${command.name} does not take ${JSON.stringify(operands[most].text)}`);
  }
}

/** @returns The line that Apache's shell prints when arguments are missing. */
export function usageLine(command: ShellCommand): string {
  return `${command.name} ${command.usage}`.trimEnd();
}

function usage(command: ShellCommand, problem: string): UsageError {
  return new UsageError(`${problem}\n${usageLine(command)}`);
}
