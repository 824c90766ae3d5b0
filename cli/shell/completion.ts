import type { OperandKind, ShellCommand } from "./command.ts";
import { findCommand } from "./find_command.ts";
import { flagNames, flagOf } from "./parse_call.ts";
import { splitLine, typeWord } from "./words.ts";

/** Asks for the names of a znode's children; empty when it has none or cannot be asked. */
export type ListChildren = (path: string) => Promise<readonly string[]>;

/** What Tab offers. */
export interface Completion {
  /** Texts that may stand in the place of `replaced`, sorted. */
  readonly hits: readonly string[];
  /** End of the line that a hit replaces. */
  readonly replaced: string;
}

/**
 * What could stand at the end of `line`: commands, then flags, flag values, znode paths or words by the
 * command's own table.
 *
 * @param line The text before the cursor.
 */
export async function complete(
  line: string,
  commands: readonly ShellCommand[],
  listChildren: ListChildren,
): Promise<Completion> {
  const { words, openQuote, inWord } = splitLine(line);
  const current = inWord ? words[words.length - 1] : null;
  const replaced = current === null ? "" : line.slice(current.start);
  const typed = current?.text ?? "";
  const before = current === null ? words : words.slice(0, -1);
  const offer = (candidates: readonly string[], suffix: string): Completion => {
    const fitting = candidates.filter((each) => each.startsWith(typed));
    return { hits: [...new Set(fitting)].sort().map((each) => typeWord(each, openQuote) + suffix), replaced };
  };

  if (before.length === 0) return offer(commands.map(({ name }) => name), " ");
  const command = findCommand(commands, before[0].text);
  if (command === null) return { hits: [], replaced };
  const last = before[before.length - 1];
  const flag = before.length > 1 && !last.quoted ? flagOf(command, last.text) : null;
  if (flag?.value !== undefined) return offer(flag.choices ?? [], " ");
  if (openQuote === null && typed.startsWith("-")) return offer(flagNames(command), " ");
  const kind = operandKind(command, before.slice(1).map(({ text }) => text));
  if (kind === "command") return offer(commands.map(({ name }) => name), " ");
  if (typeof kind === "object") return offer(kind, " ");
  if (typed.startsWith("/")) return offer(await pathsFor(typed, listChildren), "");
  // Nothing typed yet: a path can only begin in one way.
  return kind === "path" && typed === "" ? { hits: ["/"], replaced } : { hits: [], replaced };
}

/** @returns The kind of the operand that comes after these words. */
function operandKind(command: ShellCommand, words: readonly string[]): OperandKind {
  let operands = 0;
  for (let at = 0; at < words.length; at++) {
    const flag = flagOf(command, words[at]);
    if (flag === null) operands++;
    else if (flag.value !== undefined) at++;
  }
  return command.operands[operands]?.kind ?? "text";
}

/** @returns Paths that begin like `typed`; once `typed` is the only one, those below it. */
async function pathsFor(typed: string, listChildren: ListChildren): Promise<string[]> {
  const slash = typed.lastIndexOf("/");
  const parent = slash === 0 ? "/" : typed.slice(0, slash);
  const prefix = slash === 0 ? "/" : `${parent}/`;
  const paths = (await listChildren(parent)).map((name) => prefix + name)
    .filter((path) => path.startsWith(typed));
  if (paths.length !== 1 || paths[0] !== typed) return paths;
  const below = await listChildren(typed);
  return below.length === 0 ? paths : below.map((name) => `${typed}/${name}`);
}
