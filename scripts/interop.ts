#!/usr/bin/env bun
/** `npm run test:interop`: foreign clients drive the server, and data directories change hands. */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { ensureApache } from "../test/interop/apache_install.ts";
import { ensureCShell, ensureCurator, ensureJavac, ensureKazoo } from "../test/interop/client_programs.ts";
import { longVariable } from "../test/interop/long.ts";
import { type Flavor, flavors, targetVariable } from "../test/interop/target.ts";
import { binary, buildHere } from "./build.ts";
import { bunTestSuite, commandSuite, runSuites, type Suite, testFiles } from "./suites.ts";

const help = `Usage: npm run test:interop [-- [--target FLAVOR] [--long] [WORD…]]

Apache's zkCli and Java client, Curator, the C client, kazoo and the Go client drive a server; data
directories are swapped with Apache's server; ensembles are mixed with Apache's servers and migrated from and to
them under load; seeded streams of requests are compared. Installs what it needs: Debian packages by apt-get (as root),
Apache 3.9.5 by Maven.

  --target FLAVOR   who is judged: ${flavors.join(", ")} (default zoon, from dist/, built first)
  --long            besides, every way to migrate, the conformance suite through members of mixed ensembles, and
                    random walks through misfortunes and changes of implementation: some half an hour
  --no-build        take dist/zoon as it is
  WORD              only suites whose name holds one of the words

Example: npm run test:interop -- --target apache-3.9.5 kazoo`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string", default: "zoon" },
    long: { type: "boolean", default: false },
    "no-build": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help || !flavors.includes(values.target as Flavor)) {
  (values.help ? console.log : console.error)(help);
  process.exit(values.help ? 0 : 2);
}

const directory = "test/interop";
// By the file, or as the table calls it.
const isChosen = (name: string) =>
  positionals.length === 0 ||
  positionals.some((word) => name.includes(word) || name.replaceAll("_", " ").includes(word));
const chosen = testFiles(directory).filter(isChosen);
if (chosen.length === 0 && !isChosen("differential")) {
  console.error(`No test file in ${directory} is named ${positionals.join(" or ")}`);
  process.exit(2);
}

const suites: Suite[] = [installSuite()];
if (values.target === "zoon" && !(values["no-build"] && existsSync(binary))) {
  suites.push({
    name: "build",
    run() {
      buildHere();
      return Promise.resolve({ passed: 1, failed: 0, skipped: 0 });
    },
  });
}
for (const file of chosen) {
  const name = file.slice(directory.length + 1, -"_test.ts".length).replaceAll("_", " ");
  suites.push(bunTestSuite(name, directory, {
    only: [file],
    testTimeoutMs: values.long ? 1_200_000 : 180_000,
    timeoutMs: values.long ? 3_600_000 : undefined,
    env: { [targetVariable]: values.target, [longVariable]: values.long ? "1" : "" },
  }));
}
if (values.target === "zoon" && isChosen("differential")) {
  // A fixed seed: what fails here fails again. "npm run test:differential" draws new ones.
  const args = ["scripts/differential.ts", "--seed", "1", "--requests", "20000"];
  suites.push(commandSuite("differential", process.execPath, args));
}
process.exit(await runSuites(suites));

/** Each thing that is needed is a test: what cannot be had is named, and fails. */
function installSuite(): Suite {
  const needs: [string, () => void][] = [
    ["Java compiler", ensureJavac],
    ["Apache ZooKeeper 3.8", () => ensureApache("3.8")],
    ["Apache ZooKeeper 3.9.5", () => ensureApache("3.9.5")],
    ["Curator", ensureCurator],
    ["C client", ensureCShell],
    ["kazoo", ensureKazoo],
  ];
  return {
    name: "install",
    run() {
      const tally = { passed: 0, failed: 0, skipped: 0 };
      for (const [name, ensure] of needs) {
        try {
          ensure();
          tally.passed++;
          console.log(`${name} is here`);
        } catch (error) {
          tally.failed++;
          console.error(`${name} cannot be had: ${error instanceof Error ? error.message : error}`);
        }
      }
      return Promise.resolve(tally);
    },
  };
}
