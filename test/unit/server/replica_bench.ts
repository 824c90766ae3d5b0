import type { FourLetterWord } from "../../../src/admin/four_letter_words.ts";
import { FourLetterSettings } from "../../../src/admin/four_letter_words.ts";
import { ServerMetrics } from "../../../src/admin/metrics.ts";
import type { Clock, Timer } from "../../../src/base/clock.ts";
import { DiskError } from "../../../src/base/disk.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Socket, SocketEvents } from "../../../src/base/network.ts";
import { loadServerConfig } from "../../../src/config/zoo_cfg.ts";
import { JuteReader } from "../../../src/jute/reader.ts";
import { JuteWriter } from "../../../src/jute/writer.ts";
import { Access } from "../../../src/pipeline/auth/access.ts";
import { DigestAuth } from "../../../src/pipeline/auth/digest_auth.ts";
import { IpAuth } from "../../../src/pipeline/auth/ip_auth.ts";
import { Preparation } from "../../../src/pipeline/preparation.ts";
import { encodeAcl, openAcl } from "../../../src/protocol/acl.ts";
import { encodeConnectRequest } from "../../../src/protocol/connect.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import { Replica } from "../../../src/server/replica.ts";
import { LeaderRole } from "../../../src/server/roles/leader.ts";
import { WatchMeter } from "../../../src/server/watch_meter.ts";
import { ReplicaStatus } from "../../../src/server/status.ts";
import { SessionIds } from "../../../src/session/session_ids.ts";
import type { SessionTracker } from "../../../src/session/session_tracker.ts";
import { DataTree } from "../../../src/tree/data_tree.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import { WatchManager } from "../../../src/watch/watch_manager.ts";
import type { LoggedEntry } from "../../../src/zab/committed_log.ts";
import { Leader } from "../../../src/zab/leader.ts";

const ownerRules = { extendedTypes: true, emulate353Ttl: false };

/** A clock that stands still until it is told to go. */
class ManualClock implements Clock {
  nowMs = 1_000_000;
  readonly turns: (() => void)[] = [];
  /** What waits for some time to pass; the bench decides when it has. */
  timers: (() => void)[] = [];

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs;
  }
  monotonicMs(): number {
    return this.nowMs;
  }
  setTimer(_delayMs: number, fire: () => void): Timer {
    this.timers.push(fire);
    return { cancel: () => void (this.timers = this.timers.filter((each) => each !== fire)) };
  }
  endOfTurn(run: () => void): void {
    this.turns.push(run);
  }
}

/** One thing a client was sent. */
export interface Sent {
  readonly xid: number;
  readonly zxid: number;
  readonly error: number;
  readonly body: JuteReader;
}

/** A client's end of a connection: what it sends is handed over at once, what it is sent is kept. */
export class BenchClient implements Socket {
  remoteAddress = "127.0.0.1";
  remotePort = 40000;
  isPaused = false;
  ended = false;
  destroyed = false;
  /** What `write` answers: bytes that the network would not take. */
  unsentBytes = 0;
  events!: SocketEvents;
  #received: Uint8Array = new Uint8Array(0);
  readonly #bench: ReplicaBench;

  constructor(bench: ReplicaBench) {
    this.#bench = bench;
  }

