import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastReason } from "../../../../cli/ensemble/log_reason.ts";

const scratch = mkdtempSync(join(tmpdir(), "zoon-log-"));
const log = join(scratch, "zoon.log");
afterAll(() => rmSync(scratch, { recursive: true }));

const reason = (text: string, start = 0) => {
  writeFileSync(log, text);
  return lastReason(log, start);
};
const line = (level: string, message: string) => `2026-11-27T10:38:08.866Z ${level.padEnd(5)} ${message}\n`;

describe("lastReason()", () => {
  test("prefers the last error to what was logged after it", () => {
    const text = line("INFO", "Starting") + line("ERROR", "A sync failed") + line("INFO", "Stopping");
    expect(reason(text)).toBe("A sync failed");
    expect(reason(`${line("INFO", "Starting")}zoon: cannot listen on 127.0.0.1:2181\n`))
      .toBe("cannot listen on 127.0.0.1:2181");
  });

  test("else gives the last line", () => {
    expect(reason(line("INFO", "Starting") + line("INFO", "Stopping reason=SIGTERM")))
      .toBe("Stopping reason=SIGTERM");
    expect(reason("panic: out of memory")).toBe("panic: out of memory");
  });

  test("looks at the last run only", () => {
    const earlier = line("ERROR", "long ago");
    expect(reason(earlier + line("INFO", "Starting"), earlier.length)).toBe("Starting");
    expect(reason(earlier, earlier.length)).toBeUndefined();
  });

  test("looks at the end of a long log, and gives nothing without one", () => {
    expect(reason("x".repeat(1_000_000) + "\n" + line("ERROR", "at last"))).toBe("at last");
    rmSync(log);
    expect(lastReason(log, 0)).toBeUndefined();
  });
});
