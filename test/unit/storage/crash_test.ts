/**
 * Lives of a server's storage, each ended by a crash: what comes back is, znode by znode and session by session,
 * what the txns up to its zxid make of an empty tree, and nothing acknowledged is missing.
 *
 * A failure names its seed.
 */
import { expect, test } from "bun:test";
import type { DiskError } from "../../../src/base/disk.ts";
import { type Random, randomBelow, seededRandom } from "../../../src/base/random.ts";
import { packerFor } from "../../../src/io/packers.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { Access } from "../../../src/pipeline/auth/access.ts";
import { IpAuth } from "../../../src/pipeline/auth/ip_auth.ts";
import { opOf } from "../../../src/pipeline/op_table.ts";
import { Preparation } from "../../../src/pipeline/preparation.ts";
import { type Acl, encodeAcl, openAcl, Perms } from "../../../src/protocol/acl.ts";
import { OpCode } from "../../../src/protocol/op_code.ts";
import type { Zxid } from "../../../src/protocol/zxid.ts";
import { CorruptLogError } from "../../../src/storage/errors.ts";
import type { LogEffects, LogWriter } from "../../../src/storage/log_writer.ts";
import { purge } from "../../../src/storage/purge.ts";
import { type SnapshotPacker, SnapshotWriter } from "../../../src/storage/snapshot_writer.ts";
import type { DataTree } from "../../../src/tree/data_tree.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { type CrashLoss, MemoryDisk } from "../../world/memory_disk.ts";
import { makeTree, ownerRules, pick } from "../tree/_txns.ts";
import { dirs, openLog, recoverFrom, rollPolicy } from "./_logs.ts";

/** More of them by `CRASH_SEEDS=1000`. */
const seeds = Array.from({ length: Number(process.env.CRASH_SEEDS ?? 12) }, (_, index) => index + 1);
const livesPerSeed = 4;
const stepsPerLife = 60;

const sessions = [0x100n, 0x200n, 0x300n];
const acls: readonly (readonly Acl[])[] = [
  openAcl,
  [{ perms: Perms.read, scheme: "world", id: "anyone" }, {
    perms: Perms.all,
    scheme: "ip",
    id: "127.0.0.1",
  }],
  [{ perms: Perms.all, scheme: "ip", id: "127.0.0.1" }],
];

/** Packs nothing, but makes a snapshot come in smaller pieces, with more txns in between. */
const plainPieces: SnapshotPacker = { header: new Uint8Array(0), pack: (bytes) => bytes.slice() };

/** All there is to know of a tree, with its data as hashes. */
function describeTree(tree: DataTree): string[] {
  const { store } = tree;
  const lines: string[] = [];
  const stat = new JuteWriter(128);
  const visit = (ref: number) => {
    stat.reset();
    store.writeStatPersisted(ref, stat);
    const data = store.copyDataOf(ref);
    const acl = JSON.stringify(tree.acls.get(store.aclKeyOf(ref)));
    lines.push(
      `${store.pathOf(ref)} ${data === null ? "null" : Bun.hash(data)} ${acl} ${Bun.hash(stat.view())}`,
    );
    for (let child = store.firstChildOf(ref); child !== noZnode; child = store.nextSiblingOf(child)) {
      visit(child);
    }
  };
  visit(store.root);
  for (const [id, timeoutMs] of tree.sessions) lines.push(`session ${id} ${timeoutMs}`);
  for (const id of tree.ephemerals.sessions()) {
    lines.push(`ephemerals ${id} ${[...tree.ephemerals.of(id)].sort()}`);
  }
  lines.push(`acls ${tree.acls.size} quotas ${[...tree.quotas.paths].sort()} digest ${tree.digest}`);
  return lines.sort();
}

/** A server reduced to its write path and its disk. */
class Life implements LogEffects {
  readonly tree: DataTree;
  acknowledged: Zxid;
  fatal = false;
  readonly #history: Map<Zxid, Uint8Array>;
  readonly #disk: MemoryDisk;
  readonly #random: Random;
  readonly #preparation: Preparation;
  readonly #log: LogWriter;
  #outstanding: Zxid[] = [];
  #isRecovering = false;
  #snapshot: SnapshotWriter | null = null;

