import { answerFourLetter, type FourLetterWord, fourLetterWords } from "../../admin/four_letter_words.ts";
import { encodeStatusShare, statusShare } from "../../admin/group_status.ts";
import type { ServerConfig } from "../../config/server_config.ts";
import { JuteWriter } from "../../jute/writer.ts";
import type { QuorumPacket } from "../../protocol/quorum_packet.ts";
import { decodeConfigZnode, decodeRefused, WorkerPacketType } from "../../protocol/worker_packet.ts";
import { Connection } from "../connection.ts";
import type { DatabaseUser } from "../database.ts";
import { Housekeeping } from "../housekeeping.ts";
import type { WordRelay } from "../replica.ts";
import { Following, type FollowingParts, type FollowingPeer } from "../roles/following.ts";
import type { LearnerRole } from "../roles/learner.ts";
import type { ServerWorld } from "../server.ts";
import { ServerCore } from "../server_core.ts";
import { Pieces, sendPieces } from "./pieces.ts";
import { VolatileDatabase } from "./volatile_database.ts";
import { sessionIdsOf } from "./worker_limits.ts";

/** Which process of its server this is, and how it is reached. */
export interface WorkerOptions {
  /** From 1 on; the main process is 0. */
  readonly index: number;
  /** What the server is configured to be. */
  readonly config: ServerConfig;
  /** Its dials lead to the main process, wherever they are to lead. */
  readonly world: ServerWorld;
}

/** How often time is looked at, ms at most. */
const roundMsMax = 250;
/** Parts of a tick that the main process may not have heard of a session: it has to tell its leader in turn. */
const roundsPerTick = 8;
/** Wait before the main process is asked again to take this one in, ms. */
const returnMs = 50;
/** Least unit of the waits for the main process, ms: it is on this machine, and may be busy. */
const tickMsMin = 1000;

/**
 * A process of `zoon server --workers N` other than the main one: it observes the main one, keeps the tree in memory
 * and serves those clients that the system's spreading brings to its own socket of the common port. It listens there
 * only while it is up to date, so that clients go to the others meanwhile.
 */
export class WorkerServer implements FollowingPeer, DatabaseUser, WordRelay {
  /** Resolves, never rejects, when it can no longer do its work and the process must end. */
  readonly failed: Promise<Error>;
  readonly #index: number;
  readonly #config: ServerConfig;
  readonly #world: ServerWorld;
  readonly #core: ServerCore;
  readonly #database: VolatileDatabase;
  readonly #housekeeping: Housekeeping;
  readonly #words = new Map<number, { readonly pieces: Pieces; readonly done: (text: string) => void }>();
  #lastWord = 0;
  #office: ObservingMain | null = null;
  #role: LearnerRole | null = null;
  #isLeaving = false;
  #stopped = false;
  #fail!: (error: Error) => void;

