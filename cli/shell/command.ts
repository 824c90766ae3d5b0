import type { Word } from "./words.ts";
import type { Shell } from "./shell_context.ts";

/** What stands in for `--json`: plain values only, so that nothing is lost or surprising in the text. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One flag. Its key in {@linkcode ShellCommand} is the long name: `stat` means `--stat`. */
export interface FlagSpec {
  /** Apache's name after one `-`: a letter, or a word such as `file`. */
  readonly short?: string;
  /** Name of its value in the help; a flag without takes none. */
  readonly value?: string;
  readonly about: string;
  /** Values to offer at Tab. */
  readonly choices?: readonly string[];
  /** May be given again; the values are joined by commas. */
  readonly repeats?: boolean;
}

/** Flags of one command by long name. */
export type FlagTable = Readonly<Record<string, FlagSpec>>;

/** What an operand is, which decides what Tab offers: znode paths, command names, or these words. */
export type OperandKind = "path" | "command" | "text" | readonly string[];

/** One operand, in order. */
export interface OperandSpec {
  readonly name: string;
  readonly kind: OperandKind;
  readonly optional?: boolean;
}

/** Values of the flags given: text for those that take one, else whether they are there. */
export type FlagValues<F extends FlagTable> = {
  readonly [K in keyof F]: string extends K ? string | boolean | undefined
    : F[K] extends { readonly value: string } ? string | undefined
    : boolean;
};

/** A command as it was called. */
export interface Call<F extends FlagTable> {
  readonly flags: FlagValues<F>;
  /** All operands; as many as are required are there. */
  readonly operands: readonly Word[];
  /** Whether the answer will be shown as JSON; for commands that would write their text bit by bit. */
  readonly json: boolean;
  /** Text of an operand; "" when it was left out. */
  text(index: number): string;
  /** Data of an operand; null when it was left out. */
  bytes(index: number): Uint8Array | null;
}

/** What a command found, in both shapes. */
export interface Answer {
  /** For people, without the last line feed; null prints nothing. */
  readonly text: string | null;
  /** For `--json`. */
  readonly json: Json;
}

/** Groups of the help, in its order. */
export const families = {
  znodes: "Znodes",
  watches: "Watches",
  acl: "Access",
  quota: "Quotas",
  ensemble: "Ensemble",
  shell: "Shell",
} as const;

/** One command of the shell. */
export interface ShellCommand<F extends FlagTable = FlagTable> {
  readonly name: string;
  /** Other names it answers to; not offered at Tab. */
  readonly aliases?: readonly string[];
  readonly family: keyof typeof families;
  /** Apache's option text: what follows the name. */
  readonly usage: string;
  /** One line of help. */
  readonly about: string;
  readonly flags: F;
  readonly operands: readonly OperandSpec[];
  /** Paragraph of the help: rules that the usage does not show. */
  readonly details?: string;
  /** Lines to type, without prompt. */
  readonly examples: readonly string[];
  /** False for commands that do without a server. */
  readonly needsSession: boolean;
  /** Line kept out of the history file and masked elsewhere, as it holds a secret. */
  readonly secret?: boolean;
  /** @returns What to show; null when all has been shown. @throws {CommandError} @throws {ZkError} */
  run(call: Call<F>, shell: Shell): Promise<Answer | null>;
}

/**
 * Defines a command; its flags give the types of the call.
 *
 * The table holds commands of all kinds of flags, hence the wider type: only {@linkcode parseCall} makes calls,
 * from the same flags.
 */
export function defineCommand<const F extends FlagTable>(command: ShellCommand<F>): ShellCommand {
  return command as unknown as ShellCommand;
}
