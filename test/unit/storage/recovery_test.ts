/**
 * What a server makes of its disk at the start, and what it refuses.
 *
 * @see Fact: apache/zookeeper FileTxnSnapLog.java (restore), ZooKeeperServer.java (loadData)
 */
import { describe, expect, test } from "bun:test";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { CorruptLogError, RecoveryError } from "../../../src/storage/errors.ts";
import { orphansOf } from "../../../src/storage/recovery.ts";
import { SnapshotWriter } from "../../../src/storage/snapshot_writer.ts";
import { logHeader } from "../../../src/storage/txn_log_format.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { create, entryOf, makeTree } from "../tree/_txns.ts";
import {
  dirs,
  entryFor,
  join,
  logFile,
  namesIn,
  pathFor,
  record,
  RecordedLogger,
  recoverFrom,
} from "./_logs.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** A disk with snapshots at these zxids, of a tree with every txn up to them, and these log files. */
function diskWith(
  snapshots: readonly number[],
  logs: Readonly<Record<string, Uint8Array | Readonly<Uint8Array>>>,
): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(`${dirs.logs}/acceptedEpoch`, new Uint8Array([0x30]));
  for (const zxid of snapshots) {
    const tree = makeTree();
    for (let at = 1; at <= zxid; at++) {
      const entry = entryFor(at);
      tree.apply(entry, 0, entry.length, null, null);
    }
    SnapshotWriter.writeNow({
      disk,
      directory: dirs.snapshots,
      tree,
      compression: "none",
      packer: null,
      withLastZxid: true,
    });
  }
  for (const [name, bytes] of Object.entries(logs)) disk.put(`${dirs.logs}/${name}`, bytes as Uint8Array);
  return disk;
}

function expectTxns(disk: MemoryDisk, lastZxid: number): ReturnType<typeof recoverFrom> {
  const recovered = recoverFrom(disk);
  expect(recovered.lastZxid).toBe(lastZxid);
  for (let zxid = 1; zxid <= lastZxid; zxid++) {
    expect(recovered.tree.store.findPath(pathFor(zxid))).not.toBe(noZnode);
  }
  expect(recovered.tree.store.findPath(pathFor(lastZxid + 1))).toBe(noZnode);
  expect(disk.openFiles).toBe(0);
  return recovered;
}

function damage(disk: MemoryDisk, name: string, at: number): void {
  const bytes = disk.bytesOf(`${dirs.snapshots}/${name}`);
  bytes[at] ^= 0xff;
  disk.put(`${dirs.snapshots}/${name}`, bytes);
}

describe("recovery", () => {
  test("loads the newest snapshot and replays the txns behind it", () => {
    const disk = diskWith([0, 3, 6], {
      "log.1": logFile(range(1, 4), 99),
      "log.5": logFile(range(5, 9), 99),
    });
    expect(expectTxns(disk, 9)).toMatchObject({ snapshotZxid: 6, txnsReplayed: 3 });
  });

  test("of a snapshot without newer txns ends at the snapshot", () => {
    expect(expectTxns(diskWith([3], { "log.1": logFile(range(1, 3)) }), 3).txnsReplayed).toBe(0);
    expect(expectTxns(diskWith([3], {}), 3).txnsReplayed).toBe(0);
  });

  test("falls back to an older snapshot when the newest is damaged or cut, and says so", () => {
    for (const at of [2, 60, 200]) {
      const disk = diskWith([0, 3, 6], { "log.1": logFile(range(1, 9)) });
      damage(disk, "snapshot.6", at);
      const logger = new RecordedLogger();
      expect(recoverFrom(disk, { logger })).toMatchObject({ snapshotZxid: 3, lastZxid: 9, txnsReplayed: 6 });
      expect(logger.lines).toEqual(["error A snapshot cannot be used; the one before it is tried"]);
    }
    const disk = diskWith([0, 3, 6], { "log.1": logFile(range(1, 9)) });
    disk.put(`${dirs.snapshots}/snapshot.6`, disk.bytesOf(`${dirs.snapshots}/snapshot.6`).slice(0, 300));
    expect(expectTxns(disk, 9).snapshotZxid).toBe(3);
  });

  test("leaves nothing of a bad snapshot in the tree", () => {
    const disk = diskWith([2, 6], { "log.3": logFile([3]) });
    const bytes = disk.bytesOf(`${dirs.snapshots}/snapshot.6`);
    damage(disk, "snapshot.6", bytes.length - 30);
    expectTxns(disk, 3);
  });

  test("with every prefix of its last log behind a snapshot brings back the whole entries", () => {
    const whole = logFile(range(3, 6));
    const ends = range(3, 6).map((zxid) => logFile(range(3, zxid)).length);
    for (let length = 16; length <= whole.length; length++) {
      const last = 2 + ends.filter((end) => end <= length).length;
      expectTxns(diskWith([2], { "log.1": logFile([1, 2]), "log.3": whole.slice(0, length) }), last);
    }
  });

  test("removes an empty last log and what was never completed", () => {
    const disk = diskWith([2], {
      "log.1": logFile([1, 2]),
      "log.3": new Uint8Array(0),
      ".log.3.partial": new Uint8Array(9),
      ".snapshot.2.partial": new Uint8Array(9),
    });
    expectTxns(disk, 2);
    expect(namesIn(disk)).toEqual(["acceptedEpoch", "log.1", "snapshot.2"]);
  });

  test("names the sessions that own ephemerals and do not exist", () => {
    const owned = entryOf(create("/e", { ephemeral: true }), { zxid: 1, clientId: 77n });
    const opened = entryOf({ type: OpCode.createSession, timeoutMs: 9 }, { zxid: 2, clientId: 5n });
    const kept = entryOf(create("/f", { ephemeral: true }), { zxid: 3, clientId: 5n });
    const disk = diskWith([0], { "log.1": join(logHeader, ...[owned, opened, kept].map(record)) });
    const recovered = recoverFrom(disk);
    expect(orphansOf(recovered.tree)).toEqual([77n]);
    expect([...recovered.tree.sessions]).toEqual([[5n, 9]]);
  });

  test("twice gives the same", () => {
    const disk = diskWith([3], { "log.1": logFile(range(1, 9), 30) });
    const first = expectTxns(disk, 9);
    const second = expectTxns(disk, 9);
    expect(second.tree.digest).toBe(first.tree.digest);
  });
});

