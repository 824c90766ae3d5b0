#!/usr/bin/env bun
/** Every check that reads the sources without running them: format, lint, types, import floors. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { commandSuite, root, runSuites, type Suite } from "./suites.ts";

const bin = (name: string) =>
  join(root, "node_modules", ".bin", process.platform === "win32" ? `${name}.cmd` : name);

/** The static checks, one suite each. */
export function checks(): Suite[] {
  return [
    commandSuite("format", bin("deno"), ["fmt", "--check"]),
    commandSuite("lint", bin("deno"), ["lint", "--quiet"]),
    commandSuite("types", bin("tsc"), ["--project", "."]),
    commandSuite("floors", process.execPath, [join(root, "scripts", "floors.ts")]),
    // The client must load in Deno too, which has stricter ideas of what a type import is.
    ...(existsSync(join(root, "mod.ts"))
      ? [commandSuite("types in Deno", bin("deno"), ["check", "--quiet", "mod.ts"])]
      : []),
  ];
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { help: { type: "boolean", short: "h", default: false } } });
  if (values.help) {
    console.log(`Usage: npm run check

Checks format (deno fmt), lint (deno lint), types (tsc, deno check) and import floors (scripts/floors.ts).
"npm run fmt" repairs the format.`);
    process.exit(0);
  }
  process.exit(await runSuites(checks()));
}
