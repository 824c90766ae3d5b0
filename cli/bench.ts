import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { type CheckLoad, checkLoads } from "./bench/check_profile.ts";
import { connectionsMax, keyCountMax } from "./bench/layout.ts";
import { type MixPart, operationNames, parseMix } from "./bench/operations.ts";
import { defaultDataDir } from "./ensemble.ts";
import { durationMs, range, type SizeRange, whole } from "./bench/values.ts";

/** Values of the flags of `zoon bench`. */
export interface BenchFlags {
  readonly server?: string;
  readonly mix?: readonly MixPart[];
  readonly readRatio?: number;
  readonly valueSize: SizeRange;
  readonly keys: number;
  readonly distribution: "uniform" | "zipf";
  readonly depth: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly duration?: number;
  readonly ops?: number;
  readonly warmup: number;
  readonly rate?: number;
  readonly workers: number;
  readonly sessionTimeout: number;
  readonly seed?: number;
  readonly json?: true;
  readonly csv?: true;
  readonly ticks?: true;
  readonly against?: string;
  readonly rounds?: number;
  readonly killLeader?: true;
  readonly dataDir?: string;
}

/** Values of the flags of `zoon bench check`. */
export interface CheckFlags {
  readonly server?: string;
  readonly load: CheckLoad;
  readonly duration: number;
  readonly json?: true;
}

const more = `
Operations: ${operationNames.join(", ")}.
  children          lists a directory of up to 100 keys
  delete            deletes what create made; where nothing is left it makes a znode first, which is not counted
  create-ephemeral  keeps 100 for each connection; one more deletes the oldest, which is not counted
  multi             checks a key and sets two
  watch             one change that all --connections watch, until the last is told; not mixed with others
  connect           sessions begun and ended on each of --connections; not mixed with others
The mix is get=10,set=1 unless told.

In a closed loop each connection asks for the next thing when it has an answer. With --rate requests are due at fixed
times, a millisecond fine, and latencies count from then: what a slow server makes wait is in the figures. Requests
that were due and could not be sent are errors named NOTSENT.

Servers are those of -s, Apache's too, perhaps with a chroot; without -s those of the ensemble in ./zoon-ensemble if
one runs, else 127.0.0.1:2181. All of it happens below a znode of its own, /zoon-bench-<random>, which is deleted at
the end, also after Ctrl-C and errors. Nothing else is touched.

With --against the two clusters take turns, the first and the second first by turns, each with a /zoon-bench- znode of
its own; ratios are those of each pair of rounds, so that a machine that is busy for a while weighs on both.

Durations are 500ms, 10s, 2m or a number of seconds; sizes 100, 4k or 0-4k.

Exit code: 0 measured, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C (what was measured until then is printed).

Examples:
  $ zoon bench
  $ zoon bench -s zk1:2181,zk2:2181/app --mix get=4,set=1,create=1,delete=1 --connections 100 --duration 30s
  $ zoon bench --mix set --rate 2000 --value-size 0-1k --json > report.json
  $ zoon bench -s zoon1:2181 --against apache1:2181 --rounds 5
  $ zoon bench --kill-leader --mix get,set
  $ zoon bench check`;

/** `zoon bench`: how quick servers are. */
export function defineBenchCommand() {
  return new Command("bench")
    .description("Measure how quick servers are, Apache's too.")
    .usage("[options] | <command>")
    .option("-s, --server <hosts>", "servers to load: host:port,host:port…/chroot")
    .addOption(
      new Option("--mix <parts>", "what is asked for, such as get=10,set=1").argParser(mix)
        .conflicts("readRatio"),
    )
    .option("--read-ratio <part>", "gets and sets, with this part of gets: 0 to 1", part)
    .option("--value-size <bytes>", "of data, fixed or a range, 100 unless told", range, {
      min: 100,
      max: 100,
    })
    .option("--keys <n>", "znodes that are read and set", whole(1, keyCountMax), 1000)
    .addOption(
      new Option("--distribution <name>", "how keys are chosen").choices(["uniform", "zipf"] as const)
        .default("uniform" as const),
    )
    .option("--depth <n>", "levels of directories above the keys' own", whole(1, 50), 1)
    .option("--connections <n>", "sessions, spread over the servers", whole(1, connectionsMax), 50)
    .option("--in-flight <n>", "requests unanswered at once on each connection", whole(1, 10_000), 1)
    .option("--duration <time>", "of the measured part, 10s unless told", durationMs)
    .addOption(
      new Option("--ops <n>", "measure so many requests, instead of a time").argParser(whole(1, 1e12))
        .conflicts("duration"),
    )
    .addOption(
      new Option("--warmup <time>", "before it, not measured").argParser(durationMs).default(1_000, "1s"),
    )
    .option("--rate <n>", "requests per second on a fixed schedule, instead of a closed loop", whole(1, 1e7))
    .option("--workers <n>", "processes that make the load", whole(1, 64), 1)
    .addOption(
      new Option("--session-timeout <time>", "asked of the servers").argParser(durationMs)
        .default(10_000, "10s"),
    )
    .option("--seed <n>", "of all that is drawn; drawn itself unless told", whole(0, 2 ** 32 - 1))
    .addOption(new Option("--json", "print one JSON object").conflicts("csv"))
    .option("--csv", "print a line for each operation")
    .option("--ticks", "print a JSON object each second, on stdout; a report that is no JSON goes to stderr")
    .option("--against <hosts>", "run the same load there in turn, and print the ratios")
    .option("--rounds <n>", "with --against: on each of both, 3 unless told", whole(1, 1000))
    .option("--kill-leader", "kill the leader of a local zoon ensemble half way, and tell what clients saw")
    .option("--data-dir <dir>", `directory of that ensemble, ${defaultDataDir} unless told`)
    .addHelpText("after", more)
    .action(async (flags) => {
      const { runBench } = await import("./bench/run_bench.ts");
      process.exitCode = await runBench(flags);
    })
    .addCommand(defineCheck())
    .addCommand(defineWorker(), { hidden: true });
}

const checkMore = `
Ten reads to one write on a fixed schedule over 50 connections, of 1000 znodes of 256 bytes: s is 1100 requests a
second, m 11000, l 55000. Each line says what was measured and what it must be.

Exit code: 0 when every line says PASS, else 1.

Example:
  $ zoon bench check -s zk1:2181,zk2:2181,zk3:2181 --load m`;

function defineCheck() {
  return new Command("check")
    .description("Say whether servers stand a fixed load: PASS or FAIL, line by line.")
    .option("-s, --server <hosts>", "servers to load: host:port,host:port…/chroot")
    .addOption(
      new Option("--load <size>", "how much").choices(checkLoads).default("s" as const),
    )
    .addOption(
      new Option("--duration <time>", "how long, after a second to warm up").argParser(durationMs)
        .default(30_000, "30s"),
    )
    .option("--json", "print one JSON object")
    .addHelpText("after", checkMore)
    .action(async (flags) => {
      const { runCheck } = await import("./bench/run_check.ts");
      process.exitCode = await runCheck(flags);
    });
}

/** What `--workers` starts. */
function defineWorker() {
  return new Command("worker").action(async () => {
    const { runWorker } = await import("./bench/worker_process.ts");
    await runWorker();
  });
}

function mix(text: string): readonly MixPart[] {
  const parsed = parseMix(text);
  if (typeof parsed === "string") throw new InvalidArgumentError(parsed);
  return parsed;
}

function part(text: string): number {
  const value = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : -1;
  if (value < 0 || value > 1) throw new InvalidArgumentError("It is a number from 0 to 1.");
  return value;
}