  constructor({ index, config, world }: WorkerOptions) {
    this.failed = new Promise((resolve) => this.#fail = resolve);
    this.#index = index;
    this.#config = config;
    this.#world = world;
    let database!: VolatileDatabase;
    this.#core = new ServerCore({
      config,
      world,
      dirs: { snapshots: config.storage.dataDir, logs: config.storage.dataLogDir },
      serverId: config.serverId ?? 1,
      sessionIdShare: sessionIdsOf(index),
      portSharing: "joins",
      makeDatabase: (parts, user) => database = new VolatileDatabase(parts, user),
      databaseUser: () => this,
      ensembleStatus: () => undefined,
      ensembleConfig: () => undefined,
      onFatal: (error) => this.onFatal(error),
    });
    this.#database = database;
    this.#core.replica.relayWords(this);
    const everyMs = Math.min(roundMsMax, config.tickMs / roundsPerTick);
    this.#housekeeping = new Housekeeping(world.clock, [
      { everyMs, run: (nowMs, lateMs) => this.#onRound(nowMs, lateMs) },
      ...this.#core.watchCrowd(),
    ]);
  }

  /** Begins to follow the main process. */
  start(): void {
    if (this.#stopped) return;
    const { core, shared } = { core: this.#core, shared: this.#config };
    core.replica.beginTurn();
    this.#world.trace?.({ kind: "state", state: "OBSERVING" });
    this.#office = new ObservingMain({
      self: this.#index,
      leader: 0,
      isObserver: true,
      isLogged: false,
      wantsSnapshot: this.#database.needsTree,
      addresses: [{ host: "", quorumPort: 0, electionPort: 0 }],
      configVersion: 0,
      tickMs: Math.max(shared.tickMs, tickMsMin),
      initLimitTicks: 10,
      syncLimitTicks: 5,
      connectLimitTicks: 10,
      redialMs: returnMs,
      database: this.#database,
      events: core.events,
      network: this.#world.network,
      clock: this.#world.clock,
      metrics: core.metrics,
      logger: this.#world.logger,
      host: core.replica,
      peer: this,
      trace: this.#world.trace,
    }, (packet) => this.#onWorkerPacket(packet));
    this.#office.start();
  }

  /** Drops the clients. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#housekeeping.stop();
    this.#core.stop();
    this.#office?.close("this worker stops");
  }

  onUpToDate(role: LearnerRole): void {
    this.#role = role;
    this.#core.replica.forgetSessions();
    this.#core.replica.becomeServing(role);
  }

  onFollowingOver(reason: string): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#world.clock.endOfTurn(() => this.#leave(reason));
  }

  onFatal(error: Error): void {
    this.#core.closeDoors();
    this.#fail(error);
  }

  answerWord(word: FourLetterWord, rest: Uint8Array, done: (text: string) => void): void {
    const link = this.#office?.link;
    if (link === null || link === undefined || this.#role === null) {
      const { status, fourLetter } = this.#core.replica;
      return done(answerFourLetter(word, status, fourLetter, rest));
    }
    const number = this.#lastWord = (this.#lastWord + 1) & 0x7fffffff;
    this.#words.set(number, { pieces: new Pieces(), done });
    const out = new JuteWriter(64);
    out.int(number);
    out.string(word);
    out.buffer(rest);
    link.send(WorkerPacketType.ask, -1, out.view());
  }

  // A worker has no disk, no vote and no membership.

  onDurable(): void {}
  onRefused(): void {}
  onDiskFailed(): void {}
  onTreeLoaded(): void {}
  onLeaderConfig(): void {}
  onProposal(): void {}
  onActivate(): void {}

  isLinked(): boolean {
    return false;
  }

  #onRound(nowMs: number, lateMs: number): void {
    const office = this.#office;
    this.#core.replica.tick(lateMs);
    if (office === null) return;
    if (lateMs > roundMsMax) office.onStandstill(lateMs);
    if (office.deadlineMs <= nowMs) office.onTimer(nowMs);
    this.#role?.tellTouched();
  }

  #leave(reason: string): void {
    this.#isLeaving = false;
    this.#core.closePort();
    this.#world.trace?.({ kind: "state", state: "LOOKING" });
    this.#core.replica.becomeIdle();
    this.#office!.close(reason);
    this.#office!.finish();
    this.#office = null;
    this.#role = null;
    this.#words.clear();
    if (this.#stopped) return;
    this.#world.logger.debug("This worker has left the main process", { reason });
    this.#world.clock.setTimer(returnMs, () => this.start());
  }

  #onWorkerPacket(packet: QuorumPacket): void {
    const { replica, tree } = this.#core;
    const reader = packet.data();
    switch (packet.type) {
      case WorkerPacketType.serve: {
        const host = reader.string() ?? "";
        return this.#serveAt(host, reader.int());
      }
      case WorkerPacketType.config: {
        const { text, version, timeMs } = decodeConfigZnode(reader);
        return tree.setConfigData(text, version, timeMs);
      }
      case WorkerPacketType.taken: {
        const owner = replica.sessions.get(reader.long())?.owner;
        if (owner instanceof Connection) owner.close();
        return;
      }
      case WorkerPacketType.refused:
        return this.#role?.onForwardRefused(decodeRefused(reader));
      case WorkerPacketType.ask: {
        const number = reader.int();
        return this.#onAsk(number, reader.string());
      }
      case WorkerPacketType.answer: {
        const number = reader.int();
        const question = this.#words.get(number);
        const text = question?.pieces.take(reader) ?? null;
        if (text === null) return;
        this.#words.delete(number);
        return question!.done(text);
      }
    }
  }

  /** The main process wants this one's share of the answer to a word. */
  #onAsk(number: number, name: string | null): void {
    const { status, fourLetter } = this.#core.replica;
    const word = fourLetterWords.find((one) => one === name)!;
    if (word === "crst" || word === "srst") answerFourLetter(word, status, fourLetter);
    sendPieces(this.#office!.link!, number, encodeStatusShare(statusShare(status, word)));
  }

  #serveAt(host: string, port: number): void {
    this.#core.listen({ host, port }).then(() => {
      // The office may have ended meanwhile.
      if (this.#role === null || this.#stopped) this.#core.closePort();
    }, (error: Error) => this.onFatal(error));
  }
}

/** Follows the main process, which says more than a leader does. */
class ObservingMain extends Following {
  readonly #onWorkerPacket: (packet: QuorumPacket) => void;

  constructor(parts: FollowingParts, onWorkerPacket: (packet: QuorumPacket) => void) {
    super(parts);
    this.#onWorkerPacket = onWorkerPacket;
  }

  override onPacket(packet: QuorumPacket): void {
    if (packet.type < WorkerPacketType.serve) super.onPacket(packet);
    else this.#onWorkerPacket(packet);
  }
}
