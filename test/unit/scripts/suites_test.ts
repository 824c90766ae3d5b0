import { describe, expect, test } from "bun:test";
import manifest from "../../../package.json";
import { runCommand, tallyOfJunit, tallyOfText } from "../../../scripts/suites.ts";
import { zoonVersion } from "../../../src/admin/version.ts";

describe("sums", () => {
  test("a JUnit report's root element tells them", () => {
    const xml = `<?xml version="1.0"?>\n<testsuites name="bun test" tests="9" assertions="1" failures="2" ` +
      `skipped="3" time="0.1">\n  <testsuite tests="1" failures="1"></testsuite>\n</testsuites>`;
    expect(tallyOfJunit(xml)).toEqual({ passed: 4, failed: 2, skipped: 3 });
  });

  test("a report that is cut short is none", () => {
    expect(tallyOfJunit(`<testsuites tests="9" failures="0" skipped="0">`)).toBeUndefined();
    expect(tallyOfJunit("")).toBeUndefined();
  });

  test("the last sum line of a text counts", () => {
    expect(tallyOfText("1 passed, 1 failed\nmore\n7 passed, 0 failed\n")).toEqual(
      { passed: 7, failed: 0, skipped: 0 },
    );
    expect(tallyOfText("it says 7 passed, 0 failed")).toBeUndefined();
  });

  test("so does what bun test prints", () => {
    expect(tallyOfText("(pass) a\n\n 12 pass\n 2 skip\n 1 todo\n 3 fail\n 40 expect() calls\n")).toEqual(
      { passed: 12, failed: 3, skipped: 3 },
    );
    expect(tallyOfText("bun test v1\n(pass) a\n")).toBeUndefined();
  });
});

test("a command that outlives its limit is killed, and what it started with it", async () => {
  let output = "";
  const end = await runCommand("sh", ["-c", "sleep 600 & echo $!; wait"], {
    timeoutMs: 300,
    onOutput: (text) => output += text,
  });
  expect(end.timedOut).toBe(true);
  const child = Number(output.trim());
  expect(child).toBeGreaterThan(0);
  expect(await gone(child)).toBe(true);
});

test("the version that the program tells is the package's", () => {
  expect(zoonVersion).toBe(manifest.version);
});

/** Waits until a process is no more; the test's own limit ends the wait. */
async function gone(pid: number): Promise<boolean> {
  for (;;) {
    const state = await Bun.file(`/proc/${pid}/stat`).text().catch(() => "");
    if (state === "" || / Z /.test(state)) return true;
    await Bun.sleep(5);
  }
}
