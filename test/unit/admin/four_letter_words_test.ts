import { describe, expect, test } from "bun:test";
import {
  answerFourLetter,
  enabledFourLetterWords,
  fourLetterCommand,
  FourLetterSettings,
  type FourLetterWord,
  fourLetterWords,
} from "../../../src/admin/four_letter_words.ts";
import type { StatusView } from "../../../src/admin/status_view.ts";
import { connectionOf, statusOf, strangerOf } from "./_status.ts";

let connectionResets = 0;
const settingsOf = (whitelist: string) =>
  new FourLetterSettings(enabledFourLetterWords(whitelist, false), {
    resetConnectionStats: () => void (connectionResets += 1),
  });
const ask = (word: FourLetterWord, view: StatusView = statusOf()) =>
  answerFourLetter(word, view, settingsOf("*"));
const intOf = (text: string) => new DataView(new TextEncoder().encode(text).buffer).getInt32(0);

describe("fourLetterCommand()", () => {
  test("knows each word by its four bytes", () => {
    for (const word of fourLetterWords) expect(fourLetterCommand(intOf(word))).toBe(word);
  });

  test("takes nothing else for a word, neither a frame's length nor other letters", () => {
    for (
      const bytes of [
        0,
        44,
        0xfffff,
        -1,
        0x7fffffff,
        intOf("RUOK"),
        intOf("aaaa"),
        intOf("zzzz"),
        intOf("ruo\n"),
      ]
    ) {
      expect(fourLetterCommand(bytes)).toBeUndefined();
    }
  });
});

describe("the whitelist", () => {
  test("has srvr alone unless configured", () => {
    expect([...enabledFourLetterWords(undefined, false)]).toEqual(["srvr"]);
    expect([...enabledFourLetterWords("", false)]).toEqual(["srvr"]);
  });

  test("adds isro where clients look for a server that is not read-only", () => {
    expect([...enabledFourLetterWords(undefined, true)].sort()).toEqual(["isro", "srvr"]);
  });

  test("is a list between commas, or a star for all", () => {
    expect([...enabledFourLetterWords(" ruok ,stat,, nope", false)].sort()).toEqual([
      "nope",
      "ruok",
      "srvr",
      "stat",
    ]);
    expect(enabledFourLetterWords("ruok, *", false).size).toBe(fourLetterWords.length);
  });

  test("turns other words away with Apache's sentence", () => {
    expect(answerFourLetter("ruok", statusOf(), settingsOf("stat"))).toBe(
      "ruok is not executed because it is not in the whitelist.\n",
    );
  });
});

describe("while nothing is served", () => {
  const idle = statusOf({ serving: false });

  test("most words say so, hash without an end of line", () => {
    const sentence = "This ZooKeeper instance is not currently serving requests";
    for (const word of fourLetterWords) {
      if (["ruok", "envi", "gtmk", "stmk", "isro"].includes(word)) continue;
      expect(ask(word, idle)).toBe(word === "hash" ? sentence : `${sentence}\n`);
    }
  });

  test("those that need no tree answer", () => {
    expect(ask("ruok", idle)).toBe("imok");
    expect(ask("gtmk", idle)).toBe("306");
    expect(ask("isro", idle)).toBe("null");
    expect(ask("envi", idle)).toStartWith("Environment:\n");
  });
});

test("ruok", () => {
  expect(ask("ruok")).toBe("imok");
});

test("srvr", () => {
  expect(ask("srvr")).toBe(`Zookeeper version: 3.9.5-zoon-0.1.0, built on 2026-11-21 01:17 UTC
Latency min/avg/max: 0/0.75/7
Received: 157
Sent: 159
Connections: 3
Outstanding: 0
Zxid: 0x92
Mode: standalone
Node count: 9
`);
});

test("srvr of a leader adds the sizes of proposals", () => {
  const leader = statusOf({ mode: "leader" });
  expect(ask("srvr", leader)).toEndWith(
    "Mode: leader\nNode count: 9\nProposal sizes last/min/max: -1/-1/-1\n",
  );
  leader.metrics.proposalSize.record(323);
  leader.metrics.proposalSize.record(36);
  expect(ask("srvr", leader)).toEndWith("Proposal sizes last/min/max: 36/36/323\n");
});

