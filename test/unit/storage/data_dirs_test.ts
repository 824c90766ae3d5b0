/** The directories of a server: found, made, and refused. */
import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { type DataDirsOptions, openDataDirs } from "../../../src/storage/data_dirs.ts";
import { DataDirectoryError } from "../../../src/storage/errors.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";

const open = (disk: MemoryDisk, options: Partial<DataDirsOptions> = {}) =>
  openDataDirs({ disk, dataDir: "/srv/data", dataLogDir: "/srv/data", create: true, ...options });

function refusal(disk: MemoryDisk, options: Partial<DataDirsOptions> = {}): string {
  try {
    open(disk, options);
  } catch (error) {
    if (error instanceof DataDirectoryError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

const nothing = new Uint8Array(0);

describe("directories", () => {
  test("end in version-2, and nothing is left in them", () => {
    const disk = new MemoryDisk();
    expect(open(disk)).toEqual({ snapshots: "/srv/data/version-2", logs: "/srv/data/version-2" });
    expect(open(disk, { dataLogDir: "/srv/log" })).toEqual({
      snapshots: "/srv/data/version-2",
      logs: "/srv/log/version-2",
    });
    expect([...disk.files().keys()]).toEqual([]);
    expect(disk.openFiles).toBe(0);
  });

  test("that were made are there after a power cut, with the parents that had to be made", () => {
    for (let seed = 0; seed < 50; seed++) {
      const disk = new MemoryDisk();
      open(disk, { dataLogDir: "/other/log" });
      disk.crash(seededRandom(seed), "sectors");
      expect(disk.exists("/srv/data/version-2")).toBe(true);
      expect(disk.exists("/other/log/version-2")).toBe(true);
    }
  });

  test("are not made under datadir.autocreate=false, but used when they are there", () => {
    const disk = new MemoryDisk();
    expect(refusal(disk, { create: false })).toContain("datadir.autocreate=false");
    expect(disk.exists("/srv")).toBe(false);
    disk.makeDirectory("/srv/data/version-2");
    expect(open(disk, { create: false }).logs).toBe("/srv/data/version-2");
  });

  test("that cannot be written to, listed or made are refused by name and reason", () => {
    const readOnly = new MemoryDisk();
    readOnly.makeDirectory("/srv/data/version-2");
    readOnly.readOnly.add("/srv/data");
    expect(refusal(readOnly)).toContain("/srv/data/version-2 cannot be used (EROFS)");
    const file = new MemoryDisk();
    file.put("/srv/data", nothing);
    expect(refusal(file)).toContain("(ENOTDIR)");
    const hidden = new MemoryDisk();
    hidden.makeDirectory("/srv/data/version-2");
    hidden.fault = ({ operation }) => operation === "list" ? "EACCES" : null;
    expect(refusal(hidden)).toContain("(EACCES)");
  });

  test("on a full disk are used all the same: what is there can be read", () => {
    const disk = new MemoryDisk();
    disk.makeDirectory("/srv/data/version-2");
    disk.capacityBytes = 0;
    expect(open(disk).logs).toBe("/srv/data/version-2");
  });

  test("that a full disk cannot even hold are refused", () => {
    const disk = new MemoryDisk();
    disk.fault = ({ operation }) => operation === "makeDirectory" ? "ENOSPC" : null;
    expect(refusal(disk)).toContain("no room");
  });
});

describe("a changed dataLogDir", () => {
  test("is refused while snapshots lie among the logs, or logs among the snapshots", () => {
    const options = { dataLogDir: "/srv/log" };
    const snapshots = new MemoryDisk();
    snapshots.put("/srv/log/version-2/snapshot.5.gz", nothing);
    expect(refusal(snapshots, options)).toContain("/srv/log/version-2/snapshot.5.gz is a snapshot");
    const logs = new MemoryDisk();
    logs.put("/srv/data/version-2/log.5", nothing);
    expect(refusal(logs, options)).toContain("/srv/data/version-2/log.5 is a log");
  });

  test("is fine with files that are neither, and with both kinds where both belong", () => {
    const disk = new MemoryDisk();
    disk.put("/srv/data/version-2/snapshot.5", nothing);
    disk.put("/srv/data/version-2/currentEpoch", nothing);
    disk.put("/srv/log/version-2/log.5", nothing);
    expect(open(disk, { dataLogDir: "/srv/log" }).logs).toBe("/srv/log/version-2");
    disk.put("/srv/data/version-2/log.5", nothing);
    expect(open(disk).logs).toBe("/srv/data/version-2");
  });
});
