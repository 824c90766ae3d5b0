#!/usr/bin/env bun
/**
 * `npm run migrate`: replaces three Apache ZooKeeper servers by three of Zoon's under a running load, and judges it.
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { apacheVersions } from "../test/interop/apache_server.ts";
import { binaryVariable } from "../test/interop/mixed_ensemble.ts";
import { migrate, type MigrationReport } from "../test/interop/migration.ts";
import { stockClients } from "../test/interop/stock_load.ts";
import { type Flavor, flavors } from "../test/interop/target.ts";
import { binary, buildHere } from "./build.ts";

const help = `Usage: npm run migrate [-- [--apache ${
  apacheVersions.join("|")
}] [--fresh] [--back] [--client CLIENT]]

Starts three Apache ZooKeeper servers on this machine and three stock clients that go on writing. Then it stops
one server, starts zoon in its place with the same zoo.cfg and myid, waits until it has caught up, and goes on to
the next: followers first, the leader last. At the end every tree must be equal, every acknowledged write must be
there and every session must have lived on.

  --apache V   release to begin with (default 3.9.5)
  --fresh      each new server begins with an empty data directory; by default it takes over the old one's
  --back       afterwards the same way back
  --client C   who writes: ${stockClients.join(", ")} (default kazoo)
  --to FLAVOR  what to migrate to: ${flavors.join(", ")} (default zoon)
  --no-build   take dist/zoon, or what ${binaryVariable} names, as it is

Example: npm run migrate -- --apache 3.8 --fresh --back

The same by hand, with servers of your own:
  1. One server at a time: stop Apache's process, start "zoon server zoo.cfg" with the same zoo.cfg and user.
     With an empty dataDir keep (or write) its myid file.
  2. "zoon status -s HOSTS", or "srvr" at its client port, must say "Mode: follower" before you go on.
  3. Take the leader last, so that there is one election only.
The way back is the same, with the names exchanged.`;

const { values } = parseArgs({
  options: {
    apache: { type: "string", default: "3.9.5" },
    client: { type: "string", default: "kazoo" },
    to: { type: "string", default: "zoon" },
    fresh: { type: "boolean", default: false },
    back: { type: "boolean", default: false },
    "no-build": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const from = flavors.find((flavor) => flavor === `apache-${values.apache}`);
const to = flavors.find((flavor) => flavor === values.to);
const client = stockClients.find((name) => name === values.client);
if (values.help || from === undefined || to === undefined || client === undefined) {
  (values.help ? console.log : console.error)(help);
  process.exit(values.help ? 0 : 2);
}
if (to === "zoon" && !(values["no-build"] && existsSync(process.env[binaryVariable] ?? binary))) buildHere();

const start = performance.now();
const say = (line: string) =>
  console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${line}`);
try {
  const report = await migrate({ from, to, fresh: values.fresh, back: values.back, client }, say);
  conclude(report, from, to);
  process.exit(report.broken.length === 0 ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

function conclude({ steps, load, broken }: MigrationReport, from: Flavor, to: Flavor): void {
  const rows = [
    ["server", "was", "from", "to", "data", "sync", "became", "ms down"],
    ...steps.map((step) => [
      String(step.id),
      step.role,
      step.from,
      step.to,
      values.fresh ? "fresh" : "the same",
      step.sync ?? "",
      step.became,
      String(step.downMs),
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  console.log();
  for (const row of rows) {
    console.log(row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
  }
  console.log(
    `\n${load.acknowledged} writes acknowledged, ${load.unknown} of unknown outcome, ` +
      `${load.reconnects} reconnects of ${load.sessions} sessions, ` +
      `longest time without an acknowledged write ${load.longestGapMs} ms`,
  );
  console.log(
    broken.length === 0
      ? `${from} → ${to}${values.back ? " → " + from : ""}: nothing acknowledged is lost, no session is lost`
      : `${broken.length} promises broken:\n${broken.slice(0, 50).join("\n")}`,
  );
}
