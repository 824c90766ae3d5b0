import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { randomBelow, seededRandom } from "../../../src/base/random.ts";
import { makeZxid } from "../../../src/protocol/zxid.ts";
import { Majority } from "../../../src/quorum/majority.ts";
import { votesInAny } from "../../../src/quorum/quorum.ts";
import { Leadership, type LeadershipEffects } from "../../../src/zab/leadership.ts";
import type { Seat } from "../../../src/zab/seat.ts";
import { option, plain, quorum, zxid } from "./_zab.ts";
import { runScript } from "./script.ts";

/** An office whose effects are lines, and its learners by the names of their links. */
class Office implements LeadershipEffects {
  readonly leadership: Leadership;
  nowMs = 0;
  readonly #seats = new Map<string, Seat>();
  #lines: string[] = [];

  constructor(words: readonly string[]) {
    const [self] = plain(words);
    const quorums = option(words, "of")!.split("+").map(quorum);
    this.leadership = new Leadership({
      self: Number(self),
      acceptedEpoch: Number(option(words, "accepted")),
      currentEpoch: Number(option(words, "current")),
      lastZxid: zxid(option(words, "zxid")!),
      quorums,
      tickMs: 100,
      initLimitTicks: 10,
      syncLimitTicks: 5,
      configVersion: zxid(option(words, "config") ?? "0.0"),
      nowMs: 0,
      isMember: (id) => id >= 0 && id < 100,
      mayLead: (id) => votesInAny(quorums, id) && id !== Number(option(words, "never")),
    }, this);
  }

  take(): string[] {
    return this.#lines.splice(0);
  }

  seat(link: string): Seat {
    const seat = this.#seats.get(link);
    if (seat === undefined) throw new Error(`no such learner: ${link}`);
    return seat;
  }

