import type { EnsembleConfigStatus, EnsembleStatus, ServerMode } from "../admin/status_view.ts";
import type { Timer } from "../base/clock.ts";
import { DiskError } from "../base/disk.ts";
import { randomBelow } from "../base/random.ts";
import type { EnsembleConfig, ServerConfig } from "../config/server_config.ts";
import { Election, type ElectionEffects } from "../election/election.ts";
import type { Vote } from "../election/vote.ts";
import { decodeNotification, encodeNotification, type PeerState } from "../protocol/notification.ts";
import { makeZxid, type Zxid, zxidToHex } from "../protocol/zxid.ts";
import {
  type ClientAddress,
  membershipText,
  sameQuorumAddresses,
  votersOf,
  withVersion,
} from "../quorum/membership.ts";
import type { ServerId } from "../quorum/quorum.ts";
import type { DataDirs } from "../storage/data_dirs.ts";
import { orphansOf, type Recovered } from "../storage/recovery.ts";
import type { LoggedEntry } from "../zab/committed_log.ts";
import { Availability } from "./availability.ts";
import type { DatabaseUser } from "./database.ts";
import { ElectionPort } from "./election_port.ts";
import { MembershipKeeper } from "./membership_keeper.ts";
import { LookPace } from "./look_pace.ts";
import type { QuorumLink } from "./quorum_link.ts";
import { QuorumPort } from "./quorum_port.ts";
import { Following, type FollowingPeer } from "./roles/following.ts";
import type { LeaderRole, Proposal } from "./roles/leader.ts";
import { Leading, type LeadingPeer } from "./roles/leading.ts";
import type { LearnerRole } from "./roles/learner.ts";
import { ReadOnlyRole } from "./roles/read_only.ts";
import type { RunningServer, ServerWorld } from "./server.ts";
import { ServerCore } from "./server_core.ts";

/** A leader that nobody follows gives way after so long when a voter goes on looking, ms. */
const epochWaitMs = 1000;
/** Elections that last longer than this, or than a tick, look like a partition, ms (QuorumPeer.run). */
const readOnlyAfterMs = 2000;

/** Whom to follow, or to lead, without an election. */
interface Designation {
  readonly leader: ServerId;
  readonly zxid: Zxid;
}

/**
 * One server of an ensemble (QuorumPeer): looks for a leader, then leads or follows until that ends, and looks again.
 *
 * Between two offices the log comes to rest and everything in it goes into the tree, so that what a server stands for
 * in an election is what its disk holds (ZOOKEEPER-2845, -4712).
 */
export class EnsembleServer implements RunningServer, LeadingPeer, FollowingPeer, DatabaseUser {
  readonly zxid: Zxid;
  readonly serving: Promise<ServerMode>;
  readonly failed: Promise<Error>;
  readonly #config: ServerConfig;
  readonly #ensemble: EnsembleConfig;
  readonly #world: ServerWorld;
  readonly #self: ServerId;
  readonly #core: ServerCore;
  readonly #members: MembershipKeeper;
  readonly #election: Election;
  readonly #port: ElectionPort;
  readonly #quorumPort: QuorumPort;
  readonly #pace = new LookPace();
  readonly #availability: Availability;
  readonly #recovered: Recovered;
  #office: Leading | Following | null = null;
  #role: LeaderRole | LearnerRole | null = null;
  /** The office is over; the log has yet to come to rest. */
  #ending = false;
  #endScheduled = false;
  #decision: Vote | null = null;
  #designation: Designation | null = null;
  #membershipChanged = false;
  #wantsSnapshot = false;
  /** What NEWLEADER told, in force from UPTODATE on. */
  #leaderConfig: string | null = null;
  #timer: Timer | null = null;
  #timerMs = Infinity;
  #readOnlyTimer: Timer | null = null;
  #stopped = false;
  #resolveServing!: (mode: ServerMode) => void;
  #fail!: (error: Error) => void;

