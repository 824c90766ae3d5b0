/**
 * The txn log as it is written: bytes, batches, rolls, full disks, failing syncs.
 *
 * @see Fact: apache/zookeeper FileTxnLog.java, FilePadding.java, SyncRequestProcessor.java
 */
import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { paddedLogBytes } from "../../../src/storage/txn_log_format.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { entryOf } from "../tree/_txns.ts";
import {
  append,
  dirs,
  entryFor,
  logFile,
  namesIn,
  openLog,
  readZxids,
  RecordedEffects,
  rollPolicy,
} from "./_logs.ts";

function setUp(): { disk: MemoryDisk; effects: RecordedEffects } {
  const disk = new MemoryDisk();
  disk.makeDirectory(dirs.logs);
  disk.syncDirectory("/data");
  disk.syncDirectory("/");
  return { disk, effects: new RecordedEffects() };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const pathOf = (name: string) => `${dirs.logs}/${name}`;

describe("bytes of a log", () => {
  test("begin with the header and the entry that an Apache server wrote for the same session", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    const entry = entryOf(
      { type: OpCode.createSession, timeoutMs: 30000 },
      { clientId: 0x01000016905d0000n, cxid: 0, zxid: 1, timeMs: 0x1a1fb563f0a },
      0x51c6d660n,
    );
    log.append(entry, 0, entry.length, 1);
    log.flush();
    expect(hex(disk.bytesOf(pathOf("log.1")).subarray(0, 77))).toBe(
      "5a4b4c47000000020000000000000000" + "00000000b9b20a29" + "00000030" +
        "01000016905d0000" + "00000000" + "0000000000000001" + "000001a1fb563f0a" + "fffffff6" +
        "00007530" + "00000002" + "0000000051c6d660" + "42",
    );
  });

  test("are followed by zeros up to the length laid out ahead", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    append(log, 1);
    log.flush();
    const bytes = disk.bytesOf(pathOf("log.1"));
    expect(bytes.length).toBe(16 + 64 * 1024);
    const whole = logFile([1]);
    expect(hex(bytes.subarray(0, whole.length))).toBe(hex(whole));
    expect(bytes.subarray(whole.length).every((byte) => byte === 0)).toBe(true);
  });

  test("are laid out ahead as FilePadding does it", () => {
    const mebi = 1024 * 1024;
    expect(paddedLogBytes(16, 16, 64 * mebi)).toBe(67108880);
    expect(paddedLogBytes(67108880 - 4097, 67108880, 64 * mebi)).toBe(67108880);
    expect(paddedLogBytes(67108880 - 4096, 67108880, 64 * mebi)).toBe(67108880 + 64 * mebi);
    expect(paddedLogBytes(70 * mebi, 67108880, 64 * mebi)).toBe(128 * mebi);
    expect(paddedLogBytes(1e9, 16, 0)).toBe(16);
  });

  test("stay readable when a batch is larger than what was laid out", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    for (let zxid = 1; zxid <= 40; zxid++) append(log, zxid, 9000);
    log.flush();
    for (let zxid = 41; zxid <= 60; zxid++) append(log, zxid);
    log.flush();
    expect(readZxids(disk)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  test("are as long as the entries when nothing is laid out ahead", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { preallocBytes: 0 });
    append(log, 1);
    append(log, 2);
    log.flush();
    expect(hex(disk.bytesOf(pathOf("log.1")))).toBe(hex(logFile([1, 2])));
  });
});

describe("a batch", () => {
  test("is durable with one sync, and nothing is written before the flush", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    for (let zxid = 1; zxid <= 5; zxid++) append(log, zxid);
    expect(namesIn(disk)).toEqual([]);
    expect(log.busy).toBe(true);
    log.flush();
    expect(effects.take()).toEqual(["durable 5"]);
    expect(log.counters).toMatchObject({ syncs: 1, txns: 5 });
    expect(log.busy).toBe(false);
    log.flush();
    expect(effects.take()).toEqual([]);
    expect(log.counters.syncs).toBe(1);
  });

  test("waits for the sync under way, and the next sync covers all that waited", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { syncMode: "later" });
    append(log, 1);
    log.flush();
    append(log, 2);
    log.flush();
    append(log, 3);
    log.flush();
    append(log, 4);
    expect(effects.take()).toEqual([]);
    expect(disk.laterCount).toBe(1);
    disk.runLater();
    expect(effects.take()).toEqual(["durable 1"]);
    expect(disk.laterCount).toBe(1);
    disk.runLater();
    expect(effects.take()).toEqual(["durable 4"]);
    expect(log.busy).toBe(false);
  });

  test("that was not flushed when a sync ends stays in the buffer", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { syncMode: "later" });
    append(log, 1);
    log.flush();
    append(log, 2);
    disk.settle();
    expect(effects.take()).toEqual(["durable 1"]);
    expect(readZxids(disk)).toEqual([1]);
  });

  test("goes without syncs under forceSync=no", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { forceSync: false });
    append(log, 1);
    log.flush();
    expect(effects.take()).toEqual(["durable 1"]);
    expect(log.counters.syncs).toBe(0);
  });

  test("is durable in order when the way of syncing changes in between", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { syncMode: "later" });
    append(log, 1);
    log.flush();
    append(log, 2);
    log.flush();
    log.syncMode = "blocking";
    disk.settle();
    expect(effects.durable).toBe(2);
    expect(effects.take().at(-1)).toBe("durable 2");
  });
});

