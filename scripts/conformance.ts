#!/usr/bin/env bun
/**
 * Runs the conformance suite against a server: one that is there, Apache's, or the compiled Zoon.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { environment, type Flavor, flavors, startPrepared } from "../test/conformance/settings.ts";
import { type RunningServer, zoonBinary, type ZoonOptions } from "../test/interop/apache_server.ts";

const help = `Usage: bun scripts/conformance.ts [--server HOST:PORT | --apache 3.8|3.9.5] [-t PATTERN]

Judges a ZooKeeper server over TCP alone. Without a server it starts dist/zoon on a free port.

  --server HOST:PORT   judge this server; tests that need settings of their own are skipped
  --flavor F           zoon, apache-3.8 or apache-3.9.5; guessed from "srvr" by default
  --apache V           start this Apache release and judge it
  --workers N          start Zoon in so many processes, and judge one that is not the main one
  --prepared           the server at --server has the settings of test/conformance/settings.ts
  -t PATTERN           only tests whose title matches

Example: bun scripts/conformance.ts --apache 3.9.5 -t "#7 "`;

const { values } = parseArgs({
  options: {
    server: { type: "string" },
    flavor: { type: "string" },
    apache: { type: "string" },
    workers: { type: "string" },
    prepared: { type: "boolean", default: false },
    pattern: { type: "string", short: "t" },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) {
  console.log(help);
  process.exit(0);
}

const refuse = (message: string): never => {
  console.error(message);
  process.exit(2);
};

const wanted = values.apache !== undefined ? `apache-${values.apache}` : values.flavor;
if (wanted !== undefined && !flavors.includes(wanted as Flavor)) {
  refuse(`Unknown flavour "${wanted}"; known: ${flavors.join(", ")}`);
}
if (values.server !== undefined && values.apache !== undefined) refuse("Give --server or --apache, not both");
if (values.workers !== undefined && (wanted ?? "zoon") !== "zoon") refuse("Only Zoon has --workers");

/** Until then the main process has all clients. */
async function workersServe({ log }: RunningServer, count: number): Promise<void> {
  while (log().split("A worker serves").length <= count) await Bun.sleep(20);
}

let server: RunningServer | undefined;
const env: Record<string, string> = {};
if (values.server !== undefined) {
  env[environment.server] = values.server;
  if (wanted !== undefined) env[environment.flavor] = wanted;
  if (values.prepared) env[environment.prepared] = "1";
} else {
  const flavor = (wanted ?? "zoon") as Flavor;
  if (flavor === "zoon" && !existsSync(zoonBinary)) {
    refuse(
      `There is no ${zoonBinary}: run "npm run build" first, or name a server with --server or --apache`,
    );
  }
  try {
    const flags = values.workers === undefined ? [] : ["--workers", values.workers];
    server = await startPrepared(flavor, { flags } as ZoonOptions);
    if (flags.length > 0) {
      await workersServe(server, Number(values.workers) - 1);
      env[environment.process] = "1";
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
  env[environment.server] = server.address;
  env[environment.flavor] = flavor;
  env[environment.prepared] = "1";
  env[environment.launch] = "1";
}

const root = resolve(import.meta.dir, "..");
const args = ["test", join(root, "test", "conformance"), ...(values.pattern ? ["-t", values.pattern] : [])];
const child = spawn(process.execPath, args, { stdio: "inherit", cwd: root, env: { ...process.env, ...env } });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => child.kill(signal));
const code = await new Promise<number>((done) => child.once("exit", (status) => done(status ?? 1)));
if (server !== undefined) {
  if (code !== 0 && await Promise.race([server.exited, Bun.sleep(0)]) !== undefined) {
    console.error(`The server did not survive the suite; its log ends with:\n${server.log().slice(-4000)}`);
  }
  await server.stop();
}
process.exit(code);
