#!/usr/bin/env bun
/** The table of commands. Each loads what it runs only when it runs. */
import { defineBenchCommand } from "./bench.ts";
import { defineCompleteCommand, defineCompletionCommand } from "./completion.ts";
import { defineEnsembleCommand } from "./ensemble.ts";
import { writeErr } from "./_output.ts";
import { buildProgram, runProgram } from "./_program.ts";
import { defineServerCommand } from "./server.ts";
import { defineServerWorkerCommand } from "./server_worker.ts";
import { defineShellCommand } from "./shell.ts";
import { defineStatusCommand } from "./status.ts";

const commands = [
  defineServerCommand(),
  defineEnsembleCommand(),
  defineShellCommand(),
  defineStatusCommand(),
  defineBenchCommand(),
  defineCompletionCommand(),
];
const program = buildProgram(commands, [defineCompleteCommand(), defineServerWorkerCommand()]);
const complain = (message: string) => writeErr(`zoon: ${message}\n`);

void runProgram(program, process.argv.slice(2), complain).then((exitCode) => {
  // Not process.exit: what was written to a pipe must still go out.
  if (exitCode !== undefined) process.exitCode = exitCode;
});
