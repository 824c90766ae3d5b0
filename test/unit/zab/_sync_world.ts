/**
 * A small world of servers that lead and follow by turns: the machines are real, the disks and networks are lists.
 * Every txn has a tag, so that two txns of one zxid are told apart; the world checks that this never matters.
 */
import { expect } from "bun:test";
import { type Random, randomBelow } from "../../../src/base/random.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { PacketType, type QuorumPacket } from "../../../src/protocol/quorum_packet.ts";
import { counterOf, makeZxid, type Zxid } from "../../../src/protocol/zxid.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import type { LoggedEntry } from "../../../src/zab/committed_log.ts";
import { Leader } from "../../../src/zab/leader.ts";
import { Learner, type LearnerEffects } from "../../../src/zab/learner.ts";
import { planSync } from "../../../src/zab/sync_plan.ts";
import { create, entryOf } from "../tree/_txns.ts";
import { Crash, names, Server, type Txn } from "./_sync_server.ts";
import { packet, packetsIn } from "./_zab.ts";

/** A server that follows. */
class Follower implements LearnerEffects {
  readonly server: Server;
  readonly learner: Learner;
  readonly #world: SyncWorld;
  /** What it told its leader. */
  ackedEpoch: { readonly zxid: Zxid; readonly currentEpoch: number } | null = null;
  acks: Zxid[] = [];
  isServing = false;
  left: { readonly reason: string; readonly wantsSnapshot: boolean } | null = null;
  /** How far the leader's proposals, and its commits, were sent. */
  sent = 0;
  committed = 0;
  /** Logged and not in the tree. */
  #pending: Txn[] = [];
  #zxidBefore: Zxid = 0;

  constructor(world: SyncWorld, server: Server, wantsSnapshot: boolean) {
    this.#world = world;
    this.server = server;
    this.learner = new Learner({
      isObserver: false,
      acceptedEpoch: server.acceptedEpoch,
      currentEpoch: server.currentEpoch,
      lastZxid: server.zxid,
      wantsSnapshot,
    }, this);
  }

