/**
 * Builds txn entries for tests, by the layout of src/protocol/txn.ts, and trees on either twin of the store.
 */
import { type Random, randomBelow } from "../../../src/base/random.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { type Acl, openAcl } from "../../../src/protocol/acl.ts";
import type { OwnerRules } from "../../../src/protocol/create_mode.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import {
  digestVersion,
  encodeTxnBody,
  encodeTxnHeader,
  type TxnBody,
  type TxnHeader,
} from "../../../src/protocol/txn.ts";
import { DataTree } from "../../../src/tree/data_tree.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import type { TreeEvents, TxnResults } from "../../../src/tree/tree_observer.ts";
import { noZnode, type ZnodeStore } from "../../../src/tree/znode_store.ts";

/** TTL znodes are on. */
export const ownerRules: OwnerRules = { extendedTypes: true, emulate353Ttl: false };

/** Random bytes and sizes of a hand-made txn. */
export const utf8 = new TextEncoder();

/** A tree with digests on; by default over the object store. */
export function makeTree(store: ZnodeStore = new ObjectZnodeStore({ ownerRules })): DataTree {
  return new DataTree({ store, ownerRules, digestEnabled: true, logger: silentLogger });
}

/** Encodes a txn entry; `digest` is the tree digest it claims to lead to. */
export function entryOf(
  body: TxnBody,
  header: Partial<TxnHeader> & { zxid: number },
  digest?: bigint,
): Uint8Array {
  const writer = new JuteWriter();
  encodeTxnHeader(writer, { clientId: 1n, cxid: 0, timeMs: header.zxid * 1000, type: body.type, ...header });
  encodeTxnBody(writer, body);
  if (digest !== undefined) {
    writer.int(digestVersion);
    writer.long(digest);
  }
  return writer.copy();
}

/** Applies txns one after the other and keeps what they told. */
export class Applier implements TxnResults, TreeEvents {
  readonly tree: DataTree;
  idle = false;
  zxid: number;
  /** `type error path` per outcome. */
  outcomes: string[] = [];
  /** One line per event. */
  told: string[] = [];

  constructor(tree: DataTree) {
    this.tree = tree;
    this.zxid = tree.lastProcessedZxid;
  }

  /** Applies `body` as the next txn of `session`; returns its outcomes. */
  apply(body: TxnBody, session = 1n): string[] {
    this.zxid++;
    return this.applyEntry(entryOf(body, { zxid: this.zxid, clientId: session }));
  }

  applyEntry(entry: Uint8Array): string[] {
    this.outcomes = [];
    // Away from the buffer's start, so that a mistaken offset shows.
    const moved = new Uint8Array(entry.length + 7).fill(0xee);
    moved.set(entry, 5);
    this.tree.apply(moved, 5, 5 + entry.length, this, this);
    moved.fill(0xdd);
    return this.outcomes;
  }

  onTxn(type: number, error: number, ref: number): void {
    const path = ref === noZnode ? "-" : this.tree.store.pathOf(ref);
    this.outcomes.push(`${type} ${error} ${path}`);
  }

  onCreated(path: string, aclKey: number, parentPath: string, parentAclKey: number, zxid: number): void {
    this.told.push(`created ${path} acl=${aclKey} in ${parentPath} acl=${parentAclKey} zxid=${zxid}`);
  }

  onDeleted(path: string, aclKey: number, parentPath: string, parentAclKey: number, zxid: number): void {
    this.told.push(`deleted ${path} acl=${aclKey} in ${parentPath} acl=${parentAclKey} zxid=${zxid}`);
  }

  onDataChanged(path: string, aclKey: number, zxid: number): void {
    this.told.push(`changed ${path} acl=${aclKey} zxid=${zxid}`);
  }
}

/** Options of a create txn. */
export interface CreateOptions {
  data?: Uint8Array | null;
  acl?: readonly Acl[];
  ephemeral?: boolean;
  parentCVersion?: number;
}

/** The body of a create txn. */
export function create(path: string, options: CreateOptions = {}): TxnBody {
  return {
    type: OpCode.create,
    path,
    data: options.data === undefined ? utf8.encode("x") : options.data,
    acl: options.acl ?? openAcl,
    ephemeral: options.ephemeral ?? false,
    parentCVersion: options.parentCVersion ?? -1,
  };
}

/** The body of a setData txn. */
export function setData(path: string, text: string | null, version: number): TxnBody {
  return { type: OpCode.setData, path, data: text === null ? null : utf8.encode(text), version };
}

/** The body of a delete txn. */
export function remove(path: string): TxnBody {
  return { type: OpCode.delete, path };
}

/** All there is to know of a tree, as text: two trees are equal when their dumps are. */
export function dump(tree: DataTree): string {
  const { store } = tree;
  const lines: string[] = [];
  const visit = (ref: number) => {
    const writer = new JuteWriter();
    store.writeStatPersisted(ref, writer);
    store.writeStat(ref, writer);
    const data = store.copyDataOf(ref);
    const acl = JSON.stringify(tree.acls.get(store.aclKeyOf(ref)));
    const bytes = (value: Uint8Array | null) => value === null ? "null" : Array.from(value).join(",");
    lines.push(`${store.pathOf(ref)} ${bytes(data)} ${acl} ${bytes(writer.copy())}`);
    for (let child = store.firstChildOf(ref); child !== noZnode; child = store.nextSiblingOf(child)) {
      visit(child);
    }
  };
  visit(store.root);
  lines.sort();
  for (const [id, timeoutMs] of [...tree.sessions].sort()) lines.push(`session ${id} ${timeoutMs}`);
  for (const id of [...tree.ephemerals.sessions()].sort()) {
    lines.push(`ephemerals ${id} ${[...tree.ephemerals.of(id)].sort().join(" ")}`);
  }
  lines.push(`ephemerals ${tree.ephemerals.count}`);
  lines.push(`reap ${tree.reapCandidates(1e15, 1).sort().join(" ")}`);
  lines.push(`quotas ${[...tree.quotas.paths].sort().join(" ")}`);
  lines.push(`znodes ${store.size} bytes ${store.approximateBytes} acls ${tree.acls.size}`);
  lines.push(`digest ${tree.digest} zxid ${tree.lastProcessedZxid}`);
  return lines.join("\n");
}

/** Takes one of `items`. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[randomBelow(random, items.length)];
}
