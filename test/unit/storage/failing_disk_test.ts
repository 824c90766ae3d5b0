/**
 * Nothing acknowledged is lost: whichever disk call fails, and when there is no room.
 */
import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { purge } from "../../../src/storage/purge.ts";
import { SnapshotWriter } from "../../../src/storage/snapshot_writer.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import {
  append,
  dirs,
  entryFor,
  openLog,
  pathFor,
  RecordedEffects,
  recoverFrom,
  rollPolicy,
} from "./_logs.ts";

/** A server's storage in small: it logs, applies what is durable, takes snapshots, purges. */
class Storage {
  readonly disk: MemoryDisk;
  readonly effects = new RecordedEffects();
  readonly tree: DataTree;
  readonly #log;
  #applied: number;
  #next: number;

  constructor(disk: MemoryDisk, syncMode: "later" | "blocking" = "blocking") {
    this.disk = disk;
    const recovered = recoverFrom(disk);
    this.tree = recovered.tree;
    this.#applied = recovered.lastZxid;
    this.#next = recovered.lastZxid + 1;
    this.effects.durable = recovered.lastZxid;
    if (recovered.snapshotZxid === null) SnapshotWriter.writeNow(this.#snapshotOptions());
    this.#log = openLog(disk, this.effects, { preallocBytes: 8192, syncMode, rollPolicy: rollPolicy(10) });
  }

  get lastAppended(): number {
    return this.#next - 1;
  }

  write(count: number, dataBytes: number): void {
    for (let index = 0; index < count; index++) append(this.#log, this.#next++, dataBytes);
    this.#log.flush();
    this.catchUp();
  }

  catchUp(): void {
    if (this.effects.refusedFrom !== null) {
      this.#next = this.effects.refusedFrom;
      this.effects.refusedFrom = null;
    }
    while (this.#applied < this.effects.durable) {
      const entry = entryFor(++this.#applied);
      this.tree.apply(entry, 0, entry.length, null, null);
    }
  }

  snapshot(onEnd: () => void = () => {}): void {
    new SnapshotWriter(this.#snapshotOptions(), onEnd).start();
  }

  roll(): void {
    this.#log.roll();
  }

  #snapshotOptions() {
    const { disk, tree } = this;
    const directory = dirs.snapshots;
    return { disk, directory, tree, compression: "none" as const, packer: null, withLastZxid: true };
  }
}

function newDisk(seed = 1): MemoryDisk {
  const disk = new MemoryDisk(seed);
  disk.makeDirectory(dirs.logs);
  disk.syncDirectory("/data");
  disk.syncDirectory("/");
  return disk;
}

/** Every acknowledged txn is back, and nothing but a run of what was appended. */
function expectAll(disk: MemoryDisk, acknowledged: number, appended: number): void {
  const recovered = recoverFrom(disk);
  expect(recovered.lastZxid).toBeGreaterThanOrEqual(acknowledged);
  expect(recovered.lastZxid).toBeLessThanOrEqual(appended);
  const { store } = recovered.tree;
  let last = 0;
  while (store.findPath(pathFor(last + 1)) !== noZnode) last++;
  expect(last).toBe(recovered.lastZxid);
}

describe("whichever disk call fails, once or from then on,", () => {
  const cases = (["blocking", "later"] as const).flatMap((syncMode) =>
    (["EIO", "ENOSPC"] as const).flatMap((code) =>
      [false, true].map((isLasting) => ({ syncMode, code, isLasting }))
    )
  );

  for (const { syncMode, code, isLasting } of cases) {
    test(`no acknowledged txn is lost (${code} ${isLasting ? "from then on" : "once"}, ${syncMode} syncs)`, () => {
      for (let failing = 0;; failing++) {
        const disk = newDisk();
        let reached = false;
        const from = disk.calls;
        disk.fault = ({ index }) => {
          const fails = isLasting ? index >= from + failing : index === from + failing;
          reached ||= fails;
          return fails ? code : null;
        };
        let acknowledged = 0;
        let appended = 0;
        try {
          const storage = new Storage(disk, syncMode);
          for (let round = 0; round < 8; round++) {
            storage.write(1 + round % 3, 40 * round);
            appended = Math.max(appended, storage.lastAppended);
            if (round === 3) storage.snapshot();
            if (round === 5) storage.roll();
            disk.settle();
            storage.catchUp();
            acknowledged = storage.effects.durable;
            if (storage.effects.fatal !== null) break;
          }
          if (storage.effects.fatal === null) purge(disk, dirs, 3);
        } catch (error) {
          expect(error).toMatchObject({ name: "DiskError", code });
        }
        disk.fault = null;
        disk.crash(seededRandom(failing), failing % 2 === 0 ? "order" : "sectors");
        expectAll(disk, acknowledged, appended);
        if (!reached) {
          expect(acknowledged).toBe(15);
          return;
        }
      }
    });
  }
});

test("a full disk loses nothing acknowledged, and takes writes again when there is room", () => {
  for (let room = 1; room < 40; room++) {
    const disk = newDisk(room);
    const storage = new Storage(disk);
    disk.capacityBytes = disk.usedBytes + room * 1024;
    for (let round = 0; round < 30; round++) storage.write(2, 700);
    const before = storage.effects.durable;
    expect(storage.effects.fatal).toBeNull();
    disk.capacityBytes = Infinity;
    storage.write(2, 10);
    expect(storage.effects.durable).toBe(before + 2);
    disk.crash({ uint32: () => 0 });
    expectAll(disk, before + 2, before + 2);
  }
});
