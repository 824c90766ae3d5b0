import { assert } from "../base/assert.ts";
import { EventType, WatcherType } from "../protocol/watch_event.ts";
import type { Zxid } from "../protocol/zxid.ts";

/*
 * Cost, in Bun 1.4.5 on paths of 26 characters (their strings included): 10^6 standard watches take about
 * 190 bytes of RSS each when 1000 connections hold them, 250 when 10^5 connections hold ten each; a
 * connection's first watch takes 440. A change that nobody watches costs 50 ns, 0.4 us once a recursive watch
 * exists anywhere; spending the watches of 10,000 connections on one znode takes about 3 ms.
 */

/** Who is told of changes: a client's connection. */
export interface Watcher {
  /**
   * Something watched has changed. Only queues the notification: it may call {@link WatchManager.removeAll} but
   * nothing else of the manager.
   *
   * @param aclKey The ACL that decides whether this watcher may hear of it; the watch is spent either way.
   */
  onWatch(type: EventType, path: string, aclKey: number, zxid: Zxid): void;
  /** What it watches. Null at first; the manager's own afterwards. */
  watches: WatcherPaths | null;
}

/** Which watches a read leaves: on the znode itself (getData, exists), or on its list of children. */
export type WatchKind = "data" | "child";

/** The watches of one watcher. Owned by the manager. */
export class WatcherPaths {
  /** Sum of the modes below, never 0, by path. */
  readonly modes = new Map<string, number>();
  /** Paths with a mode of the data table. */
  dataPaths = 0;
  /** The trigger this watcher was told of last. */
  told = 0;
}

const dataStandard = 1;
const dataPersistent = 2;
const dataRecursive = 4;
const childStandard = 8;
const childPersistent = 16;
const inData = dataStandard | dataPersistent | dataRecursive;
const inChild = childStandard | childPersistent;
const everyMode = inData | inChild;

/** The watchers of a path; most paths have one. */
type Watchers = Watcher | Set<Watcher>;

/**
 * Who watches what, and who is told when a txn changes it.
 *
 * There are two tables, data and child, by path. In each a watcher holds up to three modes side by side:
 * standard (spent by its first event), persistent, and recursive (the znode and all below it; data table
 * only). A trigger tells each watcher once, whatever number of modes match. Watches on paths that do not exist
 * are as good as others, and no path is checked. (DataTree, WatchManager, WatcherMode of 3.9)
 *
 * It is the tree's observer: it hears of each change while that is applied, in the order that clients see.
 */
export class WatchManager {
  /** Watchers told since the start, by kind of event. */
  readonly told: number[] = [0, 0, 0, 0, 0];
  readonly #data = new Map<string, Watchers>();
  readonly #child = new Map<string, Watchers>();
  /** The recursive ones of the data table again, so that ancestors with many other watchers cost nothing. */
  readonly #recursive = new Map<string, Watchers>();
  readonly #watchers = new Set<Watcher>();
  #dataWatches = 0;
  #childWatches = 0;
  #dataWatchers = 0;
  #trigger = 0;

  /** True while there is no watch at all: changes need not be reported then. */
  get idle(): boolean {
    return this.#dataWatches === 0 && this.#childWatches === 0;
  }

  /** Watches of both tables, a path counted once per watcher and table (`zk_watch_count`). */
  get watchCount(): number {
    return this.#dataWatches + this.#childWatches;
  }

  /** Watches of the data table alone, as four-letter word `wchs` totals them. */
  get dataWatchCount(): number {
    return this.#dataWatches;
  }

  /** Paths of the data table (`wchs`). */
  get dataPathCount(): number {
    return this.#data.size;
  }

  /** Watchers with a watch in the data table (`wchs`). */
  get dataWatcherCount(): number {
    return this.#dataWatchers;
  }

  /** Sets a standard watch; a second one like it changes nothing. */
  add(watcher: Watcher, kind: WatchKind, path: string): void {
    this.#gain(watcher, path, kind === "data" ? dataStandard : childStandard);
  }

