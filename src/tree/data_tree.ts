import { assert } from "../base/assert.ts";
import type { Logger } from "../base/log.ts";
import { JuteReader } from "../jute/reader.ts";
import { JuteWriter } from "../jute/writer.ts";
import { readAcl } from "../protocol/acl.ts";
import { ownerKind, type OwnerRules } from "../protocol/create_mode.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { OpCode } from "../protocol/op_code.ts";
import { containerOwner, type SessionId } from "../protocol/session_id.ts";
import { statPersistedBytes } from "../protocol/stat.ts";
import { digestVersion, txnDigestBytes, UnknownTxnError } from "../protocol/txn.ts";
import type { Zxid } from "../protocol/zxid.ts";
import { AclCache, openAclKey, skipAclVector } from "./acl_cache.ts";
import { DigestSum, ZnodeCrcs } from "./digest.ts";
import { DigestAudit } from "./digest_audit.ts";
import { EphemeralIndex } from "./ephemerals.ts";
import { isQuotaPath, Quotas } from "./quotas.ts";
import { countDescendants } from "./subtree.ts";
import { ReapableIndex } from "./reapable.ts";
import type { TreeEvents, TxnResults } from "./tree_observer.ts";
import { checkPath, isMultiPart, lastSlash, readPathLength, skipBuffer } from "../protocol/txn_fields.ts";
import { noZnode, type ZnodeRef, type ZnodeStore } from "./znode_store.ts";

const textEncoder = new TextEncoder();

/** Walks the tree bit by bit while txns go on, and must hear of what leaves it. */
export interface TreeWalker {
  /** `ref`, childless by now, is about to be taken out. */
  beforeRemove(ref: ZnodeRef): void;
}

/**
 * The replicated state: znodes, sessions, and what is derived from them.
 *
 * {@link apply} is the one way in. Commits of a leader, of a learner and replay from disk all come as the
 * bytes of a txn entry. A snapshot is fuzzy: it holds everything up to its zxid and perhaps some of what came
 * later, so replay meets txns whose work is partly done. The rules that make this converge
 * (DataTree.processTxn) are in force always:
 *
 * - a missing znode or parent is passed over (NONODE), but a delete first raises the parent's pzxid;
 * - a znode that is there already keeps data and stat, and takes the txn's ACL (NODEEXISTS);
 * - a parent's cversion and pzxid only rise; versions are set to the values that the txn carries;
 * - a znode that has children when its delete comes is from later than the delete, and so are they: all go,
 *   and replay makes them anew (Apache would leave them behind without a parent);
 * - lastProcessedZxid moves once the whole txn, all parts of a multi, is in.
 */
export class DataTree {
  readonly store: ZnodeStore;
  readonly acls = new AclCache();
  /** Open global sessions and their timeouts in ms, as the txns opened and closed them. */
  readonly sessions = new Map<SessionId, number>();
  readonly ephemerals = new EphemeralIndex();
  readonly quotas: Quotas;
  readonly digestEnabled: boolean;
  readonly digestAudit: DigestAudit;
  lastProcessedZxid: Zxid = 0;

  readonly #ownerRules: OwnerRules;
  readonly #logger: Logger;
  readonly #digest = new DigestSum();
  /** What each znode adds to it, to be taken out again. */
  readonly #digests = new ZnodeCrcs();
  readonly #reapable: ReapableIndex;
  readonly #walkers: TreeWalker[] = [];
  #newestCzxid: Zxid = 0;

  readonly #reader = new JuteReader();
  readonly #stat = new Uint8Array(statPersistedBytes);
  readonly #statView = new DataView(this.#stat.buffer);
  /** Of the txn being applied: where its entry begins, parts of its head, and who is to hear of it. */
  #entryStart = 0;
  #zxid: Zxid = 0;
  #timeMs = 0;
  #events: TreeEvents | null = null;
  #resultRef: ZnodeRef = noZnode;

