import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withSection } from "../test/bench/markdown.ts";
import { root, runCommand } from "./suites.ts";

/** A report of one of the `bench:` commands. */
export interface BenchReport {
  /** Which command made it; its section of BENCHMARKS.md is called the same. */
  readonly event: string;
}

/**
 * Prints a report, as Markdown or as one JSON object.
 *
 * @param options.write Puts it into BENCHMARKS.md, too.
 */
export async function publish(
  report: BenchReport,
  text: string,
  options: { readonly json: boolean; readonly write: boolean },
): Promise<void> {
  console.log(options.json ? JSON.stringify(report, null, 2) : `\n${text}`);
  if (!options.write) return;
  const file = join(root, "BENCHMARKS.md");
  writeFileSync(file, withSection(readFileSync(file, "utf8"), report.event, text));
  await runCommand(join(root, "node_modules", ".bin", "deno"), ["fmt", "--quiet", file]);
}
