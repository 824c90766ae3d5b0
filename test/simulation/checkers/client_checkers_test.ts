import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { EventType } from "../../../src/protocol/watch_event.ts";
import type { Request } from "../clients/operation.ts";
import { AcknowledgedWrites } from "./acknowledged_writes.ts";
import { EphemeralsOnce } from "./ephemerals_once.ts";
import { LinearizableWrites } from "./linearizable_writes.ts";
import { ReadOnlyServers } from "./read_only_servers.ts";
import { ReadsNeverGoBack } from "./reads_never_go_back.ts";
import { ReadsSeeAgreedState } from "./reads_see_agreed_state.ts";
import { SessionOrder } from "./session_order.ts";
import { CalmStays } from "./calm_stays.ts";
import { SessionsEndByLeader } from "./sessions_end_by_leader.ts";
import { SyncIsFresh } from "./sync_is_fresh.ts";
import { PersistentWatches } from "./persistent_watches.ts";
import { WatchBeforeData } from "./watch_before_data.ts";
import { creates, session, sets, statOf, Written, z } from "./_written.ts";

const setA = (data: string, version = -1): Request => ({ kind: "setData", path: "/a", data, version });
const getA: Request = { kind: "getData", path: "/a", watch: false };
const watchA: Request = { kind: "getData", path: "/a", watch: true };

/** A leader, and `/a` with data "1". */
function withA(written: Written): Written {
  return written.lead(1, 1).agree(1, z(1, 1), creates("/a", "1"), { cxid: 1 });
}

describe("AcknowledgedWrites", () => {
  const judged = () => withA(new Written().judge((history, fail) => new AcknowledgedWrites(history, fail)));

  test("finds a write that was acknowledged and is not committed", () => {
    judged().ask(setA("2"), { zxid: z(1, 1) }, 1);
    const written = judged().ask(setA("2"), { zxid: z(1, 2) }, 2);
    expect(written.failures).toEqual([
      "client1 was told that its setData /a (request 2) is 0x100000002, which is not committed",
    ]);
  });

  test("finds an acknowledgement under the zxid of somebody else's txn", () => {
    expect(judged().ask(setA("2"), { zxid: z(1, 1) }, 2).failures[0]).toContain("which is a txn of session");
  });
});

describe("LinearizableWrites", () => {
  const judged = () => withA(new Written().judge((history, fail) => new LinearizableWrites(history, fail)));

  test("finds a write that takes effect before one that was acknowledged before it was sent", () => {
    const written = judged().agree(1, z(1, 2), sets("/a", "x", 1), { cxid: 2 }).agree(
      1,
      z(1, 3),
      sets("/a", "y", 2),
      {
        cxid: 3,
      },
    );
    written.ask(setA("y"), { zxid: z(1, 3), stat: statOf({ version: 2 }) }, 3);
    written.ask(setA("x"), { zxid: z(1, 2), stat: statOf({ version: 1 }) }, 2);
    expect(written.failures).toEqual([
      "setData /a (request 2) of client1 is 0x100000002, and 0x100000003 was acknowledged before it was sent",
    ]);
  });

  test("lets two writes that overlap take effect in either order", () => {
    const written = judged().agree(1, z(1, 2), sets("/a", "x", 1), { cxid: 2 }).agree(
      1,
      z(1, 3),
      sets("/a", "y", 2),
      {
        cxid: 3,
      },
    );
    const first = written.invoke(setA("x"), 2);
    const second = written.invoke(setA("y"), 3);
    written.reply(second, { zxid: z(1, 3), stat: statOf({ version: 2 }) });
    written.reply(first, { zxid: z(1, 2), stat: statOf({ version: 1 }) });
    expect(written.failures).toEqual([]);
  });

  test("finds a compare-and-set that succeeded over another version", () => {
    const written = judged().agree(1, z(1, 2), sets("/a", "x", 1), { cxid: 2 });
    written.ask(setA("x", 7), { zxid: z(1, 2), stat: statOf({ version: 1 }) }, 2);
    expect(written.failures[0]).toContain("succeeded over version 0, and only 7 was to be replaced");
  });

  test("finds refusals that the state does not give", () => {
    const error = { type: OpCode.error, code: 0 } as const;
    const written = judged().agree(1, z(1, 2), error).agree(1, z(1, 3), error).agree(1, z(1, 4), error);
    written.ask(setA("x", 0), { zxid: z(1, 2), error: ErrorCode.badVersion }, 2);
    written.ask({ kind: "delete", path: "/a", version: -1 }, { zxid: z(1, 3), error: ErrorCode.noNode }, 3);
    written.ask(
      { kind: "create", path: "/b", data: "", ephemeral: false, sequential: false },
      { zxid: z(1, 4), error: ErrorCode.nodeExists },
      4,
    );
    expect(written.failures.map((message) => message.split(": ")[1])).toEqual([
      "answered BADVERSION, and version 0 is right",
      "answered NONODE, and it is there",
      "answered NODEEXISTS, and it is not there",
    ]);
  });

  test("finds a txn that cannot follow from those before it", () => {
    expect(judged().agree(1, z(1, 2), sets("/a", "x", 5)).failures)
      .toEqual(["0x100000002 makes version 5 of /a from version 0"]);
    expect(judged().agree(1, z(1, 2), creates("/a")).failures).toEqual([
      "0x100000002 creates /a, which is there",
    ]);
  });
});

