import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { processIdentity } from "../../../src/io/process_identity.ts";

test("this process runs, and nobody who had its id before", () => {
  const { identity } = processIdentity;
  expect(identity.split(" ")[0]).toBe(String(process.pid));
  expect(processIdentity.isRunning(identity)).toBe(true);
  expect(processIdentity.isRunning(`${process.pid} 1`)).toBe(false);
});

test("what names no process does not run", () => {
  for (const identity of ["", "0", "-1", "x", "1.5", "999999999 1"]) {
    expect(processIdentity.isRunning(identity)).toBe(false);
  }
});

test("another process is told by its name while it runs, and not once it is gone", async () => {
  const other = spawn(process.execPath, [
    "-e",
    `import(${JSON.stringify(import.meta.resolve("../../../src/io/process_identity.ts"))})
       .then(({ processIdentity }) => console.log(processIdentity.identity));
     process.stdin.resume();`,
  ], { stdio: ["pipe", "pipe", "inherit"] });
  const [said] = await once(other.stdout, "data");
  const identity = String(said).trim();
  expect(identity.split(" ")[0]).toBe(String(other.pid));
  expect(processIdentity.isRunning(identity)).toBe(true);
  other.kill("SIGKILL");
  await once(other, "close");
  expect(processIdentity.isRunning(identity)).toBe(false);
});
