/**
 * Names, purging, directories, the lock and the epochs.
 *
 * @see Fact: apache/zookeeper Util.java, PurgeTxnLog.java, FileTxnSnapLog.java, QuorumPeer.java (loadDataBase)
 */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { Adler32, adler32 } from "../../../src/storage/adler32.ts";
import { openDataDirs } from "../../../src/storage/data_dirs.ts";
import { lockDataDir, type LockHolder } from "../../../src/storage/data_lock.ts";
import { loadEpochs, readEpoch, writeEpoch } from "../../../src/storage/epoch_files.ts";
import { DataDirectoryError, RecoveryError } from "../../../src/storage/errors.ts";
import {
  compressionOfName,
  isPartialName,
  listDated,
  logName,
  partialName,
  snapshotName,
  zxidOfName,
} from "../../../src/storage/file_names.ts";
import { purge } from "../../../src/storage/purge.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { dirs, namesIn } from "./_logs.ts";

const text = (value: string) => new TextEncoder().encode(value);

describe("names", () => {
  test("carry their zxid in hexadecimal, and only the first two parts count", () => {
    expect(logName(0x1f)).toBe("log.1f");
    expect(logName(makeZxid(3, 1))).toBe("log.300000001");
    expect(snapshotName(0)).toBe("snapshot.0");
    expect(snapshotName(0xd9, "gz")).toBe("snapshot.d9.gz");
    expect(zxidOfName("log.1F", "log")).toBe(0x1f);
    expect(zxidOfName("log.5.bak", "log")).toBe(5);
    expect(zxidOfName("log.+5", "log")).toBe(5);
    expect(zxidOfName("snapshot.d9.tmp", "snapshot")).toBe(0xd9);
    expect(zxidOfName("log.00000000000000000a", "log")).toBe(10);
    expect(zxidOfName("log.7fffffffffffffff", "log")).toBe(2 ** 63);
  });

  test("without a number are no names of that kind", () => {
    for (
      const name of [
        "log",
        "log.",
        "log.x",
        "log.-5",
        "log. 5",
        "logs.5",
        "snapshot.5",
        "log.8000000000000000",
      ]
    ) {
      expect(zxidOfName(name, "log")).toBeNull();
    }
    expect(zxidOfName(partialName("log.5"), "log")).toBeNull();
    expect(zxidOfName(partialName("snapshot.5"), "snapshot")).toBeNull();
    expect(isPartialName(partialName("log.5"))).toBe(true);
    expect(isPartialName("log.5")).toBe(false);
  });

  test("tell the packing by their last part", () => {
    expect(compressionOfName("snapshot.5")).toBe("none");
    expect(compressionOfName("snapshot.5.gz")).toBe("gz");
    expect(compressionOfName("snapshot.5.x.SNAPPY")).toBe("snappy");
    expect(compressionOfName("snapshot.5.gz.tmp")).toBe("none");
  });

  test("are listed by zxid, not by letter", () => {
    const disk = new MemoryDisk();
    for (const name of ["log.10", "log.9", "log.a", "log.9.b", "myid"]) disk.put(`/d/${name}`, text(""));
    expect(listDated(disk, "/d", "log").map((file) => file.name)).toEqual([
      "log.9",
      "log.9.b",
      "log.a",
      "log.10",
    ]);
  });
});

describe("Adler32", () => {
  const plain = (bytes: Uint8Array) => {
    let low = 1;
    let high = 0;
    for (const byte of bytes) {
      low = (low + byte) % 65521;
      high = (high + low) % 65521;
    }
    return high * 65536 + low;
  };

  test("is that of RFC 1950, for every length and over pieces, up to the largest sums", () => {
    expect(adler32(text("Wikipedia"), 0, 9)).toBe(0x11e60398);
    expect(adler32(new Uint8Array(0), 0, 0)).toBe(1);
    const noise = new Uint8Array(createHash("sha512").update("x").digest());
    for (let length = 0; length <= 64; length++) {
      expect(adler32(noise, 0, length)).toBe(plain(noise.subarray(0, length)));
    }
    const largest = new Uint8Array(70_000).fill(255);
    expect(adler32(largest, 0, largest.length)).toBe(plain(largest));
    const sum = new Adler32();
    for (let at = 0; at < largest.length; at += 997) {
      sum.update(largest, at, Math.min(at + 997, largest.length));
    }
    expect(sum.value).toBe(plain(largest));
  });
});

