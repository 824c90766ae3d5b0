import { describe, expect, test } from "bun:test";
import { plain } from "../../../../cli/_style.ts";
import { planLayout } from "../../../../cli/ensemble/layout.ts";
import { LiveDisplay } from "../../../../cli/ensemble/live_display.ts";
import { Screen } from "../../../e2e/screen.ts";
import { view } from "./_view.ts";

/** A display on a screen, and how often it wrote. */
function display(columns = 100, rows = 30) {
  const screen = new Screen(columns);
  const terminal = {
    columns,
    rows,
    writes: 0,
    write(text: string) {
      terminal.writes += 1;
      // As terminals do it: a new line begins at the left.
      screen.write(text.replaceAll("\n", "\r\n"));
    },
  };
  const live = new LiveDisplay(terminal, {
    paint: plain,
    hints: (leader) => ["", `kill ${leader}`, ""],
    wallMs: () => new Date(2026, 0, 2, 3, 4, 5, 67).getTime(),
  });
  return { live, terminal, screen };
}

const titles = "node  state     zxid         connections    RSS   pid  clients";

describe("the live table", () => {
  test("is renewed in place, with what happens above it", () => {
    const { live, screen } = display();
    live.tell({ event: "node", node: view(1, "looking") });
    live.show([view(1, "leader"), view(2, "follower")]);
    live.tell({ event: "node", node: view(2, "down", { reason: "killed" }) });
    live.show([
      view(1, "leader", { zxid: "0x100000001", connections: 2 }),
      view(2, "down", { reason: "killed" }),
    ]);
    expect(screen.lines).toEqual([
      "03:04:05.067 node 1 looking",
      "03:04:05.067 node 2 down: killed",
      "",
      "node  state   zxid         connections    RSS   pid  clients",
      "   1  leader  0x100000001            2  50 MB  4001  127.0.0.1:2181",
      "   2  down                                           127.0.0.1:2182  killed",
    ]);
  });

  test("is not written again while nothing changes", () => {
    const { live, terminal } = display();
    live.show([view(1, "leader")]);
    const { writes } = terminal;
    live.show([view(1, "leader")]);
    expect(terminal.writes).toBe(writes);
  });

  test("follows the hints after one empty line", () => {
    const { live, screen } = display();
    live.show([view(3, "follower")]);
    live.tell({
      event: "ready",
      connectionString: "127.0.0.1:2181",
      leader: 3,
      dataDir: "./e",
      startMs: 400,
    });
    expect(screen.lines.slice(0, 5)).toEqual([
      "ready 127.0.0.1:2181 leader 3 data ./e in 400 ms",
      "",
      "kill 3",
      "",
      titles,
    ]);
  });

  test("never is wider than the terminal, and gives way where that has too few rows", () => {
    const narrow = display(40);
    narrow.live.show([
      view(1, "leader"),
      view(2, "down", { reason: "ended with code 1: the disk is on fire" }),
    ]);
    expect(Math.max(...narrow.screen.lines.map((line) => line.length))).toBeLessThan(40);
    const flat = display(100, 3);
    flat.live.show([view(1, "leader"), view(2, "follower")]);
    flat.live.tell({ event: "node", node: view(1, "leader") });
    expect(flat.screen.lines).toEqual(["03:04:05.067 node 1 leader at zxid 0x100000000"]);
  });

  test("covers what a terminal that became narrower made of it", () => {
    const { live, terminal, screen } = display(100);
    live.show([view(1, "leader")]);
    const before = screen.lines.map((line) => line.length);
    terminal.columns = 50;
    // The wide lines take two rows each now.
    const broken = before.filter((length) => length > 50).length;
    screen.write("\r\n".repeat(broken));
    live.resized();
    expect(screen.lines.filter((line) => line.startsWith("node "))).toHaveLength(1);
  });

  test("begins with what the nodes are to be", () => {
    const { live, screen } = display();
    live.tell({
      event: "ensemble",
      layout: planLayout({ voters: 1, observers: 1, basePort: 2181 }),
      dataDir: "./zoon-ensemble/",
    });
    expect(screen.lines).toEqual([
      "node  role         clients         quorum  elections  directory",
      "   1  participant  127.0.0.1:2181    2281       2381  ./zoon-ensemble/1",
      "   2  observer     127.0.0.1:2182    2282       2382  ./zoon-ensemble/2",
      "",
      "1 server and 1 observer; clients connect to 127.0.0.1:2181,127.0.0.1:2182",
    ]);
  });
});
