import { copyWords, LastView, wordCopyMax } from "../jute/word_copy.ts";
import type { Zxid } from "../protocol/zxid.ts";
import type { LoggedEntry } from "./committed_log.ts";

const chunkBytes = 256 * 1024;

/**
 * Where entries are copied to that outlive the bytes they came in. They lie in chunks side by side and are never
 * overwritten; a chunk goes when nobody names it any more, so an entry keeps what lies beside it alive.
 */
export class EntryArena {
  #chunk = new Uint8Array(0);
  #view = new DataView(this.#chunk.buffer);
  #used = 0;
  readonly #source = new LastView();

  /** @returns A copy of the entry `bytes[start, end)` of txn `zxid`. */
  keep(zxid: Zxid, bytes: Uint8Array, start: number, end: number): LoggedEntry {
    const length = end - start;
    if (this.#used + length > this.#chunk.length) {
      this.#chunk = new Uint8Array(Math.max(chunkBytes, length));
      this.#view = new DataView(this.#chunk.buffer);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    if (length <= wordCopyMax) copyWords(this.#source.of(bytes), start, length, this.#view, at);
    else this.#chunk.set(bytes.subarray(start, end), at);
    return { zxid, bytes: this.#chunk, start: at, end: this.#used };
  }

  /** Copies come into a new chunk: nobody names the present one any more, and it may go. */
  clear(): void {
    this.#chunk = new Uint8Array(0);
    this.#view = new DataView(this.#chunk.buffer);
    this.#used = 0;
  }
}