describe("SessionOrder", () => {
  const judged = () => withA(new Written().judge((history, fail) => new SessionOrder(history, fail)));

  test("finds a request that takes effect after a later one of its session", () => {
    const written = judged().agree(1, z(1, 2), sets("/a", "x", 1), { cxid: 9 });
    written.agree(1, z(1, 3), sets("/a", "y", 2), { cxid: 8 });
    expect(written.failures).toEqual([
      "request 8 of session 0x100 took effect as 0x100000003, after its request 9",
    ]);
  });

  test("finds answers out of order", () => {
    const written = judged().client({
      kind: "broken",
      session,
      reason: "a reply to request 3 where one to 2 was due",
    });
    expect(written.failures).toEqual(["session 0x100 was sent a reply to request 3 where one to 2 was due"]);
  });
});

test("ReadsNeverGoBack finds an answer older than one before it, from whatever server", () => {
  const written = new Written().judge((_history, fail) => new ReadsNeverGoBack(fail));
  written.ask(getA, { zxid: z(1, 5) }).ask(getA, { zxid: z(1, 4) }, 2);
  expect(written.failures).toEqual([
    "getData /a (request 2) of client1 was answered at 0x100000004, after an answer at 0x100000005",
  ]);
});

test("ReadsNeverGoBack finds an answer older than what the session saw by another id, on a read-only server", () => {
  const written = new Written().judge((_history, fail) => new ReadsNeverGoBack(fail));
  written.ask(getA, { zxid: z(1, 5) }).client({ kind: "renewed", before: session, session: 0x200n });
  written.reply(written.invoke(getA, 2, 0x200n), { zxid: z(1, 4) });
  expect(written.failures[0]).toContain("was answered at 0x100000004, after an answer at 0x100000005");
});

