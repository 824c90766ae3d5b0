#!/usr/bin/env bun
/**
 * Mistreats the client port of a Zoon server and checks that it bears it.
 */
import { parseArgs } from "node:util";
import { startPrepared } from "../test/conformance/settings.ts";
import { fuzzClientPort } from "../test/fuzz/client_port_fuzz.ts";
import type { RunningServer } from "../test/interop/apache_server.ts";

const help = `Usage: bun scripts/fuzz.ts [--seed N] [--seconds S] [--server HOST:PORT]

Random and broken bytes on the client port of dist/zoon, or of a Zoon that runs. The server must answer or close, stay up, and leak nothing.

  --seed N             what to send (default: drawn, and printed)
  --seconds S          how long (default 30)
  --server HOST:PORT   a Zoon of yours that runs already and has no other clients
  --growth-mb N        most that memory may grow in the second half of the run (default 128)

Example: bun scripts/fuzz.ts --seed 7 --seconds 60`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seconds: { type: "string", default: "30" },
    server: { type: "string" },
    "growth-mb": { type: "string", default: "128" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const seconds = Number(values.seconds);
const growthMbMax = Number(values["growth-mb"]);
if (
  !Number.isSafeInteger(seed) || !(seconds > 0) || !(growthMbMax > 0)
) {
  console.error(help);
  process.exit(2);
}

// Leaving by exit() takes the servers started here along.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

let server: RunningServer | undefined;
let target: { host: string; port: number };
try {
  if (values.server === undefined) {
    server = await startPrepared("zoon", { cfg: { tickTime: "1000" } });
    target = server;
  } else {
    const at = values.server.lastIndexOf(":");
    target = { host: values.server.slice(0, at), port: Number(values.server.slice(at + 1)) };
  }
  console.log(`seed ${seed}, ${seconds} s on ${target.host}:${target.port}`);
  const outcome = await fuzzClientPort({
    target,
    seed,
    seconds,
    pid: server?.pid,
    growthMbMax,
    tell: (line) => console.log(line),
  });
  for (const [name, count] of outcome.counts) console.log(`${String(count).padStart(8)} ${name}`);
  if (outcome.rssMb !== undefined) {
    console.log(`memory: ${outcome.rssMb.join(", ")} MiB at the start, in the middle, at the end`);
  }
  for (const fault of outcome.faults) console.log(`FAULT ${fault}`);
  if (outcome.faults.length > 0) {
    console.log(`replay: bun scripts/fuzz.ts --seed ${seed} --seconds ${seconds}`);
    if (server !== undefined) console.log(`the server's log ends:\n${server.log().slice(-3000)}`);
  } else console.log("the server bore it all");
  await server?.kill();
  process.exit(outcome.faults.length > 0 ? 1 : 0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (server !== undefined) console.error(`the server's log ends:\n${server.log().slice(-3000)}`);
  await server?.kill();
  process.exit(1);
}
