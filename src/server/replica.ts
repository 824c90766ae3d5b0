import type { Clock, Timer } from "../base/clock.ts";
import type { DiskError } from "../base/disk.ts";
import { limits } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import type { Socket, SocketEvents } from "../base/network.ts";
import {
  answerFourLetter,
  type FourLetterSettings,
  type FourLetterWord,
} from "../admin/four_letter_words.ts";
import type { ServerMetrics } from "../admin/metrics.ts";
import type { StatusView } from "../admin/status_view.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { ChunkIntake } from "../jute/frame.ts";
import { JuteReader } from "../jute/reader.ts";
import type { Access } from "../pipeline/auth/access.ts";
import type { WriteOp } from "../pipeline/op.ts";
import type { AuthId } from "../protocol/acl.ts";
import type { ConnectRequest } from "../protocol/connect.ts";
import { looksLikeTtl } from "../protocol/create_mode.ts";
import { ErrorCode } from "../protocol/error_code.ts";
import { type SessionId, sessionIdToHex, sessionPassword } from "../protocol/session_id.ts";
import { type Zxid, zxidToHex } from "../protocol/zxid.ts";
import type { SessionIds } from "../session/session_ids.ts";
import { grantSessionTimeout } from "../session/session_timeout.ts";
import { type Session, SessionTracker } from "../session/session_tracker.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { WatchManager } from "../watch/watch_manager.ts";
import type { ClientRequest } from "./client_request.ts";
import { Connection } from "./connection.ts";
import type { ConnectionHost } from "./connection_host.ts";
import { ConnectionTable } from "./connection_table.ts";
import type { DatabaseUser } from "./database.ts";
import { OutBuffers } from "./out_buffers.ts";
import { LocalSessions, needsGlobalSession } from "./local_sessions.ts";
import type { QuorumLink, QuorumLinkHost } from "./quorum_link.ts";
import type { LeaderRoleHost } from "./roles/leader.ts";
import type { Role, SessionClaimant } from "./roles/role.ts";
import type { WorkerHub } from "./workers/worker_hub.ts";
import { WorkerSeat } from "./workers/worker_seat.ts";

/** What a {@link Replica} is made of. The role comes later, since it needs the replica as its host. */
export interface ReplicaParts {
  readonly config: ServerConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tree: DataTree;
  readonly watches: WatchManager;
  readonly sessionIds: SessionIds;
  readonly access: Access;
  readonly metrics: ServerMetrics;
  /** The log is told once per turn that the turn is over. */
  flushLog(): void;
  /** Nothing can be trusted any more: the process must stop. */
  onFatal(error: Error): void;
}

/**
 * The hub of a server: routes what clients send to its role, what the log says to the role, and what the role
 * says to clients. It decides nothing about consensus; the role does. Without a role it serves nobody.
 *
 * A turn takes all input that is ready, then sends each connection what it is owed and has the log synced, once.
 */
