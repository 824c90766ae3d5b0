/** Exit codes of every command. */
export const ExitCode = {
  done: 0,
  /** Refused, or tried and failed. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
} as const;

/** One of {@link ExitCode}. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends a command with a message for its user and no stack. The message says what failed, the rule and the value. */
export class CliError extends Error {
  override name = "CliError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
