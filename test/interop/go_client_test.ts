/** The Go client drives the server: test/interop/go/main.go says what it tries. */
import { test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testsOfProgram } from "./client_programs.ts";

const scratch = mkdtempSync(join(tmpdir(), "zoon-go-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
const binary = join(scratch, "go-client");
const build = spawnSync("go", ["build", "-o", binary, "."], {
  cwd: join(import.meta.dir, "go"),
  encoding: "utf8",
  timeout: 240_000,
});

if (build.status === 0) await testsOfProgram({ command: binary, args: [] });
else {
  // This client is an extra: neither Go nor its module proxy is asked of a machine.
  const why = build.error?.message ?? build.stderr.trim().split("\n").at(-1);
  test.skip(`the Go client cannot be built here: ${why}`, () => {});
}
