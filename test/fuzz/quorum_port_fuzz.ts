/**
 * A seeded fuzzer of the ports between servers: three real processes under a light load, and attackers at their quorum
 * and election ports. It has four stages.
 *
 * - Strangers: who gives no member's id may cost its own connection, and nothing else. No election, no long pause.
 * - Strangers at an election: the leader is killed and comes back meanwhile.
 * - Impostors: who gives a member's id may cost elections, as with Apache, but no data; when they have left, the
 *   ensemble serves again within seconds.
 * - Impostors at an election: they are there when nobody can be known by having been there before.
 *
 * In the end what clients were told is judged, all trees are equal, and connections, memory, open files, sessions and
 * learners are back where they were.
 */
import { Cluster } from "../chaos/cluster.ts";
import { LoopbackNetwork } from "../chaos/loopback_network.ts";
import { loadBallast } from "../chaos/round_layout.ts";
import { Random } from "../differential/random.ts";
import { fourLetterWord } from "../interop/apache_server.ts";
import type { Target } from "../wire/connection.ts";
import { WireSession } from "../wire/session.ts";
import { fuzzRoot } from "./attacks.ts";
import { EnsembleLoad } from "./ensemble_load.ts";
import type { PeerAttack, PeerTarget, WeightedAttack } from "./peer_attack.ts";
import { Absent } from "./peer_wire.ts";
import { openFiles, rssMb } from "./process_gauges.ts";

/** Options of {@linkcode fuzzPeerPorts}. */
export interface PeerFuzzOptions {
  readonly seed: number;
  /** How long the attacks go on, in all. */
  readonly seconds: number;
  /** What is drawn from. */
  readonly attacks: readonly WeightedAttack[];
  readonly binary: string;
  /** Data, configurations and logs. */
  readonly dir: string;
  /** Most that memory of a server may have grown when all is over, in MiB. */
  readonly growthMbMax: number;
  readonly tell: (line: string) => void;
}

/** What a run came to. */
export interface PeerFuzzOutcome {
  /** Number of attacks, by name. */
  readonly counts: Map<string, number>;
  /** What went wrong; empty when all is well. */
  readonly faults: string[];
  /** Longest time without an acknowledged write in each stage, in ms. */
  readonly gapsMs: Map<string, number>;
  /** Elections while there were impostors, which are allowed. */
  elections: number;
  writesAcknowledged: number;
  /** Of each server, in MiB: at the start, at the most, at the end. */
  readonly rssMb: Map<number, [number, number, number]>;
}

const size = 3;
const tickMs = 1_000;
const initLimit = 15;
/** A busy machine lets servers stand still for seconds, and the attackers make it busy: only what is longer is a fault. */
const syncLimit = 12;
/** Attackers at work at once. */
const attackers = 6;
/** Strangers may not stop writes for longer, ms. */
const hiccupMsMax = tickMs * syncLimit;
/** After impostors have left, or the leader was killed, all serve again within so long, ms. */
const recoveryMsMax = 30_000;
/**
 * Epochs that a run may use up. An office raises them by 256 at most, and after some that came to nothing a second passes
 * before the next.
 */
const epochsMax = 100_000;
/** How much memory may grow while there is something to bear, in MiB: bounds are bounds. */
const peakMbMax = 300;
const settlePatienceMs = 40_000;

interface Stage {
  readonly name: string;
  readonly share: number;
  readonly impersonates: boolean;
  readonly kills: boolean;
  readonly mayElect: boolean;
}

const stages: readonly Stage[] = [
  { name: "strangers", share: 0.4, impersonates: false, kills: false, mayElect: false },
  { name: "strangers at an election", share: 0.2, impersonates: false, kills: true, mayElect: true },
  { name: "impostors", share: 0.2, impersonates: true, kills: false, mayElect: true },
  { name: "impostors at an election", share: 0.2, impersonates: true, kills: true, mayElect: true },
];

/** Runs all stages. */
export async function fuzzPeerPorts(options: PeerFuzzOptions): Promise<PeerFuzzOutcome> {
  const network = await LoopbackNetwork.open(size);
  const run = new PeerFuzz(options, network);
  try {
    await run.play();
  } finally {
    await run.close();
  }
  return run.outcome;
}

