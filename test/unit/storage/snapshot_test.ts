/**
 * Snapshot files: Apache's bytes, every part, every packing, and damage anywhere.
 *
 * @see Fact: apache/zookeeper FileSnap.java, SnapStream.java, DataTree.java
 */
import { describe, expect, test } from "bun:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { join as joinPath } from "node:path";
import { packerFor } from "../../../src/io/packers.ts";
import type { DiskError } from "../../../src/base/disk.ts";
import { adler32 } from "../../../src/storage/adler32.ts";
import { BadSnapshotError } from "../../../src/storage/errors.ts";
import { type Compression, snapshotName } from "../../../src/storage/file_names.ts";
import { loadSnapshot, looksWhole } from "../../../src/storage/snapshot_reader.ts";
import { SnapshotWriter } from "../../../src/storage/snapshot_writer.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { dump, makeTree } from "../tree/_txns.ts";
import { dirs, entryFor, join, namesIn } from "./_logs.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function newDisk(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDirectory(dirs.snapshots);
  disk.syncDirectory("/data");
  disk.syncDirectory("/");
  return disk;
}

function treeOf(txns: number, dataBytes = 5): DataTree {
  const tree = makeTree();
  for (let zxid = 1; zxid <= txns; zxid++) {
    const entry = entryFor(zxid, dataBytes);
    tree.apply(entry, 0, entry.length, null, null);
  }
  return tree;
}

function options(disk: MemoryDisk, tree: DataTree, compression: Compression = "none", withLastZxid = true) {
  return { disk, directory: dirs.snapshots, tree, compression, packer: packerFor(compression), withLastZxid };
}

function load(disk: MemoryDisk, name: string, zxid: number): DataTree {
  const tree = makeTree();
  loadSnapshot(disk, { name, path: `${dirs.snapshots}/${name}`, zxid }, tree);
  expect(disk.openFiles).toBe(0);
  return tree;
}

function loadBytes(bytes: Uint8Array, name = "snapshot.3", zxid = 3): DataTree {
  const disk = newDisk();
  disk.put(`${dirs.snapshots}/${name}`, bytes);
  return load(disk, name, zxid);
}

/** The plain bytes of a snapshot of `tree`. */
function bytesOf(tree: DataTree, withLastZxid = true): Uint8Array {
  const disk = newDisk();
  const zxid = SnapshotWriter.writeNow(options(disk, tree, "none", withLastZxid));
  return disk.bytesOf(`${dirs.snapshots}/${snapshotName(zxid)}`);
}

describe("a snapshot of a new database", () => {
  test("has the length and the three seals that Apache 3.10 gives it, and without the last part those of 3.8", () => {
    const bytes = bytesOf(makeTree());
    expect(bytes.length).toBe(478);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (const [offset, sealed] of [[411, 411], [444, 444], [465, 465]]) {
      expect(view.getUint32(offset)).toBe(0);
      expect(view.getUint32(offset + 4)).toBe(adler32(bytes, 0, sealed));
      expect(hex(bytes.subarray(offset + 8, offset + 13))).toBe("000000012f");
    }
    expect(view.getUint32(0)).toBe(0x5a4b534e);
    expect(hex(bytes.subarray(0, 16))).toBe("5a4b534e00000002ffffffffffffffff");
    const older = bytesOf(makeTree(), false);
    expect(older.length).toBe(457);
    expect(hex(older)).toBe(hex(bytes.subarray(0, 457)));
  });

  test("sums to Apache's seals once its znodes stand in Apache's order", () => {
    const bytes = bytesOf(makeTree());
    // Each znode: path, empty data, ACL key, 60 bytes of stat; siblings may stand in any order.
    const text = Buffer.from(bytes).toString("latin1");
    const config = text.indexOf("\0\0\0\x11/zookeeper/config");
    const quota = text.indexOf("\0\0\0\x10/zookeeper/quota");
    expect(Math.min(config, quota)).toBeGreaterThan(0);
    const lengths = { config: 4 + 17 + 4 + 8 + 60, quota: 4 + 16 + 4 + 8 + 60 };
    const ordered = join(
      bytes.subarray(0, Math.min(config, quota)),
      bytes.subarray(config, config + lengths.config),
      bytes.subarray(quota, quota + lengths.quota),
      bytes.subarray(Math.min(config, quota) + lengths.config + lengths.quota, 411),
    );
    expect(ordered.length).toBe(411);
    expect(adler32(ordered, 0, ordered.length).toString(16)).toBe("b8a23b49");
  });
});

