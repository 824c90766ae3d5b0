import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { buildProgram, runProgram } from "../../../cli/_program.ts";

/** What a run of the program printed, and its exit code. */
export interface RunResult {
  out: string;
  err: string;
  exitCode: number | undefined;
}

/** Runs commands in this process, with what they print through Commander taken aside. */
export async function run(
  commands: readonly CommandUnknownOpts[],
  words: readonly string[],
): Promise<RunResult> {
  const result: RunResult = { out: "", err: "", exitCode: undefined };
  const output = {
    writeOut: (text: string) => void (result.out += text),
    writeErr: (text: string) => void (result.err += text),
  };
  const program = buildProgram(commands, []);
  const capture = (command: CommandUnknownOpts) => {
    command.configureOutput(output);
    for (const child of command.commands) capture(child);
  };
  capture(program);
  result.exitCode = await runProgram(program, words, (message) => void (result.err += `${message}\n`));
  return result;
}
