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
import { create, entryOf, makeTree, utf8 } from "../tree/_txns.ts";
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
    const disk = diskWith([2, 6], { "log.3": logFile(range(3, 6)) });
    const snapshot = disk.bytesOf(`${dirs.snapshots}/snapshot.6`);
    damage(disk, "snapshot.6", snapshot.length - 30);
    const { tree } = expectTxns(disk, 6);
    const sound = expectTxns(diskWith([2], { "log.3": logFile(range(3, 6)) }), 6);
    expect(tree.digest).toBe(sound.tree.digest);
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

/*
 * A leader's snapshot makes up for txns that the log does not have: in these directories for those between `held` and
 * the newest of `sent`.
 */
describe("a snapshot that cannot be used, and up to which the log does not lead,", () => {
  /** The txns of an ensemble, with their digests, and what a server has of them. */
  class Directory {
    readonly disk = diskWith([], {});
    readonly #history: readonly number[];
    readonly #entries: Uint8Array[] = [];
    readonly #isDigested: boolean;

    constructor(history: readonly number[], isDigested = true) {
      this.#history = history;
      this.#isDigested = isDigested;
      const tree = makeTree();
      for (const zxid of history) {
        const bare = entryFor(zxid);
        tree.apply(bare, 0, bare.length, null, null);
        this.#entries.push(
          entryOf(create(pathFor(zxid), { data: utf8.encode("ddddd") }), { zxid }, tree.digest),
        );
      }
    }

    /** A snapshot of the first `count` txns, named for the last or as told. */
    snapshot(count: number, zxid?: number): string {
      const tree = makeTree();
      for (const entry of this.#entries.slice(0, count)) tree.apply(entry, 0, entry.length, null, null);
      if (zxid !== undefined) tree.lastProcessedZxid = zxid;
      const directory = dirs.snapshots;
      const { disk } = this;
      SnapshotWriter.writeNow({
        disk,
        directory,
        tree,
        compression: "none",
        packer: null,
        withLastZxid: true,
      });
      return `snapshot.${tree.lastProcessedZxid.toString(16)}`;
    }

    log(from: number, to: number): void {
      const entries = this.#isDigested
        ? this.#entries.slice(from, to)
        : this.#history.slice(from, to).map((zxid) => entryFor(zxid));
      const name = `log.${this.#history[from].toString(16)}`;
      this.disk.put(`${dirs.logs}/${name}`, join(logHeader, ...entries.map(record)));
    }
  }

  const zxids = (epoch: number, count: number) => range(1, count).map((counter) => makeZxid(epoch, counter));
  const history = [...zxids(1, 8), ...zxids(2, 4)];

  /** A directory with txns 1.1 to 1.3, a leader's snapshot of the first `sent`, and what came behind it. */
  function received(
    sent: number,
    name?: number,
    isDigested?: boolean,
  ): { directory: Directory; file: string } {
    const directory = new Directory(history, isDigested);
    directory.snapshot(0);
    directory.log(0, 3);
    const file = directory.snapshot(sent, name);
    if (sent < history.length) directory.log(sent, history.length);
    return { directory, file };
  }

  function expectRefusal(disk: MemoryDisk, file: string, missing: string): void {
    const before = disk.files();
    expect(() => recoverFrom(disk)).toThrow(RecoveryError);
    expect(() => recoverFrom(disk)).toThrow(`${dirs.snapshots}/${file} is `);
    expect(() => recoverFrom(disk)).toThrow(`${missing} are missing`);
    expect(disk.files()).toEqual(before);
    expect(disk.openFiles).toBe(0);
  }

  const cut = (disk: MemoryDisk, name: string) =>
    disk.put(`${dirs.snapshots}/${name}`, disk.bytesOf(`${dirs.snapshots}/${name}`).slice(0, 200));

  test("is no reason to refuse while it is whole", () => {
    for (const sent of [5, 8, 9, 12]) {
      expect(recoverFrom(received(sent).directory.disk).lastZxid).toBe(history.at(-1)!);
    }
  });

  test("is named and the start refused, whether the zxids show the hole or not", () => {
    // In the middle of an epoch, at its end, in the next one, and with nothing behind it.
    for (const sent of [5, 8, 9, 12]) {
      for (const isDigested of [true, false]) {
        const { directory, file } = received(sent, undefined, isDigested);
        damage(directory.disk, file, 60);
        const missing = `behind 0x100000003 txns up to 0x${history[sent - 1].toString(16)}`;
        expectRefusal(directory.disk, file, missing);
      }
    }
  });

  test("also when it lacks its end and there are txns behind it", () => {
    for (const sent of [5, 8, 9]) {
      for (const isDigested of [true, false]) {
        const { directory, file } = received(sent, undefined, isDigested);
        cut(directory.disk, file);
        expectRefusal(directory.disk, file, `txns up to 0x${history[sent - 1].toString(16)}`);
      }
    }
  });

  test("also when it was taken before its epoch had a txn", () => {
    for (const isDigested of [true, false]) {
      const { directory, file } = received(8, makeZxid(2, 0), isDigested);
      expect(recoverFrom(directory.disk).lastZxid).toBe(history.at(-1)!);
      damage(directory.disk, file, 60);
      expectRefusal(directory.disk, file, "behind 0x100000003 txns up to 0x200000000");
    }
  });

  test("also when the log leads on from there to another such snapshot", () => {
    const { directory, file } = received(8);
    const newer = directory.snapshot(10);
    expect(recoverFrom(directory.disk).lastZxid).toBe(history.at(-1)!);
    damage(directory.disk, file, 60);
    expect(recoverFrom(directory.disk)).toMatchObject({
      snapshotZxid: history[9],
      lastZxid: history.at(-1)!,
    });
    damage(directory.disk, newer, 60);
    expectRefusal(directory.disk, file, "behind 0x100000003 txns up to 0x100000008");
  });

  test("is not missed where the log has it all, however its epoch began", () => {
    for (const name of [history[7], makeZxid(2, 0), history[8]]) {
      const directory = new Directory(history);
      directory.snapshot(0);
      directory.log(0, 12);
      const file = directory.snapshot(history.findLastIndex((zxid) => zxid <= name) + 1, name);
      damage(directory.disk, file, 60);
      expect(recoverFrom(directory.disk)).toMatchObject({ snapshotZxid: 0, lastZxid: history.at(-1)! });
    }
  });

  test("is not missed where its server was killed: it was not whole then, and what is behind the log not acked", () => {
    const directory = new Directory(history);
    directory.snapshot(0);
    directory.log(0, 3);
    cut(directory.disk, directory.snapshot(5));
    expect(recoverFrom(directory.disk).lastZxid).toBe(history[2]);
  });

  test("is not missed where its server was killed while it hoped to lead, and its txns were taken back", () => {
    const directory = new Directory([...zxids(1, 3), ...zxids(3, 2)]);
    directory.snapshot(0);
    directory.log(0, 5);
    cut(directory.disk, directory.snapshot(3, makeZxid(1, 5)));
    expect(recoverFrom(directory.disk).lastZxid).toBe(makeZxid(3, 2));
  });

  test("is not missed where another of the same zxid can be used", () => {
    const { directory, file } = received(8);
    directory.disk.put(`${dirs.snapshots}/${file}.gz`, new Uint8Array([0x1f, 0x8b, 0, 0, 0]));
    expect(recoverFrom(directory.disk).lastZxid).toBe(history.at(-1)!);
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
