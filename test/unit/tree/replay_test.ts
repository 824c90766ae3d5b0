/**
 * Logs and fuzzy snapshots lead back to the tree that wrote them: those of Apache's server, and our own,
 * written by bits while a random stream of txns goes on.
 *
 * @see Fact: apache/zookeeper FileTxnSnapLog.java (restore), DataTree.java (processTxn)
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Random, randomBelow, seededRandom } from "../../../src/base/random.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { type Acl, openAcl } from "../../../src/protocol/acl.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import type { TxnBody } from "../../../src/protocol/txn.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import { TreeSnapshotCursor, TreeSnapshotLoader } from "../../../src/tree/tree_snapshot.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { stores } from "./_stores.ts";
import { create, dump, entryOf, makeTree, pick, remove, utf8 } from "./_txns.ts";

const logHeadBytes = 16;
const snapshotHeadBytes = 16;

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(import.meta.dir, "fixtures", name)));
}

/** The txn entries of a log file: crc long, length int, entry, end byte. */
function entriesOf(log: Uint8Array): Uint8Array[] {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = logHeadBytes; at < log.length; at += 13 + view.getInt32(at + 8)) {
    entries.push(log.subarray(at + 12, at + 12 + view.getInt32(at + 8)));
  }
  return entries;
}

for (const [name, makeStore] of stores) {
  for (const version of ["3_8", "3_9_5"]) {
    test(`a log of Apache ${version} gives the tree of its snapshot, every digest on the way right (${name})`, () => {
      const replayed = makeTree(makeStore());
      const entries = entriesOf(fixture(`apache_${version}_txn_log.bin`));
      expect(entries.length).toBeGreaterThan(400);
      for (const entry of entries) replayed.apply(entry, 0, entry.length, null, null);
      expect(replayed.digestMismatches).toBe(0);

      const snapshot = fixture(`apache_${version}_snapshot.bin`);
      const loaded = makeTree(makeStore());
      const loader = new TreeSnapshotLoader(loaded);
      const end = snapshotHeadBytes + loader.push(snapshot, snapshotHeadBytes, snapshot.length);
      expect(loader.done).toBe(true);
      // A seal of 13 bytes, then the digest's zxid, version and value.
      const view = new DataView(snapshot.buffer, snapshot.byteOffset + end + 13);
      expect(view.getBigInt64(0)).toBe(BigInt(replayed.lastProcessedZxid));
      expect(view.getInt32(8)).toBe(2);
      expect(view.getBigInt64(12)).toBe(replayed.digest);
      loaded.lastProcessedZxid = replayed.lastProcessedZxid;
      expect(dump(loaded)).toBe(dump(replayed));
    });
  }
}

const names = ["a", "b", "c", "d"];
const acls: readonly (readonly Acl[])[] = [
  openAcl,
  openAcl,
  [{ perms: 31, scheme: "ip", id: "10.0.0.1" }],
  [{ perms: 1, scheme: "world", id: "anyone" }],
];

/** Makes txns as a leader does: only such as fit the tree when their turn comes. */
class Leader {
  readonly tree: DataTree;
  readonly entries: Uint8Array[] = [];
  readonly #random: Random;
  #zxid = 0;
  #sessions: bigint[] = [];

  constructor(tree: DataTree, random: Random) {
    this.tree = tree;
    this.#random = random;
    this.#commit({ type: OpCode.createSession, timeoutMs: 1000 }, 100n);
    this.#sessions.push(100n);
  }

