import { Command, InvalidArgumentError } from "@commander-js/extra-typings";

/** Values of the flags of `zoon status`. */
export interface StatusFlags {
  readonly server?: string;
  readonly timeout: number;
  readonly json?: true;
}

const more = `
Each server is asked by the four-letter words srvr and mntr, Apache's as well as ours. Without -s it asks the
ensemble that "zoon ensemble" runs in ./zoon-ensemble, if one does, else 127.0.0.1:2181.

Exit code: 0 when a leader or a standalone server serves, 1 when none does, 2 wrong usage.

Examples:
  $ zoon status
  $ zoon status -s zk1:2181,zk2:2181,zk3:2181
  $ zoon status --json | jq .leader`;

/** `zoon status`: who leads, who follows, and how they are. */
export function defineStatusCommand() {
  return new Command("status")
    .description("Show who leads, who follows, and how they are, in one table.")
    .option("-s, --server <hosts>", "servers to ask: host:port,host:port…")
    .option("--timeout <ms>", "how long each server is given", milliseconds, 2_000)
    .option("--json", "print one JSON object")
    .addHelpText("after", more)
    .action(async (flags) => {
      const { runStatus } = await import("./status/run_status.ts");
      process.exitCode = await runStatus(flags);
    });
}

function milliseconds(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 600_000) throw new InvalidArgumentError("It is 1 to 600000 ms.");
  return value;
}
