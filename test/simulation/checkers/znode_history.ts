import { JuteReader } from "../../../src/jute/reader.ts";
import { EventType } from "../../../src/protocol/watch_event.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import { decodeTxnBody, decodeTxnHeader, type TxnBody, type TxnHeader } from "../../../src/protocol/txn.ts";

/** A znode between two changes. */
export interface ZnodeState {
  readonly data: string | null;
  readonly version: number;
  readonly czxid: number;
  readonly mzxid: number;
  readonly ephemeralOwner: bigint;
}

/** A change of a znode: what it is from this zxid on; null when it is gone. */
export interface ZnodeChange {
  readonly zxid: number;
  readonly state: ZnodeState | null;
}

/** What a watch that stays tells of. */
export interface ZnodeEvent {
  readonly zxid: number;
  readonly type: EventType;
  readonly path: string;
}

/** A child came or went. */
interface ChildChange {
  readonly zxid: number;
  readonly name: string;
  readonly isThere: boolean;
}

interface Track {
  readonly changes: ZnodeChange[];
  readonly children: ChildChange[];
}

const text = new TextDecoder();
const containerMark = -0x8000000000000000n;

/**
 * Every znode at every zxid, rebuilt from txns by rules of its own: what a read must have answered. Times, ACLs and
 * what lies below `/zookeeper` are left out.
 */
export class ZnodeHistory {
  /** Everything that happened, in order. */
  readonly events: ZnodeEvent[] = [];
  readonly #tracks = new Map<string, Track>();
  readonly #ephemerals = new Map<bigint, Set<string>>();
  /** A txn that cannot follow from those before it. */
  #problem: string | null = null;

  constructor() {
    this.#put("/", 0, { data: "", version: 0, czxid: 0, mzxid: 0, ephemeralOwner: 0n });
  }

  /** Takes the next committed txn. @returns What is wrong with it, or null. */
  apply(header: TxnHeader, body: TxnBody): string | null {
    this.#problem = null;
    this.#apply(header, body);
    return this.#problem;
  }

  /** @returns The znode as it was once that zxid was applied; null when there was none. */
  at(path: string, zxid: number): ZnodeState | null {
    return this.lastChange(path, zxid)?.state ?? null;
  }

  /** @returns The newest change of the znode up to that zxid. */
  lastChange(path: string, zxid: number): ZnodeChange | undefined {
    const changes = this.#tracks.get(path)?.changes;
    return changes === undefined ? undefined : lastUpTo(changes, zxid);
  }

  /** @returns The changes with `after` < zxid <= `upTo`, in order. */
  changesBetween(path: string, after: number, upTo: number): ZnodeChange[] {
    const changes = this.#tracks.get(path)?.changes ?? [];
    return changes.filter(({ zxid }) => zxid > after && zxid <= upTo);
  }

  /** @returns The zxid of the newest coming or going of a child up to that zxid; 0 for none. */
  lastChildChange(path: string, zxid: number): number {
    const children = this.#tracks.get(path)?.children;
    return children === undefined ? 0 : lastUpTo(children, zxid)?.zxid ?? 0;
  }

  /** @returns The names of the children, sorted, as they were once that zxid was applied. */
  childrenAt(path: string, zxid: number): string[] {
    const names = new Set<string>();
    for (const change of this.#tracks.get(path)?.children ?? []) {
      if (change.zxid > zxid) break;
      if (change.isThere) names.add(change.name);
      else names.delete(change.name);
    }
    return [...names].sort();
  }

  /** @returns The ephemerals that a session owns now. */
  ephemeralsOf(session: bigint): ReadonlySet<string> {
    return this.#ephemerals.get(session) ?? none;
  }