  write(bytes: Uint8Array): number {
    const joined = new Uint8Array(this.#received.length + bytes.length);
    joined.set(this.#received);
    joined.set(bytes, this.#received.length);
    this.#received = joined;
    return this.unsentBytes;
  }
  end(): void {
    this.ended = true;
    this.events.onClose(null);
  }
  destroy(): void {
    this.destroyed = true;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }

  /** Sends bytes as they are. */
  sendRaw(bytes: Uint8Array): void {
    this.events.onData(bytes);
  }

  /** Sends a frame. */
  send(write: (payload: JuteWriter) => void): void {
    this.events.onData(frame(write));
  }

  /** Sends a request. */
  request(xid: number, code: number, write: (body: JuteWriter) => void = () => {}): void {
    this.send((payload) => {
      payload.int(xid);
      payload.int(code);
      write(payload);
    });
  }

  /** Takes what was received as payloads of frames. */
  takeFrames(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const reader = new JuteReader(this.#received);
    while (reader.remaining > 0) frames.push(reader.buffer()!.slice());
    this.#received = new Uint8Array(0);
    return frames;
  }

  /** Takes what was received as replies and events. */
  take(): Sent[] {
    return this.takeFrames().map((payload) => {
      const body = new JuteReader(payload);
      return { xid: body.int(), zxid: body.longNumber(), error: body.int(), body };
    });
  }

  /** Sends a connect request; the answer comes once the bench has synced. */
  connect(
    options: {
      sessionId?: bigint;
      password?: Uint8Array;
      timeoutMs?: number;
      lastZxidSeen?: number;
      readOnly?: boolean;
    } = {},
  ): void {
    this.send((payload) =>
      encodeConnectRequest(payload, {
        protocolVersion: 0,
        lastZxidSeen: options.lastZxidSeen ?? 0,
        timeoutMs: options.timeoutMs ?? 10_000,
        sessionId: options.sessionId ?? 0n,
        password: options.password ?? new Uint8Array(16),
        readOnly: options.readOnly ?? false,
      })
    );
    void this.#bench;
  }
}

/** A whole server without disk and network: the bench decides when a turn ends and when the log is durable. */
export class ReplicaBench {
  readonly clock = new ManualClock();
  readonly tree = new DataTree({
    store: new ObjectZnodeStore({ ownerRules }),
    ownerRules,
    digestEnabled: true,
    logger: silentLogger,
  });
  readonly replica: Replica;
  readonly watches = new WatchManager();
  readonly metrics = new ServerMetrics();
  /** The role it has at first: a leader that is its own quorum. */
  readonly role: LeaderRole;

  /** @returns The answer to a four-letter word. */
  ask(word: FourLetterWord): string {
    let answer = "";
    this.replica.answerFourLetter(word, new Uint8Array(0), (text) => answer = text);
    return answer;
  }

  get sessions(): SessionTracker {
    return this.replica.sessions;
  }
  /** Hears of each txn that the leader logs. */
  onAppend: (entry: LoggedEntry) => void = () => {};
  /** Whether a client's question may wait until a quorum is heard. */
  mayDoubt = true;
  /** Whether followers say at once that they follow, when they are asked; else by {@link confirm}. */
  followersAnswer = true;
  #confirmRound = 0;
  #appended: number[] = [];

  /** @param voters Of the quorum that commits; with others than this server, they are told by {@link role}. */
  constructor(settings: readonly string[] = [], serverId = 1, voters: readonly number[] = [1]) {
    const text = ["dataDir=/unused", "tickTime=1000", "4lw.commands.whitelist=*", ...settings].join("\n");
    const { config } = loadServerConfig({
      file: "zoo.cfg",
      overrides: [],
      serverId: undefined,
      readFile: (path) => {
        const file = path === "zoo.cfg" ? text : path === "/unused/myid" ? `${serverId}\n` : undefined;
        return file === undefined ? undefined : new TextEncoder().encode(file);
      },
    });
    const hasher = {
      digest: (_algorithm: string, bytes: Uint8Array) => new Bun.CryptoHasher("sha1").update(bytes).digest(),
    };
    const access = new Access([
      new DigestAuth(hasher, { algorithm: "SHA1", superDigest: null }),
      new IpAuth(),
    ], false);
    const { metrics, watches } = this;
    this.replica = new Replica({
      config,
      clock: this.clock,
      logger: silentLogger,
      tree: this.tree,
      watches,
      sessionIds: new SessionIds(serverId, this.clock.monotonicMs()),
      access,
      metrics,
      flushLog: () => {},
      onFatal: (error) => {
        throw error;
      },
    });
    const role = this.role = new LeaderRole({
      serverId: 1,
      tree: this.tree,
      events: new WatchMeter(watches, metrics),
      preparation: new Preparation(this.tree, access, {
        ownerRules,
        enforceQuota: false,
        closeSessionTxn: true,
        entryBytesMax: 2_097_150,
      }, 0),
      leader: new Leader(new Majority(voters), 0),
      log: {
        append: (bytes, start, end, zxid) => {
          this.#appended.push(zxid);
          this.onAppend({ zxid, bytes, start, end });
        },
      },
      metrics,
      logger: silentLogger,
      host: this.replica,
      learners: voters.length === 1 ? null : {
        forgottenUpTo: Infinity,
        onProposed: () => {},
        onCommitted: () => {},
        whenConfirmed: () => this.mayDoubt,
        confirm: () => {
          const round = this.#confirmRound + 1;
          if (this.followersAnswer) this.confirm();
          return round;
        },
        resign: (reason) => {
          throw new Error(reason);
        },
      },
      zxidCounterMax: Infinity,
      localSessions: config.ensemble?.localSessions === true,
    });
    const status = new ReplicaStatus({
      replica: this.replica,
      metrics,
      clock: this.clock,
      process: { version: "test", environment: () => [], openFiles: () => 0, openFilesMax: () => 0 },
      config: {
        clientPort: 2181,
        secureClientPort: -1,
        snapshotDir: "/unused",
        logDir: "/unused",
        tickMs: 1000,
        maxClientConnections: 60,
        minSessionTimeoutMs: 2000,
        maxSessionTimeoutMs: 20000,
        listenBacklog: -1,
        serverId: 1,
      },
      sessionlessConnectionMs: config.limits.sessionlessConnectionMs,
      directoryBytes: () => 0,
      boundPort: () => undefined,
      ensembleStatus: () => undefined,
      ensembleConfig: () => undefined,
    });
    this.replica.becomeServing(role);
    this.replica.showStatus(
      status,
      new FourLetterSettings(
        new Set(["ruok", "srvr", "stat", "mntr", "cons", "dump", "isro", "wchs", "wchc", "wchp"]),
        {
          resetConnectionStats: () => {},
        },
      ),
    );
  }

  /** Opens a connection. */
  open(): BenchClient {
    const client = new BenchClient(this);
    client.events = this.replica.accept(client);
    return client;
  }

  /** Opens a connection and a session on it. */
  session(timeoutMs = 10_000): BenchClient {
    const client = this.open();
    client.connect({ timeoutMs });
    this.settle();
    client.takeFrames();
    return client;
  }

  /** Ends the turn: replies go out; what was appended is not durable yet. */
  endTurn(): void {
    for (const run of this.clock.turns.splice(0)) run();
  }

  /** The log has synced all that was appended, or what lies up to `zxid`. */
  sync(zxid = Infinity): void {
    const durable = this.#appended.filter((appended) => appended <= zxid).at(-1);
    this.#appended = this.#appended.filter((appended) => appended > zxid);
    if (durable !== undefined) this.replica.onDurable(durable);
  }

  /** A quorum says that it follows the leader still. */
  confirm(): void {
    this.role.onConfirmed(++this.#confirmRound);
  }

  /** The disk takes nothing of what was appended. */
  refuse(): void {
    const [first] = this.#appended.splice(0);
    this.replica.onRefused(first, new DiskError("ENOSPC", "/unused/log.1", "writing"));
  }

  /** The time of everything that waits for some has come. */
  fireTimers(): void {
    for (const fire of this.clock.timers.splice(0)) fire();
  }

  /** Ends turns and syncs until nothing moves. */
  settle(): void {
    while (this.clock.turns.length > 0 || this.#appended.length > 0) {
      this.endTurn();
      this.sync();
    }
  }
}

export function frame(write: (payload: JuteWriter) => void): Uint8Array {
  const writer = new JuteWriter();
  writer.int(0);
  write(writer);
  writer.intAt(0, writer.length - 4);
  return writer.copy();
}

export function createBody(path: string, flags = 0) {
  return (body: JuteWriter) => {
    body.string(path);
    body.buffer(new TextEncoder().encode("d"));
    body.vector(openAcl, encodeAcl);
    body.int(flags);
  };
}

export function readBody(path: string, watch = false) {
  return (body: JuteWriter) => {
    body.string(path);
    body.bool(watch);
  };
}