  /**
   * @param options.store New or emptied; it gets the znodes that every tree has: /zookeeper, its quota and its
   *   config, which all may read and none but a superuser may change.
   * @param options.digestEnabled Whether the tree digest is kept and compared (`digest.enabled`).
   */
  constructor(
    options: {
      readonly store: ZnodeStore;
      readonly ownerRules: OwnerRules;
      readonly digestEnabled: boolean;
      readonly logger: Logger;
    },
  ) {
    assert(options.store.size === 1, "a tree begins with an empty store");
    this.store = options.store;
    this.digestEnabled = options.digestEnabled;
    this.#ownerRules = options.ownerRules;
    this.#logger = options.logger;
    this.quotas = new Quotas(this.store, options.logger);
    this.digestAudit = new DigestAudit(this.#digest, options.logger);
    this.#reapable = new ReapableIndex(this.store, options.ownerRules);
    this.#addFirstZnodes();
  }

  /** High half of the tree digest, int32. */
  get digestHigh(): number {
    return this.#digest.high;
  }

  /** Low half of the tree digest, int32. */
  get digestLow(): number {
    return this.#digest.low;
  }

  /** The tree digest as a signed 64-bit value; meaningless while digests are off. */
  get digest(): bigint {
    return this.#digest.value;
  }

  /** Txns and snapshots whose digest differed from the tree's. */
  get digestMismatches(): number {
    return this.digestAudit.mismatches;
  }

  /** Znodes as `srvr` and `mntr` report them: the root counts twice, for its two names. */
  get nodeCountReported(): number {
    return this.store.size + 1;
  }

  /** The newest czxid of any znode that is or was in the tree; later creates have a larger one. */
  get newestCzxid(): Zxid {
    return this.#newestCzxid;
  }

  /** @returns What a znode adds to the tree digest at present: a CRC32, unsigned. */
  digestOf(ref: ZnodeRef): number {
    return this.#digests.of(ref);
  }

  /** @returns How many znodes are below `ref`. */
  countDescendants(ref: ZnodeRef): number {
    return countDescendants(this.store, ref);
  }

  /**
   * Applies the txn entry in `bytes[start, end)`; txn.ts has the layout.
   *
   * @param results Hears the outcome, for the client that asked; null in replay and on other servers.
   * @param events Hears what changed, for watches; null in replay.
   * @throws {UnknownTxnError} If it is of a type that no ZooKeeper writes; nothing has changed then.
   * @throws {JuteError} If the entry is malformed. Of a multi, parts before the malformed one are in: the
   *   caller must not go on with this tree.
   */
  apply(
    bytes: Uint8Array,
    start: number,
    end: number,
    results: TxnResults | null,
    events: TreeEvents | null,
  ): void {
    const reader = this.#reader;
    // Entries are whole on disk and in packets; only the fields' own lengths are to be checked.
    reader.fieldBytesMax = end - start;
    reader.reset(bytes, start, end);
    this.#entryStart = start;
    reader.skip(12);
    this.#zxid = reader.longNumber();
    this.#timeMs = reader.longNumber();
    const type = reader.int();
    this.#events = events === null || events.idle ? null : events;

    if (type === OpCode.multi) {
      this.#applyMulti(results);
    } else {
      if (type === OpCode.check) throw new UnknownTxnError("a txn of type 13 stands outside a multi");
      const error = this.#applyOne(type);
      if (results !== null) results.onTxn(type, error, this.#resultRef);
    }

    if (this.#zxid > this.lastProcessedZxid) this.lastProcessedZxid = this.#zxid;
    if (this.digestEnabled) {
      this.digestAudit.onApplied(this.#zxid);
      if (reader.remaining >= txnDigestBytes) {
        this.digestAudit.compare(this.#zxid, reader.int(), reader.int(), reader.int());
      }
    }
    this.#events = null;
  }

  /**
   * The containers and TTL znodes that are due to be deleted (ContainerManager.getCandidates). All are
   * childless: containers that had a child once, containers that never had one for too long, and TTL znodes
   * past their time.
   *
   * @param nowMs Wall time in ms.
   * @param neverUsedMs How long a container may wait for its first child, in ms; 0 is for ever.
   */
  reapCandidates(nowMs: number, neverUsedMs: number): string[] {
    return this.#reapable.candidates(nowMs, neverUsedMs);
  }

  /** Lets `walker` hear of removals, until {@link forgetWalker}. */
  addWalker(walker: TreeWalker): void {
    this.#walkers.push(walker);
  }

  forgetWalker(walker: TreeWalker): void {
    const at = this.#walkers.indexOf(walker);
    if (at >= 0) this.#walkers.splice(at, 1);
  }

  /** Empties the tree down to a bare root, to load a snapshot into it. No walker may be at work. */
  beginLoad(): void {
    assert(this.#walkers.length === 0, "a tree is not loaded while it is walked");
    this.store.clear();
    this.acls.clear();
    this.sessions.clear();
    this.ephemerals.clear();
    this.quotas.clear();
    this.digestAudit.clear();
    this.#digest.set(0, 0);
    this.#digests.clear();
    this.#reapable.clear();
    this.#newestCzxid = 0;
    this.lastProcessedZxid = 0;
  }

  /** Makes the tree what it was when new. No walker may be at work. */
  clear(): void {
    this.beginLoad();
    this.#addFirstZnodes();
  }

  /** A znode of a snapshot is in the store with all its fields: works out what is derived from it. */
  onLoaded(ref: ZnodeRef): void {
    this.acls.retain(this.store.aclKeyOf(ref));
    this.#index(ref, this.store.ownerOf(ref));
    this.#countIn(ref);
    this.#newestCzxid = Math.max(this.#newestCzxid, this.store.czxidOf(ref));
  }

  /** All of a snapshot is in. */
  finishLoad(): void {
    this.quotas.rebuild();
    this.acls.purgeUnused();
    this.ensureConfigZnode();
  }

  /** Adds /zookeeper/config where a snapshot from before 3.5 lacks it (ZKDatabase.initConfigInZKDatabase). */
  ensureConfigZnode(): void {
    const store = this.store;
    if (store.findPath("/zookeeper") === noZnode || store.findPath("/zookeeper/config") !== noZnode) return;
    const ref = this.#addSystemZnode("/zookeeper/config");
    store.setAclKey(ref, this.acls.keyOf(readAcl));
    store.setAversion(ref, -1);
  }

  /** Puts the membership's text into /zookeeper/config: no txn, each server does it by itself (DataTree.setData). */
  setConfigData(text: string, version: Zxid, timeMs: number): void {
    this.ensureConfigZnode();
    const ref = this.store.findPath("/zookeeper/config");
    const bytes = textEncoder.encode(text);
    this.store.setData(ref, bytes, 0, bytes.length);
    this.store.setModified(ref, -1, version, timeMs);
  }

  /** @returns What /zookeeper/config holds; "" for nothing. */
  configData(): string {
    const ref = this.store.findPath("/zookeeper/config");
    if (ref === noZnode || this.store.dataLengthOf(ref) <= 0) return "";
    const writer = new JuteWriter(512);
    this.store.writeData(ref, writer);
    return new TextDecoder().decode(writer.view().subarray(4));
  }

  #addFirstZnodes(): void {
    this.#countIn(this.store.root);
    this.#addSystemZnode("/zookeeper");
    this.#addSystemZnode("/zookeeper/quota");
    this.ensureConfigZnode();
  }

  #addSystemZnode(path: string): ZnodeRef {
    const bytes = textEncoder.encode(path);
    const parent = this.store.find(bytes, 0, lastSlash(bytes, 0, bytes.length));
    const stat = new Uint8Array(statPersistedBytes);
    const ref = this.store.insert(parent, bytes, 0, bytes.length, stat, 0, 0, openAclKey, stat, 0);
    this.#countIn(ref);
    return ref;
  }

  /** Applies one txn or part of a multi, whose body the reader stands at. @returns 0 or an error. */
  #applyOne(type: number): number {
    this.#resultRef = noZnode;
    switch (type) {
      case OpCode.create:
      case OpCode.create2:
      case OpCode.createContainer:
      case OpCode.createTTL:
        return this.#applyCreate(type);
      case OpCode.delete:
      case OpCode.deleteContainer:
        return this.#applyDelete();
      case OpCode.setData:
      case OpCode.reconfig:
        return this.#applySetData();
      case OpCode.setACL:
        return this.#applySetAcl();
      case OpCode.check:
        return this.#applyCheck();
      case OpCode.createSession:
        this.sessions.set(this.#clientId, this.#reader.int());
        return ErrorCode.ok;
      case OpCode.closeSession:
        this.#applyCloseSession();
        return ErrorCode.ok;
      case OpCode.error:
        return this.#reader.int();
      default:
        throw new UnknownTxnError(`txn type ${type} is unknown`);
    }
  }

  /** With an error among its parts a multi changes nothing, and only says which part failed. */
  #applyMulti(results: TxnResults | null): void {
    const reader = this.#reader;
    const wholeEnd = reader.end;
    const count = Math.max(reader.vectorCount(), 0);
    const first = reader.position;
    let failed = false;
    for (let index = 0; index < count; index++) {
      const type = reader.int();
      if (!isMultiPart(type)) throw new UnknownTxnError(`txn type ${type} inside a multi is unknown`);
      if (type === OpCode.error) failed = true;
      skipBuffer(reader);
    }
    reader.position = first;
    let behindError = false;
    for (let index = 0; index < count; index++) {
      const type = reader.int();
      const partEnd = Math.max(reader.fieldLength(), 0) + reader.position;
      if (failed) {
        if (type === OpCode.error) behindError = true;
        const code = type === OpCode.error
          ? reader.int()
          : behindError
          ? ErrorCode.runtimeInconsistency
          : ErrorCode.ok;
        if (results !== null) results.onTxn(OpCode.error, code, noZnode);
      } else {
        reader.end = partEnd;
        const error = this.#applyOne(type);
        reader.end = wholeEnd;
        if (results !== null) results.onTxn(type, error, this.#resultRef);
      }
      reader.position = partEnd;
    }
  }

  #applyCreate(type: number): number {
    const reader = this.#reader;
    const bytes = reader.bytes;
    const pathLength = readPathLength(reader);
    const path = reader.position;
    reader.skip(pathLength);
    const dataLength = reader.fieldLength();
    const data = reader.position;
    if (dataLength > 0) reader.skip(dataLength);
    const acl = reader.position;
    const aclEnd = skipAclVector(reader);
    let owner = 0n;
    let parentCversion = -1;
    if (type === OpCode.create || type === OpCode.create2) {
      if (reader.bool()) owner = this.#clientId;
      // CreateTxnV0, from before 3.4 and so before digests, ends here.
      if (reader.remaining >= 4) parentCversion = reader.int();
    } else {
      parentCversion = reader.int();
      // EphemeralType.TTL.toEphemeralOwner; the time to live has been checked when the txn was made.
      owner = type === OpCode.createTTL ? reader.long() | ttlMark : containerOwner;
    }

    const store = this.store;
    const parentLength = lastSlash(bytes, path, pathLength);
    const parent = store.find(bytes, path, parentLength);
    if (parent === noZnode) return ErrorCode.noNode;
    const present = store.find(bytes, path, pathLength);
    const aclKey = this.acls.keyOfBytes(bytes, acl, aclEnd);
    if (present !== noZnode) {
      this.acls.release(store.aclKeyOf(present));
      store.setAclKey(present, aclKey);
      // Apache does this for type 1 only; every kind of create counts for its parent.
      this.#raiseCversion(parent, parentCversion);
      this.#resultRef = present;
      return ErrorCode.nodeExists;
    }
    this.#raiseCversion(parent, parentCversion);
    this.#fillStat(owner);
    const ref = store.insert(
      parent,
      bytes,
      path,
      pathLength,
      bytes,
      data,
      dataLength,
      aclKey,
      this.#stat,
      0,
    );
    this.#countIn(ref);
    if (this.#zxid > this.#newestCzxid) this.#newestCzxid = this.#zxid;
    if (owner !== 0n) this.#index(ref, owner);
    this.#resultRef = ref;

    if (isQuotaPath(bytes, path, pathLength)) this.quotas.onCreated(store.pathOf(ref));
    if (this.quotas.active) this.quotas.account(store.pathOf(ref), 1, Math.max(dataLength, 0));
    if (this.#events !== null) {
      const parentPath = store.pathOf(parent);
      this.#events.onCreated(store.pathOf(ref), aclKey, parentPath, store.aclKeyOf(parent), this.#zxid);
    }
    return ErrorCode.ok;
  }

  #applyDelete(): number {
    const reader = this.#reader;
    const length = readPathLength(reader);
    const path = reader.position;
    reader.skip(length);
    return this.#delete(reader.bytes, path, length);
  }

  #delete(bytes: Uint8Array, path: number, pathLength: number): number {
    const store = this.store;
    const parent = store.find(bytes, path, lastSlash(bytes, path, pathLength));
    if (parent === noZnode) return ErrorCode.noNode;
    if (this.#zxid > store.pzxidOf(parent)) {
      this.#countOut(parent);
      store.setPzxid(parent, this.#zxid);
      this.#countIn(parent);
    }
    const ref = store.find(bytes, path, pathLength);
    if (ref === noZnode) return ErrorCode.noNode;
    if (store.numChildrenOf(ref) > 0) this.#takeOutBelow(ref);
    const events = this.#events;
    const aclKey = store.aclKeyOf(ref);
    const text = events !== null ? store.pathOf(ref) : "";
    this.#takeOut(ref);
    if (events !== null) {
      events.onDeleted(text, aclKey, store.pathOf(parent), store.aclKeyOf(parent), this.#zxid);
    }
    // Not before: those who hear of it are asked whether they might read it.
    this.acls.release(aclKey);
    return ErrorCode.ok;
  }

  #applySetData(): number {
    const reader = this.#reader;
    const bytes = reader.bytes;
    const pathLength = Math.max(reader.fieldLength(), 0);
    const path = reader.position;
    reader.skip(pathLength);
    const dataLength = reader.fieldLength();
    const data = reader.position;
    if (dataLength > 0) reader.skip(dataLength);
    const version = reader.int();

    const store = this.store;
    const ref = store.find(bytes, path, pathLength);
    if (ref === noZnode) return ErrorCode.noNode;
    const growth = Math.max(dataLength, 0) - Math.max(store.dataLengthOf(ref), 0);
    this.#countOut(ref);
    store.setData(ref, bytes, data, dataLength);
    store.setModified(ref, version, this.#zxid, this.#timeMs);
    this.#countIn(ref);
    this.#resultRef = ref;
    if (this.quotas.active) this.quotas.account(store.pathOf(ref), 0, growth);
    if (this.#events !== null) this.#events.onDataChanged(store.pathOf(ref), store.aclKeyOf(ref), this.#zxid);
    return ErrorCode.ok;
  }

  #applySetAcl(): number {
    const reader = this.#reader;
    const pathLength = Math.max(reader.fieldLength(), 0);
    const path = reader.position;
    reader.skip(pathLength);
    const acl = reader.position;
    const aclEnd = skipAclVector(reader);
    const aversion = reader.int();

    const store = this.store;
    const ref = store.find(reader.bytes, path, pathLength);
    if (ref === noZnode) return ErrorCode.noNode;
    const before = store.aclKeyOf(ref);
    this.#countOut(ref);
    store.setAclKey(ref, this.acls.keyOfBytes(reader.bytes, acl, aclEnd));
    store.setAversion(ref, aversion);
    this.#countIn(ref);
    this.acls.release(before);
    this.#resultRef = ref;
    return ErrorCode.ok;
  }

  #applyCheck(): number {
    const reader = this.#reader;
    const pathLength = Math.max(reader.fieldLength(), 0);
    this.#resultRef = this.store.find(reader.bytes, reader.position, pathLength);
    reader.skip(pathLength + 4);
    return ErrorCode.ok;
  }

  #applyCloseSession(): void {
    const reader = this.#reader;
    const session = this.#clientId;
    this.sessions.delete(session);
    const hasPaths = !this.#isBareCloseSession();
    if (hasPaths) {
      const count = reader.vectorCount();
      for (let index = 0; index < count; index++) {
        const length = reader.fieldLength();
        if (length > 0) {
          checkPath(reader.bytes, reader.position, length);
          this.#delete(reader.bytes, reader.position, length);
          reader.skip(length);
        }
      }
    }
    const left = [...this.ephemerals.of(session)];
    if (left.length === 0) return;
    if (hasPaths) {
      this.#logger.warn("a closed session owned ephemerals that its txn does not list", {
        session,
        count: left.length,
        first: left[0],
      });
    }
    for (const path of left) {
      const bytes = textEncoder.encode(path);
      this.#delete(bytes, 0, bytes.length);
    }
  }