describe("purging", () => {
  const whole = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x2f);

  function diskWith(...names: string[]): MemoryDisk {
    const disk = new MemoryDisk();
    for (const name of names) {
      const isCut = name.endsWith("!");
      disk.put(`${dirs.logs}/${name.replace("!", "")}`, isCut ? whole.subarray(1, 9) : whole);
    }
    return disk;
  }

  test("keeps the newest snapshots and every log from the one that spans the oldest of them", () => {
    const disk = diskWith(
      ...["snapshot.0", "snapshot.5", "snapshot.a", "snapshot.f", "snapshot.14"],
      ...["log.1", "log.6", "log.8", "log.b", "log.15"],
    );
    const removed = purge(disk, dirs, 3).map((path) => path.slice(dirs.logs.length + 1)).sort();
    expect(removed).toEqual(["log.1", "log.6", "snapshot.0", "snapshot.5"]);
    expect(namesIn(disk)).toEqual(["log.15", "log.8", "log.b", "snapshot.14", "snapshot.a", "snapshot.f"]);
    expect(purge(disk, dirs, 3)).toEqual([]);
  });

  test("keeps a log that begins right at the oldest kept snapshot, and none before it", () => {
    const disk = diskWith("snapshot.5", "snapshot.6", "snapshot.7", "log.1", "log.4", "log.5", "log.6");
    purge(disk, dirs, 3);
    expect(namesIn(disk).filter((name) => name.startsWith("log"))).toEqual(["log.5", "log.6"]);
  });

  test("does not count snapshots that are cut short, and removes them when they are old", () => {
    const disk = diskWith(
      "snapshot.1",
      "snapshot.2!",
      "snapshot.3",
      "snapshot.4!",
      "snapshot.5",
      "snapshot.6",
    );
    purge(disk, dirs, 3);
    expect(namesIn(disk)).toEqual(["snapshot.3", "snapshot.4", "snapshot.5", "snapshot.6"]);
  });

  test("keeps three however few are asked for", () => {
    const disk = diskWith("snapshot.1", "snapshot.2", "snapshot.3", "snapshot.4");
    purge(disk, dirs, 0);
    expect(namesIn(disk)).toEqual(["snapshot.2", "snapshot.3", "snapshot.4"]);
  });

  test("without any whole snapshot removes nothing", () => {
    const names = ["log.1", "log.5", "snapshot.3"];
    const disk = diskWith("log.1", "log.5", "snapshot.3!");
    expect(purge(disk, dirs, 3)).toEqual([]);
    expect(namesIn(disk)).toEqual(names);
  });

  test("leaves alone what carries no zxid, and sweeps what was never completed", () => {
    const strange = ["acceptedEpoch", "log.x", "snapshot.y", "notes.txt"];
    const disk = diskWith(...strange, ".log.7.partial", ".snapshot.7.partial", "snapshot.4");
    purge(disk, dirs, 3);
    expect(namesIn(disk)).toEqual([...strange, "snapshot.4"].sort());
  });

  test("takes log.5.bak for a log from 5 on", () => {
    const disk = diskWith("snapshot.7", "snapshot.8", "snapshot.9", "log.5.bak", "log.6");
    purge(disk, dirs, 3);
    expect(namesIn(disk)).not.toContain("log.5.bak");
  });
});

