/** The judges judged: a good history passes, and each kind of bad one is named by the checker it concerns. */
import { describe, expect, test } from "bun:test";
import { Sketch } from "./sketch.ts";

/** A register with three acknowledged versions, as it should be. */
function threeVersions(): Sketch {
  const sketch = new Sketch();
  sketch.register("/r/k", 10);
  sketch.set("/r/k", "a", 1, 11);
  sketch.set("/r/k", "b", 2, 12);
  sketch.node("/r/k", { value: "b", version: 2, zxid: 12 });
  return sketch;
}

/** Complaints, cut to what tells them apart. */
function expectOne(sketch: Sketch, property: string, words: string): void {
  const complaints = sketch.complaints();
  const fitting = complaints.filter((one) => one.startsWith(`${property}: `) && one.includes(words));
  expect({ complaints, fitting: fitting.length > 0 }).toEqual({ complaints, fitting: true });
}

describe("a good history", () => {
  test("passes every check, unknown writes done or not included", () => {
    const sketch = threeVersions();
    sketch.session();
    sketch.read("/r/k", "b", 2, 12, 12, { session: 1 });
    sketch.op("set", "/r/k", { value: "c", version: 2, outcome: "unknown" });
    sketch.op("set", "/r/k", { value: "d", version: 2, error: "BADVERSION", session: 1 });
    sketch.op("create", "/r/x", { value: "x", zxid: 14, result: { path: "/r/x" }, session: 1 });
    sketch.op("create", "/r/y", { value: "y", outcome: "unknown", session: 1 });
    sketch.op("create", "/r/z", { value: "z", outcome: "unknown", session: 1 });
    sketch.op("createEphemeral", "/r/e", { value: "e", zxid: 17, result: { path: "/r/e" }, session: 1 });
    sketch.op("syncRead", "/r/k", { zxid: 17, result: { value: "c", version: 3, mzxid: 13 }, session: 1 });
    sketch.node("/r/k", { value: "c", version: 3, zxid: 13 });
    sketch.node("/r/x", { value: "x", zxid: 14 });
    sketch.node("/r/y", { value: "y", zxid: 15 });
    sketch.node("/r/e", { value: "e", zxid: 17, owner: 2n });
    expect(sketch.complaints()).toEqual([]);
    expect(sketch.judge().checks.length).toBe(8);
  });

  test("may leave versions unseen where a write of unknown fate explains them", () => {
    const sketch = threeVersions();
    sketch.op("set", "/r/k", { value: "c", version: 2, outcome: "unknown" });
    sketch.session();
    sketch.set("/r/k", "d", 4, 14, { session: 1 });
    sketch.node("/r/k", { value: "d", version: 4, zxid: 14 });
    expect(sketch.complaints()).toEqual([]);
  });
});

describe("registers", () => {
  test("an acknowledged version beyond the end is lost", () => {
    const sketch = threeVersions();
    sketch.node("/r/k", { value: "a", version: 1, zxid: 11 });
    expectOne(sketch, "registers", "version 2 of the answer to #2 is lost");
  });

  test("an acknowledged version must not be another's at the end", () => {
    const sketch = threeVersions();
    sketch.op("set", "/r/k", { value: "c", version: 1, outcome: "unknown" });
    sketch.node("/r/k", { value: "c", version: 2, zxid: 13 });
    expectOne(sketch, "one history", 'version 2 is "b"');
  });

  test("two acknowledged writes must not make one version", () => {
    const sketch = threeVersions();
    sketch.set("/r/k", "c", 2, 13);
    expectOne(sketch, "one history", 'yet "c" of 0xd');
  });

  test("a write of unknown fate must not be done twice", () => {
    const sketch = threeVersions();
    sketch.op("setAny", "/r/k", { value: "c", outcome: "unknown" });
    sketch.session();
    sketch.read("/r/k", "c", 3, 13, 13, { session: 1 });
    sketch.node("/r/k", { value: "c", version: 4, zxid: 14 });
    expectOne(sketch, "registers", "one write at versions 3 and 4");
  });

  test("versions that nobody can have written tell of a write done twice", () => {
    const sketch = threeVersions();
    sketch.op("setAny", "/r/k", { value: "c", outcome: "unknown" });
    sketch.session();
    sketch.op("setAny", "/r/k", { value: "d", zxid: 15, result: { version: 5, mzxid: 15 }, session: 1 });
    sketch.node("/r/k", { value: "d", version: 5, zxid: 15 });
    expectOne(sketch, "registers", "2 versions nobody saw");
  });

  test("a refused write must not be done", () => {
    const sketch = threeVersions();
    sketch.op("set", "/r/k", { value: "c", version: 2, error: "BADVERSION" });
    sketch.node("/r/k", { value: "c", version: 3, zxid: 13 });
    expectOne(sketch, "registers", "version 3 was refused");
  });

  test("a write must not be refused while the version it asks for stands", () => {
    const sketch = threeVersions();
    sketch.op("set", "/r/k", { value: "c", version: 2, error: "BADVERSION" });
    expectOne(sketch, "registers", "was at version 2 all the time");
  });

  test("a write must not be done at another version than it asked for", () => {
    const sketch = threeVersions();
    sketch.set("/r/k", "c", 3, 13, { version: 1 });
    sketch.node("/r/k", { value: "c", version: 3, zxid: 13 });
    expectOne(sketch, "registers", "another version than asked for");
  });

  test("a value must have been written by somebody", () => {
    const sketch = threeVersions();
    sketch.read("/r/k", "ghost", 2, 12, 12);
    expectOne(sketch, "one history", '"ghost"');
    const other = threeVersions();
    other.node("/r/k", { value: "ghost", version: 3, zxid: 13 });
    expectOne(other, "registers", "which nobody wrote");
  });

  test("a register must be there at the end", () => {
    const sketch = threeVersions();
    sketch.tree.delete("/r/k");
    expectOne(sketch, "registers", "not there at the end");
  });
});

