import {
  type Disk,
  DiskError,
  type DiskErrorCode,
  type DiskFile,
  type OpenMode,
} from "../../src/base/disk.ts";
import { type Random, randomBelow, seededRandom } from "../../src/base/random.ts";

/** A call that a {@link MemoryDisk} is about to do. */
export interface DiskCall {
  /** How many calls came before it. */
  readonly index: number;
  readonly operation:
    | "list"
    | "makeDirectory"
    | "open"
    | "sizeOf"
    | "rename"
    | "remove"
    | "syncDirectory"
    | "size"
    | "read"
    | "write"
    | "truncate"
    | "sync";
  readonly path: string;
}

/**
 * How writes are lost in a crash that no sync covers.
 *
 * - `order`: the last ones, the first of those perhaps in part, and the last changes of names: what is left when
 *   everything goes to the disk in order.
 * - `sectors`: any 512 bytes of any of them, and any changes of names: what a power cut may leave, for a disk
 *   writes in what order it likes.
 */
export type CrashLoss = "order" | "sectors";

const blockBytes = 4096;
const sectorBytes = 512;

type Change =
  | { readonly id: number; readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly id: number; readonly kind: "truncate"; readonly bytes: number };

/** Bytes that grow. */
class Content {
  #bytes = new Uint8Array(64);
  length = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  write(position: number, bytes: Uint8Array): void {
    this.truncate(Math.max(this.length, position + bytes.length));
    this.#bytes.set(bytes, position);
  }

  truncate(length: number): void {
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.bytes);
      this.#bytes = larger;
    } else if (length < this.length) {
      this.#bytes.fill(0, length, this.length);
    }
    this.length = length;
  }

  take(change: Change): void {
    if (change.kind === "write") this.write(change.position, change.bytes);
    else this.truncate(change.bytes);
  }

  copy(): Content {
    const copy = new Content();
    copy.write(0, this.bytes);
    return copy;
  }
}

class FileNode {
  /** What reads see, and what a crash leaves at least. */
  visible = new Content();
  durable = new Content();
  /** Done since the last sync, in order. */
  unsynced: Change[] = [];
  /** Blocks that hold something; the others are holes and take no room. */
  blocks = new Set<number>();
}

type Entries = Map<string, FileNode | DirectoryNode>;

class DirectoryNode {
  visible: Entries = new Map();
  durable: Entries = new Map();
  unsynced: ((entries: Entries) => void)[] = [];

  change(step: (entries: Entries) => void): void {
    step(this.visible);
    this.unsynced.push(step);
  }
}

interface Later {
  run(): void;
  /** The machine stops before it is done. */
  onCrash(): void;
}

/**
 * A disk for tests, as unhelpful as a lawful disk may be: what is not synced may be lost in a crash, file by file
 * and directory by directory; calls fail when told to; room runs out; `syncLater` and `writeLater` end when the
 * test says so, and not before.
 */
export class MemoryDisk implements Disk {
  /** Makes a call fail: asked before each one. Writes that fail have written a part. */
  fault: ((call: DiskCall) => DiskErrorCode | null) | null = null;
  /** Hears of each call of `syncLater` and `writeLater`, with what does it; which does nothing after a crash. */
  onLater: ((run: () => void) => void) | null = null;
  /** Bytes of room; a file takes a block of 4096 for itself and one for each it wrote to. */
  capacityBytes = Infinity;
  /** Directories below which nothing may be changed. */
  readonly readOnly = new Set<string>();
  /** Calls so far. */
  calls = 0;
  /** Files open now. */
  openFiles = 0;

  readonly #random: Random;
  #root = new DirectoryNode();
  readonly #later: Later[] = [];
  #usedBytes = 0;
  #changeId = 0;
  /** Goes up with each crash: files opened before are of no use any more. */
  #boot = 0;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  /** Calls of `syncLater` and `writeLater` that are not done yet. */
  get laterCount(): number {
    return this.#later.length;
  }

  /** Room taken, in bytes. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Does the call of `syncLater` or `writeLater` that stands at `index` in the queue. */
  runLater(index = 0): void {
    const [later] = this.#later.splice(index, 1);
    if (later === undefined) throw new Error("nothing is under way");
    later.run();
  }

