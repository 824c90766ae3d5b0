#!/usr/bin/env bun
/** `npm test`: every check and suite that needs neither Java nor root; ends with `N passed, N failed`. */
import { parseArgs } from "node:util";
import { buildHere } from "./build.ts";
import { checks } from "./check.ts";
import { bunTestSuite, commandSuite, runSuites, scriptSuite, type Suite } from "./suites.ts";

const groups: Record<string, () => Suite[]> = {
  check: checks,
  unit: () => [
    // However slow the machine is, only what hangs fails.
    bunTestSuite("unit", "test/unit", { testTimeoutMs: 60_000 }),
    bunTestSuite("differential", "test/differential", { testTimeoutMs: 60_000 }),
  ],
  build: () => [buildSuite()],
  conformance: () => [
    scriptSuite("conformance", "scripts/conformance.ts", []),
    ...(process.platform === "linux"
      ? [scriptSuite("two processes", "scripts/conformance.ts", ["--workers", "2"])]
      : []),
  ],
  // A fixed seed: what fails here fails again. "bun scripts/fuzz.ts" draws new ones.
  fuzz: () => [
    commandSuite("fuzz", process.execPath, ["scripts/fuzz.ts", "--seed", "1", "--seconds", "10"]),
    commandSuite("fuzz between servers", process.execPath, [
      "scripts/fuzz.ts",
      "--port",
      "quorum,election",
      "--seed",
      "1",
      "--seconds",
      "15",
    ]),
  ],
  e2e: () => [bunTestSuite("e2e", "test/e2e", { processPerFile: true, testTimeoutMs: 120_000 })],
  sim: () => [
    bunTestSuite("simulator", "test/simulation", { testTimeoutMs: 60_000 }),
    // New ground with each commit, and the same for everybody who runs it.
    scriptSuite("simulation", "scripts/sim.ts", ["--seed", "commit", "--seeds", "500"]),
  ],
};

/** Conformance, fuzz and e2e run the executable, so a failed build fails them too. */
function buildSuite(): Suite {
  return {
    name: "build",
    run() {
      buildHere();
      return Promise.resolve({ passed: 1, failed: 0, skipped: 0 });
    },
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: "boolean", short: "h", default: false } },
});
const unknown = positionals.filter((name) => !(name in groups));
if (values.help || unknown.length > 0) {
  (values.help ? console.log : console.error)(`Usage: npm test [-- GROUP…]

Runs the groups in this order, all of them by default: ${Object.keys(groups).join(", ")}.
Conformance, fuzz and e2e use the executable that build leaves in dist/.
Example: npm test -- check unit`);
  process.exit(values.help ? 0 : 2);
}
const chosen = Object.keys(groups).filter((name) => positionals.length === 0 || positionals.includes(name));
process.exit(await runSuites(chosen.flatMap((name) => groups[name]())));
