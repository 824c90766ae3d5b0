/** A server's database on a disk in memory. */
import { ServerMetrics } from "../../../src/admin/metrics.ts";
import type { DiskError } from "../../../src/base/disk.ts";
import { type Logger, silentLogger } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import type { TraceEvent } from "../../../src/base/trace.ts";
import type { Zxid } from "../../../src/protocol/zxid.ts";
import { Database, type DatabaseUser } from "../../../src/server/database.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import { MemoryDisk } from "../../world/memory_disk.ts";
import { load } from "../config/_load.ts";
import { dirs, stillClock } from "../storage/_logs.ts";
import { makeTree } from "../tree/_txns.ts";
import { show, txn } from "../zab/_zab.ts";

/** Writes down what a database tells of its log. */
export class RecordedUser implements DatabaseUser {
  readonly lines: string[] = [];

  onDurable(lastZxid: Zxid): void {
    this.lines.push(`durable ${show(lastZxid)}`);
  }

  onRefused(firstZxid: Zxid, error: DiskError): void {
    this.lines.push(`refused ${show(firstZxid)} ${error.code}`);
  }

  onFatal(error: DiskError): void {
    this.lines.push(`fatal ${error.code}`);
  }

  take(): string[] {
    return this.lines.splice(0);
  }
}

/** A database of a member of an ensemble, loaded. */
export interface OpenDatabase {
  readonly database: Database;
  readonly user: RecordedUser;
  readonly tree: DataTree;
  readonly trace: TraceEvent[];
}

/** Where a database's files are, for new disks. */
export function emptyDisk(seed = 1): MemoryDisk {
  const disk = new MemoryDisk(seed);
  disk.put(`${dirs.logs}/acceptedEpoch`, new TextEncoder().encode("9"));
  return disk;
}

/**
 * Loads what is on `disk`.
 *
 * @param settings More lines of the zoo.cfg.
 */
export function openDatabase(
  disk: MemoryDisk,
  settings: readonly string[] = [],
  logger: Logger = silentLogger,
): OpenDatabase {
  const members = [1, 2, 3].map((id) => `server.${id}=h${id}:2888:3888`);
  const cfg = ["dataDir=/data", "initLimit=5", "syncLimit=2", "preAllocSize=64", ...members, ...settings];
  const { config } = load({ cfg: cfg.join("\n"), serverId: 1 });
  const user = new RecordedUser();
  const tree = makeTree();
  const trace: TraceEvent[] = [];
  const database = new Database({
    config,
    disk,
    dirs,
    tree,
    logger,
    clock: stillClock,
    random: seededRandom(3),
    metrics: new ServerMetrics(),
    trace: (event) => trace.push(event),
    packerFor: () => null,
  }, user);
  database.load();
  return { database, user, tree, trace };
}

/** Logs the txns of these zxids, and applies and remembers them, as a learner does behind DIFF. */
export function logTxns({ database, tree }: OpenDatabase, zxids: readonly Zxid[]): void {
  const entries = zxids.map(txn);
  database.logNow(entries);
  for (const entry of entries) {
    tree.apply(entry.bytes, entry.start, entry.end, null, null);
    database.remember(entry);
  }
}

/** Puts into a tree what these txns make of it. */
export function fill(tree: DataTree, zxids: readonly Zxid[]): void {
  for (const zxid of zxids) {
    const { bytes, start, end } = txn(zxid);
    tree.apply(bytes, start, end, null, null);
  }
}

/** A tree of these txns. */
export function treeOf(zxids: readonly Zxid[]): DataTree {
  const tree = makeTree();
  fill(tree, zxids);
  return tree;
}
