import { expect, test } from "bun:test";
import { processStatus, utcMinutes } from "../../../src/io/process_info.ts";

test("the build date is a time in UTC to the minute, or says that this is source", () => {
  expect(utcMinutes("2026-11-21T03:17:33+02:00")).toBe("2026-11-21 01:17 UTC");
  expect(utcMinutes("")).toBe("source");
});

test("the environment has Apache's keys in its order, each with a value", () => {
  const entries = processStatus.environment();
  expect(entries.map(([key]) => key)).toEqual([
    "host.name",
    "java.version",
    "java.vendor",
    "java.home",
    "java.class.path",
    "java.library.path",
    "java.io.tmpdir",
    "java.compiler",
    "os.name",
    "os.arch",
    "os.version",
    "user.name",
    "user.home",
    "user.dir",
    "os.memory.free",
    "os.memory.max",
    "os.memory.total",
  ]);
  expect(entries.filter(([, value]) => value === "")).toEqual([]);
  expect(new Map(entries).get("user.dir")).toBe(process.cwd());
  expect(new Map(entries).get("os.memory.total")).toMatch(/^[1-9]\d*MB$/);
});

test("open files are counted where the system tells of them, and unknown elsewhere", () => {
  const open = processStatus.openFiles();
  const most = processStatus.openFilesMax();
  if (process.platform === "linux") {
    expect(open).toBeGreaterThan(0);
    expect(most === -1 || most >= open).toBe(true);
  } else {
    expect([open, most]).toEqual([-1, -1]);
  }
});
