import type { Disk, DiskError, DiskFile, OpenMode } from "../../../src/base/disk.ts";
import type { MemoryDisk } from "../../world/memory_disk.ts";
import type { Chance } from "./chance.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimProcess } from "./sim_process.ts";

/** How long a simulated disk takes, in ms. */
export interface DiskTimes {
  /** A sync, on the average. */
  syncMs: number;
  /** How often one takes up to a hundred times as long. */
  slowChance: number;
}

/** What a {@link SimDisk} is made from. */
export interface SimDiskParts {
  readonly disk: MemoryDisk;
  readonly process: SimProcess;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly times: DiskTimes;
  /** Called before each call; may end the process, which then gets no further. */
  beforeCall(): void;
}

/**
 * A machine's disk as one process sees it: calls take time, what runs beside the process ends when the time has
 * come, and an ended process changes nothing any more.
 */
export class SimDisk implements Disk {
  readonly #parts: SimDiskParts;

  constructor(parts: SimDiskParts) {
    this.#parts = parts;
    parts.disk.onLater = (run) => parts.scheduler.at(parts.process.nowMs + this.#syncMs(), run);
  }

  list(directory: string): string[] {
    return this.#enter().list(directory);
  }

  exists(path: string): boolean {
    return this.#enter().exists(path);
  }

  makeDirectory(path: string): void {
    this.#enter().makeDirectory(path);
  }

  open(path: string, mode: OpenMode): DiskFile {
    const file = this.#enter().open(path, mode);
    const enter = () => {
      this.#enter();
      return file;
    };
    const { process } = this.#parts;
    return {
      path,
      size: () => enter().size(),
      readAt: (target, position) => enter().readAt(target, position),
      writeAt: (source, position) => enter().writeAt(source, position),
      truncate: (bytes) => enter().truncate(bytes),
      sync: () => {
        enter();
        process.block(this.#syncMs());
        file.sync();
      },
      syncLater: (done) => enter().syncLater((error) => process.take("io", () => done(error))),
      writeLater: (source, position, done) =>
        enter().writeLater(source, position, (error) => process.take("io", () => done(error))),
      close: () => file.close(),
    };
  }

  sizeOf(path: string): number {
    return this.#enter().sizeOf(path);
  }

  rename(from: string, to: string): void {
    this.#enter().rename(from, to);
  }

  remove(path: string): void {
    this.#enter().remove(path);
  }

  syncDirectory(path: string): void {
    this.#enter();
    this.#parts.process.block(this.#syncMs());
    this.#parts.disk.syncDirectory(path);
  }

  syncDirectoryLater(path: string, done: (error: DiskError | null) => void): void {
    this.#enter().syncDirectoryLater(path, (error) => this.#parts.process.take("io", () => done(error)));
  }

  #enter(): MemoryDisk {
    const { disk, process, beforeCall } = this.#parts;
    process.checkAlive();
    beforeCall();
    process.checkAlive();
    return disk;
  }

  #syncMs(): number {
    const { chance, times } = this.#parts;
    const ms = times.syncMs * chance.between(0.2, 1.8);
    return chance.happens(times.slowChance) ? ms * chance.between(10, 100) : ms;
  }
}
