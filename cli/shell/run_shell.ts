import { isatty } from "node:tty";
import { runOneShot, runScript } from "./batch.ts";
import { linesOf } from "./lines.ts";
import { Output } from "./output.ts";
import type { ShellOptions } from "./shell_options.ts";

/**
 * Runs the shell in the way that fits: one command, a person at a terminal, or lines from a pipe or file.
 *
 * @param words The command; empty for the other two.
 * @returns The exit code: 0 done, 1 refused or failed, 2 wrong usage.
 */
export async function runShell(options: ShellOptions, words: readonly string[]): Promise<number> {
  const interactive = words.length === 0 && isatty(0) && isatty(1);
  // Line editing writes through the runtime's streams, and what others write must not overtake it.
  const streams = {
    out: new Output(interactive ? null : 1, () => process.stdout),
    err: new Output(interactive ? null : 2, () => process.stderr),
  };
  const exitCode = interactive
    ? await (await import("./interactive.ts")).runInteractive(options, streams)
    : words.length > 0
    ? await runOneShot(options, words, streams)
    : await runScript(options, linesOf(process.stdin), streams);
  await streams.out.flushed();
  await streams.err.flushed();
  return exitCode;
}
