import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { basePortMax, observersMax, votersMax } from "./ensemble/limits.ts";
import { nearest } from "./shell/nearest.ts";

/** Where an ensemble lives unless told otherwise. */
export const defaultDataDir = "./zoon-ensemble";

/** Values of the flags of `zoon ensemble`. */
export interface EnsembleFlags {
  readonly observers?: number;
  readonly basePort?: number;
  readonly dataDir?: string;
  readonly fresh?: true;
  readonly tickTime?: number;
  readonly set?: readonly string[];
  readonly json?: true;
  readonly exitWithParent?: true;
}

const more = `
N servers vote (3 unless told), observers follow without a vote; their ids are 1, 2 and so on. Node i listens for
clients at base port + i - 1 (2181, 2182 …), for followers 100 above that and for elections 200 above. All of it is
on 127.0.0.1 only. DIR/<id>/ holds the node's zoo.cfg, zoon.pid, zoon.log and data.

A directory that holds an ensemble already is started again as it is, with its own size; --tick-time, --set and
--base-port change its zoo.cfg files, and --fresh replaces it. Ctrl-C or SIGTERM stops all nodes, and however this
process ends, they end too. The commands above are for another terminal, with the same --data-dir.

It prints "ready", what clients connect to and who leads once they are served: on a terminal above a table of the
nodes that is kept up to date, else one line for each change.

Examples:
  $ zoon ensemble
  $ zoon ensemble 5 --observers 1 --base-port 3181 --data-dir /tmp/five
  $ zoon ensemble --fresh --set snapCount=1000 --json
  $ zoon ensemble kill leader`;

/** Knows that a word in the place of N that is no number is a command, misspelt. */
class EnsembleCommandLine extends Command {
  override parseOptions(args: string[]): { operands: string[]; unknown: string[] } {
    const parsed = super.parseOptions(args);
    const [word] = parsed.operands;
    const names = [...this.commands.map((command) => command.name()), "help"];
    if (word !== undefined && !/^[0-9]/.test(word) && !names.includes(word)) {
      const near = nearest(word, names);
      this.error(`error: unknown command '${word}'${near === null ? "" : `\n(Did you mean ${near}?)`}`);
    }
    return parsed;
  }
}

/** `zoon ensemble [N]`, and what other terminals tell a running one. */
export function defineEnsembleCommand() {
  return new EnsembleCommandLine("ensemble")
    .description("Run an ensemble of real servers on this machine.")
    .usage("[n] [options] | <command>")
    .argument("[n]", "servers that vote, 3 unless told", voters)
    .option("--observers <k>", "servers that follow without a vote", observers)
    .option("--base-port <port>", "first port for clients, 2181 unless told; 0 picks free ones", basePort)
    .option("--data-dir <dir>", `directory of the ensemble, ${defaultDataDir} unless told`)
    .option("--fresh", "remove the ensemble that is there, with its data, and make a new one")
    .option("--tick-time <ms>", "unit of all timeouts, 500 ms unless told", tickTime)
    .option("--set <key=value>", "any key of zoo.cfg, for all nodes; may be repeated", collect)
    .option("--json", "print one JSON object per line for each thing that happens")
    .option("--exit-with-parent", "stop when the process that started this one is gone")
    .helpCommand("help [command]", "print the help of a command")
    .addCommand(defineEnsembleStatus())
    .addCommand(defineNodeCommand("kill", "End nodes at once, by SIGKILL.", "kill leader"))
    .addCommand(defineNodeCommand("stop", "Stop nodes in order, and wait for it.", "stop 1 2"))
    .addCommand(defineNodeCommand("start", "Start nodes that are down.", "start 3"))
    .addCommand(defineNodeCommand("pause", "Stop nodes in their tracks, by SIGSTOP.", "pause leader"))
    .addCommand(defineNodeCommand("resume", "Let paused nodes go on.", "resume 1"))
    .addCommand(defineEnsembleDown())
    .addHelpText("after", more)
    .action(async (n, flags) => {
      const { runEnsemble } = await import("./ensemble/run_ensemble.ts");
      await runEnsemble(n, flags);
    });
}

function defineEnsembleStatus() {
  return new Command("status")
    .description("Show the nodes of the running ensemble.")
    .option("--data-dir <dir>", `directory of the ensemble, ${defaultDataDir} unless told`)
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExit code: 0 when a leader serves, else 1.\n\nExample:\n  $ zoon ensemble status",
    )
    .action(async (_flags, command) => {
      const { showEnsemble } = await import("./ensemble/run_orders.ts");
      process.exitCode = await showEnsemble(orderFlags(command.optsWithGlobals()));
    });
}

type NodeWord = "kill" | "stop" | "start" | "pause" | "resume";

function defineNodeCommand(action: NodeWord, description: string, example: string) {
  return new Command(action)
    .description(description)
    .argument("<id...>", "ids of nodes, or the word leader")
    .option("--data-dir <dir>", `directory of the ensemble, ${defaultDataDir} unless told`)
    .option("--json", "print one JSON object")
    .addHelpText("after", `\nExample:\n  $ zoon ensemble ${example}`)
    .action(async (nodes, _flags, command) => {
      const { orderNodes } = await import("./ensemble/run_orders.ts");
      process.exitCode = await orderNodes(action, nodes, orderFlags(command.optsWithGlobals()));
    });
}

function defineEnsembleDown() {
  return new Command("down")
    .description("Stop all nodes and their launcher, and wait for it.")
    .option("--data-dir <dir>", `directory of the ensemble, ${defaultDataDir} unless told`)
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ zoon ensemble down")
    .action(async (_flags, command) => {
      const { takeDown } = await import("./ensemble/run_orders.ts");
      process.exitCode = await takeDown(orderFlags(command.optsWithGlobals()));
    });
}

/** What all orders to a running ensemble have in common. */
export interface OrderFlags {
  readonly dataDir: string;
  readonly json: boolean;
}

/** The flags may stand before the order's name as well as behind it. */
function orderFlags(flags: { dataDir?: string; json?: true }): OrderFlags {
  return { dataDir: flags.dataDir ?? defaultDataDir, json: flags.json === true };
}

function voters(text: string): number {
  return whole(text, 1, votersMax);
}

function observers(text: string): number {
  return whole(text, 0, observersMax);
}

function basePort(text: string): number {
  return text === "0" ? 0 : whole(text, 1, basePortMax);
}

function tickTime(text: string): number {
  return whole(text, 1, 600_000);
}

function whole(text: string, min: number, max: number): number {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : -1;
  if (value < min || value > max) {
    throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
  }
  return value;
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}
