import type { ServerMetrics } from "../admin/metrics.ts";
import type { Clock } from "../base/clock.ts";
import { type Disk, DiskError } from "../base/disk.ts";
import type { Logger } from "../base/log.ts";
import { zxidToHex } from "../protocol/zxid.ts";
import type { DataDirs } from "../storage/data_dirs.ts";
import type { Compression } from "../storage/file_names.ts";
import { purge } from "../storage/purge.ts";
import { type SnapshotPacker, SnapshotWriter } from "../storage/snapshot_writer.ts";
import type { DataTree } from "../tree/data_tree.ts";

/** What a {@link SnapshotKeeper} is made from. */
export interface SnapshotKeeperParts {
  readonly disk: Disk;
  readonly dirs: DataDirs;
  readonly tree: DataTree;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics: ServerMetrics;
  readonly compression: Compression;
  readonly packer: SnapshotPacker | null;
  readonly withLastZxid: boolean;
}

/** Takes snapshots, one at a time, while the server serves, and removes old files. */
export class SnapshotKeeper {
  readonly #parts: SnapshotKeeperParts;
  #writer: SnapshotWriter | null = null;

  constructor(parts: SnapshotKeeperParts) {
    this.#parts = parts;
  }

  /** Writes one at once, blocking: a new database needs one before its first txn. @throws {DiskError} */
  takeNow(): void {
    const { disk, dirs } = this.#parts;
    SnapshotWriter.writeNow({ ...this.#parts, disk, directory: dirs.snapshots });
  }

  /** Begins a snapshot, unless one is still being written. */
  take(): void {
    const { logger, dirs, clock, metrics } = this.#parts;
    if (this.#writer !== null) {
      logger.warn("A snapshot is due while the one before is still being written; it is left out", {
        zxid: `0x${zxidToHex(this.#writer.zxid)}`,
      });
      return;
    }
    const beganMs = clock.monotonicMs();
    const writer = this.#writer = new SnapshotWriter(
      { ...this.#parts, directory: dirs.snapshots },
      (error) => {
        this.#writer = null;
        const ms = Math.round(clock.monotonicMs() - beganMs);
        if (error === null) {
          metrics.snapshotTime.record(ms);
          logger.info("A snapshot is written", {
            zxid: `0x${zxidToHex(writer.zxid)}`,
            file: writer.path,
            ms,
          });
        } else {
          logger.error(
            "A snapshot could not be written; the next will be tried when it is due, and no log is purged",
            {
              error: error.code,
              file: writer.path,
            },
          );
        }
      },
    );
    writer.start();
  }

  /**
   * Begins a snapshot if a start had much to replay: counting begins anew with each start, and a server that is
   * restarted often would start more and more slowly. Apache's writes one at every start.
   */
  takeAfterReplay(txnsReplayed: number, snapCount: number): void {
    if (txnsReplayed >= snapCount / 2) this.take();
  }

  /** Gives up the snapshot that is being written. */
  stop(): void {
    this.#writer?.abort();
    this.#writer = null;
  }

  /** Removes what no kept snapshot needs. */
  purge(keep: number): void {
    const { disk, dirs, logger } = this.#parts;
    if (this.#writer !== null) return;
    try {
      const removed = purge(disk, dirs, keep);
      if (removed.length > 0) {
        logger.info("Old files are removed", { files: removed.length, keptSnapshots: keep });
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      logger.error("Old files could not be removed", { error: error.message });
    }
  }
}
