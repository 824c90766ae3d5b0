/**
 * What purging removes, and what it never does.
 *
 * @see Fact: apache/zookeeper PurgeTxnLog.java, FileTxnLog.getLogFiles
 */
import { describe, expect, test } from "bun:test";
import type { DataDirs } from "../../../src/storage/data_dirs.ts";
import { purge } from "../../../src/storage/purge.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { dirs, namesIn } from "./_logs.ts";

const whole = Uint8Array.of(...new Uint8Array(20), 0, 0, 0, 1, 0x2f);
const cut = new Uint8Array(20);
const gz = Uint8Array.of(0x1f, 0x8b, 8);

/** A disk with files of these names; `?` behind a snapshot's says that it is cut short. */
function diskWith(...names: string[]): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(`${dirs.logs}/currentEpoch`, new Uint8Array(1));
  for (const name of names) {
    const bytes = name.endsWith("?") ? cut : name.endsWith(".gz") ? gz : whole;
    disk.put(`${dirs.logs}/${name.replace("?", "")}`, bytes);
  }
  return disk;
}

function removedFrom(disk: MemoryDisk, keep = 3): string[] {
  const before = namesIn(disk);
  const removed = purge(disk, dirs, keep).map((path) => path.slice(dirs.logs.length + 1)).sort();
  expect(before.filter((name) => !namesIn(disk).includes(name))).toEqual(removed);
  return removed;
}

describe("purging", () => {
  test("keeps the newest three, and every log from the one that spans the oldest of them on", () => {
    const disk = diskWith(
      ...["snapshot.0", "snapshot.10", "snapshot.20", "snapshot.30", "snapshot.40"],
      ...["log.1", "log.11", "log.1a", "log.21", "log.31", "log.41"],
    );
    expect(removedFrom(disk)).toEqual(["log.1", "log.11", "snapshot.0", "snapshot.10"]);
    expect(removedFrom(disk)).toEqual([]);
  });

  test("keeps a log that is named for the oldest kept snapshot, and removes all before it", () => {
    const disk = diskWith("snapshot.5", "snapshot.6", "snapshot.7", "log.1", "log.4", "log.5", "log.6");
    expect(removedFrom(disk)).toEqual(["log.1", "log.4"]);
  });

  test("compares zxids and not names", () => {
    const disk = diskWith("snapshot.9", "snapshot.a", "snapshot.F", "snapshot.10", "log.2", "log.B");
    expect(removedFrom(disk)).toEqual(["snapshot.9"]);
  });

  test("does not count snapshots that are cut short, and removes them with their age", () => {
    const disk = diskWith(
      ...["snapshot.1?", "snapshot.2", "snapshot.3?", "snapshot.4", "snapshot.5", "snapshot.6?"],
      ...["log.1", "log.2", "log.5"],
    );
    expect(removedFrom(disk)).toEqual(["log.1", "snapshot.1"]);
  });

  test("removes nothing while no snapshot is whole", () => {
    expect(removedFrom(diskWith("snapshot.1?", "snapshot.2?", "log.1", "log.2"))).toEqual([]);
    expect(removedFrom(diskWith("log.1", "log.2"))).toEqual([]);
  });

  test("with fewer snapshots than are to be kept removes only logs that none of them needs", () => {
    expect(removedFrom(diskWith("snapshot.8", "log.1", "log.5", "log.9"), 5)).toEqual(["log.1"]);
  });

  test("never keeps fewer than three", () => {
    const names = ["snapshot.1", "snapshot.2", "snapshot.3", "snapshot.4"];
    for (const keep of [-1, 0, 1, 3]) expect(removedFrom(diskWith(...names), keep)).toEqual(["snapshot.1"]);
    expect(removedFrom(diskWith(...names), 4)).toEqual([]);
  });

  test("takes names with more dotted parts for what they say, and leaves names without a zxid alone", () => {
    const disk = diskWith(
      ...["snapshot.1.gz", "snapshot.2.tmp", "snapshot.3.gz", "snapshot.4", "snapshot.5", "snapshot.x"],
      ...["log.1.bak", "log.3.bak", "log.9", "log.x", "logs.1", "snapshots.1", "log", "myid"],
    );
    expect(removedFrom(disk)).toEqual(["log.1.bak", "snapshot.1.gz", "snapshot.2.tmp"]);
  });

  test("sweeps what a crash left half made, even with no snapshot at all", () => {
    const disk = diskWith(".snapshot.5.partial", ".log.7.partial", ".probe.partial", ".other");
    expect(removedFrom(disk)).toEqual([".log.7.partial", ".probe.partial", ".snapshot.5.partial"]);
  });

  test("looks for each kind in its own directory", () => {
    const split: DataDirs = { snapshots: "/data/version-2", logs: "/logs/version-2" };
    const disk = new MemoryDisk();
    for (const zxid of [1, 2, 3, 4]) disk.put(`/data/version-2/snapshot.${zxid}`, whole);
    for (const zxid of [1, 2, 3]) disk.put(`/logs/version-2/log.${zxid}`, whole);
    disk.put("/logs/version-2/.log.9.partial", cut);
    disk.put("/data/version-2/log.1", cut);
    expect(purge(disk, split, 3).sort()).toEqual([
      "/data/version-2/snapshot.1",
      "/logs/version-2/.log.9.partial",
      "/logs/version-2/log.1",
    ]);
  });

  test("that is cut off in the middle leaves every kept snapshot its logs", () => {
    for (let failing = 0;; failing++) {
      const disk = diskWith(
        ...["snapshot.0", "snapshot.4", "snapshot.8", "snapshot.c", "snapshot.f"],
        ...["log.1", "log.5", "log.9", "log.d"],
      );
      disk.fault = ({ index }) => index >= failing ? "EIO" : null;
      let failed = false;
      try {
        purge(disk, dirs, 3);
      } catch {
        failed = true;
      }
      disk.fault = null;
      disk.crash({ uint32: () => failing * 0x10000000 });
      expect(namesIn(disk)).toEqual(
        expect.arrayContaining(["snapshot.8", "snapshot.c", "snapshot.f", "log.5", "log.9", "log.d"]),
      );
      if (!failed) return;
    }
  });
});