describe("ReadOnlyServers", () => {
  const judged = () => withA(new Written().judge((history, fail) => new ReadOnlyServers(history, fail)));
  const sync: Request = { kind: "sync", path: "/a" };
  const close: Request = { kind: "closeSession", path: "" };
  const refused = { zxid: z(1, 1), error: ErrorCode.notReadOnly, isReadOnly: true };
  const done = { zxid: z(1, 1), isReadOnly: true };
  const connects = { kind: "connected", client: "client1", session, server: 2, isReadOnly: true } as const;

  test("are pleased when reads are answered, writes refused, and sessions of their own begun and ended", () => {
    const written = judged().trace(2, { kind: "readOnly", zxid: z(1, 1) }).client(connects);
    written.ask(getA, done).ask(setA("2"), refused, 2).ask(sync, refused, 3).ask(close, done, 4);
    expect(written.follow(2, 1, 2).log(2, z(2, 1)).failures).toEqual([]);
  });

  test("find a read-only server that answers a write or a sync, and another that refuses one", () => {
    const written = judged().ask(setA("2"), done).ask(sync, done, 2);
    written.ask(setA("3"), { ...refused, isReadOnly: false }, 3);
    expect(written.failures).toEqual([
      "server 1, which is read-only, answers setData /a (request 1) of client1 with 0",
      "server 1, which is read-only, answers sync /a (request 2) of client1 with 0",
      "server 1, which is not read-only, answers setData /a (request 3) of client1 with -119",
    ]);
  });

  test("find one that takes part in txns", () => {
    const written = judged().trace(2, { kind: "readOnly", zxid: z(1, 1) }).log(2, z(1, 2)).apply(2, z(1, 2));
    expect(written.failures).toEqual([
      "server 2 is read-only, and does: log 0x100000002",
      "server 2 is read-only, and does: apply 0x100000002",
    ]);
  });

  test("find one that serves a session which others know", () => {
    const opens = { type: OpCode.createSession, timeoutMs: 1000 } as const;
    expect(judged().agree(1, z(1, 2), opens).client(connects).failures).toEqual([
      "server 2 is read-only, and serves session 0x100, which all servers know",
    ]);
  });
});

describe("ReadsSeeAgreedState", () => {
  const judged = () => withA(new Written().judge((history, fail) => new ReadsSeeAgreedState(history, fail)));
  const whole = { czxid: z(1, 1), mzxid: z(1, 1), pzxid: z(1, 1) };

  test("is pleased by what the history makes at that zxid, though it goes on", () => {
    const written = judged().agree(1, z(1, 2), sets("/a", "2", 1));
    written.ask(getA, { zxid: z(1, 1), data: "1", stat: statOf(whole) });
    written.ask(
      getA,
      { zxid: z(1, 2), data: "2", stat: statOf({ ...whole, version: 1, mzxid: z(1, 2) }) },
      2,
    );
    written.ask({ ...getA, path: "/b" }, { zxid: z(1, 2), error: ErrorCode.noNode }, 3);
    expect(written.failures).toEqual([]);
  });

  test("finds a value of another time", () => {
    const written = judged().agree(1, z(1, 2), sets("/a", "2", 1));
    written.ask(getA, { zxid: z(1, 1), data: "2", stat: statOf(whole) });
    expect(written.failures[0]).toContain('"2", not "1"');
  });

  test("finds what is not committed", () => {
    const written = judged().ask(getA, { zxid: z(1, 2), data: "1", stat: statOf(whole) });
    expect(written.failures[0]).toContain("it is not committed");
  });

  test("lets a read-only server show what its log has and nobody has committed, and nothing else", () => {
    const written = judged().propose(1, z(1, 2), sets("/a", "2", 1)).trace(1, {
      kind: "readOnly",
      zxid: z(1, 2),
    });
    const stat = statOf({ ...whole, version: 1, mzxid: z(1, 2) });
    written.ask(getA, { zxid: z(1, 2), data: "2", stat, isReadOnly: true });
    expect(written.failures).toEqual([]);
    written.ask(getA, { zxid: z(1, 2), data: "1", stat, isReadOnly: true }, 2);
    written.ask(getA, { zxid: z(1, 3), data: "2", stat, isReadOnly: true }, 3);
    expect(written.failures.map((message) => message.split(": ")[1]))
      .toEqual(['"1", not "2"', "its server, which is read-only, never stood there"]);
  });

  test("knows what a read-only server has from its leader's tree", () => {
    const written = judged().agree(1, z(1, 2), sets("/a", "2", 1), {}, [2]).lead(1, 2);
    written.trace(3, { kind: "sync", how: "SNAP", zxid: z(2, 0), peer: 1 }).load(3, z(2, 0), "leader");
    written.propose(1, z(2, 1), creates("/b")).log(3, z(2, 1)).trace(3, { kind: "readOnly", zxid: z(2, 1) });
    const stat = statOf({ ...whole, version: 1, mzxid: z(1, 2) });
    written.ask(getA, { zxid: z(2, 1), data: "2", stat, isReadOnly: true, server: 3 });
    expect(written.failures).toEqual([]);
  });

  test("knows that a crash brings back what a leader's tree had replaced", () => {
    const written = judged().propose(3, z(1, 2), sets("/a", "2", 1)).lead(1, 2);
    written.trace(3, { kind: "sync", how: "SNAP", zxid: z(2, 0), peer: 1 }).load(3, z(2, 0), "leader");
    written.load(3, z(1, 2)).trace(3, { kind: "readOnly", zxid: z(1, 2) });
    const stat = statOf({ ...whole, version: 1, mzxid: z(1, 2) });
    written.ask(getA, { zxid: z(1, 2), data: "2", stat, isReadOnly: true, server: 3 });
    expect(written.failures).toEqual([]);
  });

  test("finds what a read-only server shows of a state that is committed, and other than that", () => {
    const written = judged().agree(1, z(1, 2), sets("/a", "2", 1));
    written.ask(getA, { zxid: z(1, 1), data: "2", stat: statOf(whole), isReadOnly: true });
    expect(written.failures[0]).toContain('"2", not "1"');
  });

  test("finds a znode that is missing, and children that are others", () => {
    const written = judged().agree(1, z(1, 2), creates("/a/b"));
    written.ask(getA, { zxid: z(1, 2), error: ErrorCode.noNode });
    const stat = statOf({ ...whole, pzxid: z(1, 2) });
    written.ask(
      { kind: "getChildren", path: "/a", watch: false },
      { zxid: z(1, 2), stat, children: ["c"] },
      2,
    );
    expect(written.failures.map((message) => message.split(": ")[1]))
      .toEqual(["answered NONODE, and it is there", "children c, not b"]);
  });
});

