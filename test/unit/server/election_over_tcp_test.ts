import { afterEach, expect, test } from "bun:test";
import type { Timer } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Election } from "../../../src/election/election.ts";
import { BunNetwork } from "../../../src/io/bun_network.ts";
import { SystemClock } from "../../../src/io/system_clock.ts";
import {
  decodeNotification,
  encodeNotification,
  type PeerState,
} from "../../../src/protocol/notification.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import type { ServerId } from "../../../src/quorum/quorum.ts";
import { ElectionPort } from "../../../src/server/election_port.ts";

const clock = new SystemClock();
const voters = [1, 2, 3];

/** A server that does nothing but vote, on this machine's network. */
class Voter {
  readonly #self: ServerId;
  readonly #zxid: number;
  readonly #port: ElectionPort;
  readonly #election: Election;
  #timer: Timer | null = null;
  #decided: (() => void)[] = [];

  constructor(self: ServerId, zxid: number) {
    this.#self = self;
    this.#zxid = zxid;
    this.#port = new ElectionPort({ network: new BunNetwork(), clock, log: silentLogger }, {
      self,
      connectMs: 5000,
      handshakeMs: 5000,
      bindAttempts: 1,
      addressesOf: (sid) => {
        const port = ports.get(sid);
        return port === undefined ? [] : [{ host: "127.0.0.1", electionPort: port }];
      },
    }, {
      onMessage: (from, bytes) => {
        const notification = decodeNotification(bytes);
        if (notification !== null) {
          this.#step((nowMs) => this.#election.onNotification(from, notification, nowMs));
        }
      },
      onLinkUp: (sid) => this.#step((nowMs) => this.#election.onLinkUp(sid, nowMs)),
      onLinkDown: (sid) => this.#step((nowMs) => this.#election.onLinkDown(sid, nowMs)),
    });
    this.#election = new Election(
      {
        self,
        selfVotes: voters.includes(self),
        selfObserves: !voters.includes(self),
        quorums: [new Majority(voters)],
        weightOf: () => 1,
        configText: "version=0",
      },
      { notificationMsMin: 200, notificationMsMax: 60_000 },
      {
        send: (to, notification) => this.#port.send(to, encodeNotification(notification)),
        connect: (peers) => this.#port.connect(peers),
        decided: () => {
          this.#port.rest();
          for (const resolve of this.#decided.splice(0)) resolve();
        },
        configSeen: () => false,
        peerLooking: () => {},
        leaderGone: () => {},
      },
    );
  }

  async start(): Promise<void> {
    await this.#port.listen([{ host: "127.0.0.1", port: ports.get(this.#self) ?? 0 }]);
    ports.set(this.#self, this.#port.ports[0]);
  }

  /** Looks, and resolves with what was decided. */
  async look(): Promise<{ state: PeerState; leader: ServerId }> {
    const decided = new Promise<void>((resolve) => this.#decided.push(resolve));
    this.#step((nowMs) => this.#election.look({ zxid: this.#zxid, peerEpoch: 1 }, nowMs));
    await decided;
    return { state: this.#election.state, leader: this.#election.currentVote!.leader };
  }

  close(): void {
    this.#timer?.cancel();
    this.#port.close();
  }

  #step(run: (nowMs: number) => void): void {
    run(clock.monotonicMs());
    this.#timer?.cancel();
    const { deadlineMs } = this.#election;
    if (deadlineMs === Infinity) return;
    const delayMs = Math.max(0, deadlineMs - clock.monotonicMs());
    this.#timer = clock.setTimer(delayMs, () => this.#step((nowMs) => this.#election.onTimer(nowMs)));
  }
}

let ports = new Map<ServerId, number>();
let started: Voter[] = [];

async function start(self: ServerId, zxid: number): Promise<Voter> {
  const voter = new Voter(self, zxid);
  started.push(voter);
  await voter.start();
  return voter;
}

afterEach(() => {
  for (const voter of started) voter.close();
  started = [];
  ports = new Map();
});

/** @returns The leader that all of them have decided on. */
async function elect(among: readonly Voter[]): Promise<ServerId> {
  const decisions = await Promise.all(among.map((voter) => voter.look()));
  const leader = decisions.find((decision) => decision.state === "LEADING")!.leader;
  for (const decision of decisions) expect(decision.leader).toBe(leader);
  return leader;
}

test("three servers on one machine elect, lose their leader, elect again, and take it back", async () => {
  const all = [await start(1, 5), await start(2, 9), await start(3, 5)];
  const first = await elect(all);
  all[first - 1].close();
  const second = await elect(all.filter((_, index) => index !== first - 1));
  expect(second).not.toBe(first);
  const returned = await start(first, 9);
  expect(await returned.look()).toEqual({ state: "FOLLOWING", leader: second });
});

test("an observer finds the leader, whether its id is smaller or greater than theirs, first or last", async () => {
  const early = await start(0, 0);
  const found = early.look();
  const leader = await elect([await start(1, 0), await start(2, 0), await start(3, 0)]);
  expect(await found).toEqual({ state: "OBSERVING", leader });
  const late = await start(7, 0);
  expect(await late.look()).toEqual({ state: "OBSERVING", leader });
});