export class Replica implements ConnectionHost, LeaderRoleHost, DatabaseUser, QuorumLinkHost {
  readonly tree: DataTree;
  readonly watches: WatchManager;
  readonly access: Access;
  readonly metrics: ServerMetrics;
  readonly frameBytesMax: number;
  readonly fieldBytesMax: number;
  readonly connections: ConnectionTable;
  readonly outBuffers: OutBuffers = new OutBuffers(limits.outBuffersFreeBytesMax);
  readonly frameReader: JuteReader = new JuteReader();
  readonly chunkIntake: ChunkIntake = new ChunkIntake();
  nowMs: number;
  /** The other processes of this server, which take part in its work; undefined when there are none. */
  workers: WorkerHub | undefined = undefined;
  /** The global sessions, while there is a role; who leads has them expire. */
  sessions: SessionTracker;
  readonly localSessions: LocalSessions;
  readonly #parts: ReplicaParts;
  #role: Role | null = null;
  #servesClients = true;
  #status!: StatusView;
  #fourLetter!: FourLetterSettings;
  #wordRelay: WordRelay | null = null;
  #stopping = false;
  #turnPending = false;
  #wallMs: number;
  #dirty: Connection[] = [];
  #dirtyLinks: QuorumLink[] = [];
  #waiting = 0;
  /** Of them, as many as there were when the last turn ended. */
  #waitingBefore = 0;
  #largeBytesWaiting = 0;
  /** Stopped until there is room for their requests; those that were served longest ago come first. */
  readonly #line = new Set<Connection>();
  /** Requests that each of those may have waiting that go on just now. */
  #share = Infinity;
  #expiryTimer: Timer | null = null;
  #sweepTimer: Timer | null = null;
  readonly #noBody = new JuteReader();
  readonly #endTurn = (): void => this.#onTurnEnd();

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    this.tree = parts.tree;
    this.watches = parts.watches;
    this.access = parts.access;
    this.metrics = parts.metrics;
    const { config } = parts;
    this.frameBytesMax = config.limits.frameBytesMax;
    this.fieldBytesMax = config.limits.fieldBytesMax;
    this.frameReader.fieldBytesMax = this.fieldBytesMax;
    this.connections = new ConnectionTable(config.limits);
    this.nowMs = parts.clock.monotonicMs();
    this.#wallMs = parts.clock.wallMs();
    this.sessions = new SessionTracker({ tickMs: config.tickMs });
    this.localSessions = new LocalSessions({
      areEnabled: config.ensemble?.localSessions === true,
      mayUpgrade: config.ensemble?.localSessionsUpgrade === true,
      tickMs: config.tickMs,
    });
  }

  /** What four-letter words are answered from. */
  showStatus(status: StatusView, fourLetter: FourLetterSettings): void {
    this.#status = status;
    this.#fourLetter = fourLetter;
  }

  /** Has four-letter words answered by another process. */
  relayWords(relay: WordRelay): void {
    this.#wordRelay = relay;
  }

  /** What this process alone can tell. */
  get status(): StatusView {
    return this.#status;
  }

  get fourLetter(): FourLetterSettings {
    return this.#fourLetter;
  }

  /**
   * Fills {@link sessions} with those of the tree, each with its whole timeout from now: before a role begins, whose
   * sessions they are from then on.
   */
  takeSessions(): void {
    this.nowMs = this.#parts.clock.monotonicMs();
    this.sessions = new SessionTracker({ tickMs: this.#parts.config.tickMs });
    for (const [id, timeoutMs] of this.tree.sessions) this.sessions.add(id, timeoutMs, this.nowMs);
  }

  /** As {@link takeSessions} for a role that has no say in when sessions end, and learns of each as it meets it. */
  forgetSessions(): void {
    this.sessions = new SessionTracker({ tickMs: this.#parts.config.tickMs });
  }

  /** Takes up its office: clients are served from now on, unless they are to go elsewhere (`leaderServes=no`). */
  becomeServing(role: Role, servesClients = true): void {
    this.#role = role;
    this.#servesClients = servesClients;
    this.localSessions.onServing(this.isReadOnly, this.#parts.clock.monotonicMs());
    if (servesClients) this.workers?.onServing(role);
  }

  /** Serves nobody: clients are dropped, and what they wait for stays unknown to them. Their sessions live on. */
  becomeIdle(): void {
    this.#sendAll();
    this.#role = null;
    this.workers?.onIdle();
    for (const connection of [...this.connections.all()]) {
      if (!connection.isSessionless) connection.close();
    }
  }

  get role(): Role | null {
    return this.#role;
  }

  /** Whether it makes the txns: leads, or is alone. */
  get leads(): boolean {
    return this.#role?.mode === "leader" || this.#role?.mode === "standalone";
  }

  get isReadOnly(): boolean {
    return this.#role?.mode === "read-only";
  }

  get asksForSync(): boolean {
    return this.#role !== null && this.#role.asksForSync;
  }

  /** Requests of all clients that are not answered yet. */
  get waitingCount(): number {
    return this.#waiting;
  }

  isPressedBy(waitingCount: number): boolean {
    return waitingCount > 0 && (waitingCount >= this.#share || this.#isPressed);
  }

  /**
   * What came in this turn does not count yet, up to a bound: a disk that is quick answers all of it at the turn's end,
   * and to stop reading and go on again would be for nothing.
   */
  get #isPressed(): boolean {
    const { outstandingRequestsMax: most } = this.#parts.config.limits;
    if (this.#waiting <= most) return false;
    return this.#waitingBefore > most || this.#waiting > most * limits.turnRequestsFactor;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  /** A client has connected; when there are too many it is dropped. */
  accept(socket: Socket): SocketEvents {
    const { logger } = this.#parts;
    this.beginTurn();
    const refusal = this.#stopping
      ? "the server is stopping"
      : this.connections.refusal(socket.remoteAddress);
    if (refusal !== null) {
      this.metrics.connectionsRejected.add(1);
      logger.warn("A client was turned away", { address: socket.remoteAddress, reason: refusal });
      socket.destroy();
      return turnedAway;
    }
    const connection = new Connection(this, socket);
    this.connections.add(connection);
    return connection;
  }

  /**
   * Expires sessions and closes connections that never asked for one; to be called about once a tick.
   *
   * @param lateMs How much too late it is. Much is the mark of a process that was stopped, or of a machine that slept:
   *   what clients sent meanwhile waits in the sockets, so nobody is taken for silent (Apache expires them).
   */
  tick(lateMs = 0): void {
    this.beginTurn();
    const { config, logger } = this.#parts;
    if (lateMs > standstillMs) {
      logger.warn("This process stood still; no session expires for that", { ms: Math.round(lateMs) });
      this.sessions.touchAll(this.nowMs);
      this.localSessions.touchAll(this.nowMs);
    }
    this.#role?.tick(this.nowMs);
    this.workers?.tick(lateMs);
    if (this.#role !== null) this.#expireLocalSessions();
    for (const connection of this.connections.all()) {
      if (!connection.isSessionless) continue;
      if (this.nowMs - connection.openedMs < config.limits.sessionlessConnectionMs) continue;
      this.metrics.sessionlessConnectionsExpired.add(1);
      connection.close();
    }
  }

  /** Has those sessions end whose clients were not heard in time: when they are many, some now and others soon. */
  expireSessions(): void {
    const areMore = this.sessions.expire(this.nowMs, (session) => {
      this.#noteExpired(session);
      this.closeSession(session);
    }, expiriesAtOnceMax);
    if (areMore) this.#expireMoreSoon();
  }

  #expireLocalSessions(): void {
    const areMore = this.localSessions.expire(this.nowMs, (session) => {
      this.#noteExpired(session);
      if (session.owner instanceof Connection) session.owner.close();
    }, expiriesAtOnceMax);
    if (areMore) this.#expireMoreSoon();
  }

  #sweepWatchesSoon(): void {
    this.#sweepTimer ??= this.#parts.clock.setTimer(pauseMs, () => {
      this.#sweepTimer = null;
      this.watches.sweep(watchesSweptAtOnce);
      if (this.watches.needsSweep && !this.#stopping) this.#sweepWatchesSoon();
    });
  }

  #expireMoreSoon(): void {
    this.#expiryTimer ??= this.#parts.clock.setTimer(pauseMs, () => {
      this.#expiryTimer = null;
      if (!this.#stopping) this.tick();
    });
  }

  #noteExpired({ id, timeoutMs }: Session): void {
    this.metrics.sessionsExpired.add(1);
    this.#parts.logger.info("A session expired: its client was not heard in time", {
      session: sessionIdToHex(id),
      timeoutMs,
    });
  }

  /** Ends a session whose client did not ask for it. */
  closeSession(session: Session): void {
    this.#noBody.reset(noBytes);
    if (this.#role?.closeSession(session, this.#noBody) !== true) {
      this.sessions.retryClosing(session, this.nowMs);
    }
  }

  /** Ends sessions that own ephemerals and do not exist, which a crash at the wrong moment leaves. */
  closeOrphans(orphans: readonly SessionId[]): void {
    for (const id of orphans) {
      if (looksLikeTtl(id)) {
        this.#parts.logger.warn(
          "Znodes that another server made with a TTL are taken for ephemerals of no session, and kept; set extendedTypesEnabled=true on every server",
          { owner: sessionIdToHex(id), znodes: [...this.tree.ephemerals.of(id)].length },
        );
        continue;
      }
      const session = this.sessions.add(id, this.#parts.config.minSessionTimeoutMs, this.nowMs);
      session.closing = true;
      this.closeSession(session);
    }
  }

  /** Proposes a write of the server's own. @returns Whether that can be proposed now. */
  submitOwn(op: WriteOp, body: JuteReader): boolean {
    this.beginTurn();
    return this.#role?.submitOwn(op, body) === true;
  }

  /** Turns new clients away and drops the present ones, whose sessions live on. */
  stop(): void {
    this.#stopping = true;
    this.#expiryTimer?.cancel();
    this.#expiryTimer = null;
    this.#sweepTimer?.cancel();
    this.#sweepTimer = null;
    this.#onTurnEnd();
    this.workers?.close();
    for (const connection of [...this.connections.all()]) {
      connection.flush();
      connection.end();
      connection.flush();
    }
  }

  beginTurn(): void {
    this.nowMs = this.#parts.clock.monotonicMs();
    this.#needTurnEnd();
  }

  onDirty(connection: Connection): void {
    this.#dirty.push(connection);
    this.#needTurnEnd();
  }

  onLinkDirty(link: QuorumLink): void {
    this.#dirtyLinks.push(link);
    this.#needTurnEnd();
  }

  touch(session: Session): void {
    if (session.isLocal) this.localSessions.touch(session, this.nowMs);
    else this.#role?.touch(session, this.nowMs);
  }

  answerFourLetter(word: FourLetterWord, rest: Uint8Array, done: (text: string) => void): void {
    const relay = this.#wordRelay ?? this.workers;
    if (relay !== undefined) relay.answerWord(word, rest, done);
    else done(answerFourLetter(word, this.#status, this.#fourLetter, rest));
  }

  onConnectRequest(connection: Connection, request: ConnectRequest): void {
    const { logger, config, sessionIds } = this.#parts;
    this.metrics.connectionRequests.add(1);
    const role = this.#role;
    // Without a quorum only clients that asked for it are served what may be old (ZooKeeperServer.processConnectRequest).
    if (role === null) this.metrics.connectionsClosedNotServing.add(1);
    if (role === null || !this.#servesClients || (this.isReadOnly && request.readOnly !== true)) {
      return connection.close();
    }
    if (request.lastZxidSeen > this.tree.lastProcessedZxid) {
      logger.warn("A client has seen a newer state than this server has and must try another one", {
        address: connection.socket.remoteAddress,
        clientZxid: `0x${zxidToHex(request.lastZxidSeen)}`,
        serverZxid: `0x${zxidToHex(this.tree.lastProcessedZxid)}`,
      });
      return connection.close();
    }
    const timeoutMs = grantSessionTimeout(request.timeoutMs, {
      minMs: config.minSessionTimeoutMs,
      maxMs: config.maxSessionTimeoutMs,
    });
    if (request.sessionId === 0n) {
      if (this.isReadOnly || this.localSessions.areEnabled) {
        const local = this.localSessions.open(sessionIds.next(), timeoutMs, this.nowMs);
        return this.#attach(connection, local);
      }
      const session = this.sessions.add(sessionIds.next(), timeoutMs, this.nowMs);
      session.owner = connection;
      if (!role.createSession(session, connection)) this.onSessionRefused(session, connection);
      return;
    }
    this.metrics.connectionRevalidations.add(1);
    // The password comes first: a stranger must not be able to disturb the session's owner.
    if (!sameBytes(request.password, sessionPassword(request.sessionId))) {
      return this.refuseSession(connection, request.sessionId, "wrong password");
    }
    const local = this.localSessions.get(request.sessionId);
    if (local === undefined) return role.revalidate(connection, request.sessionId, timeoutMs);
    this.localSessions.setTimeout(local, timeoutMs, this.nowMs);
    this.#attach(connection, local);
  }

  /** The session that a client wants is open: it has it now. */
  reattach(claimant: SessionClaimant, id: SessionId, timeoutMs: number): void {
    this.#attach(claimant, this.sessions.add(id, timeoutMs, this.nowMs));
  }

  #attach(claimant: SessionClaimant, session: Session): void {
    const { owner } = session;
    const { sessionOwner } = claimant;
    if (owner !== sessionOwner && (owner instanceof Connection || owner instanceof WorkerSeat)) {
      owner.onSessionTaken(session);
    }
    session.owner = sessionOwner;
    claimant.onSessionReady(session);
  }

  /** The session that a client wants is not there for it. */
  refuseSession(claimant: SessionClaimant, id: SessionId, reason: string): void {
    this.#parts.logger.info("A client asked for a session that is not there for it; it must open a new one", {
      address: claimant.remoteAddress,
      session: sessionIdToHex(id),
      reason,
    });
    claimant.onSessionInvalid();
  }

  mayServe(authIds: readonly AuthId[]): boolean {
    const enforced = this.#parts.config.auth.enforcedSchemes;
    return enforced === undefined || authIds.some((id) => id.scheme !== null && enforced.includes(id.scheme));
  }

  submitWrite(connection: Connection, op: WriteOp, request: ClientRequest, body: JuteReader): number {
    if (this.#stopping || this.#role === null) return ErrorCode.connectionLoss;
    // A client that was stopped goes on when a sync has ended, and no input has begun a turn.
    this.#needTurnEnd();
    if (connection.session!.isLocal && !this.isReadOnly && needsGlobalSession(op, body)) {
      const error = this.#upgrade(connection, this.#role);
      if (error !== ErrorCode.ok) return error;
    }
    return this.#role.submit(connection, op, request, body);
  }

  /**
   * Has a local session begin once more, as one that all servers know. What its connection asks for next follows on
   * the same way to the leader, so that it finds the session there.
   */
  #upgrade(connection: Connection, role: Role): number {
    if (!this.localSessions.mayUpgrade) return ErrorCode.ephemeralOnLocalSession;
    const { id, timeoutMs } = connection.session!;
    const session = this.sessions.add(id, timeoutMs, this.nowMs);
    session.owner = connection;
    if (!role.createSession(session, null)) {
      this.sessions.remove(id);
      return ErrorCode.throttledOp;
    }
    this.localSessions.remove(id);
    connection.session = session;
    this.#parts.logger.info("A local session becomes a global one: it makes an ephemeral", {
      session: sessionIdToHex(id),
    });
    return ErrorCode.ok;
  }

  /**
   * @returns Whether a session that was begun at this server, since it started, is over for certain. One that was open in
   *   its last office is not, whatever the tree says: its first txn, or its last, may be decided by others.
   */
  hasEnded(id: SessionId): boolean {
    return this.#parts.sessionIds.gaveOut(id) && !this.tree.sessions.has(id) &&
      this.sessions.get(id) === undefined;
  }

  /** A local session's client has asked for its end and is answered. */
  onLocalSessionClosed(session: Session): void {
    this.localSessions.remove(session.id);
  }

  /** @returns The session, global or local, whose id has these signed halves, if it was met here. */
  findSession(idHigh: number, idLow: number): Session | undefined {
    return this.sessions.find(idHigh, idLow) ?? this.localSessions.find(idHigh, idLow);
  }

  submitSync(connection: Connection, request: ClientRequest): void {
    this.#needTurnEnd();
    this.#role?.sync(connection, request);
  }

  admits(requestBytes: number): boolean {
    const large = this.largeBytesOf(requestBytes);
    if (large === 0 || this.#largeBytesWaiting + large <= this.#parts.config.limits.largeRequestsBytesMax) {
      return true;
    }
    this.metrics.largeRequestsRejected.add(1);
    this.#parts.logger.warn(
      "Large requests hold all the memory they may; a client that sent one more is dropped",
      {
        bytes: requestBytes,
        waitingBytes: this.#largeBytesWaiting,
      },
    );
    return false;
  }

  largeBytesOf(requestBytes: number): number {
    const threshold = this.#parts.config.limits.largeRequestBytes;
    return threshold !== undefined && requestBytes > threshold ? requestBytes : 0;
  }

  onLargeBytesWait(change: number): void {
    this.#largeBytesWaiting += change;
  }

  onRequestWaits(change: number): void {
    this.#waiting += change;
  }

  onLinedUp(connection: Connection): void {
    this.#line.add(connection);
  }

  onLeftLine(connection: Connection): void {
    this.#line.delete(connection);
  }

  onBadFrame(connection: Connection, length: number): void {
    if (length > this.frameBytesMax) this.metrics.largeRequestsRejected.add(1);
    this.#parts.logger.warn("A client sent a frame of impossible length; its connection is closed", {
      address: connection.socket.remoteAddress,
      port: connection.socket.remotePort,
      session: sessionIdToHex(connection.sessionId),
      length,
      largest: this.frameBytesMax,
    });
  }

  onBadConnectRequest(connection: Connection): void {
    this.#parts.logger.warn("A client's connect request cannot be decoded; its connection is closed", {
      address: connection.socket.remoteAddress,
      port: connection.socket.remotePort,
    });
  }

  onAuthFailed(connection: Connection): void {
    this.metrics.authFailed.add(1);
    this.#parts.logger.warn("A client failed to authenticate; its connection is closed", {
      address: connection.socket.remoteAddress,
      session: sessionIdToHex(connection.sessionId),
    });
  }

  onTooSlow(connection: Connection): void {
    this.#parts.logger.warn("A client does not read what it is sent; its connection is closed", {
      address: connection.socket.remoteAddress,
      session: sessionIdToHex(connection.sessionId),
    });
    connection.close();
  }

  onConnectionClosed(connection: Connection): void {
    this.watches.removeAll(connection);
    if (this.watches.needsSweep) this.#sweepWatchesSoon();
    this.connections.remove(connection);
    this.#line.delete(connection);
    if (connection.session?.owner === connection) connection.session.owner = nobody;
  }

  onSessionCreated(session: Session, connection: Connection | null): void {
    if (connection === null || connection.isClosed) {
      if (session.owner === connection) session.owner = null;
      return;
    }
    connection.onSessionReady(session);
  }

  onSessionRefused(session: Session, connection: Connection | null): void {
    this.sessions.remove(session.id);
    connection?.close();
  }

  onSessionClosed(session: Session): void {
    this.sessions.remove(session.id);
    const connection = session.owner;
    if (!(connection instanceof Connection)) return;
    // A client that asked for it has been answered, and is ended by that; from another nothing is waited for.
    if (connection.waitingCount === 0) connection.end();
    else connection.close();
  }

  onSessionCloseRefused(session: Session): void {
    this.sessions.retryClosing(session, this.nowMs);
  }

  onDurable(lastZxid: Zxid): void {
    this.nowMs = this.#parts.clock.monotonicMs();
    this.#role?.onDurable(lastZxid);
    this.#sendAll();
  }

  onRefused(firstZxid: Zxid, error: DiskError): void {
    this.nowMs = this.#parts.clock.monotonicMs();
    this.#role?.onRefused(firstZxid, error);
    this.#sendAll();
  }

  onFatal(error: DiskError): void {
    this.metrics.unrecoverableErrors.add(1);
    this.#parts.onFatal(error);
  }

  #needTurnEnd(): void {
    if (this.#turnPending) return;
    this.#turnPending = true;
    this.#wallMs = this.#parts.clock.wallMs();
    this.#parts.clock.endOfTurn(this.#endTurn);
  }

  #onTurnEnd(): void {
    this.#turnPending = false;
    this.#sendAll();
    this.#parts.flushLog();
    this.#sendAll();
    this.#waitingBefore = this.#waiting;
  }

  #sendAll(): void {
    // Servers first: to tell 10,000 clients of a change takes 60 ms, and other servers' clients need not wait for that.
    const links = this.#dirtyLinks;
    if (links.length > 0) {
      this.#dirtyLinks = [];
      for (let index = 0; index < links.length; index++) links[index].flush();
    }
    while (this.#dirty.length > 0) {
      const dirty = this.#dirty;
      this.#dirty = [];
      for (let index = 0; index < dirty.length; index++) dirty[index].flush();
    }
    if (this.#line.size > 0 && !this.#isPressed) this.#serveLine();
  }

  /**
   * Lets clients go on that were stopped, longest ago first, each with an equal part of what there is room for. At will,
   * the first ones would fill it with what they sent meanwhile, and stand first again the next time.
   */
  #serveLine(): void {
    const line = [...this.#line];
    this.#share = Math.max(1, Math.floor(this.#parts.config.limits.outstandingRequestsMax / line.length));
    for (const connection of line) {
      const hadRoom = !this.#isPressed;
      connection.onPressureGone();
      if (hadRoom && this.#line.delete(connection)) this.#line.add(connection);
    }
    this.#share = Infinity;
  }
}

/** Answers four-letter words for the server as a whole. */
export interface WordRelay {
  /** `done` is called once, now or later, or never when the connection that asked is closed. */
  answerWord(word: FourLetterWord, rest: Uint8Array, done: (text: string) => void): void;
}

const noBytes = new Uint8Array(0);
/*
 * What comes in thousands is done by and by, so that others find their turns in between. At once, the ends of 10,000
 * expired sessions took 10 ms to propose and 37 ms to apply, and a client that left 10^5 watches 57 ms.
 */
const expiriesAtOnceMax = 500;
const watchesSweptAtOnce = 2000;
/** Ms between two such goes. */
const pauseMs = 2;
/** A chore that comes so much too late, ms, was not held up by work. */
const standstillMs = 1000;

/**
 * Owns a session whose client has left its connection. Not null, which the first server to forward a write for it would
 * replace: that may be one the client left long ago, with a write that is still on its way.
 */
const nobody = {};

/** Events of a socket that is being dropped. */
const turnedAway: SocketEvents = {
  onData() {},
  onDrain() {},
  onClose() {},
};

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let index = 0; index < one.length; index++) difference |= one[index] ^ other[index];
  return difference === 0;
}
