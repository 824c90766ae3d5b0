import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { nodeDisk } from "../../../src/io/node_disk.ts";
import { codeOf, testDisk } from "../../world/disk_suite.ts";

const made: string[] = [];

function freshDirectory(): string {
  const directory = mkdtempSync(`${tmpdir()}/zoon-disk-`);
  made.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

testDisk("the machine's disk", () => ({
  disk: nodeDisk,
  directory: freshDirectory(),
  settle: async (done) => {
    while (!done()) await new Promise((resolve) => setImmediate(resolve));
  },
}));

describe("the machine's disk", () => {
  test("a large buffer is written whole, now and later", async () => {
    const directory = freshDirectory();
    const bytes = new Uint8Array(3_000_000).map((_, at) => at * 7);
    const file = nodeDisk.open(`${directory}/a`, "create");
    file.writeAt(bytes, 0);
    await new Promise<void>((resolve) => file.writeLater(bytes, bytes.length, () => resolve()));
    const read = new Uint8Array(bytes.length);
    for (const position of [0, bytes.length]) {
      expect(file.readAt(read, position)).toBe(bytes.length);
      expect(Bun.hash(read)).toBe(Bun.hash(bytes));
    }
    file.close();
  });

  test.skipIf(process.platform !== "linux")(
    "removed files are gone at once, and given back to the file system afterwards",
    async () => {
      const directory = freshDirectory();
      const open = () =>
        readdirSync("/proc/self/fd").filter((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory);
          } catch {
            return false;
          }
        }).length;
      for (const name of ["a", "b", "c"]) {
        const file = nodeDisk.open(`${directory}/${name}`, "create");
        file.writeAt(new Uint8Array(100_000), 0);
        file.close();
      }
      for (const name of ["a", "b", "c"]) nodeDisk.remove(`${directory}/${name}`);
      expect(nodeDisk.list(directory)).toEqual([]);
      expect(open()).toBeGreaterThan(0);
      while (open() > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(codeOf(() => nodeDisk.remove(`${directory}/a`))).toBe("ENOENT");
      expect(open()).toBe(0);
    },
  );

  test.skipIf(process.platform !== "linux")(
    "a file closed while a call is under way is closed when that ends",
    async () => {
      const directory = freshDirectory();
      const file = nodeDisk.open(`${directory}/a`, "create");
      const isOpen = () =>
        readdirSync("/proc/self/fd").some((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`) === `${directory}/a`;
          } catch {
            return false;
          }
        });
      const ended = new Promise<void>((resolve) => file.syncLater(() => resolve()));
      file.close();
      expect(isOpen()).toBe(true);
      await ended;
      expect(isOpen()).toBe(false);
    },
  );

  test("errors are told by their names, and unknown ones as EIO", () => {
    const directory = freshDirectory();
    expect(codeOf(() => nodeDisk.open(directory, "write"))).toBe("EISDIR");
    expect(codeOf(() => nodeDisk.open(`${directory}/${"n".repeat(300)}`, "create"))).toBe("EIO");
    expect(() => nodeDisk.open(`${directory}/none`, "read")).toThrow(`opening ${directory}/none: ENOENT`);
  });
});
