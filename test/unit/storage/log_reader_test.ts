/**
 * Reading logs back: every prefix of one, every kind of damage, and cutting at a leader's word.
 *
 * @see Fact: apache/zookeeper FileTxnLog.java (FileTxnIterator) of 3.9.5
 */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../../src/base/log.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { CorruptLogError } from "../../../src/storage/errors.ts";
import {
  logBytesFrom,
  LogReader,
  removeEmptyLastLog,
  truncateLogs,
} from "../../../src/storage/log_reader.ts";
import { logHeader } from "../../../src/storage/txn_log_format.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { entryOf } from "../tree/_txns.ts";
import { dirs, entryFor, join, logFile, namesIn, readZxids, record, RecordedLogger } from "./_logs.ts";

function diskWith(files: Readonly<Record<string, Uint8Array | Readonly<Uint8Array>>>): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(`${dirs.logs}/myid`, new Uint8Array(1));
  for (const [name, bytes] of Object.entries(files)) disk.put(`${dirs.logs}/${name}`, bytes as Uint8Array);
  return disk;
}

function refusal(disk: MemoryDisk, fromZxid = 0): CorruptLogError {
  try {
    readZxids(disk, fromZxid);
  } catch (error) {
    if (error instanceof CorruptLogError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const lengthOf = (zxid: number) => record(entryFor(zxid)).length;

describe("every prefix of a log", () => {
  const whole = logFile([1, 2, 3, 4, 5]);
  const ends = [1, 2, 3, 4, 5].map((zxid) => logFile(Array.from({ length: zxid }, (_, at) => at + 1)).length);

  for (const padding of [0, 100]) {
    test(`gives the entries that are whole in it, with ${padding} zeros behind`, () => {
      for (let length = 16; length <= whole.length; length++) {
        const cut = join(whole.subarray(0, length), new Uint8Array(padding));
        const expected = ends.filter((end) => end <= length).length;
        const disk = diskWith({ "log.1": cut });
        expect(readZxids(disk)).toEqual([1, 2, 3, 4, 5].slice(0, expected));
        expect(disk.openFiles).toBe(0);
      }
    });
  }

  test("ends quietly even where newer logs follow, as after a restart", () => {
    for (let length = 16; length < whole.length; length++) {
      const kept = ends.filter((end) => end <= length).length;
      const disk = diskWith({
        "log.1": whole.subarray(0, length),
        [`log.${kept + 1}`]: logFile([kept + 1, kept + 2]),
      });
      expect(readZxids(disk)).toEqual(Array.from({ length: kept + 2 }, (_, at) => at + 1));
    }
  });

  test("of a header is refused, but for an empty last file", () => {
    expect(readZxids(diskWith({ "log.1": new Uint8Array(0) }))).toEqual([]);
    expect(readZxids(diskWith({ "log.1": logFile([1]), "log.2": new Uint8Array(0) }))).toEqual([1]);
    for (let length = 1; length < 16; length++) {
      const disk = diskWith({ "log.1": logFile([1]), "log.2": logHeader.slice(0, length) });
      const error = refusal(disk);
      expect(error).toMatchObject({ file: `${dirs.logs}/log.2`, offset: length });
      expect(disk.openFiles).toBe(0);
    }
    expect(refusal(diskWith({ "log.1": new Uint8Array(0), "log.2": logFile([2]) })).file)
      .toBe(`${dirs.logs}/log.1`);
  });

  test("that is a whole header and nothing more is an empty log", () => {
    expect(readZxids(diskWith({ "log.1": logHeader, "log.2": logFile([2]) }))).toEqual([2]);
  });
});

describe("damage", () => {
  test("to any bit of any entry is refused with file and offset, or ends the file where it looks like a torn write", () => {
    const whole = logFile([1, 2, 3]);
    const starts = [16, 16 + lengthOf(1), 16 + lengthOf(1) + lengthOf(2)];
    for (let at = 16; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] ^= 0x10;
      const index = starts.findLastIndex((start) => start <= at);
      const start = starts[index];
      const inEntry = at - start;
      const disk = diskWith({ "log.1": damaged });
      const isLength = inEntry >= 8 && inEntry < 12;
      const isEnd = at === start + lengthOf(index + 1) - 1;
      if (isLength || isEnd) {
        // The end byte is then not where it should be: nothing behind may be handed out.
        let zxids: number[] = [];
        try {
          zxids = readZxids(disk);
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptLogError);
          continue;
        }
        expect(zxids).toEqual([1, 2, 3].slice(0, index));
      } else {
        const error = refusal(disk);
        expect(error).toMatchObject({ file: `${dirs.logs}/log.1`, offset: start });
        expect(error.message).toContain(`${dirs.logs}/log.1 at byte ${start}`);
        expect(error.message).toContain("checksum");
      }
    }
  });

  test("to the end byte is told", () => {
    const bytes = logFile([1, 2], 50);
    bytes[16 + lengthOf(1) + lengthOf(2) - 1] = 0;
    const logger = new RecordedLogger();
    expect(readZxids(diskWith({ "log.1": bytes }), 0, logger)).toEqual([1]);
    expect(logger.lines).toEqual(["error A txn log ends with an entry that was written in part only"]);
  });

  test("to a length that is negative or out of reason is refused", () => {
    for (const length of [-1, -2, 2_097_151, 0x7fffffff]) {
      const bytes = logFile([1, 2]);
      new DataView(bytes.buffer).setInt32(16 + lengthOf(1) + 8, length);
      const error = refusal(diskWith({ "log.1": bytes }));
      expect(error.offset).toBe(16 + lengthOf(1));
      expect(error.message).toContain(`${length}`);
    }
  });

  test("to the magic is refused", () => {
    const bytes = logFile([1]);
    bytes[0] = 0;
    const error = refusal(diskWith({ "log.1": bytes }));
    expect(error).toMatchObject({ file: `${dirs.logs}/log.1`, offset: 0 });
    expect(error.message).toContain("0x004b4c47");
  });

  test("to version and dbid is overlooked, as Apache does", () => {
    const bytes = logFile([1]);
    bytes.fill(0xff, 4, 16);
    expect(readZxids(diskWith({ "log.1": bytes }))).toEqual([1]);
  });

  test("that leaves an entry too short for a txn is refused though its checksum is right", () => {
    const disk = diskWith({ "log.1": join(logFile([1]), record(new Uint8Array(31).fill(7))) });
    expect(refusal(disk).message).toContain("31 bytes");
  });
});

describe("an entry of which a sector never came to the disk", () => {
  /** A log of txns 1 and 2 and `behind`; txn 2 is long, and sectors of it are zeros. */
  function holed(holes: (sector: number, sectors: number) => boolean, ...behind: Uint8Array[]): Uint8Array {
    const padding = new Uint8Array(4096);
    const bytes = join(logHeader, record(entryFor(1)), record(entryFor(2, 3000)), ...behind, padding);
    const start = 16 + lengthOf(1);
    const end = start + record(entryFor(2, 3000)).length;
    const first = Math.floor(start / 512);
    const last = Math.floor((end - 1) / 512);
    for (let sector = first; sector <= last; sector++) {
      if (!holes(sector - first, last - first)) continue;
      bytes.fill(0, Math.max(start, sector * 512), Math.min(end, (sector + 1) * 512));
    }
    return bytes;
  }

  test("ends the log, as nobody was told of it", () => {
    const logger = new RecordedLogger();
    for (let hole = 0; hole <= 6; hole++) {
      expect(readZxids(diskWith({ "log.1": holed((sector) => sector === hole) }), 0, logger)).toEqual([1]);
    }
    expect(logger.lines).toContain(
      "error A txn log ends with an entry of which a part never came to the disk",
    );
  });

  test("is refused as damage when a whole entry stands behind it, for then somebody may have been told", () => {
    const start = 16 + lengthOf(1);
    // The first and the last sector hold the length and the end byte, without which nothing can be told.
    for (let hole = 1; hole <= 5; hole++) {
      const damaged = record(entryFor(3));
      damaged[20] ^= 1;
      for (const behind of [[record(entryFor(3))], [damaged, record(entryFor(4))]]) {
        expect(refusal(diskWith({ "log.1": holed((sector) => sector === hole, ...behind) })).offset).toBe(
          start,
        );
      }
    }
  });

  test("is followed by the next file, unless that shows that txns are missing", () => {
    const torn = holed((sector) => sector === 2);
    expect(readZxids(diskWith({ "log.1": torn, "log.2": logFile([2, 3]) }))).toEqual([1, 2, 3]);
    expect(refusal(diskWith({ "log.1": torn, "log.4": logFile([4]) })).file).toBe(`${dirs.logs}/log.4`);
  });

  test("is told from damage, which leaves something in every sector", () => {
    const bytes = holed(() => false);
    bytes.fill(0, 1024, 1535);
    expect(refusal(diskWith({ "log.1": bytes })).message).toContain("checksum");
  });

  test("is known wherever it lies, but not by the four zeros that every entry begins with", () => {
    // Entry 2 begins at each distance from the end of a sector; what lies before that end is lost.
    for (let before = 1; before <= 20; before++) {
      const filler = record(entryFor(1, 512 - before - 16 - record(entryFor(1, 0)).length));
      const bytes = join(logHeader, filler, record(entryFor(2, 60)), new Uint8Array(64));
      const start = 512 - before;
      expect(16 + filler.length).toBe(start);
      bytes.fill(0, start, 512);
      if (before > 4) expect(readZxids(diskWith({ "log.1": bytes }))).toEqual([1]);
      else expect(readZxids(diskWith({ "log.1": bytes }))).toEqual([1, 2]);
      bytes[600 - before] ^= 1;
      if (before <= 4) expect(refusal(diskWith({ "log.1": bytes })).offset).toBe(start);
    }
  });
});

describe("an entry longer than any request", () => {
  const long = entryFor(2, 3_000_000);

  test("is believed when its checksum is right, as a closeSession with many ephemerals must be", () => {
    const bytes = join(logHeader, record(entryFor(1)), record(long), record(entryFor(3)));
    expect(readZxids(diskWith({ "log.1": bytes }))).toEqual([1, 2, 3]);
  });

  test("is refused as damage when anything of it is wrong or missing", () => {
    const bytes = join(logHeader, record(entryFor(1)), record(long), record(entryFor(3)));
    const start = 16 + lengthOf(1);
    const wrongs: ((bytes: Uint8Array) => Uint8Array)[] = [
      (whole) => whole.fill(7, 1_000_000, 1_000_001),
      (whole) => whole.fill(0, start + long.length + 12, start + long.length + 13),
      (whole) => whole.subarray(0, start + long.length + 12),
    ];
    for (const wrong of wrongs) {
      const error = refusal(diskWith({ "log.1": wrong(bytes.slice()) }));
      expect(error.offset).toBe(start);
      expect(error.message).toContain(`length is ${long.length}, out of reason`);
    }
  });
});

describe("zxids", () => {
  test("that are missing within an epoch are refused", () => {
    expect(refusal(diskWith({ "log.1": logFile([1, 2, 4]) })).offset).toBe(16 + lengthOf(1) + lengthOf(2));
    expect(refusal(diskWith({ "log.1": logFile([1, 2]), "log.5": logFile([5]) }))).toMatchObject({
      file: `${dirs.logs}/log.5`,
      offset: 16,
    });
  });

  test("may skip to the beginning of a later epoch, and only there", () => {
    const next = makeZxid(3, 1);
    const disk = diskWith({ "log.1": logFile([1, 2]), "log.300000001": logFile([next, next + 1]) });
    expect(readZxids(disk)).toEqual([1, 2, next, next + 1]);
    const hole = diskWith({ "log.1": logFile([1, 2]), "log.300000002": logFile([next + 1]) });
    expect(refusal(hole)).toMatchObject({ file: `${dirs.logs}/log.300000002`, offset: 16 });
    // As where Apache's server was sent a snapshot of 0x300000001: who begins there does not see the hole.
    expect(readZxids(hole, next + 1)).toEqual([next + 1]);
  });

  test("that come again in a later file are handed out again, and told once for a file", () => {
    const logger = new RecordedLogger();
    const disk = diskWith({ "log.1": logFile([1, 2, 3, 4]), "log.3": logFile([3, 4, 5]) });
    expect(readZxids(disk, 0, logger)).toEqual([1, 2, 3, 4, 3, 4, 5]);
    expect(logger.lines.length).toBe(1);
  });
});

describe("the files to be read", () => {
  const files = { "log.1": logFile([1, 2]), "log.3": logFile([3, 4]), "log.5": logFile([5, 6]) };

  test("are those named from the wanted zxid on, and the one before", () => {
    const names = (fromZxid: number) => {
      const reader = new LogReader({
        disk: diskWith(files),
        directory: dirs.logs,
        fromZxid,
        logger: silentLogger,
      });
      return reader.files.map((file) => file.name);
    };
    expect(names(0)).toEqual(["log.1", "log.3", "log.5"]);
    expect(names(3)).toEqual(["log.1", "log.3", "log.5"]);
    expect(names(4)).toEqual(["log.3", "log.5"]);
    expect(names(6)).toEqual(["log.5"]);
    expect(names(99)).toEqual(["log.5"]);
    expect(readZxids(diskWith(files), 4)).toEqual([4, 5, 6]);
    expect(readZxids(diskWith(files), 99)).toEqual([]);
  });

  test("may have more dotted parts; names without a number, and files being made, are passed over", () => {
    const disk = diskWith({
      "log.1.fixed": logFile([1, 2]),
      "log.xyz": new Uint8Array(3),
      "log": new Uint8Array(3),
      "logs.2": new Uint8Array(3),
      ".log.3.partial": new Uint8Array(3),
      "snapshot.9": new Uint8Array(3),
    });
    expect(readZxids(disk)).toEqual([1, 2]);
  });

  test("are weighed without those that are not needed", () => {
    expect(logBytesFrom(diskWith(files), dirs.logs, 4)).toBe(files["log.3"].length + files["log.5"].length);
  });
});

test("entries larger than the reader's window, and cut by its end, come out whole", () => {
  const big = (zxid: number) =>
    entryOf({ type: 5, path: "/big", data: new Uint8Array(300_000 + zxid).fill(zxid), version: 1 }, { zxid });
  const parts = [1, 2, 3, 4, 5].map((zxid) => zxid % 2 === 0 ? entryFor(zxid) : big(zxid));
  const disk = diskWith({ "log.1": join(logHeader, ...parts.map(record)) });
  const reader = new LogReader({ disk, directory: dirs.logs, fromZxid: 0, logger: silentLogger });
  for (const part of parts) {
    expect(reader.next()).toBe(true);
    expect(Buffer.compare(reader.bytes.subarray(reader.start, reader.end), part)).toBe(0);
  }
  expect(reader.next()).toBe(false);
});

test("an empty last log is removed, any other stays", () => {
  const logger = new RecordedLogger();
  const disk = diskWith({ "log.1": logFile([1]), "log.2": new Uint8Array(0) });
  expect(removeEmptyLastLog(disk, dirs.logs, logger)).toBe(true);
  expect(removeEmptyLastLog(disk, dirs.logs, logger)).toBe(false);
  expect(namesIn(disk)).toEqual(["log.1", "myid"]);
});

describe("cutting behind a zxid", () => {
  const files = {
    "snapshot.2": new Uint8Array(20),
    "snapshot.5": new Uint8Array(20),
    "log.1": logFile([1, 2, 3], 500),
    "log.4": logFile([4, 5, 6], 500),
    "log.7": logFile([7, 8], 500),
  };
  const cut = (disk: MemoryDisk, afterZxid: number) =>
    truncateLogs({
      disk,
      logDirectory: dirs.logs,
      snapshotDirectory: dirs.snapshots,
      afterZxid,
      logger: silentLogger,
    });

  for (let zxid = 2; zxid <= 8; zxid++) {
    test(`leaves every txn up to ${zxid} and nothing newer, in logs and snapshots`, () => {
      const disk = diskWith(files);
      expect(cut(disk, zxid)).toBe(true);
      disk.crash({ uint32: () => 0 });
      expect(readZxids(disk)).toEqual(Array.from({ length: zxid }, (_, at) => at + 1));
      const snapshots = namesIn(disk).filter((name) => name.startsWith("snapshot"));
      expect(snapshots).toEqual(zxid < 5 ? ["snapshot.2"] : ["snapshot.2", "snapshot.5"]);
      expect(disk.openFiles).toBe(0);
    });
  }

  test("that the disk does not hold, or that no snapshot leads to, is refused and changes nothing", () => {
    for (const zxid of [1, 9, 100]) {
      const disk = diskWith(files);
      const before = disk.files();
      expect(cut(disk, zxid)).toBe(false);
      expect(disk.files()).toEqual(before);
    }
  });

  test("that only a snapshot holds removes the logs behind it", () => {
    const disk = diskWith({ "snapshot.9": new Uint8Array(20), "log.a": logFile([10, 11]) });
    expect(cut(disk, 9)).toBe(true);
    expect(namesIn(disk)).toEqual(["myid", "snapshot.9"]);
  });

  test("leaves a log without a gap, whichever call is the last before a crash", () => {
    for (let failing = 0;; failing++) {
      const disk = diskWith(files);
      let reached = false;
      disk.fault = ({ index }) => {
        reached ||= index >= failing;
        return index >= failing ? "EIO" : null;
      };
      try {
        cut(disk, 4);
      } catch {
        // The disk failed; what matters is what it left.
      }
      disk.fault = null;
      disk.crash({ uint32: () => 0 });
      const zxids = readZxids(disk);
      expect(zxids).toEqual(Array.from({ length: zxids.length }, (_, at) => at + 1));
      expect(zxids.length).toBeGreaterThanOrEqual(4);
      if (!reached) return;
    }
  });
});