  connect(link: string): Seat {
    const seat = this.leadership.onConnected(this.#seats.size + 1, this.nowMs);
    this.#seats.set(link, seat);
    return seat;
  }

  acceptEpoch(epoch: number): void {
    this.#lines.push(`accept epoch ${epoch}`);
  }

  promiseEpoch(epoch: number): void {
    this.#lines.push(`promise epoch ${epoch}`);
  }

  beginEpoch(epoch: number): void {
    this.#lines.push(`begin epoch ${epoch}`);
  }

  sendLeaderInfo(seat: Seat, epoch: number): void {
    this.#lines.push(`LEADERINFO ${epoch}.0 to ${this.#name(seat)}`);
  }

  synchronize(seat: Seat): void {
    this.#lines.push(`synchronize ${this.#name(seat)}, then NEWLEADER`);
  }

  establish(epoch: number): void {
    this.#lines.push(`serve in epoch ${epoch}`);
  }

  sendUpToDate(seat: Seat): void {
    this.#lines.push(`UPTODATE to ${this.#name(seat)}`);
  }

  ping(seat: Seat): void {
    this.#lines.push(`PING to ${this.#name(seat)}`);
  }

  confirmed(round: number): void {
    this.#lines.push(`confirmed in round ${round}`);
  }

  drop(seat: Seat, reason: string): void {
    this.#lines.push(`drop ${this.#name(seat)}: ${reason}`);
  }

  resign(reason: string): void {
    this.#lines.push(`resign: ${reason}`);
  }

  #name(seat: Seat): string {
    for (const [name, one] of this.#seats) if (one === seat) return name;
    throw new Error("a learner that never connected");
  }
}

test("a leader does in its office what leadership.txt says", () => {
  let office = new Office(["leader", "1", "of=1", "accepted=0", "current=0", "zxid=0.0"]);
  const failures = runScript(
    fileURLToPath(new URL("leadership.txt", import.meta.url)),
    (command, words) => {
      const [verb, link, ...rest] = words;
      switch (verb) {
        case "leader":
          office = new Office(words);
          office.leadership.start(0);
          break;
        case "connect":
          office.connect(link);
          break;
        case "follower":
        case "observer":
          office.leadership.onInfo(office.connect(link), {
            serverId: Number(/^-?\d+/.exec(link)![0]),
            isObserver: verb === "observer",
            acceptedEpoch: Number(option(rest, "accepted") ?? 0),
            configVersion: zxid(option(rest, "config") ?? "0.0"),
          }, office.nowMs);
          break;
        case "again":
          office.leadership.onInfo(office.seat(link), {
            serverId: Number(link),
            isObserver: false,
            acceptedEpoch: 0,
            configVersion: 0,
          }, office.nowMs);
          break;
        case "ACKEPOCH":
          office.leadership.onAckEpoch(
            office.seat(link),
            zxid(option(rest, "zxid")!),
            Number(option(rest, "current")),
            office.nowMs,
          );
          break;
        case "ACK":
          office.leadership.onNewLeaderAck(office.seat(link), zxid(rest[0]), office.nowMs);
          break;
        case "joins": {
          const seat = office.connect(link);
          const serverId = Number(link);
          const info = { serverId, isObserver: false, acceptedEpoch: 0, configVersion: 0 };
          office.leadership.onInfo(seat, info, office.nowMs);
          office.leadership.onAckEpoch(seat, 0, 0, office.nowMs);
          office.leadership.onNewLeaderAck(seat, makeZxid(office.leadership.epoch, 0), office.nowMs);
          break;
        }
        // Learners that say who they are and ack the epoch, one after another.
        case "observers": {
          const [first, last] = link.split("-").map(Number);
          for (let serverId = first; serverId <= last; serverId++) {
            const seat = office.connect(String(serverId));
            const info = { serverId, isObserver: true, acceptedEpoch: 0, configVersion: 0 };
            office.leadership.onInfo(seat, info, office.nowMs);
            office.leadership.onAckEpoch(seat, 0, 0, office.nowMs);
          }
          return office.take().filter((line) => !line.startsWith("LEADERINFO"));
        }
        case "silent":
          for (let count = 0; count < Number(rest[0]); count++) office.connect(`${link}${count}`);
          break;
        case "close":
          office.leadership.onClosed(office.seat(link));
          break;
        case "heard":
          for (const name of [link, ...rest]) office.leadership.onHeard(office.seat(name), office.nowMs);
          break;
        case "confirm":
          office.leadership.confirm();
          break;
        case "pong":
          office.leadership.onPong(office.seat(link));
          break;
        case "PROPOSAL":
          office.seat(link).onProposal(zxid(rest[0]), office.nowMs);
          break;
        case "acked":
          office.seat(link).onAck(zxid(rest[0]));
          break;
        case "membership":
          office.leadership.setMembership(link.split("+").map(quorum), zxid(option(rest, "config") ?? "0.0"));
          break;
        case "standstill":
          office.leadership.onStandstill(Number(link));
          break;
        case "at":
          office.nowMs = Number(link);
          office.leadership.onTimer(office.nowMs, zxid(option(rest, "held") ?? "9.9"));
          break;
        case "alone":
          return [office.leadership.isWithoutFollowers ? "yes" : "no"];
        case "state": {
          const { epoch, phaseName, deadlineMs } = office.leadership;
          const seats = [...office.leadership.seats()].map((seat) => `${seat.serverId} ${seat.phase}`);
          return [
            `epoch ${epoch}, ${phaseName}, next look at ${deadlineMs}`,
            `learners: ${seats.join(", ") || "none"}`,
          ];
        }
        default:
          throw new Error(`unknown command: ${command}`);
      }
      return office.take();
    },
  );
  expect(failures).toEqual([]);
});

/**
 * Learners come, go, answer and dawdle in any order. What must hold is counted independently of the office: nobody hears
 * of an epoch that is not above what a quorum had accepted; it begins when a quorum accepted it; the leader serves
 * when a quorum has its history.
 */
test("whatever the learners do, each step of an office waits for its quorum, and for no more", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const voters = Array.from({ length: 1 + 2 * randomBelow(random, 3) }, (_, index) => index + 1);
    const servers = [...voters, 8, 9];
    const majority = (set: ReadonlySet<number>) =>
      2 * voters.filter((voter) => voter === 1 || set.has(voter)).length > voters.length;
    const told = new Map<number, number>();
    const accepted = new Set<number>();
    const synced = new Set<number>();
    let [chosen, begun, served] = [false, false, false];
    let resigned = false;
    const wanted = { chosen: false, begun: false, served: false };

    const seats = new Map<Seat, { readonly server: number; readonly observes: boolean }>();
    const office: Leadership = new Leadership({
      self: 1,
      acceptedEpoch: 3,
      currentEpoch: 3,
      lastZxid: makeZxid(3, 7),
      quorums: [new Majority(voters)],
      tickMs: 100,
      initLimitTicks: 10,
      syncLimitTicks: 5,
      configVersion: 0,
      nowMs: 0,
      isMember: (id) => id !== 8,
      mayLead: (id) => voters.includes(id),
    }, {
      acceptEpoch: (epoch) => {
        expect(chosen).toBe(false);
        expect(majority(new Set(told.keys()))).toBe(true);
        expect(epoch).toBe(Math.max(3, ...told.values()) + 1);
        chosen = true;
      },
      promiseEpoch: (epoch) => expect(epoch).toBeGreaterThan(office.epoch),
      beginEpoch: () => {
        expect([chosen, begun, majority(accepted)]).toEqual([true, false, true]);
        begun = true;
      },
      sendLeaderInfo: () => expect(chosen).toBe(true),
      synchronize: () => expect(begun).toBe(true),
      establish: () => {
        expect([begun, served, majority(synced)]).toEqual([true, false, true]);
        served = true;
      },
      sendUpToDate: (seat) => {
        expect(served).toBe(true);
        expect(synced.has(seat.serverId) || seats.get(seat)!.observes).toBe(true);
      },
      ping: (seat) => expect(seat.phase).toBe("broadcast"),
      confirmed: () => {},
      drop: (seat) => void seats.delete(seat),
      resign: () => resigned = true,
    });
    const look = () => {
      wanted.chosen ||= majority(new Set(told.keys()));
      wanted.begun ||= wanted.chosen && majority(accepted);
      wanted.served ||= wanted.begun && majority(synced);
      expect([chosen, begun, served]).toEqual([wanted.chosen, wanted.begun, wanted.served]);
    };
    office.start(0);
    look();
    for (let step = 0; step < 60 && !resigned; step++) {
      const all = [...seats];
      const [seat, who] = all.length === 0 ? [] : all[randomBelow(random, all.length)];
      if (seat === undefined || randomBelow(random, 4) === 0) {
        const server = servers[1 + randomBelow(random, servers.length - 1)];
        const observes = server === 9;
        const fresh = office.onConnected(step, 0);
        seats.set(fresh, { server, observes });
        const acceptedEpoch = randomBelow(random, 7);
        if (!chosen && voters.includes(server) && !observes) {
          told.set(server, Math.max(told.get(server) ?? 0, acceptedEpoch));
        }
        office.onInfo(fresh, {
          serverId: server,
          isObserver: observes,
          acceptedEpoch,
          configVersion: 0,
        }, 0);
      } else if (randomBelow(random, 6) === 0) {
        office.onClosed(seat);
        seats.delete(seat);
      } else if (seat.phase === "ackEpoch") {
        const counts = randomBelow(random, 3) > 0;
        if (counts && !who!.observes) accepted.add(who!.server);
        office.onAckEpoch(seat, makeZxid(3, 1 + randomBelow(random, 7)), counts ? 3 : -1, 0);
      } else if (seat.phase === "syncing") {
        const isRight = randomBelow(random, 5) > 0;
        if (isRight && !who!.observes) synced.add(who!.server);
        office.onNewLeaderAck(seat, makeZxid(office.epoch, isRight ? 0 : 1), 0);
      }
      look();
    }
  }
});