describe("SyncIsFresh", () => {
  const judged = () => new Written().judge((_history, fail) => new SyncIsFresh(fail)).lead(1, 1);
  const sync: Request = { kind: "sync", path: "/a" };

  test("finds a sync behind which an acknowledged write is not seen", () => {
    const written = judged().ask(setA("2"), { zxid: z(1, 9) }).ask(sync, { zxid: z(1, 8) }, 2);
    expect(written.failures).toEqual([
      "a sync of client1 was answered at 0x100000008, and 0x100000009 had been acknowledged before",
    ]);
  });

  test("finds one by a leader that another has replaced", () => {
    const written = judged().ask(setA("2"), { zxid: z(1, 9) });
    written.lead(2, 2).ask(setA("3"), { zxid: z(2, 1) }, 2).ask(sync, { zxid: z(1, 9) }, 3);
    expect(written.failures).toHaveLength(1);
  });

  test("does not mind a write acknowledged meanwhile", () => {
    const written = judged();
    const operation = written.invoke(sync, 2);
    written.ask(setA("2"), { zxid: z(1, 9) }, 3).reply(operation, { zxid: z(1, 8) });
    expect(written.failures).toEqual([]);
  });
});

describe("WatchBeforeData", () => {
  const judged = () => withA(new Written().judge((history, fail) => new WatchBeforeData(history, fail)));
  const told = (type: EventType, zxid: number) =>
    ({ kind: "notified", session, notification: { type, path: "/a", zxid } }) as const;

  test("finds an answer that shows a change the client watches and was not told of", () => {
    const written = judged().ask(watchA, { zxid: z(1, 1) }).agree(1, z(1, 2), sets("/a", "2", 1));
    written.ask(getA, { zxid: z(1, 2) }, 2);
    expect(written.failures[0]).toContain(
      "client1 watches /a (data) since 0x100000001 and was not told of 0x100000002",
    );
  });

  test("is pleased when the event comes first, or nothing of it is seen", () => {
    const written = judged().ask(watchA, { zxid: z(1, 1) }).agree(1, z(1, 2), sets("/a", "2", 1));
    written.ask(getA, { zxid: z(1, 1) }, 2).client(told(EventType.nodeDataChanged, z(1, 2))).ask(getA, {
      zxid: z(1, 2),
    }, 3);
    expect(written.failures).toEqual([]);
  });

  test("finds events that nobody waits for, a second one too", () => {
    const written = judged().ask(watchA, { zxid: z(1, 1) });
    written.client(told(EventType.nodeDataChanged, z(1, 2))).client(told(EventType.nodeDataChanged, z(1, 3)));
    expect(written.failures).toEqual([
      "session 0x100 was told of event 3 on /a at 0x100000003, which it does not watch",
    ]);
  });

  test("watches children and their going, not data", () => {
    const written = judged().ask({ kind: "getChildren", path: "/a", watch: true }, { zxid: z(1, 1) });
    written.agree(1, z(1, 2), sets("/a", "2", 1)).ask(getA, { zxid: z(1, 2) }, 2);
    expect(written.failures).toEqual([]);
    written.agree(1, z(1, 3), creates("/a/b")).ask(getA, { zxid: z(1, 3) }, 3);
    expect(written.failures[0]).toContain("client1 watches /a (child) since 0x100000001");
  });

  test("finds a change that is missed when a read-only server's session becomes another one", () => {
    const written = judged().ask(watchA, { zxid: z(1, 1), isReadOnly: true });
    written.client({ kind: "renewed", before: session, session: 0x200n }).agree(
      1,
      z(1, 2),
      sets("/a", "2", 1),
    );
    written.reply(written.invoke(getA, 2, 0x200n), { zxid: z(1, 2) });
    expect(written.failures[0]).toContain("client1 watches /a (data) since 0x100000001 and was not told");
  });

  test("judges what a watch has missed on a read-only server by what that one has, committed or not", () => {
    const watches = {
      relativeZxid: z(1, 1),
      data: [],
      exist: ["/a", "/b"],
      child: [],
      persistent: [],
      recursive: [],
    };
    const written = judged();
    for (const path of watches.exist) {
      written.ask({ kind: "exists", path, watch: true }, { zxid: z(1, 1), error: ErrorCode.noNode });
    }
    written.propose(1, z(1, 2), { type: OpCode.delete, path: "/a" }).propose(1, z(1, 3), creates("/b"));
    written.trace(1, { kind: "readOnly", zxid: z(1, 3) });
    written.ask({ kind: "setWatches", path: "", watches }, { zxid: z(1, 3), isReadOnly: true }, -8);
    expect(written.failures).toEqual([
      "client1 set its watch on /b (exist) again at 0x100000003 and was not told what it had missed since 0x100000001",
    ]);
  });

  test("finds a missed change that nobody tells when the watch moves to another server", () => {
    const watches = {
      relativeZxid: z(1, 1),
      data: ["/a"],
      exist: [],
      child: [],
      persistent: [],
      recursive: [],
    };
    const written = judged().ask(watchA, { zxid: z(1, 1) }).agree(1, z(1, 2), sets("/a", "2", 1));
    written.ask({ kind: "setWatches", path: "", watches }, { zxid: z(1, 2) }, -8);
    expect(written.failures[0]).toContain("was not told what it had missed since 0x100000001");
  });
});

