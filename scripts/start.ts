#!/usr/bin/env bun
/** `npm start`: builds dist/zoon and runs an ensemble with it, which says what to type next. */
import { spawn } from "node:child_process";
import { binary, buildHere } from "./build.ts";

const args = process.argv.slice(2);
if (args.includes("--help") || args.includes("-h")) {
  console.log(`Usage: npm start [-- N] [FLAGS…]

Builds dist/zoon and runs "dist/zoon ensemble N FLAGS…": three servers on 127.0.0.1:2181, :2182 and :2183, their
data in ./zoon-ensemble. "dist/zoon ensemble -h" lists the flags.
Example: npm start -- 5 --base-port 3181`);
  process.exit(0);
}

try {
  console.error("Building dist/zoon …");
  buildHere();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

const ensemble = spawn(binary, ["ensemble", "--exit-with-parent", ...args], { stdio: "inherit" });
for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
  process.on(signal, () => {
    // Ctrl-C on a terminal reaches the ensemble by itself.
    if (signal !== "SIGINT" || process.stdin.isTTY !== true) ensemble.kill(signal);
  });
}
ensemble.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
ensemble.on("close", (code) => process.exit(code ?? 1));
