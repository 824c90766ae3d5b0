import { assert } from "../base/assert.ts";
import type { ZnodeRef } from "./znode_store.ts";

/** The records that a {@link PathTable} finds. */
export interface PathRecords {
  /** Whether the record's path is `view[start, start + length)`. */
  hasPath(ref: ZnodeRef, view: DataView, start: number, length: number): boolean;
  /** The hash of the record's path. */
  hashOf(ref: ZnodeRef): number;
}

/*
 * An open-addressed table from the hash of a path to its record.
 *
 * An entry is `ref << 6 | tag`, the tag being the hash's low 6 bits, so that only one in 64 strangers on the
 * way is looked at in memory; 0 is no entry. The hash's high bits choose where the way begins; it goes on to
 * the next place. Removing closes the gap, so no way is longer than it must be.
 *
 * Capacities are 2^k and 3 * 2^(k-1). A table that is too full or too empty is not rebuilt at once: from then
 * on each insert and remove carries some entries over to the new one, and look-ups that miss there look into
 * the old one as well.
 */

const tagBits = 6;
const tagMask = (1 << tagBits) - 1;
/** Handles must leave room for the tag. */
export const refsMax = 2 ** (32 - tagBits);

const capacityMin = 256;
const loadMax = 0.8;
const loadMin = 0.1;
/** Load to begin with: after growing to the next capacity, after shrinking to a quarter. */
const loadGrown = 0.54;
const loadShrunk = 0.4;
/** Places of the old table carried over per change; more than enough to be done before the new one is full. */
const carriedPerChange = 8;
/** In the old table, where an entry was that is now in the new one, or gone. */
const moved = 1;

/** Finds records by path. */
export class PathTable {
  readonly #records: PathRecords;
  #table: Int32Array = new Int32Array(capacityMin);
  /** Turns a hash into a place: capacity / 2^32, so that the product is exact. */
  #scale = capacityMin / 2 ** 32;
  #count = 0;
  #old: Int32Array | null = null;
  #oldScale = 0;
  #oldNext = 0;

  constructor(records: PathRecords) {
    this.#records = records;
  }

  /** Bytes of the table, the old one included while it lasts. */
  get totalBytes(): number {
    return this.#table.byteLength + (this.#old?.byteLength ?? 0);
  }

  /** @returns The record of the path in `view[start, start + length)`, whose hash is given, or 0. */
  find(hash: number, view: DataView, start: number, length: number): ZnodeRef {
    const table = this.#table;
    const tag = hash & tagMask;
    let place = ((hash >>> 0) * this.#scale) | 0;
    for (let entry = table[place]; entry !== 0; entry = table[place]) {
      if ((entry & tagMask) === tag) {
        const ref = entry >>> tagBits;
        if (this.#records.hasPath(ref, view, start, length)) return ref;
      }
      if (++place === table.length) place = 0;
    }
    return this.#old === null ? 0 : this.#findOld(this.#old, hash, view, start, length);
  }

  /** Adds a record that is not there. */
  insert(hash: number, ref: ZnodeRef): void {
    if (this.#old !== null) this.#carryOver(carriedPerChange);
    if (this.#count >= this.#table.length * loadMax) {
      this.#carryOver(Infinity);
      this.#resize(loadGrown);
    }
    this.#put(hash, ref);
    this.#count++;
  }

  /** Removes a record that is there, and whose path can still be asked for. */
  remove(hash: number, ref: ZnodeRef): void {
    if (this.#old !== null) this.#carryOver(carriedPerChange);
    const table = this.#table;
    const wanted = ((ref << tagBits) | (hash & tagMask)) | 0;
    let place = ((hash >>> 0) * this.#scale) | 0;
    while (table[place] !== wanted) {
      if (table[place] === 0) {
        this.#removeOld(hash, wanted);
        this.#count--;
        return;
      }
      if (++place === table.length) place = 0;
    }
    this.#closeGap(table, place);
    this.#count--;
    if (this.#old === null && table.length > capacityMin && this.#count < table.length * loadMin) {
      this.#resize(loadShrunk);
    }
  }

  clear(): void {
    this.#table = new Int32Array(capacityMin);
    this.#scale = capacityMin / 2 ** 32;
    this.#count = 0;
    this.#old = null;
  }

  #put(hash: number, ref: ZnodeRef): void {
    const table = this.#table;
    let place = ((hash >>> 0) * this.#scale) | 0;
    while (table[place] !== 0) if (++place === table.length) place = 0;
    table[place] = (ref << tagBits) | (hash & tagMask);
  }

  /** Moves back what stands behind a gap and would not be found across it. */
  #closeGap(table: Int32Array, place: number): void {
    const capacity = table.length;
    let gap = place;
    let at = place;
    for (;;) {
      if (++at === capacity) at = 0;
      const entry = table[at];
      if (entry === 0) break;
      const home = ((this.#records.hashOf(entry >>> tagBits) >>> 0) * this.#scale) | 0;
      // Stays when its way begins behind the gap, going round the end.
      const isBehind = gap <= at ? home > gap && home <= at : home > gap || home <= at;
      if (isBehind) continue;
      table[gap] = entry;
      gap = at;
    }
    table[gap] = 0;
  }

  #resize(load: number): void {
    let capacity = capacityMin;
    while (this.#count > capacity * load) {
      capacity = (capacity & (capacity - 1)) === 0 ? capacity * 1.5 : capacity / 0.75;
    }
    this.#old = this.#table;
    this.#oldScale = this.#scale;
    this.#oldNext = 0;
    this.#table = new Int32Array(capacity);
    this.#scale = capacity / 2 ** 32;
    this.#carryOver(capacityMin);
  }

  /** Carries over what stands in the old table's next `places`. */
  #carryOver(places: number): void {
    const old = this.#old;
    if (old === null) return;
    const end = Math.min(this.#oldNext + places, old.length);
    for (let place = this.#oldNext; place < end; place++) {
      const entry = old[place];
      if (entry === 0 || entry === moved) continue;
      const ref = entry >>> tagBits;
      this.#put(this.#records.hashOf(ref), ref);
      old[place] = moved;
    }
    this.#oldNext = end;
    if (end === old.length) this.#old = null;
  }

  #findOld(old: Int32Array, hash: number, view: DataView, start: number, length: number): ZnodeRef {
    const tag = hash & tagMask;
    let place = ((hash >>> 0) * this.#oldScale) | 0;
    for (let entry = old[place]; entry !== 0; entry = old[place]) {
      if (entry !== moved && (entry & tagMask) === tag) {
        const ref = entry >>> tagBits;
        if (this.#records.hasPath(ref, view, start, length)) return ref;
      }
      if (++place === old.length) place = 0;
    }
    return 0;
  }

  #removeOld(hash: number, wanted: number): void {
    const old = this.#old;
    assert(old !== null, "what is removed was in the table");
    let place = ((hash >>> 0) * this.#oldScale) | 0;
    while (old[place] !== wanted) {
      assert(old[place] !== 0, "what is removed was in the table");
      if (++place === old.length) place = 0;
    }
    old[place] = moved;
  }
}