describe("PersistentWatches", () => {
  const judged = () => withA(new Written().judge((history, fail) => new PersistentWatches(history, fail)));
  const forGood = (path: string, isRecursive = false): Request => ({ kind: "addWatch", path, isRecursive });
  const told = (type: EventType, path: string, zxid: number) =>
    ({ kind: "notified", session, notification: { type, path, zxid } }) as const;

  test("are pleased when each change is told before it is seen, and only that", () => {
    const written = judged().ask(forGood("/a"), { zxid: z(1, 1) }).agree(1, z(1, 2), sets("/a", "2", 1));
    written.client(told(EventType.nodeDataChanged, "/a", z(1, 2))).agree(1, z(1, 3), creates("/a/b"));
    written.client(told(EventType.nodeChildrenChanged, "/a", z(1, 3))).agree(
      1,
      z(1, 4),
      sets("/a/b", "x", 1),
    );
    expect(written.ask(getA, { zxid: z(1, 4) }, 2).failures).toEqual([]);
  });

  test("find a second change that is not told, and one below a recursive watch", () => {
    const written = judged().ask(forGood("/a"), { zxid: z(1, 1) }).agree(1, z(1, 2), sets("/a", "2", 1));
    written.client(told(EventType.nodeDataChanged, "/a", z(1, 2))).agree(1, z(1, 3), sets("/a", "3", 2));
    expect(written.ask(getA, { zxid: z(1, 2) }, 2).failures).toEqual([]);
    expect(written.ask(getA, { zxid: z(1, 3) }, 3).failures[0]).toContain(
      "was not told of event 3 on /a at 0x100000003 before the answer to getData /a (request 3)",
    );
    const recursive = judged().ask(forGood("/a", true), { zxid: z(1, 1) }).agree(1, z(1, 2), creates("/a/b"));
    expect(recursive.ask(getA, { zxid: z(1, 2) }, 2).failures[0]).toContain("event 1 on /a/b at 0x100000002");
  });

  test("find an event that is told twice, or never happened", () => {
    const written = judged().ask(forGood("/a"), { zxid: z(1, 1) }).agree(1, z(1, 2), sets("/a", "2", 1));
    const event = told(EventType.nodeDataChanged, "/a", z(1, 2));
    expect(written.client(event).failures).toEqual([]);
    expect(written.client(event).failures[0]).toContain("was told for the 2. time of event 3 on /a");
    const other = judged().ask(forGood("/a"), { zxid: z(1, 1) });
    expect(other.client(told(EventType.nodeDeleted, "/a", z(1, 1))).failures[0]).toContain(
      "1. time of event 2",
    );
  });

  test("let another server, which is behind, tell of an event again", () => {
    const written = judged().ask(forGood("/a"), { zxid: z(1, 1) }).agree(1, z(1, 2), sets("/a", "2", 1));
    const event = told(EventType.nodeDataChanged, "/a", z(1, 2));
    written.client(event).client({
      kind: "disconnected",
      client: "client1",
      session,
      server: 1,
      isReadOnly: false,
    });
    expect(written.client(event).failures).toEqual([]);
  });

  test("go along when a read-only server's session becomes another one", () => {
    const written = judged().ask(forGood("/a"), { zxid: z(1, 1), isReadOnly: true });
    written.client({ kind: "renewed", before: session, session: 0x200n }).agree(
      1,
      z(1, 2),
      sets("/a", "2", 1),
    );
    written.reply(written.invoke(getA, 2, 0x200n), { zxid: z(1, 2) });
    expect(written.failures[0]).toContain("client1 watches /a for good since 0x100000001 and was not told");
  });

  test("do not ask for what happened while no server had the watch", () => {
    const watches = {
      relativeZxid: z(1, 1),
      data: [],
      exist: [],
      child: [],
      persistent: ["/a"],
      recursive: [],
    };
    const written = judged().ask(forGood("/a"), { zxid: z(1, 1) });
    written.client({ kind: "disconnected", client: "client1", session, server: 1, isReadOnly: false });
    written.agree(1, z(1, 2), sets("/a", "2", 1)).ask(
      { kind: "setWatches", path: "", watches },
      { zxid: z(1, 2) },
      -8,
    );
    expect(written.ask(getA, { zxid: z(1, 2) }, 2).failures).toEqual([]);
    written.agree(1, z(1, 3), sets("/a", "3", 2));
    expect(written.ask(getA, { zxid: z(1, 3) }, 3).failures[0]).toContain("since 0x100000002");
  });
});