describe("creations", () => {
  test("an acknowledged znode must be there", () => {
    const sketch = new Sketch();
    sketch.op("create", "/r/x", { value: "x", zxid: 10, result: { path: "/r/x" } });
    expectOne(sketch, "creations", "acknowledged and lost");
  });

  test("a deleted znode must not be there", () => {
    const sketch = new Sketch();
    sketch.op("create", "/r/x", { value: "x", zxid: 10, result: { path: "/r/x" } });
    sketch.op("delete", "/r/x");
    sketch.node("/r/x", { value: "x", zxid: 10 });
    expectOne(sketch, "creations", "deleted and yet there");
  });

  test("what was acknowledged must be there to delete", () => {
    const sketch = new Sketch();
    sketch.op("create", "/r/x", { value: "x", zxid: 10, result: { path: "/r/x" } });
    sketch.op("delete", "/r/x", { error: "NONODE" });
    expectOne(sketch, "creations", "was not there to delete");
  });

  test("a sequential create of unknown fate must not be done twice", () => {
    const sketch = new Sketch();
    sketch.op("createSequential", "/r/n-", { value: "s", outcome: "unknown" });
    sketch.node("/r/n-0000000001", { value: "s", zxid: 11 });
    sketch.node("/r/n-0000000002", { value: "s", zxid: 12 });
    expectOne(sketch, "creations", "more than once");
  });

  test("sequence numbers rise with the order of txns", () => {
    const sketch = new Sketch();
    sketch.op("createSequential", "/r/n-", { value: "s", zxid: 11, result: { path: "/r/n-0000000002" } });
    sketch.op("createSequential", "/r/n-", { value: "t", zxid: 12, result: { path: "/r/n-0000000001" } });
    sketch.node("/r/n-0000000002", { value: "s", zxid: 11 });
    sketch.node("/r/n-0000000001", { value: "t", zxid: 12 });
    expectOne(sketch, "creations", "the lower number");
  });

  test("a refused create must leave nothing, and its path must be new", () => {
    const sketch = new Sketch();
    sketch.op("create", "/r/x", { value: "x", error: "NODEEXISTS" });
    sketch.node("/r/x", { value: "x", zxid: 11 });
    expectOne(sketch, "creations", "refused and yet there");
    expectOne(sketch, "creations", "there before it was created");
  });

  test("a znode must have been created by somebody", () => {
    const sketch = new Sketch();
    sketch.node("/r/x", { value: "ghost", zxid: 11 });
    expectOne(sketch, "creations", "which nobody created");
  });

  test("a multi is done wholly or not at all", () => {
    const sketch = new Sketch();
    const pair = ["/r/p", "/r/q"];
    for (const [at, path] of pair.entries()) sketch.register(path, 10 + at);
    const words = { value: "m", pair, zxid: 12, result: { version: 1, mzxid: 12 } };
    sketch.op("multi", "/r/m", words);
    sketch.node("/r/m", { value: "m", zxid: 12 });
    sketch.node("/r/p", { value: "m", version: 1, zxid: 12 });
    expectOne(sketch, "creations", "a multi was torn");
    sketch.node("/r/q", { value: "m", version: 1, zxid: 12 });
    expect(sketch.complaints()).toEqual([]);
  });
});

