import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planLayout } from "../../../../cli/ensemble/layout.ts";
import { checkSettings, settingsOf } from "../../../../cli/ensemble/settings.ts";

const directory = mkdtempSync(join(tmpdir(), "zoon-settings-"));
afterAll(() => rmSync(directory, { recursive: true }));
const layout = planLayout({ voters: 3, observers: 0, basePort: 2181 });

describe("settingsOf()", () => {
  test("reads --tick-time and each --set", () => {
    expect(settingsOf({})).toEqual([]);
    expect(settingsOf({ tickTime: 100, set: ["snapCount = 5", "x.y=a=b"] })).toEqual([
      ["tickTime", "100"],
      ["snapCount", "5"],
      ["x.y", "a=b"],
    ]);
  });

  test("refuses what is no setting, and what the launcher decides on", () => {
    for (const text of ["snapCount", "=5", "a b=1"]) {
      expect(() => settingsOf({ set: [text] })).toThrow(`--set ${text} must be a key and a value`);
    }
    for (const text of ["dataDir=/x", "server.1=a:1:2", "clientPort=1"]) {
      expect(() => settingsOf({ set: [text] })).toThrow("an ensemble decides on");
    }
  });
});

describe("checkSettings()", () => {
  test("lets good values pass", () => {
    expect(() => checkSettings(directory, layout, [["snapCount", "1000"], ["tickTime", "100"]], undefined))
      .not
      .toThrow();
  });

  test("names key, value and rule of each bad one, before anything is written", () => {
    expect(() => checkSettings(directory, layout, [["snapCount", "many"], ["syncLimit", "-1"]], undefined))
      .toThrow(
        /^syncLimit=-1 must be .*\nsnapCount=many must be a whole number$/,
      );
    expect(() => checkSettings(directory, layout, [["initLimit", "0"]], layout)).toThrow("initLimit");
  });
});