describe("EphemeralsOnce", () => {
  const judged = () => new Written().judge((history, fail) => new EphemeralsOnce(history, fail)).lead(1, 1);
  const opens = { type: OpCode.createSession, timeoutMs: 1000 } as const;
  const closes = (...paths: string[]) => ({ type: OpCode.closeSession, paths }) as const;

  test("is pleased by ephemerals that go with their session, and by those deleted before", () => {
    const written = judged().agree(1, z(1, 1), opens).agree(1, z(1, 2), creates("/e", "", true));
    written.agree(1, z(1, 3), creates("/f", "", true)).agree(1, z(1, 4), { type: OpCode.delete, path: "/f" });
    expect(written.agree(1, z(1, 5), closes("/e")).failures).toEqual([]);
  });

  test("finds an ephemeral that outlives its session, and one that is taken along with another's", () => {
    const written = judged().agree(1, z(1, 1), opens).agree(1, z(1, 2), creates("/e", "", true));
    expect(written.agree(1, z(1, 3), closes()).failures)
      .toEqual(["session 0x100 ends in 0x100000003 with [], and owns [/e]"]);
  });

  test("finds writes, ephemerals and ends of a session that is not open", () => {
    const written = judged().agree(1, z(1, 1), opens).agree(1, z(1, 2), closes());
    written.agree(1, z(1, 3), creates("/e", "", true)).agree(1, z(1, 4), closes("/e")).agree(
      1,
      z(1, 5),
      opens,
    );
    expect(written.failures).toEqual([
      "session 0x100, which is not open, writes 0x100000003",
      "session 0x100, which is not open, ends in 0x100000004",
      "session 0x100 begins a second time in 0x100000005",
    ]);
  });
});

