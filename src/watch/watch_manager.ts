import { assert } from "../base/assert.ts";
import { Deque } from "../base/deque.ts";
import { EventType, WatcherType } from "../protocol/watch_event.ts";
import type { Zxid } from "../protocol/zxid.ts";

/*
 * Cost, in Bun 1.4.5 on paths of 26 characters (their strings included): a watch takes 180 to 215 bytes of heap when
 * connections hold 10 or more each, 245 as the only one of its connection. A change that nobody watches costs 50 ns,
 * and up to 40 ns for each level of its path once a recursive watch exists anywhere; spending the watches of 10,000 connections on one znode takes 0.8 ms.
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

/** The watches of one watcher. Owned by the manager; its tables hold this object. */
export class WatcherPaths {
  readonly watcher: Watcher;
  /** Paths with a mode of the data table, and of the child table. */
  dataPaths = 0;
  childPaths = 0;
  /** The trigger this watcher was told of last. */
  told = 0;
  /** The watcher wants to hear no more: what the tables still hold of it counts for nothing. */
  isGone = false;
  /** The only path, while there is one: most watchers have no more, and a map takes 400 bytes. */
  #path: string | null = null;
  #pathModes = 0;
  #modes: Map<string, number> | null = null;

  constructor(watcher: Watcher) {
    this.watcher = watcher;
  }

  /** Paths with any mode. */
  get size(): number {
    return this.#modes === null ? (this.#path === null ? 0 : 1) : this.#modes.size;
  }

