import { Gunzip } from "fflate/browser";
import type { ByteSource } from "./byte_source.ts";
import { BadSnapshotError } from "./errors.ts";

/** Packed bytes taken in one go. Deflate packs at most 1032 to 1, so this bounds what lies unpacked: 16 MB. */
const inputBytes = 16 * 1024;

/**
 * The unpacked bytes of a gzip stream of one or more members, in bounded memory and without promises: a snapshot
 * is also loaded in the middle of a server's life, by machines that never wait.
 *
 * The checksums of gzip are not looked at: a snapshot's own seals cover every unpacked byte. For the same reason
 * a stream that is cut short may just end.
 */
export class GunzipSource implements ByteSource {
  readonly #packed: ByteSource;
  readonly #gunzip: Gunzip;
  readonly #input: Uint8Array = new Uint8Array(inputBytes);
  /** Unpacked and not handed out, the first of them from `#at` on. */
  readonly #ready: Uint8Array[] = [];
  #at = 0;
  #atEnd = false;

  /** @param packed The gzip stream. */
  constructor(packed: ByteSource) {
    this.#packed = packed;
    this.#gunzip = new Gunzip((bytes) => {
      if (bytes.length > 0) this.#ready.push(bytes);
    });
  }

  read(target: Uint8Array, start: number, end: number): number {
    while (this.#ready.length === 0 && !this.#atEnd) this.#unpackMore();
    if (this.#ready.length === 0) return 0;
    const [first] = this.#ready;
    const count = Math.min(end - start, first.length - this.#at);
    target.set(first.subarray(this.#at, this.#at + count), start);
    this.#at += count;
    if (this.#at === first.length) {
      this.#ready.shift();
      this.#at = 0;
    }
    return count;
  }

  #unpackMore(): void {
    const count = this.#packed.read(this.#input, 0, this.#input.length);
    this.#atEnd = count === 0;
    try {
      // It keeps what it cannot use yet, so each piece must be one of its own.
      this.#gunzip.push(this.#input.slice(0, count), this.#atEnd);
    } catch (error) {
      throw new BadSnapshotError(`its gzip stream is damaged: ${(error as Error).message}`);
    }
  }
}
