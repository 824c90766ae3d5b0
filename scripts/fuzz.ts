#!/usr/bin/env bun
/**
 * Mistreats the ports of Zoon servers and checks that they bear it.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPrepared } from "../test/conformance/settings.ts";
import { fuzzClientPort } from "../test/fuzz/client_port_fuzz.ts";
import { electionAttacks } from "../test/fuzz/election_attacks.ts";
import { quorumAttacks } from "../test/fuzz/quorum_attacks.ts";
import { fuzzPeerPorts } from "../test/fuzz/quorum_port_fuzz.ts";
import type { RunningServer } from "../test/interop/apache_server.ts";
import { binary } from "./build.ts";

const help = `Usage: bun scripts/fuzz.ts [--port PORTS] [--seed N] [--seconds S] [--server HOST:PORT]

Random and broken bytes on the ports of dist/zoon, or on the client port of a Zoon that runs. A server must answer or close, stay up, and leak nothing. Three servers under a light load are attacked between each other: strangers may cause no election, whoever takes a member's name no loss.

  --port PORTS         client, quorum, election, several with commas, or all (default client)
  --seed N             what to send (default: drawn, and printed)
  --seconds S          how long (default 30); the client port and the others have that time each
  --server HOST:PORT   a Zoon of yours that runs already and has no other clients; for the client port
  --growth-mb N        most that memory may grow: of the client port's server in the second half of the run, of each
                       server of three until all is over (default 128)
  --attacks WORDS      on the ports between servers, only attacks whose name holds one of the words, comma-separated
  --binary FILE        default dist/zoon
  --keep               keep data and logs of the three servers also when all is well

Attacks between servers: ${[...quorumAttacks, ...electionAttacks].map(([, name]) => name).join(", ")}

Example: bun scripts/fuzz.ts --port quorum,election --seed 7 --seconds 60`;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "client" },
    seed: { type: "string" },
    seconds: { type: "string", default: "30" },
    server: { type: "string" },
    "growth-mb": { type: "string", default: "128" },
    attacks: { type: "string", default: "" },
    binary: { type: "string", default: binary },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const known = ["client", "quorum", "election"];
const ports = values.port === "all" ? known : values.port.split(",");
const peerAttacks = [
  ...(ports.includes("quorum") ? quorumAttacks : []),
  ...(ports.includes("election") ? electionAttacks : []),
].filter(([, name]) => values.attacks.split(",").some((word) => name.includes(word)));
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const seconds = Number(values.seconds);
const growthMbMax = Number(values["growth-mb"]);
const isSensible = Number.isSafeInteger(seed) && seconds > 0 && growthMbMax > 0 &&
  ports.every((port) => known.includes(port)) &&
  (values.server === undefined || values.port === "client") &&
  (peerAttacks.length > 0 || values.port === "client");
if (!isSensible) {
  console.error(help);
  process.exit(2);
}

// Leaving by exit() takes the servers started here along.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

const tell = (line: string) => console.log(line);

function report(counts: ReadonlyMap<string, number>, faults: readonly string[], port: string): void {
  for (const [name, count] of [...counts].sort()) tell(`${String(count).padStart(8)} ${name}`);
  for (const fault of faults) tell(`FAULT ${fault}`);
  if (faults.length === 0) return tell("the servers bore it all");
  const only = values.attacks === "" ? "" : ` --attacks ${JSON.stringify(values.attacks)}`;
  tell(`replay: bun scripts/fuzz.ts --port ${port} --seed ${seed} --seconds ${seconds}${only}`);
}

/** @returns Whether all went well. */
async function fuzzClients(): Promise<boolean> {
  let server: RunningServer | undefined;
  try {
    let target: { host: string; port: number };
    if (values.server === undefined) {
      server = await startPrepared("zoon", { cfg: { tickTime: "1000" } });
      target = server;
    } else {
      const at = values.server.lastIndexOf(":");
      target = { host: values.server.slice(0, at), port: Number(values.server.slice(at + 1)) };
    }
    tell(`client port: seed ${seed}, ${seconds} s on ${target.host}:${target.port}`);
    const { counts, faults, rssMb } = await fuzzClientPort({
      target,
      seed,
      seconds,
      pid: server?.pid,
      growthMbMax,
      tell,
    });
    if (rssMb !== undefined) {
      tell(`memory: ${rssMb.join(", ")} MiB at the start, in the middle, at the end`);
    }
    report(counts, faults, "client");
    if (faults.length > 0 && server !== undefined) {
      tell(`the server's log ends:\n${server.log().slice(-3000)}`);
    }
    return faults.length === 0;
  } catch (error) {
    if (server !== undefined) console.error(`the server's log ends:\n${server.log().slice(-3000)}`);
    throw error;
  } finally {
    await server?.kill();
  }
}

/** @returns Whether all went well. */
async function fuzzPeers(): Promise<boolean> {
  const names = ports.filter((port) => port !== "client");
  if (!existsSync(values.binary)) {
    throw new Error(`There is no executable at ${values.binary}; run "npm run build" first`);
  }
  const dir = mkdtempSync(join(tmpdir(), "zoon-fuzz-"));
  // A build meanwhile must not change what runs.
  const copy = join(dir, "zoon");
  copyFileSync(values.binary, copy);
  tell(`${names.join(" and ")} ports: seed ${seed}, ${seconds} s, three servers below ${dir}`);
  const outcome = await fuzzPeerPorts({
    seed,
    seconds,
    attacks: peerAttacks,
    binary: copy,
    dir,
    growthMbMax,
    tell,
  });
  const { gapsMs, rssMb, elections, writesAcknowledged, counts, faults } = outcome;
  tell(`${writesAcknowledged} writes were acknowledged; impostors caused ${elections} looks for a leader`);
  for (const [stage, ms] of gapsMs) tell(`${stage}: ${ms} ms at most without an acknowledged write`);
  for (const [id, mb] of rssMb) {
    tell(`memory of server ${id}: ${mb.join(", ")} MiB at the start, at most, at the end`);
  }
  report(counts, faults, names.join(","));
  rmSync(copy);
  if (faults.length > 0 || values.keep) tell(`data and logs are in ${dir}`);
  else rmSync(dir, { recursive: true });
  return faults.length === 0;
}

try {
  let isWell = true;
  if (ports.includes("client")) isWell = await fuzzClients();
  if (peerAttacks.length > 0) isWell = await fuzzPeers() && isWell;
  process.exit(isWell ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
