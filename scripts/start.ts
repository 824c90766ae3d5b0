#!/usr/bin/env bun
/** `npm start`: builds dist/zoon, runs a server with it and says what to type next. */
import { spawn } from "node:child_process";
import { relative } from "node:path";
import { binary, buildHere } from "./build.ts";

const args = process.argv.slice(2);
if (args.includes("--help") || args.includes("-h")) {
  console.log(`Usage: npm start [-- FLAGS…]

Builds dist/zoon and runs "dist/zoon server FLAGS…": one server on 127.0.0.1:2181, its data in ./zoon-data.
Example: npm start -- --client-port 2182`);
  process.exit(0);
}

try {
  console.error("Building dist/zoon …");
  buildHere();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

const zoon = relative(process.cwd(), binary) || binary;
const server = spawn(binary, ["server", "--exit-with-parent", ...args], {
  stdio: ["ignore", "pipe", "inherit"],
});
let told = false;
let line = "";
server.stdout.setEncoding("utf8");
server.stdout.on("data", (text: string) => {
  process.stdout.write(text);
  if (told) return;
  line += text;
  const address = /^.*\bready\b.*?((?:[\w.-]+|\[[\da-f:]+\]):\d+)/m.exec(line)?.[1];
  if (address === undefined) return;
  told = true;
  const hosts = address.endsWith(":2181") && address.startsWith("127.") ? "" : ` -s ${address}`;
  console.log(`
The server runs until Ctrl-C. In another terminal, try

  ${zoon} shell${hosts} create /hello world
  ${zoon} shell${hosts} get /hello
  ${zoon} shell${hosts}

or point any ZooKeeper client at ${address}.
`);
});

for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
  process.on(signal, () => {
    // Ctrl-C on a terminal reaches the server by itself.
    if (signal !== "SIGINT" || process.stdin.isTTY !== true) server.kill(signal);
  });
}
server.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
server.on("close", (code) => process.exit(code ?? 1));