describe("data directories", () => {
  const open = (disk: MemoryDisk, dataLogDir = "/data", create = true) =>
    openDataDirs({ disk, dataDir: "/data", dataLogDir, create });

  test("are made, durably, and found again", () => {
    const disk = new MemoryDisk();
    expect(open(disk, "/logs")).toEqual({ snapshots: "/data/version-2", logs: "/logs/version-2" });
    disk.crash({ uint32: () => 0 });
    expect(open(disk, "/logs", false)).toEqual({ snapshots: "/data/version-2", logs: "/logs/version-2" });
    expect(disk.list("/data/version-2")).toEqual([]);
  });

  test("that are missing are refused under datadir.autocreate=false", () => {
    expect(() => open(new MemoryDisk(), "/data", false)).toThrow("datadir.autocreate=false");
  });

  test("that cannot be written are refused", () => {
    const disk = new MemoryDisk();
    disk.makeDirectory("/data/version-2");
    disk.readOnly.add("/data");
    expect(() => open(disk)).toThrow(DataDirectoryError);
    expect(() => open(disk)).toThrow("EROFS");
  });

  test("that are a file are refused", () => {
    const disk = new MemoryDisk();
    disk.put("/data/version-2", text("x"));
    expect(() => open(disk)).toThrow(DataDirectoryError);
  });

  test("with each other's files are refused, with the file's name, unless they are one", () => {
    const disk = new MemoryDisk();
    disk.put("/logs/version-2/snapshot.5", text(""));
    disk.makeDirectory("/data/version-2");
    expect(() => open(disk, "/logs")).toThrow("/logs/version-2/snapshot.5");
    const other = new MemoryDisk();
    other.put("/data/version-2/log.5", text(""));
    expect(() => open(other, "/logs")).toThrow("/data/version-2/log.5");
    expect(open(other).logs).toBe("/data/version-2");
  });

  test("on a full disk can be opened, so that reads are served", () => {
    const disk = new MemoryDisk();
    disk.makeDirectory("/data/version-2");
    disk.capacityBytes = disk.usedBytes;
    expect(open(disk).logs).toBe("/data/version-2");
  });
});

describe("the lock", () => {
  const holder = (identity: string, ...running: string[]): LockHolder => ({
    identity,
    isRunning: (other) => running.includes(other),
  });

  function dataDisk(): MemoryDisk {
    const disk = new MemoryDisk();
    disk.makeDirectory("/data");
    return disk;
  }

  test("keeps a second server out while the first runs, and says which process it is", () => {
    const disk = dataDisk();
    const first = lockDataDir(disk, "/data", holder("11 500"));
    expect(() => lockDataDir(disk, "/data", holder("12 600", "11 500"))).toThrow("process 11");
    first.release();
    lockDataDir(disk, "/data", holder("12 600", "11 500"));
  });

  test("of a killed server is taken over", () => {
    const disk = dataDisk();
    lockDataDir(disk, "/data", holder("11 500"));
    const second = lockDataDir(disk, "/data", holder("12 600"));
    expect(() => lockDataDir(disk, "/data", holder("13 700", "12 600"))).toThrow(DataDirectoryError);
    second.release();
    expect(disk.list("/data")).toEqual([]);
    expect(disk.openFiles).toBe(0);
  });

  test("that another has taken over is not released", () => {
    const disk = dataDisk();
    const first = lockDataDir(disk, "/data", holder("11 500"));
    lockDataDir(disk, "/data", holder("12 600"));
    first.release();
    expect(() => lockDataDir(disk, "/data", holder("13 700", "12 600"))).toThrow("process 12");
  });

  test("cut short by a crash is no obstacle, nor is a full disk", () => {
    const disk = dataDisk();
    disk.put("/data/.zoon.lock", text(""));
    lockDataDir(disk, "/data", holder("12 600")).release();
    disk.capacityBytes = disk.usedBytes;
    lockDataDir(disk, "/data", holder("12 600")).release();
  });

  test("has a name in which Apache sees neither log nor snapshot", () => {
    const disk = dataDisk();
    lockDataDir(disk, "/data", holder("11 500"));
    for (const name of disk.list("/data")) {
      expect(zxidOfName(name, "log")).toBeNull();
      expect(zxidOfName(name, "snapshot")).toBeNull();
    }
  });
});

