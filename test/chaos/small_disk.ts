/** A disk so small that it can be filled: a tmpfs in a mount namespace of this process's own (see NamespaceNetwork). */
import { spawnSync } from "node:child_process";
import { closeSync, cpSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Room for what a run leaves behind, a dozen snapshots and preallocated logs. */
const sizeMb = 512;

/** See the head of this file. */
export class SmallDisk {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Puts one at `dir`; null where that is not permitted. */
  static mount(dir: string): SmallDisk | null {
    mkdirSync(dir, { recursive: true });
    const words = ["-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", dir];
    return spawnSync("mount", words, { stdio: "ignore" }).status === 0 ? new SmallDisk(dir) : null;
  }

  /** Leaves no room. */
  fill(): void {
    const file = openSync(this.#filler, "a");
    try {
      for (let bytes = 1 << 20; bytes >= 512; bytes >>= 1) {
        this.#writeUntilRefused(file, new Uint8Array(bytes));
      }
    } finally {
      closeSync(file);
    }
  }

  /** Makes room again. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Copies what is on it to `dir`, for it goes with this process. */
  keep(dir: string): void {
    this.free();
    if (existsSync(this.#dir)) cpSync(this.#dir, dir, { recursive: true });
  }

  /** Takes it away, and what is on it; nothing may run there any more. */
  unmount(): void {
    spawnSync("umount", [this.#dir], { stdio: "ignore" });
  }

  get #filler(): string {
    return join(this.#dir, "filler");
  }

  #writeUntilRefused(file: number, block: Uint8Array): void {
    try {
      while (writeSync(file, block) === block.length);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSPC") throw error;
    }
  }
}
