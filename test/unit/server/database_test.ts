/**
 * A server's state and its disk, and what a crash at any call to the disk leaves of them: the state before or the one
 * after, never some of each.
 */
import { describe, expect, test } from "bun:test";
import { DiskError } from "../../../src/base/disk.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import type { Zxid } from "../../../src/protocol/zxid.ts";
import { SnapshotWriter } from "../../../src/storage/snapshot_writer.ts";
import { logHeader } from "../../../src/storage/txn_log_format.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import { TreeSnapshotCursor, TreeSnapshotLoader } from "../../../src/tree/tree_snapshot.ts";
import { planSync } from "../../../src/zab/sync_plan.ts";
import { type CrashLoss, MemoryDisk } from "../../world/memory_disk.ts";
import { dirs, join, namesIn, record, recoverFrom } from "../storage/_logs.ts";
import { makeTree } from "../tree/_txns.ts";
import { packetsIn, show, showPacket, txn, zxid, zxids } from "../zab/_zab.ts";
import { emptyDisk, fill, logTxns, type OpenDatabase, openDatabase, treeOf } from "./_databases.ts";

/** A snapshot file of a tree with these txns. */
function putSnapshot(disk: MemoryDisk, zxids: readonly Zxid[]): void {
  SnapshotWriter.writeNow({
    disk,
    directory: dirs.snapshots,
    tree: treeOf(zxids),
    compression: "none",
    packer: null,
    withLastZxid: true,
  });
}

/** @returns What makes disks that hold the same files. */
function copies(original: MemoryDisk): () => { disk: MemoryDisk; open: OpenDatabase } {
  const files = [...original.files()];
  return () => {
    const disk = new MemoryDisk();
    for (const [path, bytes] of files) disk.put(path, bytes);
    return { disk, open: openDatabase(disk) };
  };
}

/** A log file of these txns, named for the first. */
function putLog(disk: MemoryDisk, zxids: readonly Zxid[]): void {
  disk.put(
    `${dirs.logs}/log.${zxids[0].toString(16)}`,
    join(logHeader, ...zxids.map((zxid) => record(txn(zxid).bytes))),
  );
}

/** How a state is told from others. */
const stateOf = (tree: DataTree) => `${show(tree.lastProcessedZxid)} ${tree.digest}`;

/** What a start makes of a disk. */
const recovered = (disk: MemoryDisk) => stateOf(recoverFrom(disk).tree);

/** The states after each of these txns, from the one before the first on. */
function statesOf(zxids: readonly Zxid[]): string[] {
  const tree = makeTree();
  return [
    stateOf(tree),
    ...zxids.map((zxid) => {
      fill(tree, [zxid]);
      return stateOf(tree);
    }),
  ];
}

/**
 * Does `run` on copies of a disk, and lets the machine stop at each of the calls in turn, losing what it may.
 *
 * @param check Looks at what a crash left, told how many calls went well.
 * @returns How many calls it takes.
 */
function crashAtEachCall(
  make: () => { disk: MemoryDisk; open: OpenDatabase },
  run: (open: OpenDatabase) => void,
  check: (disk: MemoryDisk, isDone: boolean) => void,
): number {
  const losses: readonly CrashLoss[] = ["order", "sectors"];
  for (let good = 0;; good++) {
    let isDone = false;
    for (const [seed, loss] of losses.entries()) {
      const { disk, open } = make();
      const before = disk.calls;
      disk.fault = ({ index }) => index >= before + good ? "EIO" : null;
      try {
        run(open);
        isDone = true;
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
      }
      disk.fault = null;
      disk.crash(seededRandom(good * 10 + seed), loss);
      check(disk, isDone);
    }
    if (isDone) return good;
  }
}