  #apply(header: TxnHeader, body: TxnBody): void {
    switch (body.type) {
      case OpCode.create:
      case OpCode.create2:
        return this.#create(header, body.path, body.data, body.ephemeral ? header.clientId : 0n);
      case OpCode.createContainer:
        return this.#create(header, body.path, body.data, containerMark);
      case OpCode.createTTL:
        return this.#create(header, body.path, body.data, 0n);
      case OpCode.delete:
      case OpCode.deleteContainer:
        return this.#delete(header, body.path);
      case OpCode.setData:
        return this.#setData(header, body.path, body.data, body.version);
      case OpCode.multi:
        if (body.txns.some((part) => part.type === OpCode.error)) return;
        for (const part of body.txns) this.#apply(header, part);
        return;
      case OpCode.closeSession:
        for (const path of body.paths ?? [...this.ephemeralsOf(header.clientId)]) {
          if (path !== null) this.#delete(header, path);
        }
    }
  }

  #create({ zxid }: TxnHeader, path: string, data: Uint8Array | null, ephemeralOwner: bigint): void {
    if (this.at(path, zxid) !== null) this.#problem = `creates ${path}, which is there`;
    const value = data === null ? null : text.decode(data);
    this.#put(path, zxid, { data: value, version: 0, czxid: zxid, mzxid: zxid, ephemeralOwner });
    this.#putChild(path, zxid, true);
    if (ephemeralOwner === 0n || ephemeralOwner === containerMark) return;
    const owned = this.#ephemerals.get(ephemeralOwner) ?? new Set();
    this.#ephemerals.set(ephemeralOwner, owned.add(path));
  }

  #delete({ zxid }: TxnHeader, path: string): void {
    const state = this.at(path, zxid);
    if (state === null) {
      this.#problem = `deletes ${path}, which is not there`;
      return;
    }
    this.#put(path, zxid, null);
    this.#putChild(path, zxid, false);
    this.#ephemerals.get(state.ephemeralOwner)?.delete(path);
  }

  #setData({ zxid }: TxnHeader, path: string, data: Uint8Array | null, version: number): void {
    const state = this.at(path, zxid);
    if (state === null) {
      this.#problem = `sets ${path}, which is not there`;
      return;
    }
    if (version !== state.version + 1) {
      this.#problem = `makes version ${version} of ${path} from version ${state.version}`;
    }
    const value = data === null ? null : text.decode(data);
    this.#put(path, zxid, { ...state, data: value, version, mzxid: zxid });
  }

  #put(path: string, zxid: number, state: ZnodeState | null): void {
    const { changes } = this.#track(path);
    const wasThere = (changes.at(-1)?.state ?? null) !== null;
    const type = state === null
      ? EventType.nodeDeleted
      : wasThere
      ? EventType.nodeDataChanged
      : EventType.nodeCreated;
    this.events.push({ zxid, type, path });
    changes.push({ zxid, state });
  }

  #putChild(path: string, zxid: number, isThere: boolean): void {
    const slash = path.lastIndexOf("/");
    const parent = slash === 0 ? "/" : path.slice(0, slash);
    this.events.push({ zxid, type: EventType.nodeChildrenChanged, path: parent });
    this.#track(parent).children.push({ zxid, name: path.slice(slash + 1), isThere });
  }

  #track(path: string): Track {
    let track = this.#tracks.get(path);
    if (track === undefined) {
      track = { changes: [], children: [] };
      this.#tracks.set(path, track);
    }
    return track;
  }
}

/** @returns The last of the entries, which ascend, with a zxid up to this one. */
function lastUpTo<T extends { readonly zxid: number }>(entries: readonly T[], zxid: number): T | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle].zxid <= zxid) low = middle + 1;
    else high = middle;
  }
  return entries[low - 1];
}

/** @returns A txn entry's header and body. */
export function decodeEntry(entry: Uint8Array): { header: TxnHeader; body: TxnBody } {
  const reader = new JuteReader();
  reader.reset(entry, 0, entry.length);
  const header = decodeTxnHeader(reader);
  return { header, body: decodeTxnBody(header.type, reader) };
}

const none: ReadonlySet<string> = new Set();
