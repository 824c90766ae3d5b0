import { describe, expect, test } from "bun:test";
import {
  answerFourLetter,
  FourLetterSettings,
  type FourLetterWord,
} from "../../../src/admin/four_letter_words.ts";
import {
  decodeStatusShare,
  encodeStatusShare,
  GroupStatus,
  statusShare,
} from "../../../src/admin/group_status.ts";
import { ServerMetrics } from "../../../src/admin/metrics.ts";
import type { StatusView } from "../../../src/admin/status_view.ts";
import { connectionOf, statusOf } from "./_status.ts";

const settings = new FourLetterSettings(new Set(["cons", "dump", "mntr", "srvr", "wchc", "wchp", "wchs"]), {
  resetConnectionStats() {},
});

/** A worker with one client. */
function workerOf(sessionId: bigint, paths: readonly string[]): StatusView {
  const connection = connectionOf({ remotePort: 40_000 + Number(sessionId), sessionId });
  const metrics = new ServerMetrics();
  metrics.packetsReceived.add(10);
  metrics.packetsSent.add(20);
  metrics.requestLatency.record(100);
  metrics.readLatency.record(100);
  // What follows of the txns that the main process tells it of.
  metrics.commits.add(1000);
  return statusOf({
    metrics,
    connectionCount: 1,
    outstandingRequests: 2,
    watchCount: paths.length,
    znodeCount: 1,
    connections: () => [connection],
    connectionExpirySets: () => [{ expiresAtMs: Date.UTC(2026, 10, 21), connections: [connection] }],
    dataWatchCounts: () => ({
      connections: Math.min(1, paths.length),
      paths: paths.length,
      watches: paths.length,
    }),
    dataWatchesBySession: () => [[sessionId, paths]],
  });
}

const workers = [workerOf(7n, ["/a", "/only-here"]), workerOf(8n, [])];
const main = statusOf();

function ask(word: FourLetterWord): string {
  const shares = workers.map((view) => decodeStatusShare(encodeStatusShare(statusShare(view, word))));
  return answerFourLetter(word, new GroupStatus(main, shares), settings);
}

describe("a server of three processes", () => {
  test("srvr adds up what clients cause, and leaves what the main process knows", () => {
    expect(ask("srvr")).toBe(
      answerFourLetter("srvr", main, settings)
        .replace("0/0.75/7", "0/14.9286/100")
        .replace("Received: 157", "Received: 177")
        .replace("Sent: 159", "Sent: 199")
        .replace("Connections: 3", "Connections: 5")
        .replace("Outstanding: 0", "Outstanding: 4"),
    );
  });

  test("mntr counts clients everywhere and txns once", () => {
    const mntr = ask("mntr");
    expect(mntr).toContain("zk_num_alive_connections\t5\n");
    expect(mntr).toContain("zk_watch_count\t7\n");
    expect(mntr).toContain("zk_cnt_readlatency\t2\n");
    expect(mntr).toContain("zk_p99_readlatency\t100\n");
    expect(mntr).toContain("zk_commit_count\t0\n");
    expect(mntr).toContain("zk_znode_count\t9\n");
  });

  test("cons and dump list the connections of all", () => {
    expect(ask("cons").match(/^ \/127/gm)).toHaveLength(5);
    expect(ask("cons")).toContain("sid=0x7,");
    expect(ask("dump")).toContain(
      "Sets (3)/(5):\n1 expire at Sat Nov 21 00:00:00 UTC 2026:\n\tip: /127.0.0.1:400",
    );
  });

  test("a path that is watched in several processes is one path", () => {
    expect(ask("wchs")).toBe("3 connections watching 4 paths\nTotal watches:6\n");
    expect(ask("wchc")).toContain("0x7\n\t/a\n\t/only-here\n");
    expect(ask("wchp")).toContain("/a\n\t0x100001103dd0000\n\t0x100001103dd0001\n\t0x7\n");
    expect(ask("wchp")).toContain("/only-here\n\t0x7\n");
  });
});