describe("a database", () => {
  test("begins with a snapshot, and comes back with what was logged", () => {
    const disk = emptyDisk();
    const first = openDatabase(disk);
    expect(namesIn(disk)).toEqual(["acceptedEpoch", "snapshot.0"]);
    logTxns(first, zxids(["1.1-1.3"]));
    expect(first.user.take()).toEqual(["durable 1.3"]);
    first.database.close();
    disk.loseUnsynced();
    const { tree, database } = openDatabase(disk);
    expect(stateOf(tree)).toBe(stateOf(first.tree));
    expect([database.committedLog.length, show(database.committedLog.base)]).toEqual([3, "0.0"]);
    expect(disk.openFiles).toBe(0);
  });

  test("gives up on reload what is on no disk, and logs on behind what is", () => {
    const disk = emptyDisk();
    const open = openDatabase(disk);
    const { database, tree } = open;
    logTxns(open, zxids(["1.1-1.3"]));
    fill(tree, zxids(["1.4-1.9"]));
    database.reload();
    expect(stateOf(tree)).toBe(statesOf(zxids(["1.1-1.3"])).at(-1)!);
    expect(show(database.committedLog.max)).toBe("1.3");
    logTxns(open, zxids(["1.4"]));
    expect(recovered(disk)).toBe(stateOf(tree));
  });

  test("keeps its epochs in memory as they are on the disk, whichever call fails", () => {
    const disk = emptyDisk();
    const { database } = openDatabase(disk);
    database.loadEpochs();
    expect([database.acceptedEpoch, database.currentEpoch]).toEqual([9, 0]);
    database.saveEpoch("currentEpoch", 9);
    disk.fault = () => "ENOSPC";
    expect(() => database.saveEpoch("acceptedEpoch", 10)).toThrow(DiskError);
    expect([database.acceptedEpoch, database.currentEpoch]).toEqual([9, 9]);
  });
});

describe("logging at once", () => {
  test("tells when the disk is full, has nothing of it in the log, and goes on when there is room", () => {
    const disk = emptyDisk();
    const open = openDatabase(disk);
    logTxns(open, zxids(["1.1-1.3"]));
    open.user.take();
    disk.capacityBytes = disk.usedBytes;
    const many = zxids(["1.4-1.2000"]).map(txn);
    expect(() => open.database.logNow(many)).toThrow("ENOSPC");
    expect(open.user.take()).toEqual(["refused 1.4 ENOSPC"]);
    expect([open.database.isLogBusy, open.database.hasFailed]).toEqual([false, false]);
    disk.capacityBytes = Infinity;
    logTxns(open, zxids(["1.4-1.5"]));
    expect(open.user.take()).toEqual(["durable 1.5"]);
    expect(recovered(disk)).toBe(statesOf(zxids(["1.1-1.5"])).at(-1)!);
  });

  test("is over for good when a sync fails, and leaves nothing that was not durable", () => {
    const disk = emptyDisk();
    const open = openDatabase(disk);
    logTxns(open, zxids(["1.1-1.3"]));
    open.user.take();
    disk.fault = ({ operation }) => operation === "sync" ? "EIO" : null;
    expect(() => open.database.logNow([txn(zxid("1.4"))])).toThrow("EIO");
    expect(open.user.take()).toEqual(["fatal EIO"]);
    expect(open.database.hasFailed).toBe(true);
    disk.fault = null;
    open.database.append(txn(zxid("1.4")).bytes, 0, 9, zxid("1.4"));
    open.database.onTurnEnd();
    expect(open.user.take()).toEqual([]);
    expect(recovered(disk)).toBe(statesOf(zxids(["1.1-1.3"])).at(-1)!);
  });

  test("leaves a beginning of what it was given when the machine stops in it", () => {
    const states = statesOf(zxids(["1.1-1.3", "2.1-2.4"]));
    const calls = crashAtEachCall(
      () => {
        const disk = emptyDisk();
        const open = openDatabase(disk);
        logTxns(open, zxids(["1.1-1.3"]));
        return { disk, open };
      },
      (open) => logTxns(open, zxids(["2.1-2.4"])),
      (disk, isDone) => expect(isDone ? states.slice(-1) : states.slice(3)).toContain(recovered(disk)),
    );
    expect(calls).toBeGreaterThan(1);
  });
});

