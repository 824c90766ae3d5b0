import { Election, type ElectionMembership } from "../../../src/election/election.ts";
import { nobody } from "../../../src/election/vote.ts";
import { longMin, type Notification, type PeerState } from "../../../src/protocol/notification.ts";
import { zxidToHex } from "../../../src/protocol/zxid.ts";
import type { Quorum, ServerId } from "../../../src/quorum/quorum.ts";

/** The words of a command that have the form `key=value`. */
class Options {
  readonly #values: ReadonlyMap<string, string>;

  constructor(words: readonly string[]) {
    this.#values = new Map(
      words.filter((word) => word.includes("=")).map((word) => {
        const at = word.indexOf("=");
        return [word.slice(0, at), word.slice(at + 1)];
      }),
    );
  }

  text(key: string): string | undefined {
    return this.#values.get(key);
  }

  number(key: string, otherwise: number): number {
    const text = this.#values.get(key);
    if (text === undefined) return otherwise;
    return text === "min" ? longMin : Number(text);
  }

  list(key: string): number[] | undefined {
    return this.#values.get(key)?.split(",").map(Number);
  }
}

/** More than half of the weight suffices; for scripts about servers without weight. */
class WeightedVoters implements Quorum {
  readonly voters: readonly ServerId[];
  readonly #weights: ReadonlyMap<ServerId, number>;

  constructor(voters: readonly ServerId[], weights: ReadonlyMap<ServerId, number>) {
    this.voters = voters;
    this.#weights = weights;
  }

  contains(acks: ReadonlySet<ServerId>): boolean {
    const sum = (sids: readonly ServerId[]) =>
      sids.reduce((all, sid) => all + (this.#weights.get(sid) ?? 1), 0);
    return sum(this.voters.filter((sid) => acks.has(sid))) * 2 > sum(this.voters);
  }

  reachedByQuorum(): number {
    throw new Error("elections do not ask for it");
  }
}

/**
 * Performs the commands of an election script on one server, the way `election.txt` explains, and returns what it
 * did. Time stands still but for `wait`.
 */
export class ElectionScript {
  #election!: Election;
  #nowMs = 0;
  #seen: string[] = [];
  /** What `configSeen` is answered. */
  #takesConfigs = false;

  run(command: string, words: string[]): string[] {
    this.#seen = [];
    const options = new Options(words);
    switch (words[0]) {
      case "server":
        this.#nowMs = 0;
        this.#takesConfigs = words.includes("takesConfigs");
        this.#election = new Election(
          membershipOf(Number(words[1]), words, options),
          { notificationMsMin: 200, notificationMsMax: options.number("notificationMsMax", 60_000) },
          {
            send: (to, notification) => this.#sent(to, notification),
            connect: (peers) => this.#seen.push(`connect ${peers.join(",")}`),
            decided: (vote, state) => this.#seen.push(`decided ${state} ${voteText(vote)}`),
            configSeen: (from, text) => {
              this.#seen.push(`config of ${from}: ${text}`);
              return this.#takesConfigs;
            },
            peerLooking: (from) => this.#seen.push(`${from} is looking`),
            leaderGone: () => this.#seen.push("the leader is gone"),
          },
        );
        break;
      case "members":
        this.#election.setMembership(membershipOf(Number(words[1]), words, options), this.#nowMs);
        break;
      case "look":
        this.#election.look(
          { zxid: options.number("zxid", 0), peerEpoch: options.number("epoch", 0) },
          this.#nowMs,
        );
        break;
      case "leave":
        this.#election.leave();
        break;
      case "settle":
        this.#election.settle(words[1] as Exclude<PeerState, "LOOKING">, {
          leader: Number(words[2]),
          zxid: options.number("zxid", 0),
          electionEpoch: options.number("round", 1),
          peerEpoch: options.number("epoch", 0),
        });
        break;
      case "established":
        this.#election.setPeerEpoch(options.number("epoch", 0));
        break;
      case "up":
      case "down":
        for (const sid of words[1].split(",").map(Number)) {
          if (words[0] === "up") this.#election.onLinkUp(sid, this.#nowMs);
          else this.#election.onLinkDown(sid, this.#nowMs);
        }
        break;
      case "hear":
        for (const from of words[1].split(",").map(Number)) {
          this.#election.onNotification(from, notificationOf(words, options), this.#nowMs);
        }
        break;
      case "wait":
        this.#wait(Number(words[1]));
        break;
      case "state": {
        const { state, round, deadlineMs } = this.#election;
        const due = deadlineMs === Infinity ? "never" : `in ${deadlineMs - this.#nowMs} ms`;
        return [`${state} round=${round} due ${due}`];
      }
      default:
        throw new Error(`unknown command: ${command}`);
    }
    return this.#seen;
  }

  #wait(delayMs: number): void {
    const startMs = this.#nowMs;
    const endMs = startMs + delayMs;
    while (this.#election.deadlineMs <= endMs) {
      this.#nowMs = this.#election.deadlineMs;
      const before = this.#seen.length;
      this.#election.onTimer(this.#nowMs);
      for (let index = before; index < this.#seen.length; index++) {
        this.#seen[index] = `after ${this.#nowMs - startMs} ms: ${this.#seen[index]}`;
      }
    }
    this.#nowMs = endMs;
  }

  /** The same to several servers is one line. */
  #sent(to: ServerId, notification: Notification): void {
    const what = `${notification.state} ${voteText(notification)}`;
    const last = this.#seen.at(-1);
    const same = last === undefined ? null : /^send ([-\d,]+) (.*)$/.exec(last);
    if (same !== null && same[2] === what) {
      this.#seen[this.#seen.length - 1] = `send ${same[1]},${to} ${what}`;
    } else this.#seen.push(`send ${to} ${what}`);
  }
}

function membershipOf(self: ServerId, words: readonly string[], options: Options): ElectionMembership {
  const weights = new Map(
    (options.text("weights") ?? "").split(",").filter((text) => text !== "").map((text) => {
      const [sid, weight] = text.split(":").map(Number);
      return [sid, weight];
    }),
  );
  const voters = options.list("voters")!;
  const coming = options.list("coming");
  return {
    self,
    selfVotes: voters.includes(self),
    selfObserves: words.includes("observer"),
    quorums: [voters, ...(coming === undefined ? [] : [coming])].map((sids) =>
      new WeightedVoters(sids, weights)
    ),
    weightOf: (sid) => weights.get(sid) ?? 1,
    configText: options.text("config") ?? "old",
  };
}

function notificationOf(words: readonly string[], options: Options): Notification {
  return {
    state: words[2] as PeerState,
    leader: words[3] === "nobody" ? nobody : Number(words[3]),
    zxid: options.number("zxid", 0),
    electionEpoch: options.number("round", 1),
    peerEpoch: options.number("epoch", 0),
    version: options.number("version", 2),
    configText: options.text("config") ?? "old",
  };
}

function voteText(
  { leader, zxid, peerEpoch, electionEpoch }: Omit<Notification, "state" | "version" | "configText">,
): string {
  const number = (value: number) => value === longMin ? "min" : String(value);
  const zxidText = zxid < 0 ? number(zxid) : `0x${zxidToHex(zxid)}`;
  return `${leader === nobody ? "nobody" : leader} zxid=${zxidText} epoch=${
    number(peerEpoch)
  } round=${electionEpoch}`;
}