  /** Sets a persistent watch: on the znode and its list of children, until removed. */
  addPersistent(watcher: Watcher, path: string): void {
    this.#gain(watcher, path, dataPersistent | childPersistent);
  }

  /** Sets a recursive watch: on the znode and all below it, until removed; it tells of no lists of children. */
  addRecursive(watcher: Watcher, path: string): void {
    this.#gain(watcher, path, dataRecursive);
  }

  /**
   * Takes away a watcher's watches of one type on exactly this path, without telling it.
   *
   * @returns Whether there were any.
   */
  remove(watcher: Watcher, path: string, type: WatcherType): boolean {
    return this.#lose(watcher, path, modesOf(type)) !== 0;
  }

  /** @returns Whether a watcher has a watch of this type on exactly this path. */
  has(watcher: Watcher, path: string, type: WatcherType): boolean {
    const modes = watcher.watches?.modes.get(path) ?? 0;
    return (modes & modesOf(type)) !== 0;
  }

  /** Takes away all of a watcher's watches: its connection is gone. */
  removeAll(watcher: Watcher): void {
    const paths = watcher.watches;
    if (paths === null) return;
    for (const path of paths.modes.keys()) this.#lose(watcher, path, everyMode);
    watcher.watches = null;
  }

  /** A znode was created: data[path] 1, child[parent] 4. */
  onCreated(path: string, aclKey: number, parentPath: string, parentAclKey: number, zxid: Zxid): void {
    this.#trigger++;
    this.#fireData(EventType.nodeCreated, path, aclKey, zxid);
    this.#trigger++;
    this.#fireChild(EventType.nodeChildrenChanged, parentPath, parentAclKey, zxid);
  }

  /** A znode was deleted: data[path] 2, child[path] 2 for those not just told, child[parent] 4. */
  onDeleted(path: string, aclKey: number, parentPath: string, parentAclKey: number, zxid: Zxid): void {
    this.#trigger++;
    this.#fireData(EventType.nodeDeleted, path, aclKey, zxid);
    this.#fireChild(EventType.nodeDeleted, path, aclKey, zxid);
    this.#trigger++;
    this.#fireChild(EventType.nodeChildrenChanged, parentPath, parentAclKey, zxid);
  }

  /** A znode's data was set: data[path] 3. */
  onDataChanged(path: string, aclKey: number, zxid: Zxid): void {
    this.#trigger++;
    this.#fireData(EventType.nodeDataChanged, path, aclKey, zxid);
  }

  /** Each watcher with watches in the data table, and their paths (`wchc`). */
  *byWatcher(): IterableIterator<[Watcher, string[]]> {
    for (const watcher of this.#watchers) {
      const paths: string[] = [];
      for (const [path, modes] of watcher.watches!.modes) if ((modes & inData) !== 0) paths.push(path);
      if (paths.length > 0) yield [watcher, paths];
    }
  }

  /** Each path of the data table, and who watches it (`wchp`). */
  *byPath(): IterableIterator<[string, Watcher[]]> {
    for (const [path, watchers] of this.#data) {
      yield [path, watchers instanceof Set ? [...watchers] : [watchers]];
    }
  }

  #fireData(type: EventType, path: string, aclKey: number, zxid: Zxid): void {
    const watchers = this.#data.get(path);
    if (watchers !== undefined) this.#spend(watchers, dataStandard, type, path, aclKey, zxid);
    if (this.#recursive.size === 0 || path.length === 1) return;
    for (let slash = path.lastIndexOf("/"); slash >= 0; slash = path.lastIndexOf("/", slash - 1)) {
      const above = this.#recursive.get(slash === 0 ? "/" : path.slice(0, slash));
      if (above !== undefined) {
        if (above instanceof Set) {
          for (const watcher of above) this.#tell(watcher, type, path, aclKey, zxid);
        } else this.#tell(above, type, path, aclKey, zxid);
      }
      if (slash === 0) return;
    }
  }