test("srvr of a read-only server says so after the version", () => {
  expect(ask("srvr", statusOf({ mode: "read-only" }))).toContain(
    "UTC\nREAD-ONLY mode; serving only read-only clients\nLatency",
  );
});

test("stat", () => {
  const strangerFirst = [
    strangerOf(34226),
    ...[...statusOf().connections()].filter((c) => c.sessionId !== 0n),
  ];
  expect(ask("stat", statusOf({ connections: () => strangerFirst }))).toBe(
    `Zookeeper version: 3.9.5-zoon-0.1.0, built on 2026-11-21 01:17 UTC
Clients:
 /127.0.0.1:34226[0](queued=0,recved=1,sent=0)
 /127.0.0.1:34204[1](queued=0,recved=152,sent=153)
 /127.0.0.1:34210[1](queued=0,recved=4,sent=5)

Latency min/avg/max: 0/0.75/7
Received: 157
Sent: 159
Connections: 3
Outstanding: 0
Zxid: 0x92
Mode: standalone
Node count: 9
`,
  );
});

test("conf", () => {
  expect(ask("conf")).toBe(`clientPort=23000
secureClientPort=-1
dataDir=/var/d/version-2
dataDirSize=457
dataLogDir=/var/l/version-2
dataLogSize=67109337
tickTime=3000
maxClientCnxns=60
minSessionTimeout=6000
maxSessionTimeout=60000
clientPortListenBacklog=-1
serverId=0
`);
});

test("conf of a server in an ensemble adds the ensemble, without an end of line", () => {
  const { config } = statusOf();
  const ensemble = {
    initLimitTicks: 10,
    syncLimitTicks: 5,
    electionPort: 3888,
    quorumPort: 2888,
    observer: true,
    membership: "server.1=h:2888:3888:participant\nversion=100000000",
  };
  expect(ask("conf", statusOf({ config: { ...config, serverId: 3, ensemble } }))).toEndWith(`serverId=3
initLimit=10
syncLimit=5
electionAlg=3
electionPort=3888
quorumPort=2888
peerType=1
membership: 
server.1=h:2888:3888:participant
version=100000000`);
});

test("cons", () => {
  expect(ask("cons")).toBe(
    ` /127.0.0.1:34204[1](queued=0,recved=152,sent=153,sid=0x100001103dd0000,lop=GETD,est=1795224368775,to=10000,lcxid=0x97,lzxid=0x92,lresp=1135200,llat=0,minlat=0,avglat=0,maxlat=7)
 /127.0.0.1:34234[0](queued=0,recved=1,sent=0)
 /127.0.0.1:34210[1](queued=0,recved=4,sent=5,sid=0x100001103dd0001,lop=GETD,est=1795224368823,to=10000,lcxid=0x3,lzxid=0x92,lresp=1135201,llat=0,minlat=0,avglat=0,maxlat=0)

`,
  );
});

test("cons of a session that has asked nothing yet hides its xid and shows no zxid", () => {
  const fresh = connectionOf({ remoteAddress: "::1", lastOp: undefined, lastXid: -1, lastZxid: -1 });
  expect(ask("cons", statusOf({ connections: () => [fresh] }))).toStartWith(
    " /[::1]:34204[1](queued=0,recved=152,sent=153,sid=0x100001103dd0000,lop=NA,est=1795224368775,to=10000,lzxid=0xffffffffffffffff,lresp=",
  );
});

test("crst resets the connections and srst the server", () => {
  const before = connectionResets;
  expect(ask("crst")).toBe("Connection stats reset.\n");
  expect(connectionResets).toBe(before + 1);

  const view = statusOf();
  expect(ask("srst", view)).toBe("Server stats reset.\n");
  expect(ask("srvr", view)).toContain("Latency min/avg/max: 0/0.0/0\nReceived: 0\nSent: 0\n");
});

