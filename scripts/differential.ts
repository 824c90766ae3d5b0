#!/usr/bin/env bun
/**
 * Sends one seeded random stream of requests to two ZooKeeper servers and compares every answer and event.
 */
import { parseArgs } from "node:util";
import { type Flavor, flavors, startPrepared } from "../test/conformance/settings.ts";
import { compare, describe, type Side } from "../test/differential/compare.ts";
import { fourLetterWord, type RunningServer } from "../test/interop/apache_server.ts";

const help = `Usage: bun scripts/differential.ts [--seed N] [--requests N] [--a SERVER] [--b SERVER]

SERVER is zoon, apache-3.8, apache-3.9.5 (started here, empty) or the HOST:PORT of an empty server that has
extendedTypesEnabled, enforceQuota and the superDigest of super:test.

  --seed N       what to generate (default: drawn, and printed)
  --requests N   how much of it (default 100000)
  --a SERVER     default apache-3.9.5
  --b SERVER     default zoon

Ends with 1 at the first difference. What is left out on purpose is listed in test/differential/known.ts.

Example: bun scripts/differential.ts --seed 42 --requests 100000 --a apache-3.9.5 --b zoon`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    requests: { type: "string", default: "100000" },
    a: { type: "string", default: "apache-3.9.5" },
    b: { type: "string", default: "zoon" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}

const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const requests = Number(values.requests);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(requests) || requests < 1) {
  console.error("--seed and --requests are whole numbers");
  process.exit(2);
}

/** Keeps the reapers of containers and TTL znodes away for the length of any run. */
const calm = { "znode.container.checkIntervalMs": "86400000" };

// Leaving by exit() takes the servers started here along.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

const started: RunningServer[] = [];

async function sideOf(spec: string): Promise<Side> {
  if (flavors.includes(spec as Flavor)) {
    const server = await startPrepared(spec as Flavor, { cfg: spec === "zoon" ? calm : {} }, calm);
    started.push(server);
    return server;
  }
  const at = spec.lastIndexOf(":");
  const target = { host: spec.slice(0, at), port: Number(spec.slice(at + 1)) };
  if (at < 1 || !Number.isInteger(target.port)) {
    throw new Error(`"${spec}" is neither ${flavors.join(", ")} nor HOST:PORT`);
  }
  const version = await fourLetterWord(target, "srvr");
  const flavor = /version: 3\.8\./.test(version)
    ? "apache-3.8"
    : /version: 3\.9\./.test(version)
    ? "apache-3.9.5"
    : "zoon";
  return { ...target, flavor };
}

let code = 1;
try {
  const names: [string, string] = [values.a, values.b];
  const sides: [Side, Side] = [await sideOf(names[0]), await sideOf(names[1])];
  console.log(`seed ${seed}, ${requests} requests, a ${names[0]}, b ${names[1]}`);
  const began = performance.now();
  let told = 0;
  const outcome = await compare(sides, {
    seed,
    requests,
    tell: (done) => {
      if (done - told < 10_000) return;
      told = done;
      console.log(`${done} requests, no difference`);
    },
  });
  for (const [reason, times] of outcome.forgiven) console.log(`forgiven ${times} times: ${reason}`);
  if (outcome.difference === undefined) {
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    console.log(`equal: ${outcome.requests} requests in ${outcome.windows} windows, ${seconds} s`);
    code = 0;
  } else console.log(describe(outcome.difference, seed, requests, names));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  for (const server of started) {
    const ended = await Promise.race([
      server.exited.then((status) => `ended with ${status}`),
      Bun.sleep(500),
    ]);
    if (ended !== undefined) {
      console.error(`${server.flavor} ${ended}; its log ends:\n${server.log().slice(-3000)}`);
    }
  }
}
await Promise.all(started.map((server) => server.kill()));
process.exit(code);