  /** Does what is under way, and what comes of it, until nothing is. */
  settle(): void {
    while (this.#later.length > 0) this.runLater();
  }

  /**
   * The machine stops and starts again: of what was not synced some is kept and some is lost, as `random` has it.
   */
  crash(random: Random, loss: CrashLoss = "order"): void {
    for (const later of this.#later.splice(0)) later.onCrash();
    this.#boot++;
    this.openFiles = 0;
    this.#usedBytes = 0;
    const seen = new Set<FileNode>();
    const visit = (directory: DirectoryNode) => {
      const kept = chance(random, 4) ? 0 : randomBelow(random, directory.unsynced.length + 1);
      const steps = loss === "order"
        ? directory.unsynced.slice(0, kept)
        : directory.unsynced.filter(() => !chance(random, 3));
      for (const step of steps) step(directory.durable);
      directory.unsynced = [];
      directory.visible = new Map(directory.durable);
      for (const node of directory.durable.values()) {
        if (node instanceof DirectoryNode) visit(node);
        else if (!seen.has(node)) {
          seen.add(node);
          this.#crashFile(node, random, loss);
        }
      }
    };
    visit(this.#root);
  }

  /** The machine is given a new, empty disk. */
  wipe(): void {
    this.crash(seededRandom(0));
    this.#root = new DirectoryNode();
    this.#usedBytes = 0;
  }

  /** The worst crash: only what was synced is left. */
  loseUnsynced(): void {
    const forget = (directory: DirectoryNode) => {
      directory.unsynced = [];
      for (const node of directory.durable.values()) {
        if (node instanceof DirectoryNode) forget(node);
        else node.unsynced = [];
      }
    };
    forget(this.#root);
    this.crash(seededRandom(0));
  }

  /**
   * The process stops while the machine goes on: files written so far stay as they are, without being durable, and
   * of the calls under way some are done.
   */
  kill(random: Random): void {
    for (const later of this.#later.splice(0)) {
      if (chance(random, 2)) later.onCrash();
    }
    this.#boot++;
    this.openFiles = 0;
  }

  /** @returns Every file and its bytes, by path. */
  files(): Map<string, Uint8Array> {
    const files = new Map<string, Uint8Array>();
    const visit = (path: string, directory: DirectoryNode) => {
      for (const [name, node] of directory.visible) {
        if (node instanceof DirectoryNode) visit(`${path}/${name}`, node);
        else files.set(`${path}/${name}`, node.visible.bytes.slice());
      }
    };
    visit("", this.#root);
    return files;
  }

  /** @returns The bytes of a file. */
  bytesOf(path: string): Uint8Array {
    return this.#fileAt(path, "reading").visible.bytes.slice();
  }

  /** Puts a durable file there, with its directories, as if it had always been there. */
  put(path: string, bytes: Uint8Array): void {
    let directory = this.#root;
    const names = namesOf(path);
    const last = names.pop()!;
    for (const name of names) {
      let next = directory.visible.get(name);
      if (next === undefined) {
        next = new DirectoryNode();
        directory.visible.set(name, next);
        directory.durable.set(name, next);
      }
      directory = next as DirectoryNode;
    }
    const file = new FileNode();
    file.visible.write(0, bytes);
    file.durable.write(0, bytes);
    this.#forget(directory.visible.get(last));
    directory.visible.set(last, file);
    directory.durable.set(last, file);
    for (let block = 0; block * blockBytes < bytes.length; block++) file.blocks.add(block);
    this.#usedBytes += (file.blocks.size + 1) * blockBytes;
  }

  list(directory: string): string[] {
    this.#begin("list", directory, "listing");
    return [...this.#directoryAt(directory, "listing").visible.keys()];
  }

  exists(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  makeDirectory(path: string): void {
    this.#begin("makeDirectory", path, "making the directory");
    let directory = this.#root;
    let at = "";
    for (const name of namesOf(path)) {
      at += `/${name}`;
      let next = directory.visible.get(name);
      if (next instanceof FileNode) {
        throw new DiskError(at === path ? "EEXIST" : "ENOTDIR", path, "making the directory");
      }
      if (next === undefined) {
        this.#mayChange(at, "making the directory");
        const made = next = new DirectoryNode();
        directory.change((entries) => entries.set(name, made));
      }
      directory = next;
    }
  }

  open(path: string, mode: OpenMode): DiskFile {
    this.#begin("open", path, "opening");
    const [directory, name] = this.#parentOf(path, "opening");
    let node = directory.visible.get(name);
    if (node instanceof DirectoryNode) throw new DiskError("EISDIR", path, "opening");
    if (mode !== "read") this.#mayChange(path, "opening");
    if (node === undefined) {
      if (mode === "read" || mode === "write") throw new DiskError("ENOENT", path, "opening");
      this.#useRoom(path, "opening");
      const made = node = new FileNode();
      directory.change((entries) => entries.set(name, made));
    } else if (mode === "exclusive") {
      throw new DiskError("EEXIST", path, "opening");
    } else if (mode === "create") {
      this.#truncate(node, 0);
    }
    this.openFiles++;
    return this.#handle(path, node);
  }

  sizeOf(path: string): number {
    this.#begin("sizeOf", path, "looking at");
    return this.#fileAt(path, "looking at").visible.length;
  }

  rename(from: string, to: string): void {
    this.#begin("rename", from, "renaming");
    this.#mayChange(from, "renaming");
    const [directory, name] = this.#parentOf(from, "renaming");
    const [target, newName] = this.#parentOf(to, "renaming");
    const node = directory.visible.get(name);
    if (node === undefined) throw new DiskError("ENOENT", from, "renaming");
    if (directory !== target) throw new Error("renaming between directories is not simulated");
    this.#forget(directory.visible.get(newName));
    directory.change((entries) => {
      entries.delete(name);
      entries.set(newName, node);
    });
  }

  remove(path: string): void {
    this.#begin("remove", path, "removing");
    this.#mayChange(path, "removing");
    const [directory, name] = this.#parentOf(path, "removing");
    const node = directory.visible.get(name);
    if (node === undefined) throw new DiskError("ENOENT", path, "removing");
    if (node instanceof DirectoryNode) throw new DiskError("EISDIR", path, "removing");
    this.#forget(node);
    directory.change((entries) => entries.delete(name));
  }

  syncDirectory(path: string): void {
    this.#begin("syncDirectory", path, "syncing");
    const directory = this.#directoryAt(path, "syncing");
    for (const step of directory.unsynced) step(directory.durable);
    directory.unsynced = [];
  }

  syncDirectoryLater(path: string, done: (error: DiskError | null) => void): void {
    const code = this.#faultOf("syncDirectory", path);
    const directory = this.#directoryAt(path, "syncing");
    const covered = new Set(directory.unsynced);
    this.#startLater({
      run: () => {
        if (code !== null) return done(new DiskError(code, path, "syncing"));
        directory.unsynced = directory.unsynced.filter((step) => {
          if (!covered.has(step)) return true;
          step(directory.durable);
          return false;
        });
        done(null);
      },
      onCrash: () => {},
    });
  }

  #handle(path: string, node: FileNode): DiskFile {
    const boot = this.#boot;
    let closed = false;
    const use = () => {
      if (closed) throw new Error(`${path} is used after it was closed`);
      if (boot !== this.#boot) throw new Error(`${path} is used after a crash`);
    };
    return {
      path,
      size: () => {
        use();
        this.#begin("size", path, "looking at");
        return node.visible.length;
      },
      readAt: (target, position) => {
        use();
        this.#begin("read", path, "reading");
        const part = node.visible.bytes.subarray(position, position + target.length);
        target.set(part);
        return part.length;
      },
      writeAt: (source, position) => {
        use();
        const error = this.#faultOf("write", path);
        this.#write(path, node, source, position, error);
      },
      truncate: (bytes) => {
        use();
        this.#begin("truncate", path, "cutting");
        this.#truncate(node, bytes);
      },
      sync: () => {
        use();
        this.#sync(path, node, this.#faultOf("sync", path), this.#changeId);
      },
      syncLater: (done) => {
        use();
        const error = this.#faultOf("sync", path);
        const upTo = this.#changeId;
        this.#startLater({
          run: () => done(caught(() => this.#sync(path, node, error, upTo))),
          onCrash: () => {},
        });
      },
      writeLater: (source, position, done) => {
        use();
        const error = this.#faultOf("write", path);
        const before = source.slice();
        this.#startLater({
          run: () => {
            if (before.some((byte, at) => byte !== source[at])) {
              throw new Error(`bytes for ${path} changed while they were being written`);
            }
            done(caught(() => this.#write(path, node, source, position, error)));
          },
          onCrash: () => this.#put(node, source, position),
        });
      },
      close: () => {
        if (!closed && boot === this.#boot) this.openFiles--;
        closed = true;
      },
    };
  }

  #startLater(later: Later): void {
    this.#later.push(later);
    this.onLater?.(() => {
      const index = this.#later.indexOf(later);
      if (index >= 0) this.runLater(index);
    });
  }

  #faultOf(operation: DiskCall["operation"], path: string): DiskErrorCode | null {
    const index = this.calls++;
    return this.fault?.({ index, operation, path }) ?? null;
  }

  #begin(operation: DiskCall["operation"], path: string, what: string): void {
    const code = this.#faultOf(operation, path);
    if (code !== null) throw new DiskError(code, path, what);
  }

  #write(
    path: string,
    node: FileNode,
    source: Uint8Array,
    position: number,
    code: DiskErrorCode | null,
  ): void {
    const whole = source.length;
    let fits = code === null ? whole : randomBelow(this.#random, whole + 1);
    for (let block = Math.floor(position / blockBytes); block * blockBytes < position + fits; block++) {
      if (node.blocks.has(block)) continue;
      if (this.#usedBytes + blockBytes > this.capacityBytes) {
        fits = Math.max(0, block * blockBytes - position);
        break;
      }
      this.#usedBytes += blockBytes;
      node.blocks.add(block);
    }
    if (fits > 0) this.#put(node, source.subarray(0, fits), position);
    if (code !== null) throw new DiskError(code, path, "writing");
    if (fits < whole) throw new DiskError("ENOSPC", path, "writing");
  }

  #put(node: FileNode, source: Uint8Array, position: number): void {
    const bytes = source.slice();
    node.visible.write(position, bytes);
    node.unsynced.push({ id: ++this.#changeId, kind: "write", position, bytes });
  }

  #truncate(node: FileNode, bytes: number): void {
    node.visible.truncate(bytes);
    node.unsynced.push({ id: ++this.#changeId, kind: "truncate", bytes });
    for (const block of node.blocks) {
      if (block * blockBytes < bytes) continue;
      node.blocks.delete(block);
      this.#usedBytes -= blockBytes;
    }
  }

  /**
   * After a failed sync each write may be on the platter or never come there, whatever is synced later. A cut is a
   * change of the file system's own, which it does not forget: the next sync that succeeds makes it durable.
   */
  #sync(path: string, node: FileNode, code: DiskErrorCode | null, upTo: number): void {
    const covered = node.unsynced.filter((change) => change.id <= upTo);
    const later = node.unsynced.filter((change) => change.id > upTo);
    const isKept = (change: Change) => code !== null && change.kind === "truncate";
    node.unsynced = [...covered.filter(isKept), ...later];
    for (const change of covered) {
      if (code === null || (!isKept(change) && chance(this.#random, 2))) node.durable.take(change);
    }
    if (code !== null) throw new DiskError(code, path, "syncing");
  }

  #crashFile(node: FileNode, random: Random, loss: CrashLoss): void {
    const changes = node.unsynced;
    node.unsynced = [];
    if (loss === "order") {
      const kept = chance(random, 4) ? changes.length : randomBelow(random, changes.length + 1);
      for (const change of changes.slice(0, kept)) node.durable.take(change);
      const torn = changes[kept];
      if (torn?.kind === "write") {
        const length = randomBelow(random, torn.bytes.length);
        if (length > 0) node.durable.write(torn.position, torn.bytes.subarray(0, length));
      }
    } else {
      const lostOf8 = randomBelow(random, 9);
      for (const change of changes) {
        if (change.kind === "truncate") {
          if (randomBelow(random, 8) >= lostOf8) node.durable.truncate(change.bytes);
          continue;
        }
        for (let at = 0; at < change.bytes.length;) {
          const next = Math.min(
            change.bytes.length,
            at + sectorBytes - ((change.position + at) % sectorBytes),
          );
          if (randomBelow(random, 8) >= lostOf8) {
            node.durable.write(change.position + at, change.bytes.subarray(at, next));
          }
          at = next;
        }
      }
    }
    node.visible = node.durable.copy();
    node.blocks.clear();
    for (let block = 0; block * blockBytes < node.durable.length; block++) node.blocks.add(block);
    this.#usedBytes += (node.blocks.size + 1) * blockBytes;
  }

  #useRoom(path: string, what: string): void {
    if (this.#usedBytes + blockBytes > this.capacityBytes) throw new DiskError("ENOSPC", path, what);
    this.#usedBytes += blockBytes;
  }

  /** A file lost its name: its room is free. */
  #forget(node: FileNode | DirectoryNode | undefined): void {
    if (node instanceof FileNode) this.#usedBytes -= (node.blocks.size + 1) * blockBytes;
  }

  #mayChange(path: string, what: string): void {
    for (const directory of this.readOnly) {
      if (path.startsWith(`${directory}/`)) throw new DiskError("EROFS", path, what);
    }
  }

  #find(path: string): FileNode | DirectoryNode | undefined {
    let node: FileNode | DirectoryNode | undefined = this.#root;
    for (const name of namesOf(path)) {
      if (!(node instanceof DirectoryNode)) return undefined;
      node = node.visible.get(name);
    }
    return node;
  }

  #fileAt(path: string, what: string): FileNode {
    const node = this.#find(path);
    if (node === undefined) throw new DiskError("ENOENT", path, what);
    if (node instanceof DirectoryNode) throw new DiskError("EISDIR", path, what);
    return node;
  }

  #directoryAt(path: string, what: string): DirectoryNode {
    const node = this.#find(path);
    if (node === undefined) throw new DiskError("ENOENT", path, what);
    if (node instanceof FileNode) throw new DiskError("ENOTDIR", path, what);
    return node;
  }

  #parentOf(path: string, what: string): [DirectoryNode, string] {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new DiskError("EISDIR", path, what);
    return [this.#directoryAt(`/${names.join("/")}`, what), name];
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function chance(random: Random, outOf: number): boolean {
  return randomBelow(random, outOf) === 0;
}

function caught(call: () => void): DiskError | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof DiskError) return error;
    throw error;
  }
}