test("dump", () => {
  expect(ask("dump")).toBe(`SessionTracker dump:
Session Sets (1)/(2):
2 expire at Sat Nov 21 01:26:19 UTC 2026:
\t0x100001103dd0000
\t0x100001103dd0001
ephemeral nodes dump:
Sessions with Ephemerals (1):
0x100001103dd0000:
\t/a/e2
\t/a/e
Connections dump:
Connections Sets (1)/(3):
3 expire at Sat Nov 21 01:26:23 UTC 2026:
\tip: /127.0.0.1:34234 sessionId: 0x0
\tip: /127.0.0.1:34204 sessionId: 0x100001103dd0000
\tip: /127.0.0.1:34210 sessionId: 0x100001103dd0001
`);
});

test("dump of an idle server", () => {
  const none = () => [];
  const idle = statusOf({ sessionExpirySets: none, connectionExpirySets: none, ephemeralsBySession: none });
  expect(ask("dump", idle)).toBe(`SessionTracker dump:
Session Sets (0)/(0):
ephemeral nodes dump:
Sessions with Ephemerals (0):
Connections dump:
Connections Sets (0)/(0):
`);
});

test("dump of a follower knows no global session's end; local ones are told apart", () => {
  const expiresAtMs = Date.UTC(2026, 10, 21, 1, 26, 19);
  const follower = statusOf({
    mode: "follower",
    localSessionExpirySets: () => [{ expiresAtMs, sessionIds: [0x300001103dd0007n] }],
    globalSessions: () => [[0x200001103dd0000n, 30_000], [0x100001103dd0000n, 4000]],
  });
  expect(ask("dump", follower)).toStartWith(`SessionTracker dump:
Local Session Sets (1)/(1):
1 expire at Sat Nov 21 01:26:19 UTC 2026:
\t0x300001103dd0007
Global Sessions(2):
0x100001103dd0000\t4000ms
0x200001103dd0000\t30000ms
ephemeral nodes dump:
`);
});

test("wchs, wchc and wchp", () => {
  expect(ask("wchs")).toBe("2 connections watching 3 paths\nTotal watches:4\n");
  expect(ask("wchc")).toBe("0x100001103dd0000\n\t/a\n\t/zz\n0x100001103dd0001\n\t/a\n\t/a/b\n\n");
  expect(ask("wchp")).toBe(
    "/a\n\t0x100001103dd0000\n\t0x100001103dd0001\n/a/b\n\t0x100001103dd0001\n/zz\n\t0x100001103dd0000\n\n",
  );
});

test("dirs", () => {
  expect(ask("dirs")).toBe("datadir_size: 457\nlogdir_size: 67109337\n");
});

test("isro", () => {
  expect(ask("isro")).toBe("rw");
  expect(ask("isro", statusOf({ mode: "read-only" }))).toBe("ro");
});

test("hash shows digests as signed numbers", () => {
  expect(ask("hash")).toBe("80: 14239301172\n100: -1\n");
});

test("envi", () => {
  expect(ask("envi")).toBe(
    "Environment:\nzookeeper.version=3.9.5-zoon-0.1.0, built on 2026-11-21 01:17 UTC\n" +
      "host.name=localhost\njava.version=<NA>\nuser.dir=/a=b\n",
  );
});

test("gtmk tells what stmk set, and a mask cut short is not answered", () => {
  const settings = settingsOf("*");
  const mask = new Uint8Array([9, 9, 0, 0, 0, 0, 0, 0, 1, 0]).subarray(2);
  expect(answerFourLetter("gtmk", statusOf(), settings)).toBe("306");
  expect(answerFourLetter("stmk", statusOf(), settings, mask)).toBe("256");
  expect(answerFourLetter("gtmk", statusOf(), settings)).toBe("256");
  expect(answerFourLetter("stmk", statusOf(), settings, mask.subarray(0, 7))).toBe("");
  expect(answerFourLetter("gtmk", statusOf(), settings)).toBe("256");
});
