/** A learner's office on a replica without disk: the test says what the leader sends and when the disk has synced. */
import { DiskError } from "../../../src/base/disk.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { packetName, type QuorumPacket } from "../../../src/protocol/quorum_packet.ts";
import { sessionPassword } from "../../../src/protocol/session_id.ts";
import type { TxnBody } from "../../../src/protocol/txn.ts";
import { makeZxid, type Zxid } from "../../../src/protocol/zxid.ts";
import { QuorumLink } from "../../../src/server/quorum_link.ts";
import { LearnerRole } from "../../../src/server/roles/learner.ts";
import { noZnode } from "../../../src/tree/znode_store.ts";
import { WatchMeter } from "../../../src/server/watch_meter.ts";
import type { LoggedEntry } from "../../../src/zab/committed_log.ts";
import { entryOf } from "../tree/_txns.ts";
import { packetsIn, show } from "../zab/_zab.ts";
import { FakeOwner, FakeSocket } from "./_link_bench.ts";
import { type BenchClient, ReplicaBench } from "./replica_bench.ts";

const members = ["initLimit=5", "syncLimit=2", "server.1=h:1:2", "server.2=h:3:4", "server.3=h:5:6"];

/** A follower or an observer, whose sessions 0x200…1 and so on are open. */
export class LearnerDesk {
  readonly bench = new ReplicaBench(members, 2);
  readonly role: LearnerRole;
  readonly socket = new FakeSocket();
  readonly owner = new FakeOwner();
  /** Zxids in the order they went to the log, and to the memory of committed ones. */
  readonly logged: string[] = [];
  readonly remembered: string[] = [];
  snapshotsStopped = 0;
  #zxid: Zxid = makeZxid(5, 0);

  constructor(mode: "follower" | "observer" = "follower", isLogged = true) {
    const { replica, tree, watches, metrics } = this.bench;
    replica.becomeIdle();
    const link = new QuorumLink(replica, this.socket, undefined);
    link.setOwner(this.owner);
    tree.lastProcessedZxid = this.#zxid;
    this.role = new LearnerRole({
      mode,
      tree,
      events: new WatchMeter(watches, metrics),
      link,
      log: {
        append: (_bytes, _start, _end, zxid) => this.logged.push(show(zxid)),
        remember: ({ zxid }) => this.remembered.push(show(zxid)),
        forgottenUpTo: -1,
        snapshots: { stop: () => this.snapshotsStopped++ } as never,
      },
      isLogged,
      lastZxid: this.#zxid,
      metrics,
      logger: silentLogger,
      host: replica,
    });
    replica.forgetSessions();
    replica.becomeServing(this.role);
  }

  /** The next txn: `session` asked for it with request number `cxid`. */
  txn(body: TxnBody, session = 0x1n, cxid = 0): LoggedEntry {
    const zxid = ++this.#zxid;
    const bytes = entryOf(body, { zxid, clientId: session, cxid });
    // Away from the buffer's start, and gone after the call.
    const moved = new Uint8Array(bytes.length + 7).fill(0xee);
    moved.set(bytes, 3);
    return { zxid, bytes: moved, start: 3, end: 3 + bytes.length };
  }

  /** The leader proposes a txn. @returns Its zxid. */
  propose(body: TxnBody, session?: bigint, cxid?: number): Zxid {
    const entry = this.txn(body, session, cxid);
    this.role.onProposal(entry);
    entry.bytes.fill(0xdd);
    return entry.zxid;
  }

  /** The leader tells of a committed txn, as it does to observers. @returns Its zxid. */
  inform(body: TxnBody): Zxid {
    const entry = this.txn(body);
    this.role.onInform(entry);
    entry.bytes.fill(0xdd);
    return entry.zxid;
  }

  /** The disk takes nothing from `zxid` on. */
  refuse(zxid: Zxid): void {
    this.role.onRefused(zxid, new DiskError("ENOSPC", "/data/log", "writing"));
  }

  /** The packets sent since this was last asked. */
  packets(): QuorumPacket[] {
    this.bench.endTurn();
    return packetsIn(this.socket.take());
  }

  /** Their names and zxids. */
  sent(): string[] {
    return this.packets().map(({ type, zxid }) => `${packetName(type)} ${show(zxid)}`);
  }

  /** A client whose session the leader knows. */
  client(id: bigint): BenchClient {
    const client = this.takeUp(id);
    this.role.onRevalidated(id, true);
    this.bench.endTurn();
    client.takeFrames();
    this.packets();
    return client;
  }

  /** A client that asks for its session. */
  takeUp(id: bigint): BenchClient {
    const client = this.bench.open();
    client.connect({ sessionId: id, password: sessionPassword(id) });
    return client;
  }

  /** Whether a znode is there. */
  has(path: string): boolean {
    return this.bench.tree.store.findPath(path) !== noZnode;
  }
}
