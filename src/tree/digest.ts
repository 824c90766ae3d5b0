import { crc32 } from "../base/crc32.ts";
import { int64Of } from "../jute/int_at.ts";
import type { ZnodeRef } from "./znode_store.ts";

/*
 * The tree digest (DigestCalculator, AdHash; version 2): the 64-bit wrapping sum of one CRC-32 per znode, over
 *
 *   path  UTF-8, the root's is empty
 *   data  nothing when null
 *   60    czxid mzxid pzxid ctime mtime version cversion aversion ephemeralOwner, big-endian
 *
 * Znodes under "/zookeeper/" count as 0 (each server writes its own quota usage there); "/zookeeper" counts.
 */

/** CRC-32 of the path `view[start, start + length)`, unsigned; "" and "/" are the root, whose path is empty here. */
export function pathCrc(view: DataView, start: number, length: number): number {
  return length > 1 ? crc32(view, start, start + length, 0) : 0;
}

/**
 * CRC-32 of a znode's path and data: the part of its digest that a change of counters leaves alone.
 *
 * @param path What {@link pathCrc} says of it.
 * @param data The data's bytes are `data[start, start + length)`; null data has length -1.
 * @returns Unsigned.
 */
export function contentCrc(path: number, data: DataView, start: number, length: number): number {
  return length > 0 ? crc32(data, start, start + length, path) : path;
}

/**
 * The digest of one znode that counts.
 *
 * @param content What {@link contentCrc} says of it.
 * @param stat 60 bytes of StatPersisted at `stat[statStart]`, in the order of snapshots (pzxid last).
 * @returns CRC-32, unsigned.
 */
export function znodeDigest(content: number, stat: DataView, statStart: number): number {
  const crc = crc32(stat, statStart + 52, statStart + 60, crc32(stat, statStart, statStart + 16, content));
  return crc32(stat, statStart + 16, statStart + 52, crc);
}

const uncounted = Uint8Array.from("/zookeeper/", (unit) => unit.charCodeAt(0));

/** @returns Whether the znode at a path counts in the tree digest. */
export function isDigested(path: Uint8Array, start: number, length: number): boolean {
  if (length < uncounted.length) return true;
  for (let index = 1; index < uncounted.length; index++) {
    if (path[start + index] !== uncounted[index]) return true;
  }
  return false;
}

const word = 0x100000000;

/** A running tree digest: 64 bits in two int32 halves, so that adding makes no bigint. */
export class DigestSum {
  high = 0;
  low = 0;

  /** Counts a znode in. */
  add(crc: number): void {
    const sum = (this.low >>> 0) + crc;
    if (sum >= word) this.high = (this.high + 1) | 0;
    this.low = sum | 0;
  }

  /** Counts a znode out. */
  subtract(crc: number): void {
    const difference = (this.low >>> 0) - crc;
    if (difference < 0) this.high = (this.high - 1) | 0;
    this.low = difference | 0;
  }

  set(high: number, low: number): void {
    this.high = high | 0;
    this.low = low | 0;
  }

  /** The sum as a signed 64-bit value, the way the wire has it. */
  get value(): bigint {
    return int64Of(this.high, this.low);
  }
}

/** A CRC-32 of each znode, by its handle, so that it need not be made again. */
export class ZnodeCrcs {
  #crcs = new Int32Array(handlesAtFirst);

  /** Bytes of memory taken. */
  get totalBytes(): number {
    return this.#crcs.byteLength;
  }

  /** @returns The CRC-32 last set for a znode, unsigned; 0 if there was none. */
  of(ref: ZnodeRef): number {
    return this.#crcs[ref] >>> 0;
  }

  set(ref: ZnodeRef, crc: number): void {
    if (ref >= this.#crcs.length) this.#grow(ref);
    this.#crcs[ref] = crc;
  }

  /** The handle goes to another znode. */
  forget(ref: ZnodeRef): void {
    if (ref < this.#crcs.length) this.#crcs[ref] = 0;
  }

  clear(): void {
    this.#crcs = new Int32Array(handlesAtFirst);
  }

  #grow(ref: ZnodeRef): void {
    const larger = new Int32Array(Math.max(this.#crcs.length * 2, ref + 1));
    larger.set(this.#crcs);
    this.#crcs = larger;
  }
}

const handlesAtFirst = 256;