describe("a file that is made ahead", () => {
  /** A log that has half filled its first file. */
  function halfFull(options: Parameters<typeof openLog>[2] = {}) {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { syncMode: "later", rollPolicy: rollPolicy(8), ...options });
    let zxid = 1;
    while (!namesIn(disk).includes(".log.next")) {
      disk.settle();
      append(log, zxid++);
      log.flush();
      if (zxid > 9) expect.unreachable("half full by now");
    }
    return { disk, effects, log, nextZxid: zxid };
  }

  test("takes its name without a sync in place, and its entries are durable when its name is", () => {
    const { disk, effects, log, nextZxid: halfFullZxid } = halfFull();
    let nextZxid = halfFullZxid;
    while (!effects.lines.includes("snapshot wanted")) {
      disk.settle();
      append(log, nextZxid++);
      log.flush();
    }
    disk.settle();
    effects.take();
    append(log, nextZxid);
    const calls: string[] = [];
    disk.fault = ({ operation, path }) => (calls.push(`${operation} ${path.slice(dirs.logs.length)}`), null);
    log.flush();
    const name = `/log.${nextZxid}`;
    expect(calls).toEqual([
      "size /.log.next",
      "rename /.log.next",
      `open ${name}`,
      `write ${name}`,
      "syncDirectory ",
      `sync ${name}`,
    ]);
    expect(disk.laterCount).toBe(2);
    disk.runLater(1);
    expect(effects.take()).toEqual([]);
    disk.runLater(0);
    expect(effects.take()).toEqual([`durable ${nextZxid}`]);
    disk.loseUnsynced();
    expect(readZxids(disk)).toEqual(Array.from({ length: nextZxid }, (_, index) => index + 1));
  });

  test("makes its name durable in place where syncs are done in place", () => {
    const { disk, effects, log, nextZxid } = halfFull();
    disk.settle();
    log.syncMode = "blocking";
    log.roll();
    append(log, nextZxid);
    log.flush();
    expect(effects.durable).toBe(nextZxid);
    disk.loseUnsynced();
    expect(readZxids(disk).at(-1)).toBe(nextZxid);
  });

  test("is not waited for: one that is needed before it is synced is made on the spot", () => {
    const { disk, effects, log, nextZxid } = halfFull();
    log.roll();
    append(log, nextZxid);
    log.flush();
    disk.settle();
    expect(effects.durable).toBe(nextZxid);
    expect(readZxids(disk).at(-1)).toBe(nextZxid);
  });

  test("is done without when the disk has no room for it, and nobody is told", () => {
    const disk = new MemoryDisk();
    disk.makeDirectory(dirs.logs);
    const effects = new RecordedEffects();
    disk.fault = ({ path }) => path.endsWith("/.log.next") ? "ENOSPC" : null;
    const log = openLog(disk, effects, { syncMode: "later", rollPolicy: rollPolicy(8) });
    for (let zxid = 1; zxid <= 40; zxid++) {
      append(log, zxid);
      log.flush();
      disk.settle();
    }
    expect(effects.durable).toBe(40);
    expect(namesIn(disk).length).toBeGreaterThan(3);
    expect(effects.take().filter((line) => !/^(durable|snapshot)/.test(line))).toEqual([]);
    expect(readZxids(disk).length).toBe(40);
  });

  test("goes when the log is closed", () => {
    for (const isSynced of [true, false]) {
      const { disk, log } = halfFull();
      if (isSynced) disk.settle();
      log.close();
      disk.settle();
      expect(namesIn(disk)).not.toContain(".log.next");
      expect(disk.openFiles).toBe(0);
    }
  });
});