describe("cutting the log at a leader's word", () => {
  const all = zxids(["1.1-1.9"]);
  const states = statesOf(all);

  /** Three log files, and snapshots within. */
  const original = emptyDisk();
  putSnapshot(original, []);
  putSnapshot(original, all.slice(0, 2));
  putSnapshot(original, all.slice(0, 7));
  putLog(original, all.slice(0, 3));
  putLog(original, all.slice(3, 6));
  putLog(original, all.slice(6));
  const usedDisk = copies(original);

  test("takes tree, disk and what is in memory for learners back to that txn", () => {
    for (let keep = 1; keep <= 9; keep++) {
      const { disk, open } = usedDisk();
      const { database, tree } = open;
      expect(database.truncate(all[keep - 1])).toBe(true);
      expect([stateOf(tree), recovered(disk)]).toEqual([states[keep], states[keep]]);
      const { committedLog } = database;
      const newest = committedLog.length === 0 ? committedLog.base : committedLog.max;
      expect(newest).toBe(all[keep - 1]);
      // Another leader's txns, of a later epoch.
      logTxns(open, zxids(["2.1-2.2"]));
      expect(recovered(disk)).toBe(statesOf([...all.slice(0, keep), ...zxids(["2.1-2.2"])]).at(-1)!);
      expect(disk.openFiles).toBe(1);
    }
  });

  test("is refused, with nothing changed, where the disk has not been at that txn", () => {
    for (const wanted of [zxid("0.9"), zxid("1.10"), zxid("2.0"), zxid("2.1")]) {
      const { disk, open } = usedDisk();
      const before = namesIn(disk);
      expect(open.database.truncate(wanted)).toBe(false);
      expect([stateOf(open.tree), recovered(disk), namesIn(disk)]).toEqual([states[9], states[9], before]);
      logTxns(open, zxids(["1.10"]));
    }
    // Everything before came by a snapshot.
    const disk = emptyDisk();
    putSnapshot(disk, all.slice(0, 5));
    putLog(disk, all.slice(5));
    const { database, tree } = openDatabase(disk);
    expect(database.truncate(all[3])).toBe(false);
    expect(database.truncate(all[4])).toBe(true);
    expect(stateOf(tree)).toBe(states[5]);
  });

  test("leaves no state but one on the way back, whichever call is the last before a crash", () => {
    for (const keep of [2, 4, 8]) {
      crashAtEachCall(
        usedDisk,
        ({ database }) => database.truncate(all[keep - 1]),
        (disk, isDone) => expect(isDone ? [states[keep]] : states.slice(keep)).toContain(recovered(disk)),
      );
    }
  }, 60_000);
});

