/** Severity of a log line; lower ones are hidden by `--log-level`. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Facts beside a message; bigint ids are printed in hexadecimal. */
export type LogFields = Record<string, string | number | bigint | boolean | null | undefined>;

/** Where the server tells an operator what happened: one line per event, a sentence and its facts. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};