describe("a roll", () => {
  test("makes the next entry begin a file named for it, and syncs the old one before it counts", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { syncMode: "later" });
    append(log, 1);
    append(log, 2);
    log.roll();
    log.flush();
    append(log, 3);
    log.flush();
    disk.settle();
    expect(effects.durable).toBe(3);
    expect(namesIn(disk)).toEqual(["log.1", "log.3"]);
    expect(readZxids(disk)).toEqual([1, 2, 3]);
    log.close();
    expect(disk.openFiles).toBe(0);
  });

  test("comes with a wish for a snapshot between half of snapCount and all of it", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { rollPolicy: rollPolicy(20) });
    const wishes: number[] = [];
    for (let zxid = 1; zxid <= 200; zxid++) {
      append(log, zxid);
      log.flush();
      if (effects.take().includes("snapshot wanted")) wishes.push(zxid);
    }
    expect(wishes.length).toBeGreaterThan(8);
    let before = 0;
    for (const zxid of wishes) {
      expect(zxid - before).toBeGreaterThan(10);
      expect(zxid - before).toBeLessThanOrEqual(20);
      before = zxid;
    }
    expect(namesIn(disk).filter((name) => name.startsWith("log.")).length).toBe(wishes.length + 1);
    expect(readZxids(disk).length).toBe(200);
  });

  test("comes by the size of the logs too, padding included", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { rollPolicy: rollPolicy(1e9, 128 * 1024) });
    for (let zxid = 1; zxid <= 60; zxid++) {
      append(log, zxid, 4000);
      log.flush();
    }
    expect(effects.lines.filter((line) => line === "snapshot wanted").length).toBeGreaterThan(1);
  });

  test("by the length of a file brings no snapshot", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { fileBytesLimit: 100 * 1024 });
    for (let zxid = 1; zxid <= 60; zxid++) {
      append(log, zxid, 4000);
      log.flush();
    }
    expect(effects.lines).not.toContain("snapshot wanted");
    expect(namesIn(disk).length).toBeGreaterThan(1);
    expect(readZxids(disk).length).toBe(60);
  });
});

describe("a full disk", () => {
  test("refuses the whole batch, keeps what was there, and takes writes again once there is room", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { preallocBytes: 0 });
    append(log, 1);
    append(log, 2);
    log.flush();
    const before = disk.bytesOf(pathOf("log.1"));
    disk.capacityBytes = disk.usedBytes;
    for (let zxid = 3; zxid <= 9; zxid++) append(log, zxid, 2000);
    log.flush();
    expect(effects.take()).toEqual(["durable 2", "refused 3 ENOSPC"]);
    expect(hex(disk.bytesOf(pathOf("log.1")))).toBe(hex(before));
    expect(log.busy).toBe(false);
    append(log, 3, 9000);
    log.flush();
    expect(effects.take()).toEqual(["refused 3 ENOSPC"]);
    disk.capacityBytes = Infinity;
    append(log, 3);
    log.flush();
    expect(effects.take()).toEqual(["durable 3"]);
    expect(readZxids(disk)).toEqual([1, 2, 3]);
    expect(log.counters.refusals).toBe(2);
  });

  test("refuses the first batch of all without leaving a file", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    disk.capacityBytes = disk.usedBytes;
    append(log, 1);
    log.flush();
    expect(effects.take()).toEqual(["refused 1 ENOSPC"]);
    expect(namesIn(disk)).toEqual([]);
    expect(disk.openFiles).toBe(0);
    disk.capacityBytes = Infinity;
    append(log, 1);
    log.flush();
    expect(effects.take()).toEqual(["durable 1"]);
  });

  test("that fills while a sync is under way refuses only what waited", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { preallocBytes: 0, syncMode: "later" });
    append(log, 1);
    log.flush();
    disk.capacityBytes = disk.usedBytes;
    append(log, 2, 9000);
    log.flush();
    disk.settle();
    expect(effects.take().sort()).toEqual(["durable 1", "refused 2 ENOSPC"]);
    expect(readZxids(disk)).toEqual([1]);
  });

  test("never brings refused entries back, not even after a crash", () => {
    for (let seed = 0; seed < 100; seed++) {
      const { disk, effects } = setUp();
      const log = openLog(disk, effects, { preallocBytes: 0 });
      append(log, 1);
      log.flush();
      disk.capacityBytes = disk.usedBytes;
      for (let zxid = 2; zxid <= 40; zxid++) append(log, zxid, 300);
      log.flush();
      expect(effects.refusedFrom).toBe(2);
      disk.crash(seededRandom(seed), seed % 2 === 0 ? "order" : "sectors");
      expect(readZxids(disk)).toEqual([1]);
    }
  });
});

