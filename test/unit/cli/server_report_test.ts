import { describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { askWord } from "../../../cli/_four_letter_word.ts";
import { readMntr, readSrvr } from "../../../cli/_server_report.ts";

const apache =
  `Zookeeper version: 3.9.5-e9ad4b6bcda4f0e4aee9e1c6fb8e4f9b5a6c7d8e, built on 2026-02-12 20:59 UTC
Latency min/avg/max: 0/1.3154/15
Received: 161
Sent: 162
Connections: 3
Outstanding: 2
Zxid: 0x2000000d7
Mode: leader
Node count: 21
Proposal sizes last/min/max: 63/36/323
`;

describe("readSrvr()", () => {
  test("reads what Apache's leader answers, without the connection that asked", () => {
    expect(readSrvr(apache)).toEqual({
      kind: "serving",
      report: {
        mode: "leader",
        version: "3.9.5",
        zxid: "0x2000000d7",
        latencyMs: { min: 0, avg: 1.3154, max: 15 },
        received: 161,
        sent: 162,
        connections: 2,
        outstanding: 2,
        znodes: 21,
      },
    });
  });

  test("reads every mode, and a read-only server's second line", () => {
    for (const mode of ["standalone", "leader", "follower", "observer"]) {
      expect(readSrvr(apache.replace("Mode: leader", `Mode: ${mode}`))).toMatchObject({ report: { mode } });
    }
    const readOnly = apache.replace("Mode: leader", "Mode: read-only")
      .replace("\n", "\nREAD-ONLY mode; serving only read-only clients\n");
    expect(readSrvr(readOnly)).toMatchObject({ report: { mode: "read-only", version: "3.9.5" } });
  });

  test("keeps versions apart that only begin alike", () => {
    const versionOf = (text: string) => {
      const finding = readSrvr(apache.replace(/version: .*/, `version: ${text}`));
      return finding.kind === "serving" ? finding.report.version : "";
    };
    expect(versionOf("3.9.5-zoon-0.1.0, built on source")).toBe("3.9.5-zoon-0.1.0");
    expect(versionOf("3.8.0-${mvngit.commit.id}, built on 2024-12-29")).toBe("3.8.0");
    expect(versionOf("3.10.0-SNAPSHOT-e9ad4b6bcda4f0e4aee9e1c6fb8e4f9b5a6c7d8e, built")).toBe(
      "3.10.0-SNAPSHOT",
    );
  });

  test("tells a server without a quorum, a forbidden word and a stranger apart", () => {
    expect(readSrvr("This ZooKeeper instance is not currently serving requests\n").kind).toBe("looking");
    expect(readSrvr("srvr is not executed because it is not in the whitelist.\n").kind).toBe("forbidden");
    expect(readSrvr("HTTP/1.1 400 Bad Request\r\n\r\n")).toMatchObject({
      kind: "unreachable",
      problem: "answers, but not as a ZooKeeper server does",
    });
    expect(readSrvr("")).toMatchObject({ problem: expect.stringContaining("without an answer") });
  });

  test("numbers that make no sense count as nothing", () => {
    const odd = apache.replace("0/1.3154/15", "soon").replace("Connections: 3", "Connections: many");
    expect(readSrvr(odd)).toMatchObject({
      report: { latencyMs: { min: 0, avg: 0, max: 0 }, connections: 0 },
    });
  });
});

describe("readMntr()", () => {
  test("reads what is there and leaves open what is not", () => {
    const text =
      "zk_version\t3.8\nzk_server_state\tleader\nzk_uptime\t61000\nzk_synced_followers\t2\nzk_learners\t3\n";
    expect(readMntr(text)).toEqual({
      uptimeMs: 61000,
      syncedFollowers: 2,
      syncedNonVotingFollowers: undefined,
      syncedObservers: undefined,
      learners: 3,
      ephemerals: undefined,
      watches: undefined,
      dataBytes: undefined,
    });
  });

  test("is null for a server that may not answer", () => {
    expect(readMntr("mntr is not executed because it is not in the whitelist.\n")).toBeNull();
  });
});

/** A server on a free port that does with each connection what a test says. */
async function server(accept: (socket: Socket) => void) {
  const listener = createServer((socket) => {
    socket.on("error", () => {});
    accept(socket);
  });
  await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("Not a TCP server");
  return { host: "127.0.0.1", port: address.port, close: () => listener.close() };
}

describe("askWord()", () => {
  test("sends the word and gives all that comes until the end, however it is cut", async () => {
    const asked: string[] = [];
    const there = await server((socket) =>
      socket.on("data", (bytes) => {
        asked.push(String(bytes));
        socket.write("one ");
        setImmediate(() => socket.end("two"));
      })
    );
    expect(await askWord(there, "srvr", 5_000)).toEqual({ kind: "text", text: "one two" });
    expect(asked).toEqual(["srvr"]);
    there.close();
  });

  test("says that nothing listens there", async () => {
    const gone = await server(() => {});
    await new Promise((done) => {
      gone.close();
      setImmediate(done);
    });
    expect(await askWord(gone, "srvr", 5_000)).toEqual({
      kind: "problem",
      problem: "connection refused, nothing listens there",
      nobodyHome: true,
    });
  });

  test("gives up on a server that takes the connection and says nothing", async () => {
    const silent = await server((socket) => socket.resume());
    expect(await askWord(silent, "srvr", 50)).toMatchObject({
      problem: "takes connections but does not answer",
      nobodyHome: false,
    });
    silent.close();
  });
});
