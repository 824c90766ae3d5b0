import { describe, expect, test } from "bun:test";
import { colored } from "../../../../cli/_style.ts";
import { eventLines } from "../../../../cli/ensemble/event_text.ts";
import { JsonDisplay } from "../../../../cli/ensemble/json_display.ts";
import type { LauncherEvent } from "../../../../cli/ensemble/launcher_event.ts";
import { planLayout } from "../../../../cli/ensemble/layout.ts";
import { dataDirFlag, nextSteps } from "../../../../cli/ensemble/next_steps.ts";
import { PlainDisplay } from "../../../../cli/ensemble/plain_display.ts";
import { view } from "./_view.ts";

const wallMs = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
const lines = (event: LauncherEvent) => eventLines(event, { wallMs, hints: () => ["hint"] });

describe("events", () => {
  test("are one line each, with the time", () => {
    expect(lines({ event: "node", node: view(2, "follower") })).toEqual([
      "03:04:05.006 node 2 follower at zxid 0x100000000",
    ]);
    expect(lines({ event: "node", node: view(2, "looking") })).toEqual(["03:04:05.006 node 2 looking"]);
    expect(lines({ event: "node", node: view(2, "down", { reason: "ended by SIGKILL" }) })).toEqual([
      "03:04:05.006 node 2 down: ended by SIGKILL",
    ]);
    expect(lines({ event: "notice", message: "one\ntwo" })).toEqual(["03:04:05.006 one", "03:04:05.006 two"]);
    expect(lines({ event: "stopping", reason: "SIGINT" })).toEqual([
      "03:04:05.006 stopping all nodes: SIGINT",
    ]);
  });

  test("show what a node logged without what a terminal would act on", () => {
    const reason = "ended with code 1: \x1b[2Jboo";
    const [line] = eventLines({ event: "node", node: view(1, "down", { reason }) }, {
      wallMs,
      hints: () => [],
      paint: colored,
    });
    expect(line).toEndWith("ended with code 1: \\x1b[2Jboo");
  });

  test("the ready line has no time, so that it reads the same everywhere, and the hints follow", () => {
    const event: LauncherEvent = {
      event: "ready",
      connectionString: "127.0.0.1:2181,127.0.0.1:2182",
      leader: 2,
      dataDir: "./e",
      startMs: 321,
    };
    expect(lines(event)).toEqual([
      "ready 127.0.0.1:2181,127.0.0.1:2182 leader 2 data ./e in 321 ms",
      "hint",
    ]);
  });
});

test("plain displays write whole lines without colours", () => {
  let out = "";
  new PlainDisplay((text) => out += text, () => []).tell({ event: "node", node: view(1, "leader") });
  expect(out).toMatch(/^\d\d:\d\d:\d\d\.\d{3} node 1 leader at zxid 0x100000000\n$/);
});

test("JSON displays write one object per line", () => {
  const layout = planLayout({ voters: 1, observers: 0, basePort: 2181 });
  let out = "";
  const json = new JsonDisplay((text) => out += text);
  json.tell({ event: "ensemble", layout, dataDir: "./e" });
  json.tell({ event: "node", node: view(1, "down", { reason: "killed" }) });
  json.tell({ event: "ready", connectionString: "127.0.0.1:2181", leader: 1, dataDir: "./e", startMs: 5 });
  json.show();
  const time = expect.stringMatching(/^\d{4}-.*Z$/);
  expect(out.trimEnd().split("\n").map((line) => JSON.parse(line))).toEqual([
    { time, event: "ensemble", connectionString: "127.0.0.1:2181", dataDir: "./e", nodes: layout.nodes },
    {
      time,
      event: "node",
      node: 1,
      state: "down",
      reason: "killed",
      pid: null,
      zxid: null,
      client: "127.0.0.1:2181",
    },
    { time, event: "ready", connectionString: "127.0.0.1:2181", leader: 1, dataDir: "./e", startMs: 5 },
  ]);
});

describe("what to type next", () => {
  test("names this program, these servers, this leader, and the directory if it is another", () => {
    const three = { zoon: "dist/zoon", hosts: "127.0.0.1:2181", leader: 3, voters: 3 };
    const elsewhere = nextSteps({ ...three, dataDir: "/tmp/a b" });
    expect(elsewhere).toContain("  dist/zoon shell -s 127.0.0.1:2181 get /hello");
    expect(elsewhere).toContain("  dist/zoon ensemble kill 3 --data-dir '/tmp/a b'");
    expect(elsewhere).toContain("  dist/zoon status -s 127.0.0.1:2181");
    const usual = nextSteps({ ...three, dataDir: "zoon-ensemble/" });
    expect(usual).toContain("  dist/zoon shell get /hello");
    expect(usual).toContain("  dist/zoon ensemble kill 3");
    expect(usual).toContain("  dist/zoon status");
    // Nobody would take over.
    expect(nextSteps({ ...three, dataDir: "zoon-ensemble/", voters: 2 }).join("\n")).not.toContain("kill");
  });

  test("quotes only paths that a shell would take apart", () => {
    expect(dataDirFlag("./zoon-ensemble")).toBe("");
    expect(dataDirFlag("/tmp/five")).toBe(" --data-dir /tmp/five");
    expect(dataDirFlag("/tmp/$HOME's")).toBe(" --data-dir '/tmp/$HOME'\\''s'");
  });
});
