import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { CliError, ExitCode } from "./_errors.ts";
import { writeErr, writeOut } from "./_output.ts";
import { versionText } from "./_version.ts";

const examples = `
Examples:
  $ zoon ensemble
  $ zoon server --data-dir /var/lib/zoon
  $ zoon shell ls /`;

/**
 * Builds the program out of its commands. Settings such as the handling of errors reach every one of them.
 *
 * @param hidden Commands that work and are not listed.
 */
export function buildProgram(
  commands: readonly CommandUnknownOpts[],
  hidden: readonly CommandUnknownOpts[],
): CommandUnknownOpts {
  const program = new Command("zoon")
    .description("Apache ZooKeeper's job done by one small binary.")
    .version(versionText(), "--version", "print the version")
    .helpOption("-h, --help", "print this help, or that of a command")
    .helpCommand("help [command]", "print the help of a command")
    // So that flags behind a command belong to it, and those behind a word of the shell to that word.
    .enablePositionalOptions()
    // Commander would only count them.
    .allowExcessArguments()
    .hook("preAction", (_program, command) => refuseExcess(command))
    .showHelpAfterError("(-h tells how it is used)")
    .exitOverride()
    .configureOutput({ writeOut, writeErr })
    .addHelpText("after", examples);
  for (const command of commands) {
    inheritSettings(command, program);
    program.addCommand(command);
  }
  for (const command of hidden) {
    inheritSettings(command, program);
    program.addCommand(command, { hidden: true });
  }
  return program;
}

/** Ends the program when there are words that a command knows nothing to do with. */
function refuseExcess(command: CommandUnknownOpts): void {
  const { args, registeredArguments, commands } = command;
  if (registeredArguments.at(-1)?.variadic === true) return;
  const excess = args.slice(registeredArguments.length);
  if (excess.length === 0) return;
  const shown = command.createHelp().visibleCommands(command).filter((each) => commands.includes(each));
  const names = shown.length === 0 ? "" : `; its commands are ${shown.map((each) => each.name()).join(", ")}`;
  command.error(`error: ${command.name()} does not take "${excess.join(" ")}"${names}`);
}

function inheritSettings(command: CommandUnknownOpts, parent: CommandUnknownOpts): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}

/**
 * Runs the program on the words after its name.
 *
 * @param complain Takes one message for stderr, without the end of its last line.
 * @returns The exit code; an action may have set `process.exitCode` itself, which counts when nothing failed.
 */
export async function runProgram(
  program: CommandUnknownOpts,
  words: readonly string[],
  complain: (message: string) => void,
): Promise<ExitCode | undefined> {
  try {
    await program.parseAsync(words, { from: "user" });
    return undefined;
  } catch (error) {
    // Commander has printed its own message or the help by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usage;
    if (error instanceof CliError) {
      complain(error.message);
      return error.exitCode;
    }
    complain(
      `this is a bug of zoon: ${error instanceof Error ? error.stack ?? error.message : String(error)}`,
    );
    return ExitCode.failed;
  }
}