describe("order of writes", () => {
  test("two writes must not share a zxid", () => {
    const sketch = threeVersions();
    sketch.op("create", "/r/x", { value: "x", zxid: 12, result: { path: "/r/x" } });
    sketch.node("/r/x", { value: "x", zxid: 12 });
    expectOne(sketch, "order of writes", "one zxid for two");
  });

  test("what was acknowledged first must not be ordered behind", () => {
    const sketch = threeVersions();
    sketch.session();
    sketch.op("create", "/r/x", { value: "x", zxid: 9, result: { path: "/r/x" }, session: 1 });
    sketch.node("/r/x", { value: "x", zxid: 9 });
    expectOne(sketch, "order of writes", "acknowledged first, yet ordered behind");
  });

  test("a session's requests are done in their order, also those of unknown fate", () => {
    const sketch = new Sketch();
    sketch.op("create", "/r/x", { value: "x", at: [1, 9], outcome: "unknown" });
    sketch.op("create", "/r/y", { value: "y", at: [2, 8], zxid: 11, result: { path: "/r/y" } });
    sketch.node("/r/x", { value: "x", zxid: 12 });
    sketch.node("/r/y", { value: "y", zxid: 11 });
    expectOne(sketch, "order of writes", "another order than asked for");
  });
});

describe("reads", () => {
  test("a session must not go back", () => {
    const sketch = threeVersions();
    sketch.session();
    sketch.read("/r/k", "b", 2, 12, 12, { session: 1 });
    sketch.read("/r/k", "a", 1, 11, 11, { session: 1 });
    expectOne(sketch, "reads", "a session went back");
  });

  test("another session may be behind", () => {
    const sketch = threeVersions();
    sketch.session();
    sketch.read("/r/k", "a", 1, 11, 11, { session: 1 });
    expect(sketch.complaints()).toEqual([]);
  });

  test("a read shows the state of its zxid", () => {
    const sketch = threeVersions();
    sketch.session();
    sketch.read("/r/k", "a", 1, 11, 12, { session: 1 });
    expectOne(sketch, "reads", "there was version 2");
  });

  test("a read shows nothing newer than its zxid", () => {
    const sketch = threeVersions();
    sketch.session();
    sketch.read("/r/k", "b", 2, 12, 11, { session: 1 });
    expectOne(sketch, "reads", "newer than its own zxid");
  });

  test("a read shows nothing that is not written yet", () => {
    const sketch = new Sketch();
    sketch.session();
    sketch.register("/r/k", 10);
    sketch.read("/r/k", "a", 1, 11, 11, { at: [5, 6], session: 1 });
    sketch.set("/r/k", "a", 1, 11, { at: [7, 8] });
    sketch.node("/r/k", { value: "a", version: 1, zxid: 11 });
    expectOne(sketch, "reads", "read before it was written");
  });

  test("a register is always there", () => {
    const sketch = threeVersions();
    sketch.op("read", "/r/k", { error: "NONODE" });
    expectOne(sketch, "reads", "a register was not there");
  });

  test("a read behind a sync sees what was acknowledged before the sync", () => {
    const sketch = threeVersions();
    sketch.session();
    sketch.op("syncRead", "/r/k", { zxid: 11, result: { value: "a", version: 1, mzxid: 11 }, session: 1 });
    expectOne(sketch, "syncs", "misses an older write");
  });

  /** A write of epoch 2, and then a sync that a leader of epoch 1 answered. */
  function replacedLeader(at: [number, number]): Sketch {
    const sketch = new Sketch();
    sketch.session();
    sketch.register("/r/k", 0x1_0000_0001);
    sketch.set("/r/k", "a", 1, 0x2_0000_0001, { at: [10, 20] });
    sketch.staleMs = 2800;
    const result = { value: "first of /r/k", version: 0, mzxid: 0x1_0000_0001 };
    sketch.op("syncRead", "/r/k", { zxid: 0x1_0000_0001, result, session: 1, at });
    sketch.node("/r/k", { value: "a", version: 1, zxid: 0x2_0000_0001 });
    return sketch;
  }

  test("no leader may answer a sync from before its successor", () => {
    const sketch = replacedLeader([2700, 2800]);
    sketch.staleMs = null;
    expectOne(sketch, "syncs", "misses an older write");
  });

  test("a stale sync of Apache's is excused as long as a replaced leader may not know", () => {
    expect(replacedLeader([2700, 2800]).complaints()).toEqual([]);
    expect(replacedLeader([2700, 2800]).judge().syncsExcused).toBe(1);
    expectOne(replacedLeader([2800, 2900]), "syncs", "misses an older write");
  });

  test("one that was stopped or cut off may not know for longer", () => {
    const sketch = replacedLeader([9000, 9100]);
    sketch.history.disturbances.push({ name: "pause", beganMs: 0, endedMs: 8000 });
    expect(sketch.complaints()).toEqual([]);
  });

  test("within one epoch no sync may be stale, whatever was cut", () => {
    const sketch = threeVersions();
    sketch.session();
    sketch.history.disturbances.push({ name: "cut", beganMs: 0, endedMs: 10_000 });
    sketch.op("syncRead", "/r/k", { zxid: 11, result: { value: "a", version: 1, mzxid: 11 }, session: 1 });
    expectOne(sketch, "syncs", "misses an older write");
  });
});