describe("a leader's tree in the place of everything", () => {
  const common = zxids(["1.1-1.5"]);
  /** What only this server has: its leader of epoch 2 told it, and nobody else. */
  const own = [...common, ...zxids(["2.1-2.4"])];
  const ownStates = statesOf(own);

  /** @param snapshotAt How many of its own txns its newer snapshot holds. */
  function ownDisk(snapshotAt: number): ReturnType<typeof copies> {
    const disk = emptyDisk();
    putSnapshot(disk, []);
    putSnapshot(disk, own.slice(0, snapshotAt));
    putLog(disk, own.slice(0, 3));
    putLog(disk, own.slice(3, 7));
    putLog(disk, own.slice(7));
    return copies(disk);
  }

  /** What the leader may have: less than this server, or other txns; its newest one older or newer. */
  const leaders: readonly (readonly Zxid[])[] = [
    common,
    common.slice(0, 4),
    [...common, ...zxids(["1.6-1.8"])],
    [...common, ...zxids(["3.1-3.2"])],
    [...common.slice(0, 2), ...zxids(["3.1"])],
  ];

  const replace = ({ database, tree }: OpenDatabase, txns: readonly Zxid[]) => {
    database.beginReceiving();
    const cursor = new TreeSnapshotCursor(treeOf(txns));
    const bytes = new JuteWriter();
    while (!cursor.writeSome(bytes, 1000));
    new TreeSnapshotLoader(tree).push(bytes.bytes, 0, bytes.length);
    tree.lastProcessedZxid = cursor.zxid;
    database.replaceByTree();
  };

  test("is what the next start finds, and nothing else is left", () => {
    for (const txns of leaders) {
      const { disk, open } = ownDisk(7)();
      replace(open, txns);
      const state = statesOf(txns).at(-1)!;
      expect([stateOf(open.tree), recovered(disk)]).toEqual([state, state]);
      expect(namesIn(disk)).toEqual(["acceptedEpoch", `snapshot.${txns.at(-1)!.toString(16)}`]);
      expect([open.database.committedLog.length, open.database.committedLog.base]).toEqual([0, txns.at(-1)!]);
      logTxns(open, zxids(["4.1-4.2"]));
      expect(recovered(disk)).toBe(statesOf([...txns, ...zxids(["4.1-4.2"])]).at(-1)!);
    }
  });

  test("is there or not, whichever call is the last before a crash, and no learner gets some of each", () => {
    for (const snapshotAt of [2, 7]) {
      for (const txns of leaders) {
        const newState = statesOf(txns).at(-1)!;
        const newest = txns.at(-1)!;
        // What is behind the leader's newest txn may go first: the leader would have it if it was committed.
        const oldStates = ownStates.filter((_, index) => index === own.length || own[index] > newest);
        crashAtEachCall(
          ownDisk(snapshotAt),
          (open) => replace(open, txns),
          (disk, isDone) => {
            const open = openDatabase(disk, ["snapshotSizeFactor=0"]);
            expect(isDone ? [newState] : [newState, ...oldStates]).toContain(stateOf(open.tree));
            if (stateOf(open.tree) !== newState) return;
            logTxns(open, zxids(["4.1-4.2"]));
            const history = [...txns, ...zxids(["4.1-4.2"])];
            for (const count of own.keys()) expectRightSync(open, own.slice(0, count + 1), history);
          },
        );
      }
    }
  }, 60_000);

  test("that does not fit on the disk leaves the old state", () => {
    const { disk, open } = ownDisk(2)();
    disk.capacityBytes = disk.usedBytes;
    expect(() => replace(open, leaders[3])).toThrow("ENOSPC");
    disk.capacityBytes = Infinity;
    open.database.reload();
    expect(stateOf(open.tree)).toBe(ownStates.at(-1)!);
    logTxns(open, zxids(["2.5"]));
    expect(recovered(disk)).toBe(stateOf(open.tree));
  });

  test("over a log that it did not remove leaves a hole, before which no learner is cut", () => {
    // The machine stopped before the old log was gone; Apache's servers keep it always.
    const disk = emptyDisk();
    const sent = zxids(["1.1-1.8"]);
    putSnapshot(disk, []);
    putSnapshot(disk, sent);
    putLog(disk, sent.slice(0, 4));
    logTxns(openDatabase(disk), zxids(["2.1-2.4"]));
    // With this one the next start has nothing older in memory.
    putSnapshot(disk, [...sent, ...zxids(["2.1-2.4"])]);
    const open = openDatabase(disk, ["snapshotSizeFactor=0"]);
    logTxns(open, zxids(["2.5"]));
    const history = [...sent, ...zxids(["2.1-2.5"])];
    for (const newest of zxids(["1.1-1.9"])) expectRightSync(open, zxids([`1.1-${show(newest)}`]), history);
  });

  /** What a learner whose log holds these txns makes of what it is sent: this history, or nothing. */
  function expectRightSync(
    { database, tree }: OpenDatabase,
    held: readonly Zxid[],
    history: readonly Zxid[],
  ): void {
    const queue = new JuteWriter();
    const plan = planSync({
      learnerZxid: held.at(-1)!,
      lastCommitted: tree.lastProcessedZxid,
      committedLog: database.committedLog,
      openHistory: (zxid) => database.openHistory(zxid),
    }, queue);
    if (plan.how === "SNAP") return;
    const log = held.filter((zxid) => plan.how === "DIFF" || zxid <= plan.zxid);
    for (const packet of packetsIn(queue.view())) {
      if (showPacket(packet).startsWith("PROPOSAL")) log.push(packet.zxid);
    }
    expect(log.map(show)).toEqual(history.map(show));
  }
});

