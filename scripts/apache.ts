#!/usr/bin/env bun
/**
 * Runs a real Apache ZooKeeper in the foreground, for trying things by hand.
 */
import { parseArgs } from "node:util";
import {
  type ApacheVersion,
  apacheVersions,
  ensureApache,
  startApache,
} from "../test/interop/apache_server.ts";

const help = `Usage: bun scripts/apache.ts [--version 3.8|3.9.5] [--port N] [--data-dir DIR] [key=value ...]

Starts one standalone Apache ZooKeeper and stops it with Ctrl-C.

  --version V      release to run (default 3.9.5)
  --port N         client port on 127.0.0.1 (default 2181)
  --data-dir DIR   keep the data there (default: temporary, removed at the end)
  --install        only make sure that the release is installed
  -D name=value    Java system property, may be repeated
  key=value        further lines of zoo.cfg

Example: bun scripts/apache.ts --version 3.8 --port 2181 extendedTypesEnabled=true`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    version: { type: "string", default: "3.9.5" },
    port: { type: "string", default: "2181" },
    "data-dir": { type: "string" },
    install: { type: "boolean", default: false },
    define: { type: "string", short: "D", multiple: true, default: [] },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) {
  console.log(help);
  process.exit(0);
}
const version = values.version as ApacheVersion;
if (!apacheVersions.includes(version)) {
  console.error(`Unknown version "${values.version}"; known: ${apacheVersions.join(", ")}`);
  process.exit(2);
}

const pairs = (words: string[]): Record<string, string> =>
  Object.fromEntries(words.map((word) => {
    const at = word.indexOf("=");
    return at < 0 ? [word, "true"] : [word.slice(0, at), word.slice(at + 1)];
  }));

try {
  if (values.install) {
    console.log(ensureApache(version).classpath);
    process.exit(0);
  }
  const server = await startApache({
    version,
    clientPort: Number(values.port),
    dataDir: values["data-dir"],
    cfg: pairs(positionals),
    jvmProps: pairs(values.define),
  });
  console.log(`ready ${server.flavor} on ${server.address}, pid ${server.pid}, data ${server.dataDir}`);
  let stopped: Promise<unknown> | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      stopped ??= server.stop();
    });
  }
  const code = await server.exited;
  if (stopped === undefined) {
    console.error(server.log());
    process.exit(code ?? 1);
  }
  await stopped;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
