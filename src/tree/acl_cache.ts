import { crc32 } from "../base/crc32.ts";
import { JuteReader } from "../jute/reader.ts";
import { LastView } from "../jute/byte_runs.ts";
import { JuteWriter } from "../jute/writer.ts";
import { type Acl, decodeAcl, encodeAcl, openAcl } from "../protocol/acl.ts";

/** The key of world:anyone:cdrwa, which is never kept nor counted (ReferenceCountedACLCache). */
export const openAclKey = -1;

/**
 * The key of a znode whose list is not known: a snapshot names a key that its ACL map lacks, since the list
 * was set while the snapshot was written. Replaying that setACL gives the znode its list.
 */
export const unknownAclKey = -2;

const nobodyAcl: readonly Acl[] = [{ perms: 0, scheme: "world", id: "anyone" }];

/** A list was asked for by a number that none has. */
export class UnknownAclError extends Error {
  override name = "UnknownAclError";
}

interface AclEntry {
  readonly key: number;
  /** The jute vector as it came, which is also the entry's identity. */
  readonly bytes: Uint8Array;
  readonly hash: number;
  /** Decoded when first read. */
  acls: readonly Acl[] | null;
  /** Znodes that have this list. */
  references: number;
}

/**
 * Access control lists by number: a znode keeps the number, and equal lists are kept once.
 *
 * Lists are counted by the znodes that use them and forgotten with the last. A number is never given out a
 * second time, so that a snapshot under way can tell an old list from a new one.
 */
export class AclCache {
  readonly #byKey = new Map<number, AclEntry>();
  readonly #byHash = new Map<number, AclEntry[]>();
  readonly #reader = new JuteReader();
  readonly #writer = new JuteWriter(256);
  readonly #lists = new LastView();
  #lastKey = 0;

  /** Lists kept; the open one is not among them. */
  get size(): number {
    return this.#byKey.size;
  }

  /** The newest number given out; a larger one is of a later list. */
  get lastKey(): number {
    return this.#lastKey;
  }

  /**
   * Finds or adds a list and counts one use of it, to be given back with {@link release}.
   *
   * @returns The list's number: -1 for the open list, others from 1.
   */
  keyOf(list: readonly Acl[]): number {
    const writer = this.#writer;
    writer.reset(4096);
    writer.vector(list, encodeAcl);
    return this.keyOfBytes(writer.bytes, 0, writer.length);
  }

  /**
   * {@link keyOf} for a list as its jute vector lies in `bytes[start, end)`: decodes nothing. A null vector is
   * the open list.
   */
  keyOfBytes(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length === openBytes.length && sameBytes(bytes, start, openBytes)) return openAclKey;
    if (length === 4 && bytes[start] === 0xff) return openAclKey;
    const entry = this.#findOrAdd(bytes, start, end);
    entry.references++;
    return entry.key;
  }

  /** Counts one more use of a list. */
  retain(key: number): void {
    const entry = this.#byKey.get(key);
    if (entry !== undefined) entry.references++;
  }

  /** Counts one use less; the last forgets the list. Harmless for the open and for unknown ones. */
  release(key: number): void {
    if (key === openAclKey) return;
    const entry = this.#byKey.get(key);
    if (entry === undefined) return;
    entry.references--;
    if (entry.references <= 0) this.#forget(entry);
  }

  /**
   * The list with a number. For {@link unknownAclKey} it is one that permits nobody but the super user anything:
   * when replay did not bring the list back, an operator has to.
   *
   * @throws {UnknownAclError} If the number was never given out: our own bug.
   */
  get(key: number): readonly Acl[] {
    if (key === openAclKey) return openAcl;
    if (key === unknownAclKey) return nobodyAcl;
    const entry = this.#byKey.get(key);
    if (entry === undefined) throw new UnknownAclError(`no access control list has the key ${key}`);
    if (entry.acls === null) {
      this.#reader.reset(entry.bytes);
      entry.acls = this.#reader.vector(decodeAcl) ?? openAcl;
    }
    return entry.acls;
  }

  /** Finds or adds a list that a snapshot brings, not in use yet. @returns Its number here, not the file's. */
  load(bytes: Uint8Array, start: number, end: number): number {
    const key = this.keyOfBytes(bytes, start, end);
    const entry = this.#byKey.get(key);
    if (entry !== undefined) entry.references--;
    return key;
  }

  /** Forgets the lists that no znode uses, once a snapshot is loaded. */
  purgeUnused(): void {
    for (const entry of [...this.#byKey.values()]) {
      if (entry.references <= 0) this.#forget(entry);
    }
  }

  /** @returns The lists kept now, each with its number and the bytes of its jute vector, as snapshots have them. */
  entries(): { readonly key: number; readonly bytes: Uint8Array }[] {
    return [...this.#byKey.values()];
  }

  /** Forgets everything. */
  clear(): void {
    this.#byKey.clear();
    this.#byHash.clear();
  }

  #findOrAdd(bytes: Uint8Array, start: number, end: number): AclEntry {
    const hash = crc32(this.#lists.of(bytes), start, end, 0);
    let sameHash = this.#byHash.get(hash);
    if (sameHash === undefined) {
      sameHash = [];
      this.#byHash.set(hash, sameHash);
    }
    for (const entry of sameHash) {
      if (entry.bytes.length === end - start && sameBytes(bytes, start, entry.bytes)) return entry;
    }
    this.#lastKey++;
    const entry = { key: this.#lastKey, bytes: bytes.slice(start, end), hash, acls: null, references: 0 };
    sameHash.push(entry);
    this.#byKey.set(entry.key, entry);
    return entry;
  }

  #forget(entry: AclEntry): void {
    this.#byKey.delete(entry.key);
    const sameHash = this.#byHash.get(entry.hash);
    if (sameHash === undefined) return;
    sameHash.splice(sameHash.indexOf(entry), 1);
    if (sameHash.length === 0) this.#byHash.delete(entry.hash);
  }
}

/**
 * Walks over the jute vector of an ACL without decoding it.
 *
 * @returns The position behind it; the reader stands there too.
 * @throws {JuteError} If it does not fit the range.
 */
export function skipAclVector(reader: JuteReader): number {
  const bytes = reader.bytes;
  // The open list, as most znodes have it, is known by its bytes alone.
  if (reader.remaining >= openBytes.length && sameBytes(bytes, reader.position, openBytes)) {
    reader.skip(openBytes.length);
    return reader.position;
  }
  const count = reader.vectorCount();
  for (let index = 0; index < count; index++) {
    reader.skip(4);
    skipField(reader);
    skipField(reader);
  }
  return reader.position;
}

function skipField(reader: JuteReader): void {
  const length = reader.fieldLength();
  if (length > 0) reader.skip(length);
}

const openBytes = encodeOpen();

function encodeOpen(): Uint8Array {
  const writer = new JuteWriter(64);
  writer.vector(openAcl, encodeAcl);
  return writer.copy();
}

function sameBytes(bytes: Uint8Array, start: number, other: Uint8Array): boolean {
  for (let index = 0; index < other.length; index++) {
    if (bytes[start + index] !== other[index]) return false;
  }
  return true;
}
