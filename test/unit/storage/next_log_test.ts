/** The log file that is made ahead: how far it is written with zeros, and what comes of it when the disk fails. */
import { describe, expect, test } from "bun:test";
import { NextLog } from "../../../src/storage/next_log.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { append, dirs, namesIn, openLog, RecordedEffects, rollPolicy } from "./_logs.ts";

const kibi = 1024;
const mebi = 1024 * kibi;
const preallocBytes = 4 * mebi;
const nextPath = `${dirs.logs}/.log.next`;

function setUp() {
  const disk = new MemoryDisk();
  disk.makeDirectory(dirs.logs);
  const calls: string[] = [];
  disk.fault = ({ operation }) => (calls.push(operation), null);
  return { disk, calls, next: new NextLog(disk, dirs.logs, preallocBytes) };
}

describe("the next log", () => {
  test("is written with zeros as far as it is asked, half a MiB to a sync", () => {
    const { disk, calls, next } = setUp();
    next.make(mebi + 1000);
    disk.settle();
    expect(calls).toEqual(["open", "write", "write", "write", "sync", "write", "sync", "write", "sync"]);
    expect(next.isReady).toBe(true);
    const { file, bytes } = next.takeAs(`${dirs.logs}/log.9`);
    expect(bytes).toBe(16 + preallocBytes);
    const content = disk.bytesOf(file.path);
    expect(Buffer.from(content.subarray(0, 16)).toString("latin1")).toBe("ZKLG\0\0\0\x02\0\0\0\0\0\0\0\0");
    expect(content.length).toBe(bytes);
    expect(content.subarray(16).every((byte) => byte === 0)).toBe(true);
    // A block of 4096 for each that was written to: the zeros, the last byte, and the file itself.
    expect(disk.usedBytes).toBe(mebi + 3 * 4096);
  });

  test("is a hole where no zeros are asked for, and never longer for them", () => {
    const { disk, next } = setUp();
    next.make(0);
    disk.settle();
    expect(disk.usedBytes).toBe(3 * 4096);
    next.drop();
    next.make(100 * mebi);
    disk.settle();
    expect(disk.bytesOf(nextPath).length).toBe(16 + preallocBytes);
  });

  test("is given up when the disk fails at any of its calls, and made when that is tried again", () => {
    for (let failing = 1; failing <= 9; failing++) {
      const { disk, next } = setUp();
      let calls = 0;
      disk.fault = () => ++calls === failing ? "ENOSPC" : null;
      next.make(mebi + 1000);
      disk.settle();
      expect([next.isReady, next.isWanted]).toEqual([false, false]);
      expect(namesIn(disk)).toEqual([]);
      expect(disk.openFiles).toBe(0);
      next.retry();
      next.make(mebi);
      disk.settle();
      expect(next.isReady).toBe(true);
    }
  });

  test("leaves nothing when it is dropped while it is made", () => {
    for (let done = 0; done < 6; done++) {
      const { disk, next } = setUp();
      next.make(mebi + 1000);
      for (let call = 0; call < done; call++) disk.runLater();
      next.drop();
      disk.settle();
      expect(namesIn(disk)).toEqual([]);
      expect(disk.openFiles).toBe(0);
    }
  });
});

describe("a log asks for zeros", () => {
  /** @returns Room that the next file takes, when the present one is half full. */
  function roomOfNext(txnsAtOnce: number, dataBytes: number): number {
    const disk = new MemoryDisk();
    disk.makeDirectory(dirs.logs);
    const log = openLog(disk, new RecordedEffects(), { rollPolicy: rollPolicy(2000), preallocBytes });
    for (let zxid = 1; !namesIn(disk).includes(".log.next");) {
      for (let index = 0; index < txnsAtOnce; index++) append(log, zxid++, dataBytes);
      log.flush();
    }
    const before = disk.usedBytes;
    disk.settle();
    return disk.usedBytes - before;
  }

  test("as far as the present file will get, where syncs are small", () => {
    // Half full after 500 to 1000 txns of some 1100 bytes.
    const bytes = roomOfNext(1, 1000);
    expect(bytes).toBeGreaterThan(2 * 500 * 1000);
    expect(bytes).toBeLessThan(2 * 1000 * 1200);
  });

  test("not at all where they are large", () => {
    expect(roomOfNext(100, 1000)).toBe(0);
  });
});
