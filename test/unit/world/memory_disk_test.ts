import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { codeOf, testDisk } from "../../world/disk_suite.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

testDisk("the disk in memory", () => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/d");
  return {
    disk,
    directory: "/d",
    settle: (done) => {
      while (!done()) disk.runLater();
      return Promise.resolve();
    },
  };
});

/** What may be left after a crash, over many seeds. */
function leftovers(
  prepare: () => MemoryDisk,
  look: (disk: MemoryDisk) => string,
  loss?: "sectors",
): string[] {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = prepare();
    disk.crash(seededRandom(seed), loss);
    seen.add(look(disk));
  }
  return [...seen].sort();
}

const contentOfA = (disk: MemoryDisk) => disk.exists("/a") ? text(disk.bytesOf("/a")) : "(gone)";

describe("a crash", () => {
  test("keeps what was synced, and any beginning of what was written behind it", () => {
    const left = leftovers(() => {
      const disk = new MemoryDisk();
      disk.put("/a", bytes("12"));
      const file = disk.open("/a", "write");
      file.writeAt(bytes("34"), 2);
      file.sync();
      file.writeAt(bytes("56"), 4);
      file.writeAt(bytes("7"), 6);
      return disk;
    }, contentOfA);
    expect(left).toEqual(["1234", "12345", "123456", "1234567"]);
  });

  test("may keep later sectors and lose earlier ones", () => {
    const left = leftovers(
      () => {
        const disk = new MemoryDisk();
        disk.put("/a", new Uint8Array(1024));
        disk.open("/a", "write").writeAt(new Uint8Array(1024).fill(0x31), 0);
        return disk;
      },
      (disk) => `${disk.bytesOf("/a")[0]} ${disk.bytesOf("/a")[512]}`,
      "sectors",
    );
    expect(left).toEqual(["0 0", "0 49", "49 0", "49 49"]);
  });

  test("may lose a file, a new name or a removal that no directory sync covers, though the file is synced", () => {
    const made = () => {
      const disk = new MemoryDisk();
      const file = disk.open("/a", "create");
      file.writeAt(bytes("x"), 0);
      file.sync();
      return disk;
    };
    expect(leftovers(made, contentOfA)).toEqual(["(gone)", "x"]);
    const renamed = () => {
      const disk = made();
      disk.syncDirectory("/");
      disk.rename("/a", "/b");
      return disk;
    };
    expect(leftovers(renamed, (disk) => disk.list("/").join())).toEqual(["a", "b"]);
    const removed = () => {
      const disk = made();
      disk.syncDirectory("/");
      disk.remove("/a");
      return disk;
    };
    expect(leftovers(removed, contentOfA)).toEqual(["(gone)", "x"]);
    const madeDirectory = () => {
      const disk = new MemoryDisk();
      disk.makeDirectory("/d");
      return disk;
    };
    expect(leftovers(madeDirectory, (disk) => String(disk.exists("/d")))).toEqual(["false", "true"]);
  });

  test("loses nothing that was synced with its directory", () => {
    const left = leftovers(() => {
      const disk = new MemoryDisk();
      const file = disk.open("/a", "create");
      file.writeAt(bytes("x"), 0);
      file.sync();
      disk.syncDirectory("/");
      return disk;
    }, contentOfA);
    expect(left).toEqual(["x"]);
  });

  test("interrupts what was under way: a write may have happened, a sync covers nothing", () => {
    const left = leftovers(() => {
      const disk = new MemoryDisk();
      disk.put("/a", bytes(""));
      const file = disk.open("/a", "write");
      file.writeLater(bytes("x"), 0, () => {});
      disk.runLater();
      file.writeLater(bytes("y"), 1, () => {});
      file.syncLater(() => {});
      return disk;
    }, contentOfA);
    expect(left).toEqual(["", "x", "xy"]);
  });

  test("makes files that were open useless", () => {
    const disk = new MemoryDisk();
    const file = disk.open("/a", "create");
    disk.crash(seededRandom(1));
    expect(() => file.size()).toThrow("after a crash");
    expect(disk.openFiles).toBe(0);
  });
});

describe("trouble", () => {
  test("a sync covers only what was written when it was asked for", () => {
    const left = leftovers(() => {
      const disk = new MemoryDisk();
      disk.put("/a", bytes(""));
      const file = disk.open("/a", "write");
      file.writeAt(bytes("x"), 0);
      file.syncLater(() => {});
      file.writeAt(bytes("y"), 1);
      disk.runLater();
      return disk;
    }, contentOfA);
    expect(left).toEqual(["x", "xy"]);
  });

  test("after a failed sync even the next one does not bring everything back", () => {
    const left = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const disk = new MemoryDisk(seed);
      disk.put("/a", bytes(""));
      const file = disk.open("/a", "write");
      file.writeAt(bytes("x"), 0);
      disk.fault = () => "EIO";
      expect(codeOf(() => file.sync())).toBe("EIO");
      disk.fault = null;
      file.sync();
      disk.crash(seededRandom(seed));
      left.add(contentOfA(disk));
    }
    expect([...left].sort()).toEqual(["", "x"]);
  });

  test("the call that is told to fail does, and only that one", () => {
    const disk = new MemoryDisk();
    disk.fault = ({ index }) => index === 1 ? "EIO" : null;
    const file = disk.open("/a", "create");
    expect(codeOf(() => file.writeAt(bytes("abc"), 0))).toBe("EIO");
    expect(file.size()).toBeLessThanOrEqual(3);
    file.writeAt(bytes("abc"), 0);
    expect(disk.calls).toBe(4);
    disk.fault = ({ operation }) => operation === "sync" ? "EIO" : null;
    let told: string | undefined;
    file.syncLater((error) => told = error?.code);
    disk.settle();
    expect(told).toBe("EIO");
  });

  test("room runs out by the block, holes take none, and cutting or removing gives it back", () => {
    const disk = new MemoryDisk();
    disk.capacityBytes = 3 * 4096;
    const file = disk.open("/a", "create");
    file.writeAt(bytes("x"), 1_000_000);
    expect(codeOf(() => file.writeAt(new Uint8Array(5000).fill(1), 0))).toBe("ENOSPC");
    expect([...disk.bytesOf("/a").subarray(4095, 4097)]).toEqual([1, 0]);
    expect(codeOf(() => disk.open("/b", "create"))).toBe("ENOSPC");
    file.truncate(4096);
    disk.open("/b", "create");
    disk.remove("/a");
    disk.open("/b", "write").writeAt(new Uint8Array(4096), 0);
    expect(disk.usedBytes).toBe(2 * 4096);
  });

  test("nothing below a read-only directory can be changed", () => {
    const disk = new MemoryDisk();
    disk.put("/d/a", bytes("x"));
    disk.readOnly.add("/d");
    expect(codeOf(() => disk.open("/d/b", "create"))).toBe("EROFS");
    expect(codeOf(() => disk.remove("/d/a"))).toBe("EROFS");
    expect(codeOf(() => disk.rename("/d/a", "/d/b"))).toBe("EROFS");
    expect(codeOf(() => disk.makeDirectory("/d/c"))).toBe("EROFS");
    disk.open("/d/a", "read").close();
  });

  test("bytes that change while they are being written are noticed", () => {
    const disk = new MemoryDisk();
    const source = bytes("abc");
    disk.open("/a", "create").writeLater(source, 0, () => {});
    source[1] = 0;
    expect(() => disk.settle()).toThrow("changed while");
  });
});
