/**
 * The two epochs on disk.
 *
 * @see Fact: apache/zookeeper QuorumPeer.java (loadDataBase, readLongFromFile, writeLongToFile)
 */
import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { loadEpochs, readEpoch, removeIfThere, writeEpoch } from "../../../src/storage/epoch_files.ts";
import { RecoveryError } from "../../../src/storage/errors.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";

const directory = "/v2";

function diskWith(files: Readonly<Record<string, string>> = {}): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(`${directory}/other`, new Uint8Array(1));
  for (const [name, text] of Object.entries(files)) {
    disk.put(`${directory}/${name}`, new TextEncoder().encode(text));
  }
  return disk;
}

const textOf = (disk: MemoryDisk, name: string) =>
  new TextDecoder().decode(disk.bytesOf(`${directory}/${name}`));

describe("an epoch file", () => {
  test("holds decimal text without a line end, as Apache writes it", () => {
    const disk = diskWith();
    writeEpoch(disk, directory, "currentEpoch", 12);
    expect(textOf(disk, "currentEpoch")).toBe("12");
    expect(readEpoch(disk, directory, "currentEpoch")).toBe(12);
    expect(readEpoch(disk, directory, "acceptedEpoch")).toBeNull();
    expect(disk.list(directory).sort()).toEqual(["currentEpoch", "other"]);
    expect(disk.openFiles).toBe(0);
  });

  test("is read up to the end of its first line", () => {
    for (const text of ["7\n", "7\r\n", "7\n8", " 7 "]) {
      expect(readEpoch(diskWith({ currentEpoch: text }), directory, "currentEpoch")).toBe(7);
    }
  });

  test("that holds no whole number is refused by name", () => {
    for (const text of ["", "x", "-1", "1.5", "0x1", "99999999999999"]) {
      const disk = diskWith({ currentEpoch: text });
      expect(() => readEpoch(disk, directory, "currentEpoch")).toThrow(RecoveryError);
      expect(() => readEpoch(disk, directory, "currentEpoch")).toThrow("/v2/currentEpoch");
      expect(disk.openFiles).toBe(0);
    }
  });

  test("is the old or the new one whenever a write is cut off, and the new one once it is told", () => {
    for (let seed = 0; seed < 20; seed++) {
      for (let failing = 0;; failing++) {
        const disk = diskWith({ currentEpoch: "12345" });
        disk.fault = ({ index }) => index >= failing ? "EIO" : null;
        let told = true;
        try {
          writeEpoch(disk, directory, "currentEpoch", 67890);
        } catch {
          told = false;
        }
        disk.fault = null;
        expect(disk.openFiles).toBe(0);
        disk.crash(seededRandom(seed), "sectors");
        const epoch = readEpoch(disk, directory, "currentEpoch");
        if (told) {
          expect(epoch).toBe(67890);
          break;
        }
        expect([12345, 67890]).toContain(epoch!);
      }
    }
  });
});

describe("the epochs at a start", () => {
  test("are those on disk", () => {
    const disk = diskWith({ currentEpoch: "3", acceptedEpoch: "5" });
    expect(loadEpochs(disk, directory, makeZxid(3, 9))).toEqual({ currentEpoch: 3, acceptedEpoch: 5 });
    expect(loadEpochs(disk, directory, makeZxid(2, 9))).toEqual({ currentEpoch: 3, acceptedEpoch: 5 });
  });

  test("that are missing come from the newest zxid, and are written", () => {
    const disk = diskWith();
    expect(loadEpochs(disk, directory, makeZxid(4, 7))).toEqual({ currentEpoch: 4, acceptedEpoch: 4 });
    expect([textOf(disk, "currentEpoch"), textOf(disk, "acceptedEpoch")]).toEqual(["4", "4"]);
    const fresh = diskWith();
    expect(loadEpochs(fresh, directory, 0)).toEqual({ currentEpoch: 0, acceptedEpoch: 0 });
  });

  test("are refused when the newest txn is of an epoch that was never accepted", () => {
    const behind: Record<string, string>[] = [{ currentEpoch: "3" }, {
      currentEpoch: "3",
      acceptedEpoch: "3",
    }];
    for (const files of behind) {
      expect(() => loadEpochs(diskWith(files), directory, makeZxid(4, 1))).toThrow("is of epoch 4");
    }
  });

  test("take up the epoch of the newest txn, which came before it was named, and never that of its leader", () => {
    // The leader of epoch 6 sent the end of epoch 4; part of it got to the disk.
    const disk = diskWith({ currentEpoch: "3", "currentEpoch.tmp": "6", acceptedEpoch: "6" });
    expect(loadEpochs(disk, directory, makeZxid(4, 1))).toEqual({ currentEpoch: 4, acceptedEpoch: 6 });
    expect(textOf(disk, "currentEpoch")).toBe("4");
  });

  test("of which the accepted one is behind the current one are refused", () => {
    const disk = diskWith({ currentEpoch: "5", acceptedEpoch: "4" });
    expect(() => loadEpochs(disk, directory, makeZxid(5, 1))).toThrow("/v2/acceptedEpoch holds 4");
  });
});

test("a file that need not be there is removed, or not missed; other trouble is told", () => {
  const disk = diskWith();
  expect(removeIfThere(disk, "/v2/other")).toBe(true);
  expect(removeIfThere(disk, "/v2/other")).toBe(false);
  disk.fault = () => "EACCES";
  expect(() => removeIfThere(disk, "/v2/other")).toThrow("EACCES");
});
