import { Command, Option } from "@commander-js/extra-typings";

/** Flags that stand for a key of zoo.cfg, by the name Commander gives them. */
export const configFlags = {
  clientPort: "clientPort",
  clientAddress: "clientPortAddress",
  dataDir: "dataDir",
  dataLogDir: "dataLogDir",
  tickTime: "tickTime",
  minSessionTimeout: "minSessionTimeout",
  maxSessionTimeout: "maxSessionTimeout",
  maxClientCnxns: "maxClientCnxns",
  snapCount: "snapCount",
  fourLetterWords: "4lw.commands.whitelist",
  juteMaxbuffer: "jute.maxbuffer",
} as const;

/** Values of the flags of `zoon server`. */
export type ServerFlags =
  & { readonly [F in keyof typeof configFlags]?: string }
  & {
    readonly id?: string;
    readonly set?: readonly string[];
    readonly logLevel: "debug" | "info" | "warn" | "error";
    readonly logFormat: "text" | "json";
    readonly json?: true;
    readonly exitWithParent?: true;
    readonly workers?: string;
  };

const example = `
Without ZOO_CFG it runs standalone on 127.0.0.1:2181 with its data in ./zoon-data. Flags override the file.
When it serves it prints one line on stdout; its log goes to stderr. SIGTERM or SIGINT stops it.

Examples:
  $ zoon server
  $ zoon server /etc/zookeeper/conf/zoo.cfg --log-format json
  $ zoon server --client-port 0 --data-dir /tmp/zk --set snapCount=1000
  $ zoon server --workers 4          # reads on four cores`;

/** `zoon server [ZOO_CFG]`: one node in the foreground. */
export function defineServerCommand() {
  return new Command("server")
    .description("Run one server in the foreground.")
    .argument("[zoo_cfg]", "a zoo.cfg, read as Apache ZooKeeper reads it")
    .option("--client-port <port>", "port for clients; 0 picks a free one and prints it")
    .option("--client-address <host>", "address for clients")
    .option("--data-dir <dir>", "directory of the snapshots")
    .option("--data-log-dir <dir>", "directory of the transaction logs, if another")
    .option("--tick-time <ms>", "unit of all timeouts")
    .option("--min-session-timeout <ms>", "least session timeout; 2 ticks unless given")
    .option("--max-session-timeout <ms>", "greatest session timeout; 20 ticks unless given")
    .option("--max-client-cnxns <n>", "connections from one address; 0 for no limit")
    .option("--snap-count <n>", "transactions between two snapshots")
    .option("--four-letter-words <list>", "four-letter words that are answered, such as ruok,mntr or *")
    .option("--jute-maxbuffer <bytes>", "longest request")
    .option("--set <key=value>", "any key of zoo.cfg; may be repeated", collect)
    .option("--id <n>", "this server's id, instead of the file myid")
    .option("--workers <n>", "processes that serve clients on the one port, this one included (Linux)")
    .addOption(
      new Option("--log-level <level>", "least level that is logged")
        .choices(["debug", "info", "warn", "error"] as const).default("info" as const),
    )
    .addOption(
      new Option("--log-format <format>", "how the log looks").choices(["text", "json"] as const)
        .default("text" as const),
    )
    .option("--json", "print the ready line as one JSON object")
    .option("--exit-with-parent", "stop when the process that started this one is gone")
    .addHelpText("after", example)
    .action(async (file, flags) => {
      const { runServer } = await import("./_run_server.ts");
      await runServer(file, flags);
    });
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}