  /** The office ends while the process lives on: what is in the log goes into the tree, or the tree is loaded anew. */
  finish(): void {
    if (this.learner.isTreeAhead) return this.server.load();
    for (const txn of this.#pending.splice(0)) this.server.apply(txn);
    if (counterOf(this.server.zxid) === 0) this.server.zxid = this.#zxidBefore;
  }

  sendInfo(): void {}

  acceptEpoch(epoch: number): void {
    this.#world.mayCrash();
    this.server.acceptedEpoch = epoch;
  }

  sendAckEpoch(zxid: Zxid, currentEpoch: number): void {
    this.ackedEpoch = { zxid, currentEpoch };
  }

  truncate(zxid: Zxid): boolean {
    return this.server.truncate(zxid);
  }

  receiveSnapshot(zxid: Zxid): void {
    this.server.history = [...this.#world.treeOfLeader()];
    this.server.zxid = zxid;
  }

  persistSnapshot(): void {
    this.server.replaceByTree(this.#world.chance(8) ? this.#world.below(5) : 5);
  }

  applyUnlogged(entry: LoggedEntry): void {
    if (entry.zxid <= this.server.zxid) return;
    this.server.history.push(this.#world.txnOf(entry));
    this.server.zxid = entry.zxid;
  }

  logAndApply(entries: readonly LoggedEntry[]): void {
    const txns = entries.map((entry) => this.#world.txnOf(entry));
    if (this.#world.chance(8)) {
      this.server.disk.push(...txns.slice(0, this.#world.below(txns.length + 1)));
      throw new Crash();
    }
    this.server.disk.push(...txns);
    for (const txn of txns) this.server.apply(txn);
  }

  onLeaderConfig(): void {}

  beginEpoch(epoch: number): void {
    this.#world.mayCrash();
    this.server.currentEpoch = epoch;
  }

  sendAck(zxid: Zxid): void {
    this.acks.push(zxid);
  }

  serve(epoch: number): void {
    this.isServing = true;
    this.#zxidBefore = this.server.zxid;
    this.server.zxid = Math.max(this.server.zxid, makeZxid(epoch, 0));
  }

  onProposal(entry: LoggedEntry): void {
    const txn = this.#world.txnOf(entry);
    this.server.disk.push(txn);
    this.#pending.push(txn);
    this.acks.push(txn.zxid);
  }

  onCommit(zxid: Zxid): void {
    const txn = this.#pending.shift()!;
    expect(txn.zxid).toBe(zxid);
    this.server.apply(txn);
  }

  onInform(): void {
    throw new Error("a follower is told by COMMIT");
  }

  onActivate(): void {}
  onPing(): void {}
  onRevalidated(): void {}
  onSynced(): void {}

  leave(reason: string, wantsSnapshot: boolean): void {
    this.left = { reason, wantsSnapshot };
  }

  /** All it has logged, in the tree or not. */
  get logged(): readonly Txn[] {
    return [...this.server.history, ...this.#pending];
  }
}

/** What happened, to show that the test meets what it is for. */
export interface SyncCounts {
  DIFF: number;
  TRUNC: number;
  SNAP: number;
  refusedCuts: number;
  crashes: number;
  offices: number;
  committed: number;
}

/** Some servers, and one history that all agree on. */
export class SyncWorld {
  readonly counts: SyncCounts;
  readonly #random: Random;
  readonly #servers: Server[];
  readonly #txns = new Map<string, Txn>();
  /** All that was ever committed. */
  #committed: Txn[] = [];
  #tag = 0;
  /** The office of the present leader. */
  #leader!: Server;
  #epoch = 0;
  #isEstablished = false;
  #broadcast: Leader | null = null;
  #proposals: Txn[] = [];
  #applied = 0;
  #ownDurable: Zxid = 0;
  #followers = new Map<Server, Follower>();

  constructor(random: Random, counts: SyncCounts) {
    this.#random = random;
    this.counts = counts;
    const txnsKept = 1 + randomBelow(random, 6);
    const size = randomBelow(random, 3) === 0 ? 5 : 3;
    this.#servers = Array.from(
      { length: size },
      (_, index) => new Server(index + 1, txnsKept, this.chance(3)),
    );
  }

  below(limit: number): number {
    return randomBelow(this.#random, limit);
  }

  chance(outOf: number): boolean {
    return this.below(outOf) === 0;
  }

  mayCrash(): void {
    if (this.chance(25)) throw new Crash();
  }

  treeOfLeader(): readonly Txn[] {
    return this.#leader.history;
  }

  /** The very txn whose bytes came over the wire. */
  txnOf({ bytes, start, end }: LoggedEntry): Txn {
    const txn = this.#txns.get(Buffer.from(bytes.subarray(start, end)).toString("latin1"));
    if (txn === undefined) throw new Error("bytes that no leader proposed");
    return txn;
  }

  /** Has a quorum elect the server that is ahead, which then leads for a while. */
  office(): void {
    const voters = this.#servers.map(({ id }) => id);
    const alive = this.#some(Math.floor(voters.length / 2) + 1 + this.below(Math.ceil(voters.length / 2)));
    const [leader, ...others] = alive.toSorted((a, b) =>
      b.currentEpoch - a.currentEpoch || b.zxid - a.zxid || b.id - a.id
    );
    this.counts.offices++;
    this.#leader = leader;
    this.#epoch = Math.max(...alive.map(({ acceptedEpoch }) => acceptedEpoch)) + 1;
    this.#isEstablished = false;
    this.#broadcast = null;
    this.#proposals = [];
    this.#applied = 0;
    this.#ownDurable = 0;
    this.#followers = new Map();
    const lastZxid = leader.zxid;
    const initial = [...leader.history];
    leader.acceptedEpoch = this.#epoch;

    // W1 and W2: all or nobody, for who says that it is ahead cannot be among these.
    const accepting = others.map((server) => this.#connect(server)).filter((follower) => follower !== null);
    if (2 * (accepting.length + 1) <= voters.length) return this.#end();
    leader.currentEpoch = this.#epoch;
    if (this.chance(20)) return this.#end();

    // W3.
    for (const follower of accepting) this.#synchronize(follower);
    if (2 * (this.#followers.size + 1) <= voters.length) return this.#end();
    this.#expectHistory(initial);
    this.#isEstablished = true;
    leader.zxid = makeZxid(this.#epoch, 0);
    this.#broadcast = new Leader(new Majority(voters), leader.zxid);
    for (const follower of [...this.#followers.values()]) {
      this.#send(follower, packet(PacketType.upToDate, -1));
    }

    for (let steps = this.below(30); steps > 0; steps--) this.#step();
    const isLeaderGone = this.chance(2);
    this.#end();
    if (!isLeaderGone && counterOf(leader.zxid) === 0) leader.zxid = lastZxid;
    for (const server of this.#servers) {
      if (this.chance(4)) server.takeSnapshot();
      if (this.chance(8)) server.purge(this.#random);
    }
  }

  #some(count: number): Server[] {
    const rest = [...this.#servers];
    return Array.from({ length: count }, () => rest.splice(this.below(rest.length), 1)[0]);
  }

  #step(): void {
    const leader = this.#broadcast!;
    const followers = [...this.#followers.values()];
    const follower = followers[this.below(Math.max(1, followers.length))];
    switch (this.below(7)) {
      case 0:
      case 1:
        return this.#propose();
      case 2:
        // The leader's own disk.
        leader.onAck(this.#leader.id, leader.lastProposed, this.#effects);
        this.#ownDurable = leader.lastProposed;
        return this.#applyOwn();
      case 3:
      case 4:
        if (follower !== undefined) this.#sendNext(follower);
        return;
      case 5: {
        // Somebody comes, for the first time or again.
        const server = this.#servers[this.below(this.#servers.length)];
        if (server === this.#leader) return;
        const before = this.#followers.get(server);
        if (before !== undefined) this.#disconnect(before);
        const fresh = this.#connect(server);
        if (fresh !== null) this.#synchronize(fresh);
        return;
      }
      default:
        if (follower === undefined || !this.chance(3)) return;
        this.#disconnect(follower);
        if (this.chance(2)) follower.server.restart();
    }
  }

  #propose(): void {
    const zxid = this.#broadcast!.lastProposed + 1;
    const tag = ++this.#tag;
    const bytes = entryOf(create(`/${tag}`), { zxid });
    const txn = { zxid, bytes, start: 0, end: bytes.length, tag };
    this.#txns.set(Buffer.from(bytes).toString("latin1"), txn);
    this.#broadcast!.propose(zxid);
    this.#proposals.push(txn);
    this.#leader.disk.push(txn);
  }

  /** What the leader's own disk has and is committed gets into its tree. */
  #applyOwn(): void {
    const limit = Math.min(this.#ownDurable, this.#broadcast!.lastCommitted);
    for (; this.#proposals[this.#applied]?.zxid <= limit; this.#applied++) {
      const { zxid } = this.#proposals[this.#applied];
      this.#leader.history.push(this.#proposals[this.#applied]);
      this.#leader.zxid = zxid;
    }
  }

  readonly #effects = {
    commit: (zxid: Zxid) => {
      const txn = this.#proposals[counterOf(zxid) - 1];
      this.#committed.push(txn);
      this.counts.committed++;
      this.#leader.committedLog.append(zxid, txn.bytes, 0, txn.end);
      this.#applyOwn();
    },
    reject: (from: number, reason: string) => {
      throw new Error(`server ${from}: ${reason}`);
    },
  };

  /** What is established must hold all that was ever committed, and is committed by that. */
  #expectHistory(history: readonly Txn[]): void {
    expect(names(history.slice(0, this.#committed.length))).toBe(names(this.#committed));
    this.#committed = [...history];
  }

  /** A server introduces itself and is told the epoch. @returns Null when that went wrong. */
  #connect(server: Server, wantsSnapshot = false): Follower | null {
    const follower = new Follower(this, server, wantsSnapshot);
    follower.learner.start();
    if (!this.#send(follower, packet(PacketType.leaderInfo, makeZxid(this.#epoch, 0)))) return null;
    return follower.ackedEpoch === null ? null : follower;
  }

  /** As Leading.synchronize. */
  #synchronize(follower: Follower): void {
    const leader = this.#leader;
    const { lastCommitted = leader.zxid } = this.#broadcast ?? {};
    const queue = new JuteWriter();
    const learnerZxid = follower.ackedEpoch!.zxid;
    const plan = planSync({
      learnerZxid,
      lastCommitted,
      committedLog: leader.committedLog,
      openHistory: (zxid) => leader.openHistory(zxid),
    }, queue);
    this.counts[plan.how]++;
    const types = { DIFF: PacketType.diff, TRUNC: PacketType.trunc, SNAP: PacketType.snap };
    const upTo = plan.how === "SNAP" ? leader.zxid : plan.queuedUpTo;
    this.#broadcast?.onResynced(
      follower.server.id,
      plan.how === "SNAP" ? upTo : Math.min(plan.zxid, learnerZxid),
    );
    const packets = [
      packet(types[plan.how], plan.how === "SNAP" ? upTo : plan.zxid),
      ...packetsIn(queue.view()),
    ];
    for (const { zxid, bytes } of this.#proposals.slice(this.#applied)) {
      if (zxid <= upTo) continue;
      packets.push(packet(PacketType.proposal, zxid, bytes));
      if (zxid <= lastCommitted) packets.push(packet(PacketType.commit, zxid));
    }
    packets.push(packet(PacketType.newLeader, makeZxid(this.#epoch, 0), new Uint8Array(0)));
    follower.sent = this.#proposals.length;
    follower.committed = this.#proposals.filter(({ zxid }) => zxid <= lastCommitted).length;
    for (const next of packets) {
      if (this.chance(60) || !this.#send(follower, next)) {
        if (follower.left === null) this.#crash(follower);
        else this.#onLeft(follower);
        return;
      }
      if (next.type === PacketType.snap) follower.learner.onSnapshot();
    }
    expect(follower.acks).toEqual([makeZxid(this.#epoch, 0)]);
    this.#followers.set(follower.server, follower);
    if (this.#isEstablished) this.#send(follower, packet(PacketType.upToDate, -1));
  }

  /** It may leave for one reason: it cannot be cut where it should. Then a snapshot helps. */
  #onLeft(follower: Follower): void {
    const { reason, wantsSnapshot } = follower.left!;
    expect([reason.startsWith("it ordered a cut to"), wantsSnapshot]).toEqual([true, true]);
    this.counts.refusedCuts++;
    follower.finish();
    const again = this.#connect(follower.server, true);
    if (again !== null) this.#synchronize(again);
  }

  /** @returns Whether it goes on. */
  #send(follower: Follower, next: QuorumPacket): boolean {
    try {
      follower.learner.onPacket(next);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.#crash(follower);
      return false;
    }
    if (follower.left !== null) return false;
    if (next.type === PacketType.upToDate) this.#onUpToDate(follower);
    if (follower.isServing) this.#takeAcks(follower);
    return true;
  }

  /** Now it has what its leader has: all of it that is committed in its tree, and the rest in its log. */
  #onUpToDate(follower: Follower): void {
    const all = [...this.#leader.history, ...this.#proposals.slice(this.#applied)];
    const told = this.#committed.length -
      this.#proposals.filter(({ zxid }) => zxid <= this.#broadcast!.lastCommitted)
        .length +
      follower.committed;
    expect(names(follower.server.history)).toBe(names(all.slice(0, told)));
    expect(names(follower.logged)).toBe(names(all));
  }

  /** The next proposal or commit that a follower was not sent yet. */
  #sendNext(follower: Follower): void {
    const next = this.#proposals[follower.sent];
    if (next !== undefined && this.chance(2)) {
      follower.sent++;
      this.#send(follower, packet(PacketType.proposal, next.zxid, next.bytes));
      return;
    }
    const due = this.#proposals[follower.committed];
    if (
      due === undefined || due.zxid > this.#broadcast!.lastCommitted || follower.committed >= follower.sent
    ) return;
    follower.committed++;
    this.#send(follower, packet(PacketType.commit, due.zxid));
  }

  #takeAcks(follower: Follower): void {
    for (const zxid of follower.acks.splice(0)) {
      if (counterOf(zxid) > 0) this.#broadcast!.onAck(follower.server.id, zxid, this.#effects);
    }
  }

  #disconnect(follower: Follower): void {
    this.#followers.delete(follower.server);
    follower.finish();
  }

  #crash(follower: Follower): void {
    this.counts.crashes++;
    this.#followers.delete(follower.server);
    follower.server.restart();
  }

  /** The office is over: everybody's log goes into the tree, or is read from the disk again. */
  #end(): void {
    for (const follower of [...this.#followers.values()]) {
      this.#followers.delete(follower.server);
      if (this.chance(3)) follower.server.restart();
      else follower.finish();
    }
    const leader = this.#leader;
    if (this.chance(3)) {
      // What its disk has not synced may be lost, from some txn on.
      const unsynced = this.#proposals.filter(({ zxid }) => zxid > this.#ownDurable).length;
      leader.disk.splice(leader.disk.length - this.below(unsynced + 1));
      return leader.restart();
    }
    for (const txn of this.#proposals.slice(this.#applied)) leader.apply(txn);
  }
}