describe("an empty directory", () => {
  test("is a new database", () => {
    expect(recoverFrom(diskWith([], {}))).toMatchObject({ snapshotZxid: null, lastZxid: 0, txnsReplayed: 0 });
  });

  test("is refused under db.autocreate=false unless a file named initialize says otherwise, once", () => {
    expect(() => recoverFrom(diskWith([], {}), { createDatabase: false })).toThrow("db.autocreate=false");
    const disk = diskWith([], {});
    disk.put("/data/initialize", new Uint8Array(0));
    expect(recoverFrom(disk, { createDatabase: false }).lastZxid).toBe(0);
    expect(disk.exists("/data/initialize")).toBe(false);
    expect(() => recoverFrom(disk, { createDatabase: false })).toThrow(RecoveryError);
  });

  test("is one with a first snapshot that was cut off while it was written, too", () => {
    const disk = diskWith([], {});
    disk.put(`${dirs.snapshots}/snapshot.0`, new Uint8Array(0));
    expect(recoverFrom(disk)).toMatchObject({ snapshotZxid: null, lastZxid: 0 });
  });
});

describe("is refused:", () => {
  test("logs without a snapshot, unless snapshot.trust.empty allows them", () => {
    const disk = diskWith([], { "log.1": logFile([1, 2]) });
    expect(() => recoverFrom(disk)).toThrow("snapshot.trust.empty=true");
    const logger = new RecordedLogger();
    expect(recoverFrom(disk, { trustEmptySnapshot: true, logger })).toMatchObject({
      snapshotZxid: null,
      lastZxid: 2,
      txnsReplayed: 2,
    });
    expect(logger.lines.length).toBe(1);
  });

  test("a directory all of whose snapshots are damaged, and it is never taken for an empty one", () => {
    const damaged = diskWith([3, 6], { "log.1": logFile(range(1, 9)) });
    damage(damaged, "snapshot.3", 60);
    damage(damaged, "snapshot.6", 60);
    expect(() => recoverFrom(damaged)).toThrow(RecoveryError);
    const cut = diskWith([], {});
    cut.put(`${dirs.snapshots}/snapshot.6`, new Uint8Array(0));
    expect(() => recoverFrom(cut)).toThrow("snapshot.6");
    expect(() => recoverFrom(cut, { trustEmptySnapshot: true })).toThrow(RecoveryError);
  });

  test("a damaged log, with file and offset, and nothing is changed by the try", () => {
    const bytes = logFile(range(1, 5), 50);
    bytes[16 + record(entryFor(1)).length + 20] ^= 1;
    const disk = diskWith([0], { "log.1": bytes });
    const before = disk.files();
    try {
      recoverFrom(disk);
      throw new Error("nothing was refused");
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptLogError);
      expect(error).toMatchObject({ file: `${dirs.logs}/log.1`, offset: 16 + record(entryFor(1)).length });
      expect((error as CorruptLogError).remedy.length).toBeGreaterThan(20);
    }
    expect(disk.files()).toEqual(before);
    expect(disk.openFiles).toBe(0);
  });

  test("a txn of a type that no ZooKeeper writes, with file and offset", () => {
    const strange = entryFor(1).slice();
    new DataView(strange.buffer).setInt32(28, 999);
    const disk = diskWith([0], { "log.1": join(logHeader, record(strange)) });
    expect(() => recoverFrom(disk)).toThrow(CorruptLogError);
    expect(() => recoverFrom(disk)).toThrow("log.1 at byte 16");
  });

  test("a log that does not go on where the snapshot ends, but in a new epoch it may", () => {
    expect(() => recoverFrom(diskWith([3], { "log.5": logFile([5]) }))).toThrow(CorruptLogError);
    const next = makeZxid(1, 1);
    expect(recoverFrom(diskWith([3], { "log.100000001": logFile([next]) })).lastZxid).toBe(next);
  });
});

test("a disk that fails at any call stops recovery with its error, or changes nothing in the outcome", () => {
  for (let failing = 0;; failing++) {
    const disk = diskWith([0, 3], { "log.1": logFile(range(1, 9)) });
    let failed = false;
    const from = disk.calls;
    disk.fault = ({ index }) => {
      failed ||= index === from + failing;
      return index === from + failing ? "EIO" : null;
    };
    let lastZxid = -1;
    try {
      lastZxid = recoverFrom(disk).lastZxid;
    } catch (error) {
      expect(error).toMatchObject({ name: "DiskError", code: "EIO" });
    }
    expect([-1, 9]).toContain(lastZxid);
    disk.fault = null;
    expectTxns(disk, 9);
    if (!failed) return;
  }
});
