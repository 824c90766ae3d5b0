import type { DiskFile } from "../base/disk.ts";

/** Bytes that are read once, from front to back. */
export interface ByteSource {
  /**
   * Puts the next bytes into `target[start, end)`.
   *
   * @returns How many; 0 only at the end of the source.
   * @throws {BadSnapshotError} If the source is packed and its bytes are damaged or cut short.
   */
  read(target: Uint8Array, start: number, end: number): number;
}

/** The bytes of a file as they are. */
export class FileSource implements ByteSource {
  readonly #file: DiskFile;
  #position = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  read(target: Uint8Array, start: number, end: number): number {
    const count = this.#file.readAt(target.subarray(start, end), this.#position);
    this.#position += count;
    return count;
  }
}
