import { Deque } from "../base/deque.ts";
import { JuteWriter } from "../jute/writer.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { LoggedEntry } from "./committed_log.ts";

/** A chunk is as large as all entries that are looked at together, within these bounds. */
const chunkBytesMin = 4 * 1024;
const chunkBytesMax = 128 * 1024;

/** Bytes that an entry may turn out longer than was foreseen, without its chunk having to grow. */
const leewayBytes = 1024;

/** Chunks kept though nothing lies in them: what a busy server needs again a moment later. */
const spareChunksMax = 16;

interface FullChunk {
  readonly writer: JuteWriter;
  readonly newest: Zxid;
}

/**
 * Where entries lie until nobody looks at them any more, which is in the order of their zxids: oldest first. They lie side
 * by side in chunks, and a chunk is used again when the newest of its entries has been {@link release}d.
 *
 * Left to the collector, chunks would be gone from the cache, and often given back to the system, before they came round
 * again: a busy server had twice as many page faults.
 */
export class EntryArena {
  #writer = new JuteWriter(0);
  /** Of the entries in the present chunk. */
  #newest: Zxid = -1;
  readonly #full = new Deque<FullChunk>();
  #fullBytes = 0;
  readonly #spare: JuteWriter[] = [];

  /**
   * Where the next entry, of about `bytes` bytes, is to be written: behind what the writer holds. Then
   * {@link onWritten} has to be told whose it is.
   */
  begin(bytes: number): JuteWriter {
    const writer = this.#writer;
    return writer.length + bytes + leewayBytes <= writer.bytes.length ? writer : this.#nextChunk(bytes);
  }

  /** The entry written last is that of txn `zxid`. */
  onWritten(zxid: Zxid): void {
    this.#newest = zxid;
  }

  /** @returns A copy of the entry `bytes[start, end)` of txn `zxid`, good until that is released. */
  keep(zxid: Zxid, bytes: Uint8Array, start: number, end: number): LoggedEntry {
    const writer = this.begin(end - start);
    const at = writer.length;
    writer.rawRange(bytes, start, end - start);
    this.#newest = zxid;
    return { zxid, bytes: writer.bytes, start: at, end: writer.length };
  }

  /** Nobody looks at the entries up to `zxid` any more. */
  release(zxid: Zxid): void {
    const full = this.#full;
    for (let oldest = full.peek(); oldest !== undefined && oldest.newest <= zxid; oldest = full.peek()) {
      full.shift();
      this.#fullBytes -= oldest.writer.length;
      this.#empty(oldest.writer);
    }
  }

  /** Nobody looks at any entry any more. */
  clear(): void {
    this.release(Infinity);
    this.#writer.reset(chunkBytesMax);
    this.#newest = -1;
  }

  #nextChunk(bytes: number): JuteWriter {
    if (this.#writer.length > 0) {
      this.#full.push({ writer: this.#writer, newest: this.#newest });
      this.#fullBytes += this.#writer.length;
    }
    const usual = Math.max(Math.min(this.#fullBytes, chunkBytesMax), chunkBytesMin);
    const wanted = Math.max(usual, bytes + leewayBytes);
    let next = this.#spare.pop();
    while (next !== undefined && next.bytes.length < wanted) next = this.#spare.pop();
    return this.#writer = next ?? new JuteWriter(wanted);
  }

  #empty(writer: JuteWriter): void {
    // Whoever still looks at what was released must not find a txn there.
    writer.bytes.fill(0xee, 0, writer.length);
    // One with a very long entry goes.
    if (writer.bytes.length > chunkBytesMax || this.#spare.length >= spareChunksMax) return;
    writer.reset();
    this.#spare.push(writer);
  }
}
