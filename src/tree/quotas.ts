import type { Logger } from "../base/log.ts";
import { decodeText } from "../jute/reader.ts";
import { StatsTrack } from "./stats_track.ts";
import { forEachDescendant } from "./subtree.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "./znode_store.ts";

const quotaRoot = "/zookeeper/quota";
const limitsName = "/zookeeper_limits";
const statsName = "/zookeeper_stats";

const textEncoder = new TextEncoder();
const quotaPrefix = textEncoder.encode(`${quotaRoot}/`);

/** @returns Whether a path lies below /zookeeper/quota, where limits and usage are kept. */
export function isQuotaPath(bytes: Uint8Array, start: number, length: number): boolean {
  if (length <= quotaPrefix.length) return false;
  for (let index = 1; index < quotaPrefix.length; index++) {
    if (bytes[start + index] !== quotaPrefix[index]) return false;
  }
  return true;
}

/**
 * Quotas: the limit of a path is the text of `/zookeeper/quota<path>/zookeeper_limits`, its usage that of
 * `/zookeeper/quota<path>/zookeeper_stats` (Quotas, DataTree).
 *
 * Only the deepest limited path at or above a znode counts it. Usage is rewritten in place, leaving version
 * and mzxid alone, and each server keeps its own; so the tree digest leaves these znodes out.
 *
 * A limit on "/" is ignored (it stops Apache's server). Deleting the limit of a path leaves those of paths
 * below it alone (PathTrie.deletePath drops them as well until the next start).
 */
export class Quotas {
  readonly #store: ZnodeStore;
  readonly #logger: Logger;
  readonly #limited = new Set<string>();

