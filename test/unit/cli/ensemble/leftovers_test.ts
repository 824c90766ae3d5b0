import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodePaths } from "../../../../cli/ensemble/ensemble_directory.ts";
import { planLayout } from "../../../../cli/ensemble/layout.ts";
import { endLeftovers } from "../../../../cli/ensemble/leftovers.ts";

const layout = planLayout({ voters: 1, observers: 0, basePort: 2181 });
let directory = "";
let paths = nodePaths("", 1);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "zoon-left-"));
  paths = nodePaths(directory, 1);
  mkdirSync(paths.home);
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A process with the words of a node that reads a line and ends. @returns Once it runs. */
async function start(...words: string[]) {
  const child = Bun.spawn(["/bin/sh", "-c", "echo up; read -r _", ...words], {
    stdin: "pipe",
    stdout: "pipe",
  });
  await child.stdout.getReader().read();
  writeFileSync(paths.pidFile, `${child.pid}\n`);
  return child;
}

describe("endLeftovers()", () => {
  test("does nothing where no node was left", async () => {
    expect(await endLeftovers(directory, layout)).toEqual([]);
  });

  test("ends a node that is paused and whose launcher is gone", async () => {
    const child = await start("server", paths.config);
    child.kill("SIGSTOP");
    // It does not leave by itself, so that it has to be told.
    expect(await endLeftovers(directory, layout)).toEqual([
      `node 1 of an earlier run was still there (process ${child.pid}) and is gone now`,
    ]);
    expect(await child.exited).not.toBe(0);
    expect(existsSync(paths.pidFile)).toBe(false);
  }, 30_000);

  test("leaves a process alone that only has the number of an old node", async () => {
    const child = await start("server", join(directory, "2", "zoo.cfg"));
    expect(await endLeftovers(directory, layout)).toEqual([]);
    expect(child.exitCode).toBeNull();
    expect(existsSync(paths.pidFile)).toBe(false);
    child.kill();
    await child.exited;
  });
});