describe("the log on disk, for a learner", () => {
  const all = zxids(["1.1-1.9"]);

  const read = (open: OpenDatabase, from: string): string[] | null => {
    const history = open.database.openHistory(zxid(from));
    if (history === null) return null;
    const seen: string[] = [];
    for (let entry = history.next(); entry !== null; entry = history.next()) {
      expect(Buffer.compare(entry.bytes.subarray(entry.start, entry.end), txn(entry.zxid).bytes)).toBe(0);
      seen.push(`${show(history.before)} < ${show(entry.zxid)}`);
    }
    if (history.isBroken) seen.push("broken");
    history.close();
    return seen;
  };

  test("is handed out from where the learner stands", () => {
    const disk = emptyDisk();
    putSnapshot(disk, []);
    putSnapshot(disk, all.slice(0, 4));
    putLog(disk, all.slice(0, 4));
    putLog(disk, all.slice(4));
    const open = openDatabase(disk);
    expect(read(open, "1.8")).toEqual(["1.7 < 1.8", "1.8 < 1.9"]);
    expect(read(open, "1.3")!.slice(0, 3)).toEqual(["1.2 < 1.3", "1.3 < 1.4", "1.4 < 1.5"]);
    expect(read(open, "1.9")).toEqual(["1.8 < 1.9"]);
    expect(read(open, "2.1")).toEqual([]);
    expect(read(open, "1.1")![0]).toBe("-1 < 1.1");
    expect(disk.openFiles).toBe(0);
  });

  test("ends where it has a hole: where a snapshot came from a leader", () => {
    // Apache's servers keep the old logs beside such a snapshot.
    const disk = emptyDisk();
    putSnapshot(disk, []);
    putSnapshot(disk, all.slice(0, 6));
    putLog(disk, all.slice(0, 2));
    putLog(disk, [...all.slice(6), ...zxids(["2.1"])]);
    const open = openDatabase(disk);
    expect(read(open, "1.1")).toEqual(["-1 < 1.1", "1.1 < 1.2", "broken"]);
    // Who stands at that snapshot, or has more of its leader, lacks nothing of what lies in the hole.
    expect(read(open, "1.6")).toEqual(["1.6 < 1.7", "1.7 < 1.8", "1.8 < 1.9", "1.9 < 2.1"]);

    // The zxids alone would not show it.
    const next = emptyDisk();
    putSnapshot(next, []);
    putSnapshot(next, all.slice(0, 6));
    putLog(next, all.slice(0, 2));
    putLog(next, zxids(["2.1-2.2"]));
    const other = openDatabase(next);
    expect(read(other, "1.2")).toEqual(["1.1 < 1.2", "broken"]);
    expect(read(other, "1.5")).toEqual(["broken"]);
    expect(read(other, "1.6")).toEqual(["1.6 < 2.1", "2.1 < 2.2"]);
    expect(read(other, "1.9")).toEqual(["1.6 < 2.1", "2.1 < 2.2"]);
  });

  test("is not trusted where the snapshot that would show a hole may be purged", () => {
    const disk = emptyDisk();
    putSnapshot(disk, all.slice(0, 4));
    putLog(disk, all.slice(0, 4));
    putLog(disk, all.slice(4));
    const open = openDatabase(disk);
    expect(read(open, "1.3")).toBeNull();
    expect(read(open, "1.4")).toHaveLength(6);
  });

  test("is not read where a snapshot is the shorter way, or never by configuration", () => {
    const disk = emptyDisk();
    const large = openDatabase(disk);
    logTxns(large, zxids(["1.1-1.3000"]));
    large.database.close();
    expect(read(openDatabase(disk), "1.1")).toBeNull();
    expect(read(openDatabase(disk, ["snapshotSizeFactor=0"]), "1.1")).toHaveLength(3000);
    expect(read(openDatabase(disk, ["snapshotSizeFactor=-1"]), "1.1")).toBeNull();
    expect(read(openDatabase(disk, ["snapshotSizeFactor=0"]), "-1")).toBeNull();
  });

  test("that cannot be read is told of, and no more", () => {
    const disk = emptyDisk();
    putSnapshot(disk, []);
    putLog(disk, all);
    const open = openDatabase(disk);
    disk.fault = ({ operation }) => operation === "read" ? "EIO" : null;
    expect(read(open, "1.3")).toEqual(["broken"]);
    disk.fault = ({ operation }) => operation === "list" ? "EIO" : null;
    expect(read(open, "1.3")).toBeNull();
    disk.fault = null;
    const path = `${dirs.logs}/log.${all[0].toString(16)}`;
    const bytes = disk.bytesOf(path);
    bytes[bytes.length - 10] ^= 1;
    disk.put(path, bytes);
    expect(read(open, "1.8")).toEqual(["1.7 < 1.8", "broken"]);
    expect(disk.openFiles).toBe(0);
  });
});
