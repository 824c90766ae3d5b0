import { expect, test } from "bun:test";
import {
  compressionOfName,
  isPartialName,
  joinPath,
  listDated,
  logName,
  parentOf,
  partialName,
  snapshotName,
  zxidOfName,
} from "../../../src/storage/file_names.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";

test("names hold the zxid in lowercase hexadecimal without padding, and the packing behind it", () => {
  expect(logName(0xab)).toBe("log.ab");
  expect(snapshotName(0)).toBe("snapshot.0");
  expect(snapshotName(makeZxid(1, 2), "gz")).toBe("snapshot.100000002.gz");
  expect(snapshotName(5, "snappy")).toBe("snapshot.5.snappy");
});

test("the second dotted part is the zxid, whatever follows", () => {
  const cases: [string, number | null][] = [
    ["log.5", 5],
    ["log.5.bak", 5],
    ["log.aB", 0xab],
    ["log.000f", 15],
    ["log.+f", 15],
    ["log.100000001", makeZxid(1, 1)],
    ["log.7fffffffffffffff", 2 ** 63],
    ["log.8000000000000000", null],
    ["log.10000000000000000", null],
    ["log.-1", null],
    ["log.", null],
    ["log", null],
    ["log.x", null],
    ["log.0x5", null],
    ["snapshot.5", null],
    ["Log.5", null],
    [".log.5.partial", null],
  ];
  for (const [name, zxid] of cases) expect([name, zxidOfName(name, "log")]).toEqual([name, zxid]);
});

test("the last dotted part is the packing, in any case", () => {
  expect(compressionOfName("snapshot.5")).toBe("none");
  expect(compressionOfName("snapshot.5.GZ")).toBe("gz");
  expect(compressionOfName("snapshot.5.old.Snappy")).toBe("snappy");
  expect(compressionOfName("snapshot.5.gz.old")).toBe("none");
});

test("a file that is being made has a name that is no log's and no snapshot's", () => {
  for (const name of [logName(5), snapshotName(5, "gz")]) {
    const partial = partialName(name);
    expect(isPartialName(partial)).toBe(true);
    expect(isPartialName(name)).toBe(false);
    expect([zxidOfName(partial, "log"), zxidOfName(partial, "snapshot")]).toEqual([null, null]);
  }
});

test("files are listed by zxid, and by name where that is the same", () => {
  const disk = new MemoryDisk();
  for (const name of ["log.10", "log.9", "log.a.b", "log.a", "log.x", "snapshot.1"]) {
    disk.put(`/v2/${name}`, new Uint8Array(0));
  }
  const listed = listDated(disk, "/v2", "log");
  expect(listed.map((file) => file.name)).toEqual(["log.9", "log.a", "log.a.b", "log.10"]);
  expect(listed[0]).toEqual({ name: "log.9", path: "/v2/log.9", zxid: 9 });
});

test("paths are joined and taken apart", () => {
  expect([joinPath("/a", "b"), joinPath("/a/", "b")]).toEqual(["/a/b", "/a/b"]);
  expect(["/a/b", "/a", "a/b", "a"].map(parentOf)).toEqual(["/a", "/", "a", "."]);
});
