import type { Epochs } from "../../storage/epoch_files.ts";
import type { EpochName } from "../../storage/epoch_files.ts";
import { Database } from "../database.ts";

/**
 * The state of a server that has no disk: what is lost with the process, its leader has. Nothing is ever read from, or
 * written to, the disk it is given.
 */
export class VolatileDatabase extends Database {
  /** The tree is none that its leader ever had: all of it is to be taken anew. */
  needsTree = true;
  #own: Epochs = { acceptedEpoch: 0, currentEpoch: 0 };

  override get acceptedEpoch(): number {
    return this.#own.acceptedEpoch;
  }

  override get currentEpoch(): number {
    return this.#own.currentEpoch;
  }

  override saveEpoch(name: EpochName, epoch: number): void {
    this.#own = { ...this.#own, [name]: epoch };
  }

  /** What was half received is of no use. */
  override reload(): void {
    this.needsTree = true;
  }

  override truncate(): boolean {
    this.needsTree = true;
    return false;
  }

  override beginReceiving(): void {
    this.needsTree = true;
  }

  override replaceByTree(): void {
    this.needsTree = false;
  }

  override openHistory(): null {
    return null;
  }
}
