import { isatty } from "node:tty";
import { commandTable } from "./command_table.ts";
import type { Streams } from "./output.ts";
import type { ShellOptions } from "./shell_options.ts";
import { ShellRunner } from "./shell_runner.ts";
import { ShellSession } from "./shell_session.ts";
import { Word } from "./words.ts";

/** Exit code after Ctrl-C, as shells have it: 128 and the signal's number. */
const interruptedExit = 130;

/** Runs one command given on the command line. @returns The exit code. */
export async function runOneShot(
  options: ShellOptions,
  words: readonly string[],
  streams: Streams,
): Promise<number> {
  return await withRunner(options, streams, (runner) => runner.runWords(words.map((word) => new Word(word))));
}

/**
 * Runs the lines of a script, until one fails unless told to go on.
 *
 * @param lines Without line ends.
 * @returns 0, or the code of the first line that failed.
 */
export async function runScript(
  options: ShellOptions,
  lines: AsyncIterable<string>,
  streams: Streams,
): Promise<number> {
  return await withRunner(options, streams, async (runner, interrupted) => {
    let result = 0;
    let number = 0;
    for await (const line of lines) {
      number++;
      const exitCode = await runner.runLine(line);
      if (interrupted() || streams.out.broken) break;
      if (exitCode !== 0 && !options.keepGoing) {
        runner.warn(`Stopped at line ${number}: ${runner.withoutSecret(line).trim()}`);
        return exitCode;
      }
      if (result === 0) result = exitCode;
      if (runner.quitting) break;
    }
    return result;
  });
}

async function withRunner(
  options: ShellOptions,
  streams: Streams,
  run: (runner: ShellRunner, interrupted: () => boolean) => Promise<number>,
): Promise<number> {
  const { out, err } = streams;
  const warn = (text: string) => {
    // Nobody wants to read that nobody reads.
    if (!out.broken) void err.write(`${text}\n`);
  };
  const session = new ShellSession(options, { interactive: false, onNotice: warn, onState: () => {} });
  const runner = new ShellRunner(commandTable, session, {
    print: (text) => out.write(text),
    warn,
    printEvent: (text) => void out.write(text),
    progressLine: isatty(2) ? (text) => void err.write(text) : null,
    now: () => performance.now(),
  }, { json: options.json });
  const stopped = Promise.withResolvers<number>();
  const onSignal = () => {
    runner.interrupt();
    stopped.resolve(interruptedExit);
  };
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  let interrupted = false;
  stopped.promise.then(() => {
    interrupted = true;
  });
  out.onBroken(() => {
    runner.interrupt();
    stopped.resolve(0);
  });
  const exitCode = await Promise.race([run(runner, () => interrupted), stopped.promise]);
  // Ends the session, so that its ephemeral znodes go now and not a session timeout later.
  await session.close();
  return exitCode;
}
