import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { JuteWriter } from "../../../src/jute/writer.ts";
import type { Zxid } from "../../../src/protocol/zxid.ts";
import { CommittedLog } from "../../../src/zab/committed_log.ts";
import { type HistoryReader, planSync, type SyncState } from "../../../src/zab/sync_plan.ts";
import { option, packetsIn, plain, show, showPacket, txn, zxid, zxids } from "./_zab.ts";
import { runScript } from "./script.ts";

/** A log on disk. */
class History implements HistoryReader {
  before: Zxid = -1;
  isBroken = false;
  isClosed = false;
  readonly #zxids: readonly Zxid[];
  readonly #brokenAt: Zxid;
  readonly #holeEnd: Zxid;
  #next: number;

  constructor(zxids: readonly Zxid[], from: Zxid, brokenAt: Zxid, holeEnd: Zxid) {
    this.#zxids = zxids;
    this.#brokenAt = brokenAt;
    this.#holeEnd = holeEnd;
    this.#next = zxids.findIndex((zxid) => zxid >= from);
    if (this.#next < 0) this.#next = zxids.length;
  }

  next() {
    if (this.#next >= this.#zxids.length) return null;
    const zxid = this.#zxids[this.#next];
    this.isBroken = zxid === this.#brokenAt;
    if (this.isBroken) return null;
    const before = this.#next === 0 ? -1 : this.#zxids[this.#next - 1];
    this.before = this.#holeEnd < zxid ? Math.max(before, this.#holeEnd) : before;
    this.#next++;
    return txn(zxid);
  }

  close() {
    this.isClosed = true;
  }
}

test("a leader synchronizes learners as sync_plan.txt says", () => {
  let committedLog = new CommittedLog(500, 1e6);
  let lastCommitted: Zxid = 0;
  let disk: { zxids: readonly Zxid[]; brokenAt: Zxid; holeEnd: Zxid } | null = null;

  const plan = (learnerZxid: Zxid): string[] => {
    const seen: string[] = [];
    let opened: History | null = null;
    const state: SyncState = {
      learnerZxid,
      lastCommitted,
      committedLog,
      openHistory: (from) => {
        seen.push("(reads the disk)");
        return disk === null ? null : opened = new History(disk.zxids, from, disk.brokenAt, disk.holeEnd);
      },
    };
    const queue = new JuteWriter(16);
    queue.string("what was queued before");
    const before = queue.copy();
    const { how, zxid, queuedUpTo } = planSync(state, queue);
    expect([...queue.view().subarray(0, before.length)]).toEqual([...before]);
    expect((opened as History | null)?.isClosed ?? true).toBe(true);
    seen.push(`${how} ${show(zxid)}`);
    const packets = packetsIn(queue.view().slice(before.length));
    for (const packet of packets) {
      seen.push(showPacket(packet));
      if (packet.dataLength < 0) continue;
      expect([...packet.bytes.subarray(packet.dataStart, packet.dataEnd)]).toEqual([
        ...txn(packet.zxid).bytes,
      ]);
    }
    if (how === "SNAP") expect(packets).toEqual([]);
    else seen.push(`all up to ${show(queuedUpTo)}`);
    return seen;
  };

  const failures = runScript(
    fileURLToPath(new URL("sync_plan.txt", import.meta.url)),
    (command, words) => {
      switch (words[0]) {
        case "leader":
          committedLog = new CommittedLog(Number(option(words, "keeps") ?? 500), 1e6);
          committedLog.clear(zxid(option(words, "base") ?? "0.0"));
          for (const { zxid, bytes, end } of zxids(plain(words)).map(txn)) {
            committedLog.append(zxid, bytes, 0, end);
          }
          lastCommitted = option(words, "committed") === undefined
            ? committedLog.max
            : zxid(option(words, "committed")!);
          disk = null;
          return [];
        case "disk":
          disk = {
            zxids: zxids(plain(words)),
            brokenAt: zxid(option(words, "broken") ?? "-1"),
            holeEnd: zxid(option(words, "snapshot") ?? "-1"),
          };
          return [];
        case "learner":
          return plan(zxid(words[1]));
        default:
          throw new Error(`unknown command: ${command}`);
      }
    },
  );
  expect(failures).toEqual([]);
});

test("a learner that lacks more than is held in memory at once gets the tree", () => {
  const entry = new Uint8Array(1024 * 1024);
  const plan = (count: number) => {
    const committedLog = new CommittedLog(500, 1e9);
    committedLog.clear(zxid("5.0"));
    for (let counter = 1; counter <= count; counter++) {
      committedLog.append(zxid(`5.${counter}`), entry, 0, entry.length);
    }
    const queue = new JuteWriter(16);
    const { how } = planSync({
      learnerZxid: zxid("5.0"),
      lastCommitted: committedLog.max,
      committedLog,
      openHistory: () => null,
    }, queue);
    return [how, queue.length > 0];
  };
  expect([plan(63), plan(64)]).toEqual([["DIFF", true], ["SNAP", false]]);
});