test("EphemeralsOnce lets a session that is one server's alone write, and have no ephemerals", () => {
  const opens = { type: OpCode.createSession, timeoutMs: 1000 } as const;
  const judged = () =>
    new Written().judge((history, fail) => new EphemeralsOnce(history, fail, true)).lead(1, 1);
  const written = judged().agree(1, z(1, 1), creates("/a")).agree(1, z(1, 2), opens);
  expect(written.agree(1, z(1, 3), creates("/e", "", true)).failures).toEqual([]);
  expect(judged().agree(1, z(1, 1), creates("/e", "", true)).failures).toEqual([
    "session 0x100, which is not open, writes 0x100000001",
  ]);
});

describe("SessionsEndByLeader", () => {
  const judged = () => new Written().judge((history, fail) => new SessionsEndByLeader(history, fail));
  const closes = { type: OpCode.closeSession, paths: [] } as const;

  const opens = { type: OpCode.createSession, timeoutMs: 1000 } as const;

  test("finds a client that was told of an end which no leader proposed", () => {
    const written = judged().lead(1, 1).agree(1, z(1, 1), opens).client({
      kind: "ended",
      session,
      how: "told expired",
    });
    expect(written.failures).toEqual([
      "session 0x100 was said to have expired, and no leader has proposed that",
    ]);
    const proposed = judged().lead(1, 1).agree(1, z(1, 1), opens).propose(1, z(1, 2), closes);
    expect(proposed.client({ kind: "ended", session, how: "told expired" }).failures).toEqual([]);
  });

  test("leaves alone a session that never began for all", () => {
    const written = judged().lead(1, 1).client({ kind: "ended", session, how: "told expired" });
    expect(written.failures).toEqual([]);
  });

  test("finds a server that ends a session without leading", () => {
    const written = judged().lead(1, 1).trace(1, { kind: "state", state: "LOOKING" }).propose(
      1,
      z(1, 1),
      closes,
    );
    expect(written.failures).toEqual(["server 1, which does not lead, ends a session in 0x100000001"]);
  });
});

describe("CalmStays", () => {
  const closes = { type: OpCode.closeSession, paths: [] } as const;
  const connected = { kind: "connected", session, client: "client1", server: 2, isReadOnly: false } as const;
  const judged = () =>
    new Written().judge((_history, fail) => new CalmStays(fail)).lead(1, 1).client(connected);

  test("finds a server that looks for a leader again", () => {
    expect(judged().trace(2, { kind: "state", state: "LOOKING" }).failures).toEqual([
      "server 2 looks for a leader again, and nothing has failed",
    ]);
    const before = new Written().judge((_history, fail) => new CalmStays(fail));
    expect(before.trace(2, { kind: "state", state: "LOOKING" }).failures).toEqual([]);
  });

  test("finds an end of a session whose client is connected, and of no other", () => {
    expect(judged().propose(1, z(1, 1), closes).failures).toEqual([
      "session 0x100 is ended by 0x100000001, and its client is connected",
    ]);
    const gone = judged().client({ ...connected, kind: "disconnected" });
    expect(gone.propose(1, z(1, 1), closes).failures).toEqual([]);
    const asked = judged();
    asked.invoke({ kind: "closeSession", path: "" }, 1);
    expect(asked.propose(1, z(1, 1), closes).failures).toEqual([]);
  });
});
