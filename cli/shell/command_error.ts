/** The command was refused or could not be carried out: exit code 1. The message is for people, one sentence. */
export class CommandError extends Error {
  override name = "CommandError";
  /** Name for programs, such as `NONODE`, shown by `--json`. */
  readonly code: string;
  readonly path: string | null;
  constructor(message: string, about: { code?: string; path?: string; cause?: unknown } = {}) {
    super(message, { cause: about.cause });
    this.code = about.code ?? "FAILED";
    this.path = about.path ?? null;
  }
}

/** The command was typed wrongly and nothing was sent: exit code 2. */
export class UsageError extends CommandError {
  override name = "UsageError";
  constructor(message: string) {
    super(message, { code: "USAGE" });
  }
}

/** @returns The error of a command that Ctrl-C ended. */
export function interrupted(): CommandError {
  return new CommandError("Interrupted", { code: "INTERRUPTED" });
}
