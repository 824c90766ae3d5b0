import { type Random, randomBelow } from "../../../src/base/random.ts";
import { Election } from "../../../src/election/election.ts";
import type { Vote } from "../../../src/election/vote.ts";
import {
  decodeNotification,
  encodeNotification,
  type PeerState,
} from "../../../src/protocol/notification.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import type { ServerId } from "../../../src/quorum/quorum.ts";

/** What a server has on its disk. */
export interface Standing {
  readonly zxid: number;
  readonly peerEpoch: number;
}

/** How the world treats its servers; all times in milliseconds. */
export interface Weather {
  readonly latencyMsMax: number;
  /** Out of 1000 events, how many links break, processes crash, or processes stand still for a while. */
  readonly breaks: number;
  readonly crashes: number;
  readonly pauses: number;
}

interface Link {
  /** Messages sent and not arrived, per direction; they arrive in order. */
  readonly arrivesAtMs: [number, number];
  broken: boolean;
}

interface Event {
  readonly atMs: number;
  /** Among those of one moment. */
  readonly order: number;
  readonly run: () => void;
}

/** After so long without a quorum a leader gives up, and without its leader a follower. */
const patienceMs = 300;

class Server {
  readonly sid: ServerId;
  readonly standing: Standing;
  election!: Election;
  /** Changes with each process: what was meant for an older one never arrives. */
  process = 0;
  running = false;
  pausedUntilMs = 0;
  sought = new Set<ServerId>();
  last = new Map<ServerId, Uint8Array>();
  /** Since when the role it has makes no progress. */
  hopelessSinceMs: number | undefined;
  timerMs = Infinity;

  constructor(sid: ServerId, standing: Standing) {
    this.sid = sid;
    this.standing = standing;
  }
}

/**
 * Servers that hold elections over links that break, in processes that crash and stall, by one random seed. Roles are
 * no more than this: a leader gives up when no quorum follows it for {@link patienceMs}, a follower when its leader
 * does not lead or cannot be reached. Links behave as the election port's: one per pair, in order, and over a new one
 * the last message is sent again.
 */
export class ElectionWorld {
  nowMs = 0;
  readonly servers: readonly Server[];
  readonly #voters: readonly ServerId[];
  readonly #random: Random;
  #weather: Weather;
  readonly #links = new Map<string, Link>();
  readonly #dialling = new Set<string>();
  #cut = new Set<string>();
  #events: Event[] = [];
  #order = 0;
  #epoch = 10;
  /** Called at each decision. */
  onDecided: (sid: ServerId, vote: Vote, state: PeerState) => void = () => {};

  constructor(
    random: Random,
    voters: ReadonlyMap<ServerId, Standing>,
    observers: readonly ServerId[],
    weather: Weather,
  ) {
    this.#random = random;
    this.#weather = weather;
    this.#voters = [...voters.keys()];
    this.servers = [
      ...[...voters].map(([sid, standing]) => new Server(sid, standing)),
      ...observers.map((sid) => new Server(sid, { zxid: 0, peerEpoch: 0 })),
    ];
  }

  /** Starts a process, as after a crash. */
  start(sid: ServerId): void {
    const server = this.#server(sid);
    server.process++;
    server.running = true;
    server.sought.clear();
    server.last.clear();
    const observes = !this.#voters.includes(sid);
    server.election = new Election(
      {
        self: sid,
        selfVotes: !observes,
        selfObserves: observes,
        quorums: [new Majority(this.#voters)],
        weightOf: () => 1,
        configText: "version=0",
      },
      { notificationMsMin: 200, notificationMsMax: 60_000 },
      {
        send: (to, notification) => {
          const bytes = encodeNotification(notification);
          server.last.set(to, bytes);
          const link = this.#links.get(pair(sid, to));
          if (link === undefined) this.#dial(server, this.#server(to));
          else this.#carry(link, server, this.#server(to), bytes);
        },
        connect: (peers) => {
          server.sought = new Set(peers);
          for (const to of peers) this.#dial(server, this.#server(to));
        },
        decided: (vote, state) => {
          server.sought.clear();
          server.last.clear();
          server.hopelessSinceMs = undefined;
          this.onDecided(sid, vote, state);
        },
        configSeen: () => false,
        peerLooking: () => {},
        leaderGone: () =>
          this.#at(this.nowMs, () => {
            if (server.running && server.election.state !== "LOOKING") this.#look(server);
          }),
      },
    );
    this.#look(server);
  }

  crash(sid: ServerId): void {
    const server = this.#server(sid);
    server.running = false;
    server.process++;
    for (const other of this.servers) this.#break(server, other);
  }