  /** @param history Every txn that is, or may be, in the log. */
  constructor(disk: MemoryDisk, random: Random, history: Map<Zxid, Uint8Array>) {
    this.#disk = disk;
    this.#random = random;
    this.#history = history;
    const { tree, lastZxid, snapshotZxid } = recoverFrom(disk);
    this.tree = tree;
    this.acknowledged = lastZxid;
    for (const zxid of [...history.keys()]) if (zxid > lastZxid) history.delete(zxid);
    if (snapshotZxid === null) SnapshotWriter.writeNow(this.#snapshotOptions());
    const settings = {
      ownerRules,
      enforceQuota: false,
      closeSessionTxn: randomBelow(random, 4) > 0,
      entryBytesMax: 2_097_150,
    };
    this.#preparation = new Preparation(tree, new Access([new IpAuth()], false), settings, lastZxid);
    this.#log = openLog(disk, this, {
      preallocBytes: pick(random, [0, 8192, 65536]),
      syncMode: pick(random, ["later", "blocking"] as const),
      rollPolicy: rollPolicy(pick(random, [20, 60])),
    });
  }

  step(): void {
    const choice = randomBelow(this.#random, 20);
    if (choice < 12) {
      for (let left = randomBelow(this.#random, 5); left >= 0; left--) this.#write();
      this.#log.flush();
    } else if (choice < 16) {
      if (this.#disk.laterCount > 0) this.#disk.runLater(randomBelow(this.#random, this.#disk.laterCount));
    } else if (choice === 16) {
      this.onSnapshotWanted();
    } else if (choice === 17) {
      if (this.#snapshot === null) this.#tolerate(() => purge(this.#disk, dirs, 3));
    } else if (choice === 18) {
      const full = randomBelow(this.#random, 3) === 0;
      this.#disk.capacityBytes = full ? this.#disk.usedBytes + randomBelow(this.#random, 40_000) : Infinity;
    } else {
      this.#log.roll();
    }
  }

  onDurable(lastZxid: Zxid): void {
    this.acknowledged = lastZxid;
    while (this.#outstanding.length > 0 && this.#outstanding[0] <= lastZxid) {
      const zxid = this.#outstanding.shift()!;
      const entry = this.#history.get(zxid)!;
      this.tree.apply(entry, 0, entry.length, null, null);
      this.#preparation.onApplied(zxid, zxid);
    }
    this.#maybeRecovered();
  }

  onRefused(firstZxid: Zxid): void {
    expect(firstZxid).toBeGreaterThan(this.acknowledged);
    for (const zxid of this.#outstanding) if (zxid >= firstZxid) this.#history.delete(zxid);
    this.#outstanding = this.#outstanding.filter((zxid) => zxid < firstZxid);
    this.#isRecovering = true;
    this.#maybeRecovered();
  }

  onSnapshotWanted(): void {
    if (this.#snapshot !== null) return;
    this.#snapshot = new SnapshotWriter(this.#snapshotOptions(), (error) => {
      this.#snapshot = null;
      expect(error?.code ?? "ENOSPC").toBe("ENOSPC");
    });
    this.#snapshot.start();
  }

  onFatal(_error: DiskError): void {
    this.fatal = true;
  }

  #maybeRecovered(): void {
    if (!this.#isRecovering || this.#outstanding.length > 0) return;
    this.#isRecovering = false;
    this.#preparation.forgetAfter(this.acknowledged);
  }

  #snapshotOptions() {
    const compression = pick(this.#random, ["none", "none", "none", "gz", "snappy"] as const);
    return {
      disk: this.#disk,
      directory: dirs.snapshots,
      tree: this.tree,
      compression,
      packer: packerFor(compression) ?? plainPieces,
      withLastZxid: randomBelow(this.#random, 2) === 0,
    };
  }

  #tolerate(call: () => void): void {
    try {
      call();
    } catch (error) {
      expect(error).toMatchObject({ name: "DiskError" });
    }
  }

  #write(): void {
    if (this.#isRecovering) return;
    const preparation = this.#preparation;
    const random = this.#random;
    const session = pick(random, sessions);
    const body = new JuteWriter();
    const code = this.#writeBody(body);
    if (code === OpCode.createSession) {
      preparation.prepareCreateSession(session, 4000 + randomBelow(random, 9), preparation.zxid);
    } else {
      const op = opOf(code);
      if (op?.kind !== "write") throw new Error(`${code} is no write`);
      const origin = { sessionId: session, authIds: [{ scheme: "ip", id: "127.0.0.1" }] };
      preparation.prepare(op, origin, 7, new JuteReader(body.bytes, 0, body.length), preparation.zxid * 10);
    }
    const { zxid, entryBytes, entryStart, entryEnd } = preparation;
    this.#history.set(zxid, entryBytes.slice(entryStart, entryEnd));
    this.#outstanding.push(zxid);
    this.#log.append(entryBytes, entryStart, entryEnd, zxid);
  }

  /** @returns The code of the request whose body is written. */
  #writeBody(body: JuteWriter): number {
    const random = this.#random;
    const choice = randomBelow(random, 30);
    if (choice === 0) return OpCode.createSession;
    if (choice === 1) return OpCode.closeSession;
    if (choice < 14) {
      this.#createBody(body, pick(random, [0, 0, 0, 0, 1, 2]));
      return OpCode.create;
    }
    if (choice < 16) {
      this.#createBody(body, 4);
      return OpCode.createContainer;
    }
    if (choice < 22) {
      body.string(this.#path());
      body.buffer(this.#data());
      body.int(-1);
      return OpCode.setData;
    }
    if (choice < 26) {
      body.string(this.#path());
      body.int(-1);
      return OpCode.delete;
    }
    if (choice < 28) {
      body.string(this.#path());
      body.vector(pick(random, acls), encodeAcl);
      body.int(-1);
      return OpCode.setACL;
    }
    for (let part = 0; part < 3; part++) {
      body.int(part === 1 ? OpCode.delete : OpCode.create);
      body.bool(false);
      body.int(-1);
      if (part === 1) {
        body.string(this.#path());
        body.int(-1);
      } else this.#createBody(body, 0);
    }
    body.int(-1);
    body.bool(true);
    body.int(-1);
    return OpCode.multi;
  }

  #createBody(body: JuteWriter, flags: number): void {
    body.string(this.#path());
    body.buffer(this.#data());
    body.vector(pick(this.#random, acls), encodeAcl);
    body.int(flags);
  }

  #path(): string {
    const random = this.#random;
    if (randomBelow(random, 40) === 0) return "/zookeeper/quota/a";
    let path = "";
    for (let depth = randomBelow(random, 3); depth >= 0; depth--) path += `/${pick(random, [..."abcdefg"])}`;
    return path;
  }

  #data(): Uint8Array | null {
    const random = this.#random;
    if (randomBelow(random, 8) === 0) return null;
    const length = randomBelow(random, 6) === 0 ? randomBelow(random, 40_000) : randomBelow(random, 300);
    return new Uint8Array(length).fill(1 + randomBelow(random, 255));
  }
}

/** The tree that the txns up to `zxid` make. */
function replayed(history: Map<Zxid, Uint8Array>, zxid: Zxid): DataTree {
  const tree = makeTree();
  for (let next = 1; next <= zxid; next++) {
    const entry = history.get(next);
    if (entry === undefined) throw new Error(`txn ${next} came back though it was refused`);
    tree.apply(entry, 0, entry.length, null, null);
  }
  return tree;
}

/** @returns False if a start was refused for damage that nobody can tell from that of an acknowledged entry. */
function live(seed: number, loss: CrashLoss): boolean {
  const random = seededRandom(seed);
  const disk = new MemoryDisk(seed);
  disk.makeDirectory(dirs.logs);
  disk.syncDirectory("/data");
  disk.syncDirectory("/");
  const history = new Map<Zxid, Uint8Array>();
  let acknowledged = 0;
  for (let count = 0; count < livesPerSeed; count++) {
    let life: Life;
    try {
      life = new Life(disk, random, history);
    } catch (error) {
      // A hole in a long entry, and a whole entry behind it, in a batch that no sync covered.
      if (loss === "sectors" && error instanceof CorruptLogError && error.message.includes("checksum")) {
        return false;
      }
      throw error;
    }
    const { lastProcessedZxid } = life.tree;
    expect(lastProcessedZxid).toBeGreaterThanOrEqual(acknowledged);
    expect(describeTree(life.tree)).toEqual(describeTree(replayed(history, lastProcessedZxid)));
    expect(life.tree.digestMismatches).toBe(0);
    for (let step = randomBelow(random, stepsPerLife); step > 0 && !life.fatal; step--) life.step();
    expect(life.fatal).toBe(false);
    acknowledged = life.acknowledged;
    disk.capacityBytes = Infinity;
    disk.crash(random, loss);
  }
  return true;
}

for (const loss of ["order", "sectors"] as const) {
  test(
    `after crashes that lose ${
      loss === "order" ? "the last writes" : "any sectors"
    } the tree is the one its txns make`,
    () => {
      for (const seed of seeds) {
        try {
          live(seed, loss);
        } catch (error) {
          (error as Error).message = `seed ${seed}: ${(error as Error).message}`;
          throw error;
        }
      }
    },
    600_000,
  );
}