class PeerFuzz {
  readonly outcome: PeerFuzzOutcome = {
    counts: new Map(),
    faults: [],
    gapsMs: new Map(),
    elections: 0,
    writesAcknowledged: 0,
    rssMb: new Map(),
  };
  readonly #options: PeerFuzzOptions;
  readonly #network: LoopbackNetwork;
  readonly #cluster: Cluster;
  readonly #servers: readonly PeerTarget[];
  readonly #load: EnsembleLoad;
  #leader: PeerTarget | undefined;
  #zxid = 0n;
  #isOver = false;

  constructor(options: PeerFuzzOptions, network: LoopbackNetwork) {
    this.#options = options;
    this.#network = network;
    this.#cluster = new Cluster({
      flavor: "zoon",
      size,
      dir: options.dir,
      binary: options.binary,
      network,
      cfg: {
        tickTime: String(tickMs),
        initLimit: String(initLimit),
        syncLimit: String(syncLimit),
        reconfigEnabled: "true",
        // Forwarded requests make what nobody may read.
        skipACL: "yes",
      },
      onDeath: (id, how) => this.#fault(`server ${id} ${how}`),
    });
    const cfg = network.configOf(1);
    this.#servers = this.#cluster.ids.map((id) => {
      const [host, quorum, election] = cfg[`server.${id}`].split(":");
      return { id, quorum: { host, port: Number(quorum) }, election: { host, port: Number(election) } };
    });
    this.#load = new EnsembleLoad({
      addresses: this.#cluster.ids.map((id) => network.clientAddress(id)),
      tickMs,
      seed: options.seed,
    });
  }

  async play(): Promise<void> {
    const { ids } = this.#cluster;
    for (const id of ids) this.#cluster.start(id);
    const missing = await this.#cluster.settled(settlePatienceMs);
    if (missing.length > 0) return this.#fault(`server ${missing.join(", ")} does not come up`);
    await this.#prepare();
    await this.#load.start();
    // Everything that is loaded at the first use is there.
    await Bun.sleep(1_000);
    await this.#look();
    const before = await this.#gauges();
    const filesBefore = ids.map((id) => openFiles(this.#cluster.pid(id)));
    for (const id of ids) this.outcome.rssMb.set(id, [this.#rss(id), this.#rss(id), 0]);

    for (const [index, stage] of stages.entries()) {
      if (this.#isOver) break;
      await this.#play(index, stage);
    }
    this.outcome.writesAcknowledged = this.#load.acknowledged;
    for (const broken of await this.#load.judge()) this.#fault(broken);
    await this.#settle(before, filesBefore);
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }

  /** Makes what attacks use and what makes a tree too large for a socket's buffers. */
  async #prepare(): Promise<void> {
    const addresses = this.#cluster.ids.map((id) => this.#network.clientAddress(id)).join(",");
    await loadBallast(addresses, settlePatienceMs);
    const session = await WireSession.open(this.#network.statusTarget(this.#cluster.ids[0]));
    await session.create(fuzzRoot);
    for (let index = 0; index < 6; index++) {
      await session.create(`/ballast/large-${index}`, { data: new Uint8Array(900_000).fill(0x7a) });
    }
    await session.close();
  }

  async #play(index: number, stage: Stage): Promise<void> {
    const { seconds, tell } = this.#options;
    const lookingsBefore = this.#lookings();
    const disturbance = stage.mayElect ? this.#load.disturb(stage.name) : null;
    this.#load.gaps.begin(stage.name, performance.now());
    const untilMs = performance.now() + seconds * stage.share * 1_000;
    const isDue = () => !this.#isOver && performance.now() < untilMs;
    tell(`stage: ${stage.name}`);
    const chores = [this.#watch(isDue)];
    for (let attacker = 0; attacker < attackers; attacker++) {
      chores.push(this.#attack(index, attacker, stage, isDue));
    }
    if (stage.kills) chores.push(this.#killLeader(untilMs, stage));
    await Promise.all(chores);
    if (stage.mayElect) {
      const beganMs = performance.now();
      const missing = await this.#cluster.settled(recoveryMsMax);
      if (missing.length > 0) {
        this.#fault(`${stage.name}: server ${missing.join(", ")} does not serve ${recoveryMsMax} ms later`);
      } else tell(`all serve ${Math.round(performance.now() - beganMs)} ms behind the last attack`);
      await this.#writeResumes(stage.name);
      disturbance!.endedMs = performance.now();
    }
    const gapMs = this.#load.gaps.end(performance.now());
    this.outcome.gapsMs.set(stage.name, Math.round(gapMs));
    const elections = this.#lookings() - lookingsBefore;
    if (stage.impersonates) this.outcome.elections += elections;
    if (stage.mayElect) return;
    if (elections > 0) this.#fault(`${stage.name} made servers look for a leader, ${elections} times`);
    if (gapMs > hiccupMsMax) {
      this.#fault(`${stage.name} stopped all writes for ${Math.round(gapMs)} ms`);
    }
  }

  async #attack(stageIndex: number, attacker: number, stage: Stage, isDue: () => boolean): Promise<void> {
    const { seed, attacks } = this.#options;
    const draw = attacks.map(([weight, name, attack]) =>
      [weight, [name, attack]] as [number, readonly [string, PeerAttack]]
    );
    for (let round = 0; isDue(); round++) {
      // Each round has a seed of its own, so that a fault can be met again without what came before it.
      const roundSeed = Math.imul(seed, 31) + stageIndex * 15_485_863 + attacker * 1_000_003 + round;
      const random = new Random(roundSeed);
      const [name, attack] = random.weighted(draw);
      this.outcome.counts.set(name, (this.outcome.counts.get(name) ?? 0) + 1);
      try {
        await attack({
          servers: this.#servers,
          leader: () => this.#leader,
          zxid: () => this.#zxid,
          random,
          impersonates: stage.impersonates,
        });
      } catch (error) {
        if (error instanceof Absent) await Bun.sleep(20);
        else {
          this.#fault(
            `${name} (${stage.name}, attacker ${attacker}, round ${round}): ${(error as Error).message}`,
          );
        }
      }
    }
  }

  /** Keeps an eye on who leads and on memory. */
  async #watch(isDue: () => boolean): Promise<void> {
    while (isDue()) {
      await this.#look();
      for (const [id, figures] of this.outcome.rssMb) figures[1] = Math.max(figures[1], this.#rss(id));
      await Bun.sleep(500);
      const count = [...this.outcome.counts.values()].reduce((a, b) => a + b, 0);
      const files = this.#cluster.ids.map((id) => openFiles(this.#cluster.pid(id)));
      this.#options.tell(
        `${count} attacks, leader ${this.#leader?.id ?? "none"}, MiB ${
          this.#cluster.ids.map((id) => this.#rss(id)).join(" ")
        }, files ${files.join(" ")}`,
      );
    }
  }

  async #look(): Promise<void> {
    const leader = await this.#cluster.leader();
    this.#leader = this.#servers.find(({ id }) => id === leader);
    if (leader === undefined) return;
    const zxid = await newestZxid(this.#network.statusTarget(leader)).catch(() => undefined);
    this.#zxid = zxid ?? this.#zxid;
  }

  /** Kills the leader, and starts it again while attacks go on. */
  async #killLeader(untilMs: number, { impersonates }: Stage): Promise<void> {
    while (this.#leader === undefined) await this.#look();
    const leader = this.#leader;
    await this.#cluster.kill(leader.id);
    const killedMs = performance.now();
    // Who takes voters' names can keep them from electing anybody for as long as it goes on.
    if (!impersonates) {
      await this.#writeResumes("the death of the leader");
      this.#options.tell(
        `the next write is acknowledged ${Math.round(performance.now() - killedMs)} ms behind`,
      );
    }
    while (performance.now() < untilMs - 1_000) await Bun.sleep(50);
    this.#cluster.start(leader.id);
  }

  /** Waits for a write that is acknowledged from now on. */
  async #writeResumes(behind: string): Promise<void> {
    const sinceMs = performance.now();
    while ((this.#load.gaps.lastMs ?? 0) < sinceMs) {
      if (performance.now() - sinceMs > recoveryMsMax) {
        return this.#fault(`no write is acknowledged within ${recoveryMsMax} ms of ${behind}`);
      }
      await Bun.sleep(10);
    }
  }

  /** Waits until everything is given back; what is not is a fault. */
  async #settle(before: Map<string, number>, filesBefore: readonly number[]): Promise<void> {
    const { ids } = this.#cluster;
    const deadlineMs = performance.now() + settlePatienceMs;
    for (;;) {
      const left = await this.#unsettled(before, filesBefore);
      if (left.length === 0) break;
      if (performance.now() > deadlineMs) {
        for (const one of left) this.#fault(`not as it was: ${one}`);
        break;
      }
      await Bun.sleep(500);
    }
    for (const id of ids) {
      const figures = this.outcome.rssMb.get(id);
      if (figures === undefined) continue;
      figures[2] = this.#rss(id);
      const [start, most] = figures;
      if (most > start + peakMbMax) this.#fault(`server ${id} had up to ${most} MiB and ${start} before`);
    }
  }

  async #unsettled(before: Map<string, number>, filesBefore: readonly number[]): Promise<string[]> {
    const left: string[] = [];
    const now = await this.#gauges().catch((error: Error) => {
      left.push(error.message);
      return new Map<string, number>();
    });
    for (const [key, value] of now) {
      if (key === "epoch") continue;
      const was = before.get(key) ?? 0;
      if (key.endsWith("digest_mismatches_count") ? value > 0 : value > was) {
        left.push(`${key} is ${value} and was ${was}`);
      }
    }
    if ((now.get("synced_followers") ?? 0) !== size - 1) {
      left.push(`${now.get("synced_followers")} followers are in step`);
    }
    if ((now.get("epoch") ?? 0) > epochsMax) left.push(`the epoch is ${now.get("epoch")}`);
    for (const [index, id] of this.#cluster.ids.entries()) {
      const files = openFiles(this.#cluster.pid(id));
      if (files > filesBefore[index] + 8) {
        left.push(`server ${id} has ${files} open files and had ${filesBefore[index]}`);
      }
      const [start] = this.outcome.rssMb.get(id)!;
      const rss = this.#rss(id);
      if (rss > start + this.#options.growthMbMax) left.push(`server ${id} has ${rss} MiB and had ${start}`);
    }
    return left;
  }

  /** What goes back to where it was: of each server, and of the leader alone. */
  async #gauges(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const id of this.#cluster.ids) {
      const values = await mntr(this.#network.statusTarget(id));
      for (
        const key of [
          "num_alive_connections",
          "outstanding_requests",
          "watch_count",
          "digest_mismatches_count",
        ]
      ) {
        found.set(`server ${id} ${key}`, values.get(key) ?? 0);
      }
      if (values.get("synced_followers") === undefined) continue;
      found.set("epoch", values.get("epoch") ?? 0);
      for (
        const key of [
          "learners",
          "synced_followers",
          "synced_observers",
          "synced_non_voting_followers",
          "pending_syncs",
          "global_sessions",
        ]
      ) {
        found.set(key, values.get(key) ?? 0);
      }
    }
    return found;
  }

  /** Times that servers began to look for a leader, all together. */
  #lookings(): number {
    return this.#cluster.ids
      .map((id) => this.#cluster.log(id).split("Now looking for a leader").length - 1)
      .reduce((a, b) => a + b, 0);
  }

  #rss(id: number): number {
    return rssMb(this.#cluster.pid(id));
  }

  #fault(text: string): void {
    this.#options.tell(`FAULT ${text}`);
    this.outcome.faults.push(text);
    if (this.outcome.faults.length >= 10) this.#isOver = true;
  }
}

/** Numbers of mntr by name, without the prefix; and the epoch of the newest txn. */
async function mntr(target: Target): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const line of (await fourLetterWord(target, "mntr")).split("\n")) {
    const [key, value] = line.split("\t");
    found.set(key.replace(/^zk_/, ""), Number(value));
  }
  found.set("epoch", Number((await newestZxid(target) ?? 0n) >> 32n));
  return found;
}

async function newestZxid(target: Target): Promise<bigint | undefined> {
  const hex = /^Zxid: (0x[0-9a-f]+)$/m.exec(await fourLetterWord(target, "srvr", 2_000))?.[1];
  return hex === undefined ? undefined : BigInt(hex);
}
