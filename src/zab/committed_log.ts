import { Deque } from "../base/deque.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { EntryArena } from "./entry_arena.ts";

/** Where an entry lies: `bytes[start, end)`. */
export interface LoggedEntry {
  readonly zxid: Zxid;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * The newest committed txns, in memory, for learners that lack only a few (ZKDatabase.committedLog).
 *
 * An entry's bytes stay what they are while it is newer than {@link base}. Bound: `countMax` entries, but no more than
 * `bytesMax`: a learner that lacks more is served from the disk.
 */
export class CommittedLog {
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #entries = new Deque<LoggedEntry>();
  readonly #arena = new EntryArena();
  #bytes = 0;
  #base: Zxid = -1;
  /** Zxid of the entry appended last; -1 for none. */
  #newest: Zxid = -1;

  /** @param countMax Entries kept at least (`commitLogCount`), while they take no more than `bytesMax` bytes. */
  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Zxid of the oldest entry; -1 for none. */
  get min(): Zxid {
    return this.#entries.peek()?.zxid ?? -1;
  }

  /** Zxid of the newest entry; -1 for none. */
  get max(): Zxid {
    return this.length === 0 ? -1 : this.at(this.length - 1).zxid;
  }

  /** The zxid that the oldest entry follows; -1 when unknown, or nothing precedes it. */
  get base(): Zxid {
    return this.#base;
  }

  /** The entry `index` places behind the oldest. */
  at(index: number): LoggedEntry {
    return this.#entries.at(index)!;
  }

  /** Takes a copy of the entry of txn `zxid`; see {@link appendKept}. */
  append(zxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    if (this.#isNews(zxid)) this.appendKept(this.#arena.keep(zxid, bytes, start, end));
  }

  /** Takes an entry whose bytes stay what they are; one not newer than the newest, or the base, is passed over. */
  appendKept(entry: LoggedEntry): void {
    if (!this.#isNews(entry.zxid)) return;
    this.#bytes += entry.end - entry.start;
    this.#entries.push(entry);
    this.#newest = entry.zxid;
    while (this.length > this.#countMax || (this.#bytes > this.#bytesMax && this.length > 1)) {
      this.#dropOldest();
    }
  }

  /** @returns How many places behind the oldest the first entry newer than `zxid` is; {@link length} for none. */
  firstAfter(zxid: Zxid): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle).zxid > zxid) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Forgets all; what comes next follows `base`. */
  clear(base: Zxid): void {
    this.#base = base;
    this.#newest = -1;
    this.#entries.clear();
    this.#arena.clear();
    this.#bytes = 0;
  }

  #isNews(zxid: Zxid): boolean {
    return zxid > this.#base && zxid > this.#newest;
  }

  #dropOldest(): void {
    const { zxid, start, end } = this.#entries.shift()!;
    this.#base = zxid;
    this.#bytes -= end - start;
    this.#arena.release(zxid);
  }
}
