import { describe, expect, test } from "bun:test";
import type { MonitorReport, ServerReport } from "../../../cli/_server_report.ts";
import { plain } from "../../../cli/_style.ts";
import type { ServerStatus } from "../../../cli/status/server_status.ts";
import { durationText, statusText } from "../../../cli/status/status_text.ts";

const report: ServerReport = {
  mode: "follower",
  version: "3.9.5",
  zxid: "0x100000003",
  latencyMs: { min: 0, avg: 0.4567, max: 12 },
  received: 5,
  sent: 5,
  connections: 2,
  outstanding: 0,
  znodes: 6,
};
const monitor: MonitorReport = {
  uptimeMs: 65_000,
  ephemerals: 0,
  watches: 0,
  dataBytes: 100,
  syncedFollowers: undefined,
  syncedNonVotingFollowers: undefined,
  syncedObservers: undefined,
  learners: undefined,
};

function serving(server: string, mode: ServerReport["mode"], more: Partial<MonitorReport> | null = {}) {
  const status: ServerStatus = {
    server,
    finding: { kind: "serving", report: { ...report, mode } },
    monitor: more === null ? null : { ...monitor, ...more },
  };
  return status;
}

const text = (servers: readonly ServerStatus[], width = Infinity) => statusText(servers, plain, width);

describe("statusText()", () => {
  test("is one table with the leader named below", () => {
    const servers = [
      serving("zk1:2181", "follower"),
      serving("zk2:2181", "leader", { syncedFollowers: 1, learners: 1 }),
    ];
    expect(text(servers)).toBe(
      "server    state     zxid         latency min/avg/max ms  connections  outstanding  znodes     uptime  version\n" +
        "zk1:2181  follower  0x100000003  0/0.46/12                         2            0       6  1 min 5 s  3.9.5\n" +
        "zk2:2181  leader    0x100000003  0/0.46/12                         2            0       6  1 min 5 s  3.9.5\n" +
        "\n" +
        "zk2:2181 leads, with 1 follower in step.\n",
    );
  });

  test("says of each server that has no numbers why", () => {
    const servers: ServerStatus[] = [
      { server: "a:1", finding: { kind: "looking" }, monitor: null },
      { server: "b:1", finding: { kind: "forbidden" }, monitor: null },
      {
        server: "c:1",
        finding: { kind: "unreachable", problem: "no such host", nobodyHome: true },
        monitor: null,
      },
    ];
    const shown = text(servers);
    expect(shown).toContain("a:1: runs, but serves nobody");
    expect(shown).toContain("b:1: runs, but may not tell: add srvr to its 4lw.commands.whitelist\n");
    expect(shown).toContain("c:1: no such host\n");
    expect(shown).toEndWith("\nNo leader serves.\n");
  });

  test("tells of learners without a vote", () => {
    const led = (monitor: Partial<MonitorReport>) => text([serving("a:1", "leader", monitor)]);
    expect(led({ syncedFollowers: 2, syncedNonVotingFollowers: 0, syncedObservers: 0 }))
      .toEndWith("\na:1 leads, with 2 followers in step.\n");
    expect(led({ syncedFollowers: 2, syncedNonVotingFollowers: 1, syncedObservers: 0 }))
      .toEndWith("\na:1 leads, with 2 followers (1 of them without a vote) in step.\n");
    expect(led({ syncedFollowers: 0, syncedNonVotingFollowers: 0, syncedObservers: 1 }))
      .toEndWith("\na:1 leads, with 0 followers and 1 observer in step.\n");
    expect(led({ syncedFollowers: 3, syncedNonVotingFollowers: 1, syncedObservers: 2 }))
      .toEndWith("\na:1 leads, with 3 followers (1 of them without a vote) and 2 observers in step.\n");
  });

  test("asks for mntr where a server may not answer it", () => {
    const shown = text([serving("a:1", "leader", null), serving("b:1", "follower")]);
    expect(shown).toContain("\na:1 leads.\n");
    expect(shown).toEndWith(
      "Add mntr to the 4lw.commands.whitelist of a:1 to see uptimes and followers in step.\n",
    );
  });

  test("doubts that several leaders, or a server that stands alone, are one ensemble", () => {
    expect(text([serving("a:1", "leader"), serving("b:1", "leader")])).toContain(
      "a:1 and b:1 all say that they lead: ",
    );
    expect(text([serving("a:1", "standalone"), serving("b:1", "follower")])).toContain(
      "a:1 stands alone: it is in no ensemble with the others.",
    );
    expect(text([serving("a:1", "standalone")])).toEndWith("\na:1 serves, standalone.\n");
  });

  test("fits a terminal by leaving out uptime, then outstanding, then version", () => {
    const heads = [104, 95, 80].map((width) => text([serving("zk1:2181", "leader")], width).split("\n")[0]);
    expect(heads[0]).not.toContain("uptime");
    expect(heads[0]).toContain("outstanding");
    expect(heads[1]).not.toContain("outstanding");
    expect(heads[1]).toContain("version");
    expect(heads[2]).toBe("server    state   zxid         latency min/avg/max ms  connections  znodes");
  });

  test("shows nothing a terminal would act on, whatever a server answers", () => {
    const evil: ServerStatus = {
      server: "a:1",
      finding: { kind: "serving", report: { ...report, version: "\x1b[2J" } },
      monitor,
    };
    expect(text([evil])).not.toContain("\x1b");
  });
});

test("durationText() has two units at most", () => {
  const units = [0, 999, 1_000, 61_000, 3_600_000, 3_661_000, 90_000_000, 86_400_000 * 400];
  expect(units.map(durationText)).toEqual([
    "0 s",
    "0 s",
    "1 s",
    "1 min 1 s",
    "1 h",
    "1 h 1 min",
    "1 d 1 h",
    "400 d",
  ]);
});