  constructor(store: ZnodeStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Whether any path is limited; while none is, nothing needs to be counted. */
  get active(): boolean {
    return this.#limited.size > 0;
  }

  /** The limited paths. */
  get paths(): ReadonlySet<string> {
    return this.#limited;
  }

  /** @returns The deepest limited path that is `path` or above it, or null. */
  deepestLimited(path: string): string | null {
    if (this.#limited.size === 0) return null;
    let prefix = path;
    while (prefix.length > 1) {
      if (this.#limited.has(prefix)) return prefix;
      prefix = prefix.slice(0, prefix.lastIndexOf("/"));
    }
    return null;
  }

  /**
   * Whether a request would go beyond a hard limit, judged by the usage that is applied, not by what is
   * pending (ZooKeeperServer.checkQuota). Going beyond a soft limit is only logged.
   *
   * @param path The znode that is created or changed.
   * @param countDelta Znodes it adds: 1 for a create, 0 for a setData.
   * @param bytesDelta Bytes of data it adds; may be negative.
   */
  exceeds(path: string, countDelta: number, bytesDelta: number): boolean {
    const limited = this.deepestLimited(path);
    if (limited === null) return false;
    const limits = this.#read(limited, limitsName);
    const usage = this.#read(limited, statsName);
    if (limits === null || usage === null) return false;
    return this.#exceeds(limited, "count", usage.count, countDelta, limits.count, limits.countHardLimit) ||
      this.#exceeds(limited, "bytes", usage.bytes, bytesDelta, limits.bytes, limits.byteHardLimit);
  }

  /** Counts a create, delete or setData against the limit that is in force at `path`. */
  account(path: string, countDelta: number, bytesDelta: number): void {
    const limited = this.deepestLimited(path);
    if (limited === null) return;
    const ref = this.#store.findPath(quotaRoot + limited + statsName);
    if (ref === noZnode) return; // The client that sets a quota has made the limit and not yet the usage.
    const usage = this.#textOf(ref);
    usage.count += BigInt(countDelta);
    usage.bytes += BigInt(bytesDelta);
    this.#write(ref, usage);
  }

  /** A znode was created: a limit takes force, usage is counted afresh. */
  onCreated(path: string): void {
    if (isAbout(path, limitsName)) this.#activate(ownerOf(path, limitsName));
    else if (isAbout(path, statsName)) this.#recount(ownerOf(path, statsName));
  }

  /** A znode was deleted: a limit ends with its znode. */
  onDeleted(path: string): void {
    if (isAbout(path, limitsName)) this.#limited.delete(ownerOf(path, limitsName));
  }

  /** Takes all limits from the tree, and counts usage afresh, after a snapshot was loaded (DataTree.setupQuota). */
  rebuild(): void {
    this.#limited.clear();
    const top = this.#store.findPath(quotaRoot);
    if (top === noZnode) return;
    const limited: string[] = [];
    forEachDescendant(this.#store, top, (ref) => {
      const path = this.#store.pathOf(ref);
      if (isAbout(path, limitsName)) limited.push(ownerOf(path, limitsName));
    });
    for (const path of limited) {
      this.#activate(path);
      this.#recount(path);
    }
  }

  clear(): void {
    this.#limited.clear();
  }

  #activate(path: string): void {
    if (path === "") {
      this.#logger.warn("a quota on / is ignored");
      return;
    }
    this.#limited.add(path);
  }

  #recount(path: string): void {
    const statsRef = this.#store.findPath(quotaRoot + path + statsName);
    if (statsRef === noZnode) {
      this.#logger.warn("a quota has no znode for its usage", { path: quotaRoot + path + statsName });
      return;
    }
    let count = 0;
    let bytes = 0;
    const take = (ref: ZnodeRef) => {
      count++;
      bytes += Math.max(this.#store.dataLengthOf(ref), 0);
    };
    const top = this.#store.findPath(path);
    if (top !== noZnode) {
      take(top);
      forEachDescendant(this.#store, top, take);
    }
    const usage = new StatsTrack();
    usage.count = BigInt(count);
    usage.bytes = BigInt(bytes);
    this.#write(statsRef, usage);
  }

  #exceeds(
    path: string,
    what: "count" | "bytes",
    used: bigint,
    delta: number,
    softLimit: bigint,
    hardLimit: bigint,
  ): boolean {
    const isHard = hardLimit > -1n;
    const limit = isHard ? hardLimit : softLimit;
    if (delta === 0 || limit < 0n) return false;
    const wanted = used + BigInt(delta);
    if (wanted <= limit) return false;
    this.#logger.warn(`quota exceeded: ${what}`, {
      path,
      wanted: String(wanted),
      limit: String(limit),
      kind: isHard ? "hard" : "soft",
    });
    return isHard;
  }

  /** Every path with limits, with these and what is used of them. */
  *list(): Iterable<{ readonly path: string; readonly limits: StatsTrack; readonly usage: StatsTrack }> {
    for (const path of this.#limited) {
      const limits = this.#read(path, limitsName);
      const usage = this.#read(path, statsName);
      if (limits !== null && usage !== null) yield { path, limits, usage };
    }
  }

  #read(path: string, name: string): StatsTrack | null {
    const ref = this.#store.findPath(quotaRoot + path + name);
    return ref === noZnode ? null : this.#textOf(ref);
  }

  #textOf(ref: ZnodeRef): StatsTrack {
    const data = this.#store.copyDataOf(ref);
    return new StatsTrack(data === null ? "" : decodeText(data, 0, data.length));
  }

  #write(ref: ZnodeRef, usage: StatsTrack): void {
    const data = textEncoder.encode(usage.toString());
    this.#store.setData(ref, data, 0, data.length);
  }
}

function isAbout(path: string, name: string): boolean {
  return path.startsWith(quotaRoot) && path.endsWith(name) &&
    (path.length === quotaRoot.length + name.length || path.charAt(quotaRoot.length) === "/");
}

/** The path that a znode below /zookeeper/quota is about; "" for the root. */
function ownerOf(path: string, name: string): string {
  return path.slice(quotaRoot.length, path.length - name.length);
}
