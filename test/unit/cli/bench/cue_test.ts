import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { machineMs } from "../../../../cli/bench/cue.ts";

const file = resolve(import.meta.dir, "../../../../cli/bench/cue.ts");

test("processes that began at different times understand each other's times", async () => {
  const before = machineMs(performance.now());
  const script = `import { machineMs } from ${
    JSON.stringify(file)
  }; console.log(machineMs(performance.now()));`;
  const other = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const between = Number(await new Response(other.stdout).text());
  expect(between).toBeGreaterThan(before);
  expect(machineMs(performance.now())).toBeGreaterThan(between);
});