  /** Without `closeSessionTxn.enabled` there is no body: nothing follows, or only the digest. */
  #isBareCloseSession(): boolean {
    const reader = this.#reader;
    if (reader.remaining < 4) return true;
    if (reader.remaining !== txnDigestBytes) return false;
    const first = reader.int();
    reader.position -= 4;
    return first === digestVersion;
  }

  /** A child's create, which left the parent's counter at `parentCversion` (-1: one more than now), is known of. */
  #raiseCversion(parent: ZnodeRef, parentCversion: number): void {
    const store = this.store;
    const now = store.cversionOf(parent);
    const cversion = parentCversion === -1 ? (now + 1) | 0 : parentCversion;
    if (cversion <= now) return;
    this.#countOut(parent);
    store.setCversion(parent, cversion);
    store.setPzxid(parent, this.#zxid);
    this.#countIn(parent);
  }

  /** The stat of a znode that the txn creates: its zxid and time, straight from the entry, and zeros. */
  #fillStat(owner: bigint): void {
    const stat = this.#stat;
    const entry = this.#reader.bytes;
    const zxid = this.#entryStart + zxidOffset;
    for (let index = 0; index < 8; index++) {
      stat[index] = stat[8 + index] = stat[52 + index] = entry[zxid + index];
      stat[16 + index] = stat[24 + index] = entry[zxid + 8 + index];
    }
    if (owner === 0n) stat.fill(0, 44, 52);
    else this.#statView.setBigInt64(44, owner);
  }

  #takeOutBelow(ref: ZnodeRef): void {
    let child = this.store.firstChildOf(ref);
    while (child !== noZnode) {
      this.#takeOutBelow(child);
      const aclKey = this.store.aclKeyOf(child);
      this.#takeOut(child);
      this.acls.release(aclKey);
      child = this.store.firstChildOf(ref);
    }
  }

  /** The session that asked for the txn: read only where it is needed, for it is a bigint. */
  get #clientId(): SessionId {
    return this.#reader.dataView.getBigInt64(this.#entryStart);
  }

  /** Takes a childless znode out of all but the ACL cache. */
  #takeOut(ref: ZnodeRef): void {
    const store = this.store;
    for (const walker of this.#walkers) walker.beforeRemove(ref);
    const owner = store.ownerOf(ref);
    if (owner !== 0n) {
      const kind = ownerKind(owner, this.#ownerRules);
      if (kind === "ephemeral") this.ephemerals.remove(owner, store.pathOf(ref));
      else this.#reapable.remove(ref);
    }
    this.#countOut(ref);
    if (!this.quotas.active) {
      store.remove(ref);
      return;
    }
    const path = store.pathOf(ref);
    const bytes = Math.max(store.dataLengthOf(ref), 0);
    store.remove(ref);
    this.quotas.onDeleted(path);
    this.quotas.account(path, -1, -bytes);
  }

  #index(ref: ZnodeRef, owner: bigint): void {
    const kind = ownerKind(owner, this.#ownerRules);
    if (kind === "ephemeral") this.ephemerals.add(owner, this.store.pathOf(ref));
    else if (kind !== "persistent") this.#reapable.add(ref, kind);
  }

  #countIn(ref: ZnodeRef): void {
    if (!this.digestEnabled) return;
    const digest = this.store.digestOf(ref);
    this.#digests.set(ref, digest);
    this.#digest.add(digest);
  }

  #countOut(ref: ZnodeRef): void {
    if (this.digestEnabled) this.#digest.subtract(this.digestOf(ref));
  }
}

/** Of a txn's header; its time follows. */
const zxidOffset = 12;
const ttlMark = -0x100000000000000n;
