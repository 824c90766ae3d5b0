/** One server per data directory: who holds it, and whose hold counts no more. */
import { describe, expect, test } from "bun:test";
import { isDiskFull } from "../../../src/base/disk.ts";
import { lockDataDir, lockDataDirs, type LockHolder } from "../../../src/storage/data_lock.ts";
import { DataDirectoryError } from "../../../src/storage/errors.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";

const lockPath = "/data/.zoon.lock";

/** Processes of a machine: some run, some did. */
function machine(...running: string[]) {
  const processes = new Set(running);
  return {
    processes,
    as: (identity: string): LockHolder => ({ identity, isRunning: (other) => processes.has(other) }),
  };
}

function dataDisk(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDirectory("/data");
  return disk;
}

const heldBy = (disk: MemoryDisk) => new TextDecoder().decode(disk.bytesOf(lockPath));

describe("a data directory", () => {
  test("belongs to whoever locks it first, until they let go", () => {
    const disk = dataDisk();
    const { as } = machine("10 a", "20 b");
    const lock = lockDataDir(disk, "/data", as("10 a"));
    expect(() => lockDataDir(disk, "/data", as("20 b"))).toThrow(DataDirectoryError);
    expect(() => lockDataDir(disk, "/data", as("20 b"))).toThrow("process 10");
    expect(heldBy(disk)).toBe("10 a");
    lock.release();
    expect(disk.list("/data")).toEqual([]);
    lockDataDir(disk, "/data", as("20 b"));
    expect(heldBy(disk)).toBe("20 b");
    expect(disk.openFiles).toBe(0);
  });

  test("is free when its holder was killed", () => {
    const disk = dataDisk();
    const { as, processes } = machine("10 a", "20 b");
    lockDataDir(disk, "/data", as("10 a"));
    processes.delete("10 a");
    lockDataDir(disk, "/data", as("20 b"));
    expect(disk.list("/data")).toEqual([".zoon.lock"]);
    expect(heldBy(disk)).toBe("20 b");
  });

  test("is free for the process that holds it already, as when a server is started again within it", () => {
    const disk = dataDisk();
    const { as } = machine("10 a");
    lockDataDir(disk, "/data", as("10 a"));
    lockDataDir(disk, "/data", as("10 a")).release();
    expect(disk.list("/data")).toEqual([]);
  });

  test("is free when the lock says nothing: its holder died before it could sign", () => {
    const disk = dataDisk();
    disk.put(lockPath, new Uint8Array(0));
    lockDataDir(disk, "/data", machine("10 a").as("10 a"));
    expect(heldBy(disk)).toBe("10 a");
  });

  test("keeps the lock of the next holder when an earlier one lets go late", () => {
    const disk = dataDisk();
    const { as, processes } = machine("10 a", "20 b");
    const first = lockDataDir(disk, "/data", as("10 a"));
    processes.delete("10 a");
    lockDataDir(disk, "/data", as("20 b"));
    first.release();
    expect(heldBy(disk)).toBe("20 b");
  });

  test("goes to one of two that find a dead holder's lock at the same moment", () => {
    // The second comes in between any two disk calls of the first.
    for (let at = 0;; at++) {
      const disk = dataDisk();
      const { as, processes } = machine("10 a", "20 b", "30 c");
      lockDataDir(disk, "/data", as("10 a"));
      processes.delete("10 a");
      const from = disk.calls;
      let second: boolean | null = null;
      const tryAs = (identity: string): boolean => {
        try {
          lockDataDir(disk, "/data", as(identity));
          return true;
        } catch (error) {
          if (error instanceof DataDirectoryError) return false;
          throw error;
        }
      };
      disk.fault = ({ index, operation }) => {
        // A lock that is made and not yet signed is the one moment in which it may be taken.
        if (index < from + at || second !== null || operation === "write") return null;
        second = false;
        second = tryAs("30 c");
        return null;
      };
      const first = tryAs("20 b");
      disk.fault = null;
      if (second === null) {
        expect(first).toBe(true);
        return;
      }
      expect([first, second].filter(Boolean)).toHaveLength(1);
      expect(heldBy(disk)).toBe(first ? "20 b" : "30 c");
    }
  });

  test("is served without a lock when the disk has no room for one", () => {
    const disk = dataDisk();
    disk.capacityBytes = 0;
    lockDataDir(disk, "/data", machine("10 a").as("10 a")).release();
    expect(disk.list("/data")).toEqual([]);
    disk.capacityBytes = 4096;
    lockDataDir(disk, "/data", machine("10 a").as("10 a"));
    expect(disk.openFiles).toBe(0);
  });

  test("that cannot be written to is told as what it is", () => {
    const disk = dataDisk();
    disk.readOnly.add("/data");
    try {
      lockDataDir(disk, "/data", machine("10 a").as("10 a"));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ name: "DiskError", code: "EROFS" });
      expect(isDiskFull(error as never)).toBe(false);
    }
  });
});

describe("a directory for data and another for logs", () => {
  test("are both locked, or neither", () => {
    const disk = dataDisk();
    disk.makeDirectory("/log");
    disk.makeDirectory("/other");
    const { as } = machine("10 a", "20 b");
    const lock = lockDataDirs(disk, ["/data", "/log"], as("10 a"));
    expect(() => lockDataDirs(disk, ["/other", "/log"], as("20 b"))).toThrow(
      "/log belongs to a running server",
    );
    expect(disk.list("/other")).toEqual([]);
    lock.release();
    lockDataDirs(disk, ["/other", "/log"], as("20 b"));
  });

  test("that are one are locked once", () => {
    const disk = dataDisk();
    lockDataDirs(disk, ["/data", "/data"], machine("10 a").as("10 a")).release();
    expect(disk.list("/data")).toEqual([]);
  });
});
