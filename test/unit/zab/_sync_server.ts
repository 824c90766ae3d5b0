/** A server of the small world: its disk and its tree are lists, and steps on the disk may be the last. */
import { expect } from "bun:test";
import { type Random, randomBelow } from "../../../src/base/random.ts";
import { counterOf, epochOf, type Zxid } from "../../../src/protocol/zxid.ts";
import { CommittedLog, type LoggedEntry } from "../../../src/zab/committed_log.ts";
import type { HistoryReader } from "../../../src/zab/sync_plan.ts";
import { show } from "./_zab.ts";

/** A txn; two of one zxid differ in their bytes. */
export interface Txn extends LoggedEntry {
  readonly tag: number;
}

/** A snapshot: what its tree holds. */
export interface Snapshot {
  readonly zxid: Zxid;
  readonly history: readonly Txn[];
}

/** The machine stops. */
export class Crash extends Error {}

/** Zxids and tags, to compare histories by. */
export const names = (history: readonly Txn[]) =>
  history.map(({ zxid, tag }) => `${show(zxid)}/${tag}`).join(" ");

/** A server's disk and tree; txns are as good as applied when they are in the history. */
export class Server {
  readonly id: number;
  acceptedEpoch = 0;
  currentEpoch = 0;
  snapshots: Snapshot[] = [{ zxid: 0, history: [] }];
  /** The log on disk, oldest first. */
  disk: Txn[] = [];
  /** All in the tree, and the zxid the tree goes by. */
  history: Txn[] = [];
  zxid: Zxid = 0;
  readonly committedLog: CommittedLog;
  /** It keeps what a leader's snapshot takes the place of, as Apache's servers do: its log has holes. */
  readonly #keepsLogs: boolean;

  constructor(id: number, txnsKept: number, keepsLogs: boolean) {
    this.id = id;
    this.#keepsLogs = keepsLogs;
    this.committedLog = new CommittedLog(txnsKept, 1e6);
    this.committedLog.clear(0);
  }

  /** Begins anew with what is on the disk. */
  restart(): void {
    this.load();
    const epoch = epochOf(this.zxid);
    if (epoch <= this.currentEpoch) return;
    expect(epoch).toBeLessThanOrEqual(this.acceptedEpoch);
    this.currentEpoch = epoch;
  }

  /** Fills the tree from the disk. */
  load(): void {
    const newest = this.snapshots.at(-1)!;
    this.history = [...newest.history];
    this.zxid = newest.zxid;
    this.committedLog.clear(newest.zxid);
    for (const txn of this.disk) {
      if (txn.zxid <= this.zxid) continue;
      const isNext = txn.zxid === this.zxid + 1 ||
        (epochOf(txn.zxid) > epochOf(this.zxid) && counterOf(txn.zxid) === 1);
      expect(isNext).toBe(true);
      this.apply(txn);
    }
  }

  apply(txn: Txn): void {
    this.history.push(txn);
    this.zxid = txn.zxid;
    this.committedLog.append(txn.zxid, txn.bytes, 0, txn.end);
  }

  takeSnapshot(): void {
    this.snapshots = this.snapshots.filter(({ zxid }) => zxid !== this.zxid);
    this.snapshots.push({ zxid: this.zxid, history: [...this.history] });
    this.snapshots.sort((a, b) => a.zxid - b.zxid);
  }

  /** Removes the oldest snapshot, and of the log what no other needs, but for the file before. */
  purge(random: Random): void {
    if (this.snapshots.length < 2) return;
    this.snapshots.shift();
    const oldest = this.snapshots[0].zxid;
    const needed = this.disk.findIndex(({ zxid }) => zxid > oldest);
    const from = needed < 0 ? this.disk.length : needed;
    this.disk = this.disk.slice(Math.max(0, from - randomBelow(random, 3)));
  }

  /** As Database.truncate. */
  truncate(zxid: Zxid): boolean {
    const isHeld = this.disk.some((txn) => txn.zxid === zxid) ||
      this.snapshots.some((one) => one.zxid === zxid);
    if (!isHeld || this.snapshots[0].zxid > zxid) return false;
    this.snapshots = this.snapshots.filter((one) => one.zxid <= zxid);
    this.disk = this.disk.filter((txn) => txn.zxid <= zxid);
    this.load();
    return true;
  }

  /** As Database.replaceByTree, up to one of its steps. */
  replaceByTree(steps: number): void {
    const { zxid } = this;
    const todo = [
      () => this.disk = this.disk.filter((txn) => txn.zxid <= zxid),
      () => this.takeSnapshot(),
      () => this.snapshots = this.snapshots.filter((one) => one.zxid <= zxid),
      ...this.#keepsLogs ? [] : [
        () => this.disk = [],
        () => this.snapshots = this.snapshots.filter((one) => one.zxid === zxid),
      ],
    ];
    for (const step of todo.slice(0, steps)) step();
    if (steps < todo.length) throw new Crash();
    this.committedLog.clear(zxid);
  }

  /** As Database.openHistory. */
  openHistory(from: Zxid): HistoryReader | null {
    if (this.snapshots[0].zxid > from) return null;
    const marks = this.snapshots.map(({ zxid }) => zxid);
    const { disk } = this;
    let next = disk.findIndex(({ zxid }) => zxid >= from);
    if (next < 0) next = disk.length;
    const reader = {
      before: -1,
      isBroken: false,
      next: () => {
        if (next >= disk.length) return null;
        const txn = disk[next];
        const before = next === 0 ? -1 : disk[next - 1].zxid;
        const hole = marks.findLast((mark) => mark > before && mark < txn.zxid) ?? -1;
        reader.isBroken = hole > from;
        if (reader.isBroken) return null;
        reader.before = before < 0 ? -1 : Math.max(before, hole);
        next++;
        return txn;
      },
      close: () => {},
    };
    return reader;
  }
}