describe("a snapshot", () => {
  for (const compression of ["none", "gz", "snappy"] as const) {
    test(`packed with ${compression} gives its tree back`, () => {
      const disk = newDisk();
      const tree = treeOf(700, 700);
      const zxid = SnapshotWriter.writeNow(options(disk, tree, compression));
      const name = snapshotName(700, compression);
      expect(zxid).toBe(700);
      expect(namesIn(disk)).toEqual([name]);
      const loaded = load(disk, name, zxid);
      expect(dump(loaded)).toBe(dump(tree));
      expect(loaded.digestMismatches).toBe(0);
      expect(looksWhole(disk, { name, path: `${dirs.snapshots}/${name}`, zxid })).toBe(true);
    });

    test(`packed with ${compression} and damaged in any byte is refused or gives the same tree`, () => {
      const disk = newDisk();
      const tree = treeOf(3);
      SnapshotWriter.writeNow(options(disk, tree, compression));
      const name = snapshotName(3, compression);
      const bytes = disk.bytesOf(`${dirs.snapshots}/${name}`);
      let refused = 0;
      for (let at = 0; at < bytes.length; at++) {
        const damaged = bytes.slice();
        damaged[at] ^= 0x21;
        try {
          expect(dump(loadBytes(damaged, name))).toBe(dump(tree));
        } catch (error) {
          expect(error).toBeInstanceOf(BadSnapshotError);
          refused++;
        }
      }
      // Free are version and dbid of the header, the string in a seal, and what a packing says of itself.
      expect(refused).toBeGreaterThan(bytes.length * 0.8);
    });
  }

  test("cut short anywhere is refused, but where an older ZooKeeper's would end", () => {
    const tree = treeOf(3);
    const bytes = bytesOf(tree);
    const whole = [bytes.length, bytes.length - 21, bytes.length - 21 - 33];
    for (let length = 0; length <= bytes.length; length++) {
      if (whole.includes(length)) {
        expect(dump(loadBytes(bytes.subarray(0, length)))).toBe(dump(tree));
      } else {
        expect(() => loadBytes(bytes.subarray(0, length))).toThrow(BadSnapshotError);
      }
    }
  });

  test("with parts behind the last one known, as a later version may add, is read", () => {
    const tree = treeOf(3);
    expect(dump(loadBytes(join(bytesOf(tree), new Uint8Array(50).fill(7))))).toBe(dump(tree));
  });

  test("with a last zxid and no digest, as with digest.enabled=false, is read", () => {
    const tree = treeOf(3);
    const body = bytesOf(tree).slice(0, bytesOf(tree).length - 21 - 33);
    const part = join(body, new Uint8Array(8).fill(3, 7));
    const seal = new Uint8Array(13);
    new DataView(seal.buffer).setUint32(4, adler32(part, 0, part.length));
    seal.set([0, 0, 0, 1, 0x2f], 8);
    expect(dump(loadBytes(join(part, seal)))).toBe(dump(tree));
    seal[7] ^= 1;
    expect(() => loadBytes(join(part, seal))).toThrow(BadSnapshotError);
  });

  test("with a digest of the first version, a string, is read", () => {
    const tree = treeOf(3);
    const whole = bytesOf(tree);
    const digits = new TextEncoder().encode("12ab34cd56");
    const head = new Uint8Array(16);
    const view = new DataView(head.buffer);
    view.setInt32(4, 3);
    view.setInt32(8, 1);
    view.setInt32(12, digits.length);
    const part = join(whole.subarray(0, whole.length - 21 - 33), head, digits);
    const seal = (bytes: Uint8Array) => {
      const tail = new Uint8Array(13);
      new DataView(tail.buffer).setUint32(4, adler32(bytes, 0, bytes.length));
      tail.set([0, 0, 0, 1, 0x2f], 8);
      return join(bytes, tail);
    };
    const loaded = loadBytes(seal(join(seal(part), new Uint8Array(8).fill(3, 7))));
    expect(dump(loaded)).toBe(dump(tree));
    expect(loaded.digestMismatches).toBe(0);
  });

  test("of a digest that is not its tree's is used, and the difference counted", () => {
    const tree = treeOf(3);
    const bytes = bytesOf(tree, false);
    const at = bytes.length - 13 - 8;
    bytes[at + 7] ^= 1;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(
      bytes.length - 9,
      adler32(bytes, 0, bytes.length - 13),
    );
    expect(loadBytes(bytes).digestMismatches).toBe(1);
  });

  for (const version of ["3_8", "3_9_5"]) {
    test(`of Apache ${version} is read, plain and packed with gzip in one member or several`, () => {
      const path = joinPath(import.meta.dir, "../tree/fixtures", `apache_${version}_snapshot.bin`);
      const bytes = new Uint8Array(readFileSync(path));
      const zxid = 1;
      const plain = dump(loadBytes(bytes, "snapshot.1", zxid));
      expect(dump(loadBytes(gzipSync(bytes), "snapshot.1.gz", zxid))).toBe(plain);
      const members = join(gzipSync(bytes.subarray(0, 999)), gzipSync(bytes.subarray(999)));
      expect(dump(loadBytes(members, "snapshot.1.GZ", zxid))).toBe(plain);
    });
  }

  test("packed with gzip is what every gzip reader makes of it", () => {
    const disk = newDisk();
    SnapshotWriter.writeNow(options(disk, treeOf(500, 900), "gz"));
    const unpacked = gunzipSync(disk.bytesOf(`${dirs.snapshots}/${snapshotName(500, "gz")}`));
    expect(hex(unpacked)).toBe(hex(bytesOf(treeOf(500, 900))));
  });
});

