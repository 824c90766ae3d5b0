import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
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

test.skipIf(!existsSync("/proc/self/stat"))(
  "one that has ended does not run, though its parent never asks for it",
  async () => {
    // The child ends once the shell, which would ask how, has become a program that does not.
    const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 100"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    try {
      const [said] = await once(parent.stdout, "data");
      const pid = String(said).trim();
      const fields = () => {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      };
      const identity = `${pid} ${fields()[19]}`;
      while (fields()[0] !== "Z") await Bun.sleep(1);
      expect(processIdentity.isRunning(identity)).toBe(false);
    } finally {
      parent.kill("SIGKILL");
    }
  },
);