  /** @returns The sum of the modes below that it has at a path; 0 for none. */
  at(path: string): number {
    if (this.#modes !== null) return this.#modes.get(path) ?? 0;
    return this.#path === path ? this.#pathModes : 0;
  }

  /** @param modes What it has at the path from now on. */
  put(path: string, modes: number): void {
    if (this.#modes === null) {
      if (this.#path === null || this.#path === path) {
        this.#path = modes === 0 ? null : path;
        this.#pathModes = modes;
        return;
      }
      if (modes === 0) return;
      this.#modes = new Map([[this.#path, this.#pathModes]]);
      this.#path = null;
    }
    if (modes !== 0) this.#modes.set(path, modes);
    else if (this.#modes.delete(path) && this.#modes.size === 0) this.#modes = null;
  }

  /** Each path and its modes. */
  *entries(): IterableIterator<[string, number]> {
    if (this.#modes !== null) yield* this.#modes;
    else if (this.#path !== null) yield [this.#path, this.#pathModes];
  }
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
type Watchers = WatcherPaths | Set<WatcherPaths>;

/** A watcher that goes with more paths than this is taken out of the tables by and by. */
const pathsAtOnceMax = 64;

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
  /** How many of those paths have a length: a path's ancestors of other lengths are not looked up. */
  readonly #recursiveLengths = new Map<number, number>();
  readonly #watchers = new Set<WatcherPaths>();
  /** What is still in the tables of watchers that are gone, and that of the one being taken out. */
  readonly #leaving = new Deque<WatcherPaths>();
  #sweeping: Iterator<[string, number]> | null = null;
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
    const paths = watcher.watches;
    if (paths === null) return false;
    const before = paths.at(path);
    const lost = before & modesOf(type);
    if (lost === 0) return false;
    this.#lose(paths, path, before, lost);
    this.#unlink(paths, path, lost, before & ~lost);
    return true;
  }

  /** @returns Whether a watcher has a watch of this type on exactly this path. */
  has(watcher: Watcher, path: string, type: WatcherType): boolean {
    const modes = watcher.watches?.at(path) ?? 0;
    return (modes & modesOf(type)) !== 0;
  }

  /**
   * Takes away all of a watcher's watches: its connection is gone. It hears nothing more and none of them counts, but
   * when they are many the tables are rid of them by {@link sweep}.
   */
  removeAll(watcher: Watcher): void {
    const paths = watcher.watches;
    if (paths === null) return;
    watcher.watches = null;
    paths.isGone = true;
    this.#watchers.delete(paths);
    if (paths.dataPaths > 0) this.#dataWatchers--;
    this.#dataWatches -= paths.dataPaths;
    this.#childWatches -= paths.childPaths;
    if (paths.size > pathsAtOnceMax) this.#leaving.push(paths);
    else for (const [path, modes] of paths.entries()) this.#unlink(paths, path, modes);
  }

  /** Whether there is something for {@link sweep}. */
  get needsSweep(): boolean {
    return this.#leaving.length > 0;
  }

  /** Goes on taking out of the tables what watchers that are gone left there: so many paths of theirs at most. */
  sweep(countMax: number): void {
    let count = 0;
    for (let paths = this.#leaving.peek(); paths !== undefined; paths = this.#leaving.peek()) {
      this.#sweeping ??= paths.entries();
      for (let next = this.#sweeping.next(); !next.done; next = this.#sweeping.next()) {
        this.#unlink(paths, ...next.value);
        if (++count >= countMax) return;
      }
      this.#sweeping = null;
      this.#leaving.shift();
    }
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
    for (const watches of this.#watchers) {
      const paths: string[] = [];
      for (const [path, modes] of watches.entries()) if ((modes & inData) !== 0) paths.push(path);
      if (paths.length > 0) yield [watches.watcher, paths];
    }
  }

  /** Each path of the data table, and who watches it (`wchp`). */
  *byPath(): IterableIterator<[string, Watcher[]]> {
    for (const [path, watchers] of this.#data) {
      const here = watchers instanceof Set ? [...watchers] : [watchers];
      const left = here.filter((paths) => !paths.isGone).map((paths) => paths.watcher);
      if (left.length > 0) yield [path, left];
    }
  }

  #fireData(type: EventType, path: string, aclKey: number, zxid: Zxid): void {
    this.#spend(this.#data, dataStandard, type, path, aclKey, zxid);
    if (this.#recursive.size === 0 || path.length === 1) return;
    for (let slash = path.lastIndexOf("/"); slash >= 0; slash = path.lastIndexOf("/", slash - 1)) {
      const above = this.#recursiveLengths.has(slash)
        ? this.#recursive.get(slash === 0 ? "/" : path.slice(0, slash))
        : undefined;
      if (above !== undefined) {
        if (above instanceof Set) {
          for (const paths of above) this.#tell(paths, type, path, aclKey, zxid);
        } else this.#tell(above, type, path, aclKey, zxid);
      }
      if (slash === 0) return;
    }
  }

  #fireChild(type: EventType, path: string, aclKey: number, zxid: Zxid): void {
    this.#spend(this.#child, childStandard, type, path, aclKey, zxid);
  }

  /** Tells the watchers that a table has at exactly `path`, and ends their standard watches there. */
  #spend(
    table: Map<string, Watchers>,
    standard: number,
    type: EventType,
    path: string,
    aclKey: number,
    zxid: Zxid,
  ): void {
    const watchers = table.get(path);
    if (watchers === undefined) return;
    if (!(watchers instanceof Set)) {
      if (!this.#spendOne(watchers, table, standard, path)) table.delete(path);
      return this.#tell(watchers, type, path, aclKey, zxid);
    }
    let staying = 0;
    for (const paths of watchers) if (this.#spendOne(paths, table, standard, path)) staying++;
    // Nearly always all of them go, or all stay.
    if (staying === 0) table.delete(path);
    else if (staying < watchers.size) {
      const stays = watchersThatStay(watchers, path, table === this.#data ? inData : inChild);
      table.set(path, stays);
    }
    for (const paths of watchers) this.#tell(paths, type, path, aclKey, zxid);
  }

  /** @returns Whether it stays in the table at that path. */
  #spendOne(
    paths: WatcherPaths,
    table: Map<string, Watchers>,
    standard: number,
    path: string,
  ): boolean {
    // One that is gone stays until it is swept.
    if (paths.isGone) return true;
    const before = paths.at(path);
    if ((before & standard) !== 0) this.#lose(paths, path, before, standard);
    return (before & ~standard & (table === this.#data ? inData : inChild)) !== 0;
  }

  #tell(paths: WatcherPaths, type: EventType, path: string, aclKey: number, zxid: Zxid): void {
    if (paths.told === this.#trigger || paths.isGone) return;
    this.told[type]++;
    paths.told = this.#trigger;
    paths.watcher.onWatch(type, path, aclKey, zxid);
  }

  #gain(watcher: Watcher, path: string, modes: number): void {
    const paths = watcher.watches ??= new WatcherPaths(watcher);
    const before = paths.at(path);
    const after = before | modes;
    if (after === before) return;
    if (paths.size === 0) this.#watchers.add(paths);
    paths.put(path, after);
    if ((before & inData) === 0 && (after & inData) !== 0) {
      link(this.#data, path, paths);
      this.#dataWatches++;
      if (paths.dataPaths++ === 0) this.#dataWatchers++;
    }
    if ((before & inChild) === 0 && (after & inChild) !== 0) {
      link(this.#child, path, paths);
      this.#childWatches++;
      paths.childPaths++;
    }
    if ((before & dataRecursive) === 0 && (after & dataRecursive) !== 0) {
      if (!this.#recursive.has(path)) count(this.#recursiveLengths, lengthAbove(path), 1);
      link(this.#recursive, path, paths);
    }
  }

  /** Takes modes away from those that a watcher had at a path; the tables are the caller's. */
  #lose(paths: WatcherPaths, path: string, before: number, lost: number): void {
    const after = before & ~lost;
    paths.put(path, after);
    if (paths.size === 0) this.#watchers.delete(paths);
    if ((before & inData) !== 0 && (after & inData) === 0) {
      this.#dataWatches--;
      if (--paths.dataPaths === 0) this.#dataWatchers--;
    }
    if ((before & inChild) !== 0 && (after & inChild) === 0) {
      this.#childWatches--;
      paths.childPaths--;
    }
  }

  /** Takes a watcher out of the tables that only the modes `lost` held it in, and not those it has left. */
  #unlink(paths: WatcherPaths, path: string, lost: number, left = 0): void {
    if ((lost & inData) !== 0 && (left & inData) === 0) unlink(this.#data, path, paths);
    if ((lost & inChild) !== 0 && (left & inChild) === 0) unlink(this.#child, path, paths);
    if ((lost & dataRecursive) !== 0) {
      unlink(this.#recursive, path, paths);
      if (!this.#recursive.has(path)) count(this.#recursiveLengths, lengthAbove(path), -1);
    }
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

/** Where a path ends within those below it: the root has no name before its slash. */
function lengthAbove(path: string): number {
  return path.length === 1 ? 0 : path.length;
}

function count(counts: Map<number, number>, key: number, change: number): void {
  const after = (counts.get(key) ?? 0) + change;
  if (after === 0) counts.delete(key);
  else counts.set(key, after);
}

function watchersThatStay(watchers: Set<WatcherPaths>, path: string, inTable: number): Set<WatcherPaths> {
  const stays = new Set<WatcherPaths>();
  for (const paths of watchers) if (paths.isGone || (paths.at(path) & inTable) !== 0) stays.add(paths);
  return stays;
}

function link(table: Map<string, Watchers>, path: string, paths: WatcherPaths): void {
  const watchers = table.get(path);
  if (watchers === undefined) table.set(path, paths);
  else if (watchers instanceof Set) watchers.add(paths);
  else table.set(path, new Set([watchers, paths]));
}

function unlink(table: Map<string, Watchers>, path: string, paths: WatcherPaths): void {
  const watchers = table.get(path);
  assert(watchers !== undefined, "a watcher's watch is in its table");
  if (watchers instanceof Set) {
    watchers.delete(paths);
    if (watchers.size === 0) table.delete(path);
  } else table.delete(path);
}
