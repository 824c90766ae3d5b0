/** What storage relies on of a disk, for the machine's and the simulated one alike. */
import { describe, expect, test } from "bun:test";
import { type Disk, DiskError } from "../../src/base/disk.ts";

/** A disk under test. */
export interface DiskFixture {
  readonly disk: Disk;
  /** An empty directory. */
  readonly directory: string;
  /** Lets calls that are under way end. */
  settle(done: () => boolean): Promise<void>;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

function textOf(disk: Disk, path: string): string {
  const file = disk.open(path, "read");
  const bytes = new Uint8Array(disk.sizeOf(path));
  const count = file.readAt(bytes, 0);
  file.close();
  return new TextDecoder().decode(bytes.subarray(0, count));
}

function write(disk: Disk, path: string, text: string): void {
  const file = disk.open(path, "create");
  file.writeAt(bytesOf(text), 0);
  file.close();
}

/** The code that a call fails with. */
export function codeOf(call: () => void): string {
  try {
    call();
  } catch (error) {
    if (error instanceof DiskError) return error.code;
    throw error;
  }
  return "none";
}

/** Declares the tests of one kind of disk. */
export function testDisk(name: string, make: () => DiskFixture): void {
  describe(name, () => {
    test("a file is made, grows with zeros in between, is cut, and read back in part", () => {
      const { disk, directory } = make();
      const path = `${directory}/a`;
      const file = disk.open(path, "create");
      file.writeAt(bytesOf("end"), 5);
      file.writeAt(bytesOf("be"), 0);
      expect(file.size()).toBe(8);
      const read = new Uint8Array(20);
      expect(file.readAt(read, 0)).toBe(8);
      expect([...read.subarray(0, 8)]).toEqual([...bytesOf("be\0\0\0end")]);
      expect(file.readAt(read, 6)).toBe(2);
      expect(file.readAt(read, 8)).toBe(0);
      file.truncate(2);
      file.truncate(4);
      file.sync();
      file.close();
      file.close();
      expect(textOf(disk, path)).toBe("be\0\0");
    });

    test("each way to open a file holds to what is there", () => {
      const { disk, directory } = make();
      const path = `${directory}/a`;
      expect(codeOf(() => disk.open(path, "read"))).toBe("ENOENT");
      expect(codeOf(() => disk.open(path, "write"))).toBe("ENOENT");
      disk.open(path, "exclusive").close();
      expect(codeOf(() => disk.open(path, "exclusive"))).toBe("EEXIST");
      write(disk, path, "long text");
      const file = disk.open(path, "write");
      file.writeAt(bytesOf("L"), 0);
      file.close();
      expect(textOf(disk, path)).toBe("Long text");
      write(disk, path, "new");
      expect(textOf(disk, path)).toBe("new");
      expect(codeOf(() => disk.open(`${path}/below`, "create"))).toBe("ENOTDIR");
      expect(codeOf(() => disk.open(`${directory}/none/a`, "create"))).toBe("ENOENT");
    });

    test("names are listed, renamed over others and removed", () => {
      const { disk, directory } = make();
      write(disk, `${directory}/a`, "a");
      write(disk, `${directory}/b`, "b");
      expect(disk.list(directory).sort()).toEqual(["a", "b"]);
      disk.rename(`${directory}/a`, `${directory}/b`);
      expect(disk.list(directory)).toEqual(["b"]);
      expect(textOf(disk, `${directory}/b`)).toBe("a");
      expect(disk.exists(`${directory}/a`)).toBe(false);
      disk.remove(`${directory}/b`);
      disk.syncDirectory(directory);
      expect(disk.list(directory)).toEqual([]);
      expect(codeOf(() => disk.remove(`${directory}/b`))).toBe("ENOENT");
      expect(codeOf(() => disk.rename(`${directory}/b`, `${directory}/c`))).toBe("ENOENT");
      expect(codeOf(() => disk.sizeOf(`${directory}/b`))).toBe("ENOENT");
      expect(codeOf(() => disk.list(`${directory}/b`))).toBe("ENOENT");
    });

    test("directories are made with their parents, and again without harm", () => {
      const { disk, directory } = make();
      disk.makeDirectory(`${directory}/x/y`);
      disk.makeDirectory(`${directory}/x/y`);
      write(disk, `${directory}/x/y/a`, "a");
      expect(disk.exists(`${directory}/x`)).toBe(true);
      expect(codeOf(() => disk.makeDirectory(`${directory}/x/y/a`))).toBe("EEXIST");
      expect(codeOf(() => disk.makeDirectory(`${directory}/x/y/a/b`))).toBe("ENOTDIR");
    });

    test("writing and syncing later tell once, never before the call returns, and outlive a close", async () => {
      const { disk, directory, settle } = make();
      const path = `${directory}/a`;
      const file = disk.open(path, "create");
      const told: string[] = [];
      file.writeLater(bytesOf("later"), 0, (error) => {
        told.push(`written ${error}`);
        file.syncLater((syncError) => told.push(`synced ${syncError}`));
        file.close();
      });
      expect(told).toEqual([]);
      await settle(() => told.length === 2);
      expect(told).toEqual(["written null", "synced null"]);
      expect(textOf(disk, path)).toBe("later");
    });

    test("syncing a directory later tells once, never before the call returns", async () => {
      const { disk, directory, settle } = make();
      write(disk, `${directory}/a`, "a");
      const told: unknown[] = [];
      disk.syncDirectoryLater(directory, (error) => told.push(error));
      expect(told).toEqual([]);
      await settle(() => told.length === 1);
      expect(told).toEqual([null]);
    });

    test("a file keeps its content under a new name while it is open", () => {
      const { disk, directory } = make();
      const file = disk.open(`${directory}/a`, "create");
      disk.rename(`${directory}/a`, `${directory}/b`);
      file.writeAt(bytesOf("x"), 0);
      file.close();
      expect(textOf(disk, `${directory}/b`)).toBe("x");
    });
  });
}
