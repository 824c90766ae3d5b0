import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { hostsOfEnsemble } from "./_local_ensemble.ts";
import { clientConfigurationProblem, fromApacheFlags } from "./shell/shell_options.ts";

const more = `
The commands and flags are those of ZooKeeper's own shell, -server and -timeout included.
"zoon shell help" lists the commands and "zoon shell help create" explains one. Without a command the shell
reads lines: from a person at a terminal, or a script from a pipe or file. Without -s it goes to the ensemble that
"zoon ensemble" runs in ./zoon-ensemble, if one does, else to localhost:2181.

Exit code: 0 done, 1 refused or failed, 2 wrong usage.

Examples:
  $ zoon shell ls /
  $ zoon shell -s zk1:2181,zk2:2181/app create /a "two words"
  $ zoon shell --json get /a
  $ zoon shell --keep-going < script`;

/** Reads the flags of Apache's shell as well as ours, and leaves the command's own words alone. */
class ShellCommandLine extends Command {
  override parseOptions(args: string[]): { operands: string[]; unknown: string[] } {
    const ours = fromApacheFlags(args, (flag, near) => {
      this.error(`error: unknown option '${flag}'\n(Did you mean ${near}?)`);
    });
    return super.parseOptions(ours);
  }
}

/** `zoon shell`: ZooKeeper's shell, for people, for scripts, and for single commands. */
export function defineShellCommand() {
  return new ShellCommandLine("shell")
    .description("Look at znodes and change them, with the commands of ZooKeeper's own shell.")
    .argument("[command...]", "a command and its words; none reads lines")
    .option("-s, --server <hosts>", "servers to connect to: host:port,host:port…/chroot")
    .option("--timeout <ms>", "session timeout to ask for", milliseconds, 30_000)
    .option("-r, --read-only", "put up with a read-only server")
    .option("--wait-for-connection", "wait for a server up to the timeout; else some seconds")
    .option("--client-configuration <file>", "a client configuration file of Apache's", clientConfiguration)
    .option("--json", "print each result as one line of JSON")
    .option("-k, --keep-going", "go on with a script after a failure")
    .passThroughOptions()
    .addHelpText("after", more)
    .action(async (words, flags) => {
      const { runShell } = await import("./shell/run_shell.ts");
      const server = flags.server ?? await hostsOfEnsemble() ?? "localhost:2181";
      // Standard input may still be open, and all output has been taken.
      process.exit(
        await runShell({
          server,
          timeoutMs: flags.timeout,
          readOnly: flags.readOnly === true,
          waitForConnection: flags.waitForConnection === true,
          json: flags.json === true,
          keepGoing: flags.keepGoing === true,
        }, words),
      );
    });
}

function milliseconds(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 0x7fff_ffff) throw new InvalidArgumentError("It is 1 to 2147483647 ms.");
  return value;
}

/** Apache's file is about TLS, and otherwise about inner matters of its own client. */
function clientConfiguration(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  const problem = clientConfigurationProblem(text);
  if (problem !== null) throw new InvalidArgumentError(problem);
  return file;
}