  step(): void {
    const session = pick(this.#random, this.#sessions);
    const choice = this.#below(20);
    if (choice === 0) this.#openSession();
    else if (choice === 1) this.#closeSession();
    else if (choice === 2) this.#quota();
    else if (choice < 6) this.#multi();
    else if (choice === 6) this.#commit({ type: OpCode.error, code: -101 }, session);
    else {
      const body = this.#one(session);
      if (body !== null) this.#commit(body, session);
    }
  }

  /** One change that is possible now. */
  #one(session: bigint): TxnBody | null {
    const path = this.#path();
    const ref = this.tree.store.findPath(path);
    const data = this.#below(5) === 0 ? null : utf8.encode("d".repeat(this.#below(60)));
    const acl = pick(this.#random, acls);
    if (ref === noZnode) {
      const parent = this.tree.store.findPath(path.slice(0, path.lastIndexOf("/")));
      if (parent === noZnode || this.tree.ephemerals.of(session).has(this.tree.store.pathOf(parent))) {
        return null;
      }
      const parentCVersion = this.tree.store.cversionOf(parent) + 1;
      switch (this.#below(6)) {
        case 0:
          return { type: OpCode.createContainer, path, data, acl, parentCVersion };
        case 1:
          return { type: OpCode.createTTL, path, data, acl, parentCVersion, ttlMs: 5 };
        case 2:
          return { type: OpCode.create2, path, data, acl, parentCVersion, ephemeral: true };
        case 3:
          return { type: OpCode.create2, path, data, acl, parentCVersion, ephemeral: false };
        default:
          return create(path, { data, acl, parentCVersion, ephemeral: this.#below(3) === 0 });
      }
    }
    switch (this.#below(4)) {
      case 0:
        return { type: OpCode.setData, path, data, version: this.tree.store.versionOf(ref) + 1 };
      case 1:
        return { type: OpCode.setACL, path, acl, aversion: this.tree.store.aversionOf(ref) + 1 };
      default:
        return this.tree.store.numChildrenOf(ref) === 0 ? remove(path) : null;
    }
  }

  #multi(): void {
    const session = pick(this.#random, this.#sessions);
    const body = this.#one(session);
    if (body === null || body.type === OpCode.setACL) return;
    const txns: TxnBody[] = [{ type: OpCode.check, path: "/a", version: 0 }, body];
    // A second part that follows from the first.
    if (body.type === OpCode.create) {
      txns.push({ type: OpCode.setData, path: body.path, data: null, version: 1 });
      if (this.#below(2) === 0) txns.push(remove(body.path));
    }
    if (this.#below(4) === 0) txns.push({ type: OpCode.error, code: -103 });
    this.#commit({ type: OpCode.multi, txns }, session);
  }

  #openSession(): void {
    const session = 101n + BigInt(this.#zxid);
    this.#sessions.push(session);
    this.#commit({ type: OpCode.createSession, timeoutMs: this.#below(9000) }, session);
  }

  #closeSession(): void {
    if (this.#sessions.length < 2) return;
    const session = this.#sessions.splice(this.#below(this.#sessions.length), 1)[0];
    const paths = this.#below(4) === 0 ? null : [...this.tree.ephemerals.of(session)];
    this.#commit({ type: OpCode.closeSession, paths }, session);
  }

  #quota(): void {
    const { store } = this.tree;
    const top = `/zookeeper/quota/${pick(this.#random, names)}`;
    const parts = [`${top}/zookeeper_limits`, `${top}/zookeeper_stats`];
    const counter = (path: string) => store.cversionOf(store.findPath(path)) + 1;
    if (store.findPath(top) === noZnode) {
      this.#commit(create(top, { parentCVersion: counter("/zookeeper/quota") }), this.#sessions[0]);
    }
    const isThere = store.findPath(parts[0]) !== noZnode;
    const txns = parts.map((path, index) =>
      isThere
        ? remove(path)
        : create(path, { data: utf8.encode("count=5,bytes=-1"), parentCVersion: counter(top) + index })
    );
    this.#commit({ type: OpCode.multi, txns }, this.#sessions[0]);
  }

  /** Applies a txn, and keeps its entry with the digest that it led to. */
  #commit(body: TxnBody, session: bigint): void {
    const header = { zxid: ++this.#zxid, clientId: session };
    const entry = entryOf(body, header);
    this.tree.apply(entry, 0, entry.length, null, null);
    this.entries.push(entryOf(body, header, this.tree.digest));
  }

  #path(): string {
    let path = "";
    for (let depth = this.#below(3); depth >= 0; depth--) path += `/${pick(this.#random, names)}`;
    return path;
  }

  #below(bound: number): number {
    return randomBelow(this.#random, bound);
  }
}

describe("a fuzzy snapshot and the txns behind it give back the tree", () => {
  for (let seed = 1; seed <= 40; seed++) {
    test(`seed ${seed}`, () => {
      const random = seededRandom(seed);
      const [[, makeLive], [, makeLoaded]] = seed % 2 === 0 ? stores : [...stores].reverse();
      const leader = new Leader(makeTree(makeLive()), random);
      for (let step = randomBelow(random, 300); step > 0; step--) leader.step();

      const cursor = new TreeSnapshotCursor(leader.tree);
      const writer = new JuteWriter();
      const stepsPerPiece = 1 + randomBelow(random, 8);
      while (!cursor.writeSome(writer, 1)) {
        for (let step = randomBelow(random, stepsPerPiece); step > 0; step--) leader.step();
      }
      const noted = leader.tree.digestAudit.recorded;
      for (let step = randomBelow(random, 100); step > 0; step--) leader.step();

      const tree = makeTree(makeLoaded());
      const loader = new TreeSnapshotLoader(tree);
      expect(loader.push(writer.bytes, 0, writer.length)).toBe(writer.length);
      expect(loader.done).toBe(true);
      tree.lastProcessedZxid = cursor.zxid;
      if (noted !== null) tree.digestAudit.expect(noted, cursor.zxid);
      for (const entry of leader.entries.slice(cursor.zxid)) tree.apply(entry, 0, entry.length, null, null);

      expect(dump(tree)).toBe(dump(leader.tree));
      expect(tree.digestMismatches).toBe(0);
      expect(tree.digestAudit.recorded).toEqual(leader.tree.digestAudit.recorded);
    });
  }
});