describe("sessions", () => {
  test("an ephemeral must not outlive its session", () => {
    const sketch = new Sketch();
    sketch.session({ how: "expired", endedMs: 10_000 });
    sketch.op("createEphemeral", "/r/e", { value: "e", zxid: 11, result: { path: "/r/e" }, session: 1 });
    sketch.node("/r/e", { value: "e", zxid: 11, owner: 2n });
    expectOne(sketch, "sessions", "outlived its session");
  });

  test("an ephemeral stays as long as its session lives", () => {
    const sketch = new Sketch();
    sketch.op("createEphemeral", "/r/e", { value: "e", zxid: 11, result: { path: "/r/e" } });
    expectOne(sketch, "creations", "acknowledged and lost");
  });

  test("an ephemeral belongs to the session that created it", () => {
    const sketch = new Sketch();
    sketch.session();
    sketch.op("createEphemeral", "/r/e", { value: "e", zxid: 11, result: { path: "/r/e" } });
    sketch.node("/r/e", { value: "e", zxid: 11, owner: 2n });
    expectOne(sketch, "sessions", "belongs to session 1");
  });

  test("a session that was heard must not expire before its time", () => {
    const sketch = new Sketch();
    sketch.session({ how: "expired", endedMs: 4000, timeoutMs: 3000 });
    sketch.op("create", "/r/x", {
      at: [2000, 2001],
      value: "x",
      zxid: 11,
      result: { path: "/r/x" },
      session: 1,
    });
    sketch.node("/r/x", { value: "x", zxid: 11 });
    expectOne(sketch, "sessions", "600 ms too early");
  });
});

describe("watches", () => {
  test("the event comes before the data", () => {
    const sketch = threeVersions();
    const read = sketch.read("/r/k", "b", 2, 12, 12);
    sketch.history.watches.push({
      session: 0,
      path: "/r/k",
      mzxid: 11,
      firedMs: 99,
      overtakenBy: read.index,
    });
    expectOne(sketch, "watches", "data came before the event");
  });

  test("the event of a change comes, as long as the session lives", () => {
    const sketch = threeVersions();
    sketch.history.watches.push({
      session: 0,
      path: "/r/k",
      mzxid: 11,
      firedMs: Infinity,
      overtakenBy: null,
    });
    expectOne(sketch, "watches", "never came");
    sketch.history.sessions[0].how = "expired";
    sketch.history.sessions[0].endedMs = 100_000;
    expect(sketch.complaints()).toEqual([]);
  });

  test("no event is due without a change", () => {
    const sketch = threeVersions();
    sketch.history.watches.push({
      session: 0,
      path: "/r/k",
      mzxid: 12,
      firedMs: Infinity,
      overtakenBy: null,
    });
    expect(sketch.complaints()).toEqual([]);
  });
});

describe("trees", () => {
  test("servers must agree on every field of every znode", () => {
    const sketch = threeVersions();
    const other = new Map(sketch.tree);
    other.set("/r/k", { ...other.get("/r/k")!, text: "b 2 12 another pzxid" });
    expect(sketch.complaints(other)).toEqual([
      "equal trees: /r/k on server 1: b 2 12 0; on server 2: b 2 12 another pzxid",
    ]);
  });

  test("servers must have the same znodes", () => {
    const sketch = threeVersions();
    const other = new Map(sketch.tree);
    other.delete("/r/k");
    other.set("/r/ghost", sketch.tree.get("/r/k")!);
    expect(sketch.complaints(other)).toEqual([
      "equal trees: /r/k on server 1: b 2 12 0; on server 2: missing",
      "equal trees: /r/ghost on server 1: missing; on server 2: b 2 12 0",
    ]);
  });
});