describe("writing while the tree changes", () => {
  function begin(disk: MemoryDisk, tree: DataTree): { writer: SnapshotWriter; ends: (DiskError | null)[] } {
    const ends: (DiskError | null)[] = [];
    return { writer: new SnapshotWriter(options(disk, tree), (error) => ends.push(error)), ends };
  }

  test("takes a piece at a time, and the txns since bring the loaded tree up to date", () => {
    const disk = newDisk();
    const tree = treeOf(900, 2000);
    const { writer, ends } = begin(disk, tree);
    writer.start();
    const later: Uint8Array[] = [];
    let pieces = 0;
    for (let zxid = 901; disk.laterCount > 0; zxid++, pieces++) {
      const entry = entryFor(zxid);
      tree.apply(entry, 0, entry.length, null, null);
      later.push(entry);
      expect(disk.laterCount).toBe(1);
      disk.runLater();
    }
    expect(ends).toEqual([null]);
    expect(pieces).toBeGreaterThan(6);
    const loaded = load(disk, "snapshot.384", 900);
    for (const entry of later) loaded.apply(entry, 0, entry.length, null, null);
    expect(dump(loaded)).toBe(dump(tree));
    expect(loaded.digestMismatches).toBe(0);
  });

  test("syncs along the way, so that no large backlog holds up the log", () => {
    const disk = newDisk();
    let writes = 0;
    let writesUnsyncedMax = 0;
    const { writer } = begin(disk, treeOf(400, 60_000));
    disk.fault = ({ operation }) => {
      if (operation === "sync") writes = 0;
      if (operation === "write") writesUnsyncedMax = Math.max(writesUnsyncedMax, ++writes);
      return null;
    };
    writer.start();
    disk.settle();
    // Each write takes 64 KiB or more, and a mebibyte is synced before more is written.
    expect(writesUnsyncedMax).toBeGreaterThan(1);
    expect(writesUnsyncedMax).toBeLessThanOrEqual(17);
  });

  test("shows no file before it is complete and durable", () => {
    const disk = newDisk();
    const { writer, ends } = begin(disk, treeOf(300, 2000));
    writer.start();
    while (namesIn(disk)[0] === ".snapshot.12c.partial") disk.runLater();
    // It is whole and durable; its name is not yet, and nobody is told.
    expect(namesIn(disk)).toEqual(["snapshot.12c"]);
    expect(ends).toEqual([]);
    expect(disk.laterCount).toBe(1);
    load(disk, "snapshot.12c", 300);
    disk.runLater();
    expect(ends).toEqual([null]);
    disk.crash({ uint32: () => 0 });
    expect(namesIn(disk)).toEqual(["snapshot.12c"]);
    load(disk, "snapshot.12c", 300);
  });

  test("that fails at any call tells so once and leaves neither file nor handle nor walker", () => {
    for (let failing = 0;; failing++) {
      const disk = newDisk();
      const tree = treeOf(300, 2000);
      const { writer, ends } = begin(disk, tree);
      let failed = false;
      const from = disk.calls;
      disk.fault = ({ index }) => {
        if (index !== from + failing) return null;
        failed = true;
        return "ENOSPC";
      };
      writer.start();
      disk.settle();
      disk.fault = null;
      expect(ends.length).toBe(1);
      expect(disk.openFiles).toBe(0);
      if (!failed) {
        expect(ends).toEqual([null]);
        return;
      }
      if (ends[0] === null) continue;
      expect(namesIn(disk).filter((name) => name !== "snapshot.12c")).toEqual([]);
      // A tree that is still walked cannot be loaded.
      tree.beginLoad();
    }
  });

  test("on a full disk gives its room back, and the next try goes well", () => {
    const disk = newDisk();
    const tree = treeOf(300, 2000);
    const room = disk.usedBytes;
    disk.capacityBytes = room + 100_000;
    const first = begin(disk, tree);
    first.writer.start();
    disk.settle();
    expect(first.ends[0]?.code).toBe("ENOSPC");
    expect(disk.usedBytes).toBe(room);
    disk.capacityBytes = Infinity;
    const second = begin(disk, tree);
    second.writer.start();
    disk.settle();
    expect(second.ends).toEqual([null]);
  });

  test("can be given up at any time: nothing is left and nobody is called", () => {
    for (let after = 0; after < 5; after++) {
      const disk = newDisk();
      const tree = treeOf(300, 2000);
      const { writer, ends } = begin(disk, tree);
      writer.start();
      for (let run = 0; run < after && disk.laterCount > 0; run++) disk.runLater();
      if (ends.length > 0) return;
      writer.abort();
      writer.abort();
      disk.settle();
      expect(ends).toEqual([]);
      expect(namesIn(disk)).toEqual([]);
      expect(disk.openFiles).toBe(0);
      tree.beginLoad();
    }
  });

  test("again at the same zxid puts the new file in the old one's place", () => {
    const disk = newDisk();
    disk.put(`${dirs.snapshots}/snapshot.3`, new Uint8Array(77));
    SnapshotWriter.writeNow(options(disk, treeOf(3)));
    expect(namesIn(disk)).toEqual(["snapshot.3"]);
    load(disk, "snapshot.3", 3);
  });
});

describe("the look at a file's ends", () => {
  const whole = (name: string, bytes: Uint8Array) => {
    const disk = newDisk();
    disk.put(`${dirs.snapshots}/${name}`, bytes);
    return looksWhole(disk, { name, path: `${dirs.snapshots}/${name}`, zxid: 1 });
  };

  test("takes the end mark of a plain file, and the magic of a packed one", () => {
    const end = Uint8Array.of(0, 0, 0, 1, 0x2f);
    expect(whole("snapshot.1", join(new Uint8Array(5), end))).toBe(true);
    expect(whole("snapshot.1", join(new Uint8Array(4), end))).toBe(false);
    expect(whole("snapshot.1", new Uint8Array(0))).toBe(false);
    expect(whole("snapshot.1", new Uint8Array(100))).toBe(false);
    expect(whole("snapshot.1.gz", Uint8Array.of(0x1f, 0x8b))).toBe(true);
    expect(whole("snapshot.1.gz", Uint8Array.of(0x1f))).toBe(false);
    const snappy = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0);
    expect(whole("snapshot.1.snappy", snappy)).toBe(true);
    expect(whole("snapshot.1.snappy", snappy.subarray(0, 7))).toBe(false);
  });
});