  #fireChild(type: EventType, path: string, aclKey: number, zxid: Zxid): void {
    const watchers = this.#child.get(path);
    if (watchers !== undefined) this.#spend(watchers, childStandard, type, path, aclKey, zxid);
  }

  /** Tells the watchers at exactly `path`, and ends their standard watches there. */
  #spend(
    watchers: Watchers,
    standard: number,
    type: EventType,
    path: string,
    aclKey: number,
    zxid: Zxid,
  ): void {
    if (!(watchers instanceof Set)) {
      this.#lose(watchers, path, standard);
      this.#tell(watchers, type, path, aclKey, zxid);
      return;
    }
    for (const watcher of watchers) {
      this.#lose(watcher, path, standard);
      this.#tell(watcher, type, path, aclKey, zxid);
    }
  }

  #tell(watcher: Watcher, type: EventType, path: string, aclKey: number, zxid: Zxid): void {
    const paths = watcher.watches!;
    if (paths.told === this.#trigger) return;
    this.told[type]++;
    paths.told = this.#trigger;
    watcher.onWatch(type, path, aclKey, zxid);
  }

  #gain(watcher: Watcher, path: string, modes: number): void {
    let paths = watcher.watches;
    if (paths === null) watcher.watches = paths = new WatcherPaths();
    if (paths.modes.size === 0) this.#watchers.add(watcher);
    const before = paths.modes.get(path) ?? 0;
    const after = before | modes;
    if (after === before) return;
    paths.modes.set(path, after);
    if ((before & inData) === 0 && (after & inData) !== 0) {
      link(this.#data, path, watcher);
      this.#dataWatches++;
      if (paths.dataPaths++ === 0) this.#dataWatchers++;
    }
    if ((before & inChild) === 0 && (after & inChild) !== 0) {
      link(this.#child, path, watcher);
      this.#childWatches++;
    }
    if ((before & dataRecursive) === 0 && (after & dataRecursive) !== 0) link(this.#recursive, path, watcher);
  }

  /** @returns Those of `modes` that the watcher had. */
  #lose(watcher: Watcher, path: string, modes: number): number {
    const paths = watcher.watches;
    const before = paths?.modes.get(path) ?? 0;
    const after = before & ~modes;
    if (paths === null || after === before) return 0;
    if (after !== 0) paths.modes.set(path, after);
    else {
      paths.modes.delete(path);
      if (paths.modes.size === 0) this.#watchers.delete(watcher);
    }
    if ((before & inData) !== 0 && (after & inData) === 0) {
      unlink(this.#data, path, watcher);
      this.#dataWatches--;
      if (--paths.dataPaths === 0) this.#dataWatchers--;
    }
    if ((before & inChild) !== 0 && (after & inChild) === 0) {
      unlink(this.#child, path, watcher);
      this.#childWatches--;
    }
    if ((before & ~after & dataRecursive) !== 0) unlink(this.#recursive, path, watcher);
    return before & modes;
  }
}

/** The modes that a type of checkWatches and removeWatches is about (DataTree.removeWatch). */
function modesOf(type: WatcherType): number {
  switch (type) {
    case WatcherType.children:
      return childStandard;
    case WatcherType.data:
      return dataStandard;
    case WatcherType.any:
      return everyMode;
    case WatcherType.persistent:
      return dataPersistent | childPersistent;
    case WatcherType.persistentRecursive:
      return dataRecursive;
  }
}

function link(table: Map<string, Watchers>, path: string, watcher: Watcher): void {
  const watchers = table.get(path);
  if (watchers === undefined) table.set(path, watcher);
  else if (watchers instanceof Set) watchers.add(watcher);
  else table.set(path, new Set([watchers, watcher]));
}

function unlink(table: Map<string, Watchers>, path: string, watcher: Watcher): void {
  const watchers = table.get(path);
  assert(watchers !== undefined, "a watcher's watch is in its table");
  if (watchers instanceof Set) {
    watchers.delete(watcher);
    if (watchers.size === 0) table.delete(path);
  } else table.delete(path);
}