describe("epochs", () => {
  function epochDisk(current?: string, accepted?: string, pending?: string): MemoryDisk {
    const disk = new MemoryDisk();
    disk.put(`${dirs.snapshots}/snapshot.0`, text(""));
    if (current !== undefined) disk.put(`${dirs.snapshots}/currentEpoch`, text(current));
    if (accepted !== undefined) disk.put(`${dirs.snapshots}/acceptedEpoch`, text(accepted));
    if (pending !== undefined) disk.put(`${dirs.snapshots}/currentEpoch.tmp`, text(pending));
    return disk;
  }
  const load = (disk: MemoryDisk, lastZxid: number) => loadEpochs(disk, dirs.snapshots, lastZxid);

  test("are written as Apache writes them, and read with or without a line's end", () => {
    const disk = epochDisk();
    writeEpoch(disk, dirs.snapshots, "currentEpoch", 12);
    expect(new TextDecoder().decode(disk.bytesOf(`${dirs.snapshots}/currentEpoch`))).toBe("12");
    expect(readEpoch(disk, dirs.snapshots, "currentEpoch")).toBe(12);
    expect(readEpoch(epochDisk("7\n"), dirs.snapshots, "currentEpoch")).toBe(7);
    expect(readEpoch(disk, dirs.snapshots, "acceptedEpoch")).toBeNull();
  });

  test("that hold no number are refused with the file's name", () => {
    for (const bad of ["", "x", "-1", "1.5", "0x3", "99999999999"]) {
      expect(() => readEpoch(epochDisk(bad), dirs.snapshots, "currentEpoch")).toThrow("currentEpoch");
    }
  });

  test("are the old or the new one, whichever call fails and whatever a crash takes", () => {
    for (let failing = 0;; failing++) {
      const disk = epochDisk("3");
      let failed = false;
      disk.fault = ({ index }) => {
        failed ||= index === failing;
        return index === failing ? "EIO" : null;
      };
      let isWritten = false;
      try {
        writeEpoch(disk, dirs.snapshots, "currentEpoch", 4);
        isWritten = true;
      } catch (error) {
        expect(error).toMatchObject({ name: "DiskError" });
      }
      disk.fault = null;
      expect(disk.openFiles).toBe(0);
      disk.crash(seeded(failing));
      const found = readEpoch(disk, dirs.snapshots, "currentEpoch");
      expect(isWritten ? [4] : [3, 4]).toContain(found ?? -1);
      if (!failed) return;
    }
  });

  test("that are missing become those of the newest zxid", () => {
    const disk = epochDisk();
    expect(load(disk, makeZxid(5, 9))).toEqual({ currentEpoch: 5, acceptedEpoch: 5 });
    expect(load(disk, makeZxid(5, 9))).toEqual({ currentEpoch: 5, acceptedEpoch: 5 });
    expect(load(epochDisk("6", "8"), makeZxid(5, 9))).toEqual({ currentEpoch: 6, acceptedEpoch: 8 });
    expect(load(epochDisk(), -1)).toEqual({ currentEpoch: 0, acceptedEpoch: 0 });
  });

  test("behind the newest zxid take the file that was about to be renamed, or are refused", () => {
    expect(load(epochDisk("4", "5", "5"), makeZxid(5, 1)).currentEpoch).toBe(5);
    expect(() => load(epochDisk("4", "5"), makeZxid(5, 1))).toThrow(RecoveryError);
    expect(() => load(epochDisk("4", "5"), makeZxid(5, 1))).toThrow("0x500000001");
    expect(() => load(epochDisk("4", "5", "4"), makeZxid(5, 1))).toThrow(RecoveryError);
  });

  test("of which the accepted one is behind the current one are refused", () => {
    expect(() => load(epochDisk("6", "5"), makeZxid(5, 1))).toThrow("acceptedEpoch");
  });
});

function seeded(seed: number): { uint32(): number } {
  return { uint32: () => (seed * 2654435761) >>> 0 };
}