  /** From now on these servers and the others do not reach each other. */
  cut(side: ReadonlySet<ServerId>): void {
    this.#cut = new Set();
    for (const a of this.servers) {
      for (const b of this.servers) {
        if (!side.has(a.sid) || side.has(b.sid)) continue;
        this.#cut.add(pair(a.sid, b.sid));
        this.#break(a, b);
      }
    }
  }

  /** Ends all faults: links can be made, what crashed is started, what stood still goes on. */
  heal(weather: Weather): void {
    this.#weather = weather;
    this.#cut.clear();
    for (const server of this.servers) {
      server.pausedUntilMs = Math.min(server.pausedUntilMs, this.nowMs);
      if (!server.running) this.start(server.sid);
    }
  }

  /** Lets time pass, and the weather do what it does. */
  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (;;) {
      const event = this.#earliest(endMs);
      if (event === undefined) break;
      this.nowMs = Math.max(this.nowMs, event.atMs);
      event.run();
      this.#storm();
    }
    this.nowMs = endMs;
  }

  /** The leader that all running servers have, if it is so. */
  leader(): ServerId | undefined {
    const leader = this.servers.find((server) => server.running && server.election.state === "LEADING");
    if (leader === undefined) return undefined;
    const all = this.servers.filter((server) => server !== leader && server.running).every((server) =>
      server.election.state !== "LOOKING" && server.election.state !== "LEADING" &&
      server.election.currentVote!.leader === leader.sid
    );
    return all ? leader.sid : undefined;
  }

  /** Makes all links, as between servers that have known each other for long. */
  linkAll(): void {
    for (const a of this.servers) for (const b of this.servers) if (a.sid < b.sid) this.#join(a, b);
  }

  /** The role is over: it speaks for nobody any more, and after some time looks again. */
  lookAgain(sid: ServerId, afterMs: number): void {
    const server = this.#server(sid);
    const { process } = server;
    server.election.leave();
    this.#at(this.nowMs + afterMs, () => {
      if (server.process === process) this.#look(server);
    });
  }

  #look(server: Server): void {
    server.hopelessSinceMs = undefined;
    server.election.look(server.standing, this.nowMs);
    this.#arm(server);
  }

  #server(sid: ServerId): Server {
    return this.servers.find((server) => server.sid === sid)!;
  }

  #arm(server: Server): void {
    const dueMs = server.election.deadlineMs;
    if (dueMs === server.timerMs) return;
    server.timerMs = dueMs;
    if (dueMs === Infinity) return;
    const { process } = server;
    this.#at(Math.max(dueMs, server.pausedUntilMs), () => {
      if (server.process !== process || server.timerMs !== dueMs) return;
      server.timerMs = Infinity;
      server.election.onTimer(this.nowMs);
      this.#arm(server);
    });
  }

  #dial(from: Server, to: Server): void {
    const key = pair(from.sid, to.sid);
    if (this.#links.has(key) || this.#dialling.has(key)) return;
    this.#dialling.add(key);
    const { process } = from;
    this.#at(this.nowMs + this.#latency(), () => {
      this.#dialling.delete(key);
      if (!from.running || this.#links.has(key)) return;
      if (to.running && !this.#cut.has(key)) return this.#join(from, to);
      if (from.process !== process) return;
      from.election.onLinkDown(to.sid, this.nowMs);
      this.#arm(from);
      if (!from.sought.has(to.sid)) return;
      this.#at(this.nowMs + 10 + randomBelow(this.#random, 500), () => {
        if (from.process === process && from.sought.has(to.sid)) this.#dial(from, to);
      });
    });
  }

  #join(a: Server, b: Server): void {
    const link: Link = { arrivesAtMs: [this.nowMs, this.nowMs], broken: false };
    this.#links.set(pair(a.sid, b.sid), link);
    for (const [from, to] of [[a, b], [b, a]]) {
      from.election.onLinkUp(to.sid, this.nowMs);
      const last = from.last.get(to.sid);
      if (last !== undefined) this.#carry(link, from, to, last);
    }
    for (const server of [a, b]) this.#arm(server);
  }

  #carry(link: Link, from: Server, to: Server, bytes: Uint8Array): void {
    const direction = from.sid < to.sid ? 0 : 1;
    const arriveAtMs = Math.max(link.arrivesAtMs[direction], this.nowMs + this.#latency());
    link.arrivesAtMs[direction] = arriveAtMs;
    const { process } = to;
    const arrive = () => {
      if (link.broken || to.process !== process) return;
      // What comes while a process stands still waits in its socket.
      if (to.pausedUntilMs > this.nowMs) return this.#at(to.pausedUntilMs, arrive);
      to.election.onNotification(from.sid, decodeNotification(bytes)!, this.nowMs);
      this.#arm(to);
    };
    this.#at(arriveAtMs, arrive);
  }

  #break(a: Server, b: Server): void {
    const key = pair(a.sid, b.sid);
    const link = this.#links.get(key);
    if (link === undefined) return;
    link.broken = true;
    this.#links.delete(key);
    for (const [server, other] of [[a, b], [b, a]]) {
      if (!server.running) continue;
      server.election.onLinkDown(other.sid, this.nowMs);
      this.#arm(server);
      if (server.sought.has(other.sid)) this.#dial(server, other);
    }
  }

  #latency(): number {
    return 1 + randomBelow(this.#random, this.#weather.latencyMsMax);
  }

  #at(atMs: number, run: () => void): void {
    this.#events.push({ atMs, order: this.#order++, run });
  }

  /** The next event; once a while it is a look at how the roles fare. */
  #earliest(endMs: number): Pick<Event, "atMs" | "run"> | undefined {
    let next: Event | undefined;
    for (const event of this.#events) {
      if (
        next === undefined || event.atMs < next.atMs || (event.atMs === next.atMs && event.order < next.order)
      ) {
        next = event;
      }
    }
    const lookMs = (Math.floor(this.nowMs / 50) + 1) * 50;
    if (lookMs <= endMs && (next === undefined || next.atMs > lookMs)) {
      return { atMs: lookMs, run: () => this.#judgeRoles() };
    }
    if (next === undefined || next.atMs > endMs) return undefined;
    this.#events.splice(this.#events.indexOf(next), 1);
    return next;
  }

  #judgeRoles(): void {
    for (const server of this.servers) {
      if (!server.running || server.pausedUntilMs > this.nowMs || server.election.state === "LOOKING") {
        continue;
      }
      if (this.#fares(server)) {
        server.hopelessSinceMs = undefined;
        continue;
      }
      server.hopelessSinceMs ??= this.nowMs;
      if (this.nowMs - server.hopelessSinceMs >= patienceMs) this.#look(server);
    }
  }

  #fares(server: Server): boolean {
    const leads = (candidate: Server) =>
      candidate.running && candidate.pausedUntilMs <= this.nowMs && candidate.election.state === "LEADING";
    const reaches = (other: Server) => !this.#cut.has(pair(server.sid, other.sid));
    if (server.election.state !== "LEADING") {
      const leader = this.#server(server.election.currentVote!.leader);
      return leads(leader) && reaches(leader);
    }
    const followers = this.servers.filter((other) =>
      other === server ||
      (other.running && other.election.state === "FOLLOWING" &&
        other.election.currentVote!.leader === server.sid && reaches(other))
    );
    if (!new Majority(this.#voters).contains(new Set(followers.map((follower) => follower.sid)))) {
      return false;
    }
    // An established leader has a new epoch, and so have its followers, though not all at the same moment.
    const epoch = server.hopelessSinceMs === undefined
      ? server.election.currentVote!.peerEpoch
      : ++this.#epoch;
    for (const follower of followers) {
      if (follower === server || randomBelow(this.#random, 2) === 0) follower.election.setPeerEpoch(epoch);
    }
    return true;
  }

  #storm(): void {
    const draw = randomBelow(this.#random, 1000);
    const { breaks, crashes, pauses } = this.#weather;
    const any = () => this.servers[randomBelow(this.#random, this.servers.length)];
    if (draw < breaks) {
      this.#break(any(), any());
    } else if (draw < breaks + crashes) {
      const { sid, running } = any();
      if (running) this.crash(sid);
      else this.start(sid);
    } else if (draw < breaks + crashes + pauses) {
      any().pausedUntilMs = this.nowMs + randomBelow(this.#random, 1000);
    }
  }
}

/** The voters from the best to the worst: by epoch, then by zxid, then by id. */
export function ranking(voters: ReadonlyMap<ServerId, Standing>): ServerId[] {
  const key = (sid: ServerId) => {
    const { peerEpoch, zxid } = voters.get(sid)!;
    return [peerEpoch, zxid, sid].map((part) => String(part).padStart(20, "0")).join();
  };
  return [...voters.keys()].sort((a, b) => key(a) < key(b) ? 1 : -1);
}

/** @returns Whether a majority of the voters is no better than this one. */
export function mayLead(leader: ServerId, voters: ReadonlyMap<ServerId, Standing>): boolean {
  return ranking(voters).indexOf(leader) < voters.size / 2;
}

function pair(a: ServerId, b: ServerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