describe("a host that goes on writing", () => {
  test("from within a refusal is taken up with the next flush, from the refused zxid on", () => {
    for (const syncMode of ["blocking", "later"] as const) {
      const { disk, effects } = setUp();
      const log = openLog(disk, effects, { preallocBytes: 0, syncMode });
      append(log, 1);
      log.flush();
      disk.settle();
      disk.capacityBytes = disk.usedBytes;
      const refused = effects.onRefused.bind(effects);
      effects.onRefused = (firstZxid, error) => {
        refused(firstZxid, error);
        disk.capacityBytes = Infinity;
        append(log, firstZxid, 100);
      };
      append(log, 2, 9000);
      append(log, 3, 9000);
      log.flush();
      disk.settle();
      expect(effects.take()).toEqual(["durable 1", "refused 2 ENOSPC"]);
      expect(log.busy).toBe(true);
      log.flush();
      disk.settle();
      expect(effects.take()).toEqual(["durable 2"]);
      expect(readZxids(disk)).toEqual([1, 2]);
    }
  });

  test("from within the word that all is durable is not held up, nor called durable with it", () => {
    for (const syncMode of ["blocking", "later"] as const) {
      const { disk, effects } = setUp();
      const log = openLog(disk, effects, { syncMode });
      const durable = effects.onDurable.bind(effects);
      effects.onDurable = (zxid) => {
        durable(zxid);
        if (zxid >= 5) return;
        append(log, zxid + 1);
        log.flush();
      };
      append(log, 1);
      log.flush();
      disk.settle();
      expect(effects.take()).toEqual([1, 2, 3, 4, 5].map((zxid) => `durable ${zxid}`));
      expect(readZxids(disk)).toEqual([1, 2, 3, 4, 5]);
    }
  });

  test("when opening the new file fails after it got its name begins that file anew", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    let opens = 0;
    disk.fault = ({ operation }) => operation === "open" && ++opens === 2 ? "EMFILE" : null;
    append(log, 1);
    log.flush();
    expect(effects.take()).toEqual(["refused 1 EMFILE"]);
    expect(readZxids(disk)).toEqual([]);
    append(log, 1);
    log.flush();
    expect(effects.take()).toEqual(["durable 1"]);
    expect(readZxids(disk)).toEqual([1]);
    expect(namesIn(disk)).toEqual(["log.1"]);
  });
});

describe("a failure that leaves the file unknown", () => {
  for (const syncMode of ["blocking", "later"] as const) {
    test(`in a sync is fatal, told once, and nothing is written afterwards (${syncMode})`, () => {
      const { disk, effects } = setUp();
      const log = openLog(disk, effects, { syncMode });
      append(log, 1);
      log.flush();
      disk.settle();
      disk.fault = ({ operation }) => operation === "sync" ? "EIO" : null;
      append(log, 2);
      log.flush();
      disk.settle();
      expect(effects.take()).toEqual(["durable 1", "fatal EIO"]);
      disk.fault = null;
      const { calls } = disk;
      append(log, 3);
      log.flush();
      log.roll();
      log.close();
      expect(disk.calls).toBe(calls);
      expect(effects.take()).toEqual([]);
    });
  }

  test("in cutting a failed batch out is fatal", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    append(log, 1);
    log.flush();
    disk.fault = ({ operation }) => operation === "write" || operation === "truncate" ? "EIO" : null;
    append(log, 2);
    log.flush();
    expect(effects.take()).toEqual(["durable 1", "fatal EIO"]);
  });
});

describe("closing", () => {
  test("writes and syncs what was appended, and gives every file back", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    append(log, 1);
    log.flush();
    append(log, 2);
    log.close();
    expect(effects.take()).toEqual(["durable 1", "durable 2"]);
    disk.crash({ uint32: () => 0 });
    expect(readZxids(disk)).toEqual([1, 2]);
  });

  test("calls nothing durable while a sync is under way, whose failure it would not hear of, but syncs it all", () => {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects, { syncMode: "later" });
    append(log, 1);
    log.flush();
    append(log, 2);
    log.close();
    disk.settle();
    expect(effects.take()).toEqual([]);
    expect(disk.openFiles).toBe(0);
    disk.crash({ uint32: () => 0 });
    expect(readZxids(disk)).toEqual([1, 2]);
  });
});

test("a file is complete before it has its name: a crash at its creation leaves no log without a header", () => {
  for (let failing = 0;; failing++) {
    const { disk, effects } = setUp();
    const log = openLog(disk, effects);
    const from = disk.calls;
    let reached = false;
    disk.fault = ({ index }) => {
      reached ||= index >= from + failing;
      return index >= from + failing ? "EIO" : null;
    };
    append(log, 1);
    log.flush();
    disk.fault = null;
    for (const name of namesIn(disk).filter((name) => name.startsWith("log."))) {
      expect(disk.bytesOf(pathOf(name)).length).toBeGreaterThanOrEqual(16);
    }
    if (!reached) {
      expect(effects.take()).toEqual(["durable 1"]);
      return;
    }
    expect(effects.durable).toBe(0);
  }
});

test("an entry is copied when it is appended", () => {
  const { disk, effects } = setUp();
  const log = openLog(disk, effects);
  const entry = entryFor(1, 500);
  log.append(entry, 0, entry.length, 1);
  entry.fill(0);
  log.flush();
  expect(readZxids(disk)).toEqual([1]);
});