  /** @throws {RecoveryError | CorruptLogError | DiskError} */
  constructor(config: ServerConfig, ensemble: EnsembleConfig, world: ServerWorld, dirs: DataDirs) {
    this.#config = config;
    this.#ensemble = ensemble;
    this.#world = world;
    const self = this.#self = config.serverId!;
    this.serving = new Promise((resolve) => this.#resolveServing = resolve);
    this.failed = new Promise((resolve) => this.#fail = resolve);
    this.#core = new ServerCore({
      config,
      world,
      dirs,
      serverId: self,
      databaseUser: () => this,
      ensembleStatus: () => this.#status(),
      ensembleConfig: () => this.#configStatus(),
      onFatal: (error) => this.onFatal(error),
    });
    const { logger, disk, network, clock } = world;
    this.#availability = new Availability(this.#core.metrics, clock.monotonicMs());
    this.#members = new MembershipKeeper({
      self,
      config: ensemble,
      zooCfg: config.configFile === undefined ? undefined : world.absolutePath(config.configFile),
      disk,
      logger,
    });
    this.#memberClient = this.#members.ownLast?.client;
    // Apache's servers show of /zookeeper/config what the snapshot holds that they begin with.
    this.#recovered = this.#core.load(() => this.onTreeLoaded());
    this.#core.database.loadEpochs();
    this.zxid = this.#recovered.lastZxid;
    this.#takeConfigOfTree();
    this.onTreeLoaded();
    this.#election = new Election(this.#members.forElection(), ensemble, this.#electionEffects());
    this.#port = new ElectionPort({ network, clock, log: logger }, {
      self,
      connectMs: ensemble.electionConnectMs,
      handshakeMs: ensemble.electionHandshakeMs,
      bindAttempts: ensemble.electionBindAttempts,
      addressesOf: (sid) => this.#members.find(sid)?.addresses ?? [],
    }, {
      onMessage: (from, bytes) => {
        const notification = decodeNotification(bytes);
        if (notification !== null) {
          this.#elect((nowMs) => this.#election.onNotification(from, notification, nowMs));
        }
      },
      onLinkUp: (sid) => this.#elect((nowMs) => this.#election.onLinkUp(sid, nowMs)),
      onLinkDown: (sid) => this.#elect((nowMs) => this.#election.onLinkDown(sid, nowMs)),
    });
    this.#quorumPort = new QuorumPort({
      network,
      clock,
      links: this.#core.replica,
      trace: world.trace,
      onLearner: (link) => this.#onLearner(link),
      isMember: (id) => this.#isMember(id),
    });
  }

  get mode(): ServerMode | "looking" {
    return this.#core.replica.role?.mode ?? "looking";
  }

  get address(): string | undefined {
    return this.#core.address;
  }

  get port(): number | undefined {
    return this.#core.port;
  }

  /** Opens all ports and begins to look. @throws {ListenError} After which the server is stopped. */
  async listen(): Promise<void> {
    try {
      // One that names a dynamic file has been rewritten already, and copied before that.
      if (this.#members.isChangeable && this.#ensemble.dynamicFile === undefined) this.#members.backUp();
      await this.#listenForServers();
      await this.#core.listen(this.#config.client);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#core.keepHouse(this.#recovered);
    this.#look();
  }

  stop(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#stopped = true;
    this.#closePorts();
    this.#office?.close("the server stops");
    this.#core.stop();
    return Promise.resolve();
  }

  onDurable(lastZxid: Zxid): void {
    this.#core.replica.onDurable(lastZxid);
    this.#maybeEnd();
  }

  onRefused(firstZxid: Zxid, error: DiskError): void {
    this.onDiskFailed();
    if (this.#ending) this.#role?.onRefused(firstZxid, error);
    else this.#core.replica.onRefused(firstZxid, error);
    this.#maybeEnd();
  }

  onFatal(error: Error): void {
    this.#closePorts();
    this.#core.closeDoors();
    this.#office?.close("the server fails");
    this.#fail(error);
  }

  // What an office tells.

  onEstablished(role: LeaderRole, epoch: number): void {
    const { replica, tree } = this.#core;
    this.#role = role;
    this.#election.setPeerEpoch(epoch);
    if (this.#members.isChanging) this.#commitMembership();
    replica.takeSessions();
    this.#serve(role, this.#ensemble.leaderServes);
    this.#world.logger.info("Now leading", { epoch, zxid: `0x${zxidToHex(tree.lastProcessedZxid)}` });
    replica.closeOrphans(orphansOf(tree));
    // The membership that was proposed under the last leader is in force, and this server has no vote in it.
    if (!votersOf(this.#members.committed).some(({ id }) => id === this.#self)) {
      this.#handOver(makeZxid(epoch, 0));
    }
  }

  onUpToDate(role: LearnerRole, epoch: number): void {
    this.#role = role;
    this.#election.setPeerEpoch(epoch);
    if (this.#leaderConfig !== null) {
      const membership = this.#members.read(this.#leaderConfig, this.#leaderId);
      if (membership !== null) this.#tolerateDisk(() => this.#members.commit(membership));
      this.#onMembershipChanged();
    }
    this.#core.replica.forgetSessions();
    this.#serve(role, true);
    this.#world.logger.info("Now following", { leader: this.#leaderId, epoch, mode: role.mode });
  }

  onLeadingOver(reason: string): void {
    this.#scheduleEnd(reason);
  }

  onFollowingOver(reason: string, wantsSnapshot: boolean): void {
    this.#wantsSnapshot = wantsSnapshot;
    this.#scheduleEnd(reason);
  }

  isLinked(server: ServerId): boolean {
    return this.#port.linked.includes(server);
  }

  onDiskFailed(): void {
    this.#pace.onDiskFailed(this.#world.clock.monotonicMs());
  }

  onTreeLoaded(): void {
    const { tree, replica } = this.#core;
    const shown = this.#members.shown(replica.role !== null && !replica.isReadOnly);
    const { version } = shown;
    const text = membershipText(shown);
    const timeMs = this.#world.clock.wallMs();
    tree.setConfigData(text, version, timeMs);
    replica.workers?.setConfig({ text, version, timeMs });
  }

  configText(): string {
    // What is only proposed comes into force with the office, but not in the middle of it: a learner puts into force
    // what it is told here, and the txn of a change under way may still be cut off. Apache's leader tells the last seen.
    return membershipText(this.#role === null ? this.#members.lastSeen : this.#members.committed);
  }

  onLeaderConfig(text: string): void {
    if (!this.#members.isChangeable) return;
    this.#leaderConfig = text;
    const membership = this.#members.read(text, this.#leaderId);
    if (membership !== null) this.#members.adopt(membership);
    this.#onMembershipChanged();
  }

  onProposal(entry: LoggedEntry): void {
    const membership = this.#members.proposedBy(entry, this.#leaderId);
    if (membership === null) return;
    this.#members.propose(membership);
    this.#onMembershipChanged();
  }

  onActivate(_zxid: Zxid, designatedLeader: ServerId, entry: LoggedEntry | null): void {
    if (entry !== null) this.onProposal(entry);
    // A follower that is no member any more, or not yet one, follows all the same (QuorumPeer.updateLearnerType).
    const wasObserver = this.#members.own?.observer === true;
    this.#commitMembership();
    const isObserver = this.#members.own?.observer === true;
    if (designatedLeader === this.#leaderId && isObserver === wasObserver) return;
    if (designatedLeader >= 0) this.#designation = { leader: designatedLeader, zxid: _zxid };
    this.#scheduleEnd("a reconfiguration gave this ensemble another leader, or this server another part");
  }

  onReconfigProposed({ membership }: Proposal): void {
    if (!this.#tolerateDisk(() => this.#members.propose(membership!))) {
      this.onDiskFailed();
      this.#scheduleEnd("the disk failed");
    }
    this.#onMembershipChanged();
  }

  onReconfigCommitted({ zxid }: Proposal): ServerId {
    const before = this.#members.own;
    this.#commitMembership();
    const own = this.#members.own;
    const keepsOffice = own !== undefined && !own.observer && before !== undefined &&
      sameQuorumAddresses(before, own);
    return keepsOffice ? this.#self : this.#handOver(zxid);
  }

  /** Leaves the office to the voter that has acked the most. @returns Its id, or this server's own when there is none. */
  #handOver(zxid: Zxid): ServerId {
    const office = this.#office as Leading;
    let designated = this.#self;
    for (const { id } of votersOf(this.#members.committed)) {
      if (id === this.#self || !office.isSynced(id)) continue;
      if (designated === this.#self || office.ackedBy(id) >= office.ackedBy(designated)) designated = id;
    }
    this.#designation = designated === this.#self ? null : { leader: designated, zxid };
    this.#scheduleEnd(`the reconfiguration hands the office to server ${designated}`);
    return designated;
  }

  // Elections.

  #electionEffects(): ElectionEffects {
    return {
      send: (to, notification) => this.#port.send(to, encodeNotification(notification)),
      connect: (peers) => this.#port.connect(peers),
      decided: (vote) => {
        // Before the election answers those that asked meanwhile: it must not forget these answers.
        this.#port.rest();
        this.#decision = vote;
      },
      configSeen: (from, text) => this.#onConfigSeen(from, text),
      peerLooking: (from) => {
        this.#core.replica.beginTurn();
        if (this.#office instanceof Leading) this.#office.onPeerLooking(from);
      },
      leaderGone: () => this.#scheduleEnd("the leader has gone on to another election"),
    };
  }

  /** Lets the election hear of something, then does what came of it. */
  #elect(run: (nowMs: number) => void): void {
    if (this.#stopped) return;
    run(this.#world.clock.monotonicMs());
    while (this.#membershipChanged) {
      this.#membershipChanged = false;
      this.#election.setMembership(this.#members.forElection(), this.#world.clock.monotonicMs());
    }
    const decision = this.#decision;
    this.#decision = null;
    if (decision !== null) this.#takeOffice(decision, this.#election.state);
    this.#arm();
  }

  #onConfigSeen(from: ServerId, text: string): boolean {
    if (!this.#members.isChangeable) return false;
    const membership = this.#members.read(text, from);
    if (membership === null || membership.version <= this.#members.committed.version) return false;
    this.#tolerateDisk(() => this.#members.commit(membership));
    this.#membershipChanged = true;
    this.onTreeLoaded();
    return true;
  }

  #look(): void {
    const { tree, database } = this.#core;
    this.#world.trace?.({ kind: "state", state: "LOOKING" });
    this.#availability.onLooking(this.#world.clock.monotonicMs());
    const zxid = tree.lastProcessedZxid;
    this.#world.logger.info("Now looking for a leader", {
      zxid: `0x${zxidToHex(zxid)}`,
      epoch: database.currentEpoch,
    });
    const { readOnlyMode, tickMs } = this.#config;
    if (readOnlyMode) {
      const waitMs = Math.max(readOnlyAfterMs, tickMs);
      this.#readOnlyTimer = this.#world.clock.setTimer(waitMs, () => this.#serveReadOnly());
    }
    this.#elect((nowMs) => this.#election.look({ zxid, peerEpoch: database.currentEpoch }, nowMs));
  }

  #serveReadOnly(): void {
    if (this.#stopped || this.#office !== null) return;
    const { replica, tree } = this.#core;
    replica.becomeServing(new ReadOnlyRole(replica));
    this.#world.trace?.({ kind: "readOnly", zxid: tree.lastProcessedZxid });
    this.#world.logger.info("Now read-only: there is still no leader");
  }

  /** The election has ended: whoever was served meanwhile has to come again. */
  #endReadOnly(): void {
    this.#readOnlyTimer?.cancel();
    this.#readOnlyTimer = null;
    if (this.#core.replica.isReadOnly) this.#core.replica.becomeIdle();
  }

  #takeOffice(vote: Vote, state: PeerState): void {
    const { logger, clock, trace } = this.#world;
    this.#core.replica.beginTurn();
    this.#endReadOnly();
    trace?.({ kind: "state", state });
    logger.info("A leader is elected", { leader: vote.leader, state, round: vote.electionEpoch });
    this.#availability.onOffice(clock.monotonicMs());
    this.#leaderConfig = null;
    const { tickMs } = this.#config;
    const { initLimitTicks, syncLimitTicks } = this.#ensemble;
    const shared = {
      self: this.#self,
      database: this.#core.database,
      events: this.#core.events,
      tickMs,
      initLimitTicks,
      syncLimitTicks,
      configVersion: this.#members.committed.version,
      metrics: this.#core.metrics,
      logger,
      host: this.#core.replica,
      peer: this,
      trace,
    };
    if (state === "LEADING") {
      const leading = this.#office = new Leading({
        ...shared,
        quorums: this.#members.quorums,
        localSessions: this.#ensemble.localSessions,
        epochWaitMs: this.#ensemble.epochWaitMs ?? epochWaitMs,
        zxidCounterMax: this.#ensemble.zxidCounterMax,
        isMember: (id) => this.#isMember(id),
        mayLead: (id) => this.#members.mayLead(id),
        makePreparation: (zxid) => this.#makePreparation(zxid),
        onEpochAccepted: (epoch) => this.#versionMembership(epoch),
      });
      for (const link of this.#quorumPort.takeEarly()) leading.accept(link);
      leading.start();
      return;
    }
    this.#quorumPort.refuseEarly();
    const following = this.#office = new Following({
      ...shared,
      leader: vote.leader,
      isObserver: state === "OBSERVING",
      isLogged: state !== "OBSERVING" || this.#ensemble.observerSync,
      wantsSnapshot: this.#wantsSnapshot,
      addresses: this.#members.find(vote.leader)?.addresses ?? [],
      connectLimitTicks: this.#ensemble.connectLimitTicks,
      redialMs: this.#ensemble.leaderRedialMs,
      network: this.#world.network,
      clock,
    });
    this.#wantsSnapshot = false;
    following.start();
  }

  #makePreparation(zxid: Zxid) {
    const preparation = this.#core.makePreparation(zxid);
    if (!this.#members.isChangeable) return preparation;
    const members = this.#members;
    const { logger } = this.#world;
    const isSynced = (id: ServerId) => (this.#office as Leading).isSynced(id);
    preparation.reconfigContext = {
      get committed() {
        return members.committed;
      },
      get lastSeen() {
        return members.lastSeen;
      },
      standaloneEnabled: this.#ensemble.standaloneEnabled,
      multiAddress: this.#ensemble.multiAddress,
      isSynced,
      onRefused: ({ refused, reason }) => logger.warn("A reconfiguration is refused", { refused, reason }),
    };
    return preparation;
  }

  // The end of an office.

  /** Ends the office when the present turn is over: whoever asks for it is in the middle of something. */
  #scheduleEnd(reason: string): void {
    if (this.#endScheduled || this.#ending) return;
    this.#endScheduled = true;
    this.#world.clock.endOfTurn(() => {
      this.#endScheduled = false;
      this.#endOffice(reason);
    });
  }

  #endOffice(reason: string): void {
    if (this.#office === null || this.#ending || this.#stopped) return;
    this.#world.logger.warn("The office is over", { was: this.#election.state.toLowerCase(), reason });
    this.#ending = true;
    this.#availability.onOfficeOver(this.#world.clock.monotonicMs());
    this.#core.replica.becomeIdle();
    this.#office.close(reason);
    this.#election.leave();
    this.#core.database.flush();
    this.#maybeEnd();
  }

  #maybeEnd(): void {
    const { database } = this.#core;
    if (!this.#ending || this.#stopped || database.isLogBusy || database.hasFailed) return;
    try {
      this.#office!.finish();
    } catch (error) {
      return this.onFatal(error as Error);
    }
    this.#ending = false;
    this.#office = null;
    this.#role = null;
    const designation = this.#designation;
    this.#designation = null;
    if (designation !== null) return this.#followDesignation(designation);
    const waitMs = Math.max(
      this.#pace.onOfficeOver(this.#world.clock.monotonicMs()),
      this.#observerDelayMs(),
    );
    if (waitMs <= 0) return this.#look();
    this.#world.clock.setTimer(waitMs, () => {
      if (!this.#stopped && this.#office === null) this.#look();
    });
  }

  /** Many observers must not ask all at once. */
  #observerDelayMs(): number {
    if (this.#members.own?.observer !== true) return 0;
    return randomBelow(this.#world.random, this.#ensemble.observerElectionMs + 1);
  }

  /** A reconfiguration says who leads: no election is needed (QuorumPeer.updateVote). */
  #followDesignation({ leader, zxid }: Designation): void {
    const state = leader === this.#self
      ? "LEADING"
      : this.#members.own?.observer === true
      ? "OBSERVING"
      : "FOLLOWING";
    const vote: Vote = { leader, zxid, electionEpoch: -1, peerEpoch: -1 };
    this.#port.rest();
    this.#election.settle(state, vote);
    this.#takeOffice(vote, state);
    this.#arm();
  }

  // The membership.

  #takeConfigOfTree(): void {
    const text = this.#members.isChangeable ? this.#core.tree.configData() : "";
    if (text === "") return;
    const membership = this.#members.read(text, this.#self);
    if (membership === null) return;
    const { dynamicFile, keptBeside } = this.#ensemble;
    const isWordOfOperator = dynamicFile === undefined && keptBeside !== undefined;
    this.#tolerateDisk(() => this.#members.remember(membership, isWordOfOperator));
  }

  /** The first leader of a changeable ensemble gives the membership of the files a version. */
  #versionMembership(epoch: number): void {
    if (!this.#members.isChangeable || this.#members.lastSeen.version !== 0) return;
    this.#members.propose(withVersion(this.#members.committed, makeZxid(epoch, 0)));
  }

  #commitMembership(): void {
    this.#tolerateDisk(() => this.#members.commit(this.#members.lastSeen));
    this.#onMembershipChanged();
  }

  /** The election, the office and the ports follow the membership. */
  #onMembershipChanged(): void {
    const { committed } = this.#members;
    this.#world.trace?.({ kind: "config", version: committed.version, text: membershipText(committed) });
    this.#election.setMembership(this.#members.forElection(), this.#world.clock.monotonicMs());
    if (this.#office instanceof Leading) this.#office.setMembership(this.#members.quorums, committed.version);
    this.onTreeLoaded();
    void this.#movePorts().catch((error: Error) =>
      this.#world.logger.error("A port of the new membership cannot be opened", { error: error.message })
    );
  }

  /** The ports are where the membership says; that of clients only if it says where and it was elsewhere. */
  async #movePorts(): Promise<void> {
    await this.#listenForServers();
    const client = this.#members.own?.client;
    if (client === undefined || this.#stopped) return;
    const before = this.#memberClient;
    this.#memberClient = client;
    if (client.host === before?.host && client.port === before.port) return;
    await this.#core.listen(client);
    this.#world.logger.info("Clients are served at another address", {
      address: client.host,
      port: client.port,
    });
  }

  /**
   * A committed membership that the disk does not take counts all the same; the log has it for the next start.
   *
   * @returns Whether the disk took it.
   */
  #tolerateDisk(run: () => void): boolean {
    try {
      run();
      return true;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#world.logger.error("The disk did not take a change of the membership", { error: error.message });
      return false;
    }
  }

  // Ports.

  #isMember(id: ServerId): boolean {
    return this.#members.find(id) !== undefined;
  }

  /** Where the membership said last that clients are served. */
  #memberClient: ClientAddress | undefined;

  async #listenForServers(): Promise<void> {
    const own = this.#members.ownLast;
    if (own === undefined || this.#stopped) return;
    const all = this.#ensemble.listenOnAllAddresses;
    const hosts = own.addresses.map((address) => ({ ...address, host: all ? "" : address.host }));
    await this.#port.listen(hosts.map(({ host, electionPort }) => ({ host, port: electionPort })));
    await this.#quorumPort.listen(hosts.map(({ host, quorumPort }) => ({ host, port: quorumPort })));
  }

  /**
   * A reconfiguration makes this server the leader, or may do so: others can hear of it and dial before this server
   * hears of it, or before its present office has come to its end.
   */
  get #mayBeDesignated(): boolean {
    if (this.#designation !== null) return this.#designation.leader === this.#self;
    return this.#office instanceof Following && this.#members.isChanging;
  }

  #onLearner(link: QuorumLink): "taken" | "early" | "refused" {
    if (this.#stopped) return "refused";
    if (this.#mayBeDesignated) return "early";
    if (this.#ending || this.#office instanceof Following) return "refused";
    if (!(this.#office instanceof Leading)) return "early";
    this.#office.accept(link);
    return "taken";
  }

  #closePorts(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#readOnlyTimer?.cancel();
    this.#port.close();
    this.#quorumPort.close();
  }

  // Time and what is shown.

  #arm(): void {
    const dueMs = Math.min(this.#election.deadlineMs, this.#office?.deadlineMs ?? Infinity);
    if (this.#stopped || dueMs === Infinity || (this.#timer !== null && this.#timerMs <= dueMs)) return;
    this.#timer?.cancel();
    const nowMs = this.#world.clock.monotonicMs();
    this.#timerMs = Math.max(nowMs, dueMs);
    this.#timer = this.#world.clock.setTimer(this.#timerMs - nowMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = null;
    if (this.#stopped) return;
    const nowMs = this.#world.clock.monotonicMs();
    if (nowMs > this.#timerMs) this.#office?.onStandstill(nowMs - this.#timerMs);
    if (this.#election.deadlineMs <= nowMs) this.#elect((now) => this.#election.onTimer(now));
    if (this.#office !== null && !this.#ending && this.#office.deadlineMs <= nowMs) {
      this.#core.replica.beginTurn();
      this.#office.onTimer(nowMs);
    }
    this.#arm();
  }

  #serve(role: LeaderRole | LearnerRole, servesClients: boolean): void {
    this.#core.replica.becomeServing(role, servesClients);
    this.#resolveServing(role.mode);
    this.#pace.onServing(this.#world.clock.monotonicMs());
    this.#availability.onServing(role.mode === "leader", this.#world.clock.monotonicMs());
    this.#arm();
  }

  get #leaderId(): ServerId {
    return this.#election.currentVote?.leader ?? -1;
  }

  #status(): EnsembleStatus {
    const office = this.#office;
    return {
      peerState: office === null ? "looking" : `${this.#election.state.toLowerCase()} - ${office.phaseName}`,
      quorumSize: this.#members.committed.servers.length,
      leader: office instanceof Leading ? office.status : undefined,
    };
  }

  #configStatus(): EnsembleConfigStatus {
    const { own, committed } = this.#members;
    return {
      initLimitTicks: this.#ensemble.initLimitTicks,
      syncLimitTicks: this.#ensemble.syncLimitTicks,
      electionPort: own?.addresses[0].electionPort ?? -1,
      quorumPort: own?.addresses[0].quorumPort ?? -1,
      observer: own?.observer === true,
      membership: membershipText(committed),
    };
  }
}
