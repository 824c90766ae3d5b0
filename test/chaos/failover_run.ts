/** Kills the leader of an ensemble and measures how long no write is acknowledged. */
import { openClient, ZkError, type ZooKeeper } from "../../mod.ts";
import type { Target } from "../wire/connection.ts";
import type { Cluster } from "./cluster.ts";
import { FailoverProbe } from "./failover_probe.ts";
import type { LoopbackNetwork } from "./loopback_network.ts";

/** One kill, in ms from the signal. */
export interface Failover {
  readonly killed: number;
  /** First write acknowledged on a survivor, by a probe that was connected to it or to another survivor. */
  readonly survivorMs: number;
  /** First write of a probe that was connected to the leader. */
  readonly orphanMs: number;
  /** First write of a plain client of `mod.ts` that was connected to the leader. */
  readonly clientMs: number;
  /** Steps on the way as the logs of the survivors tell them; those that were found. */
  readonly steps: Readonly<Record<string, number>>;
}

/** How servers' logs tell what they do; the first line that matches behind the kill counts. */
export interface LogSteps {
  /** Finds the time in a line, in ms of the day (UTC). */
  readonly timeOf: (line: string) => number | null;
  /** Step → what its line looks like, in the order in which they come. */
  readonly steps: readonly (readonly [string, RegExp])[];
}

const path = "/failover";
const dayMs = 24 * 3600 * 1000;

/** See the head of this file. */
export class FailoverRun {
  readonly #cluster: Cluster;
  readonly #network: LoopbackNetwork;
  readonly #logSteps: LogSteps;
  readonly #probes = new Map<number, FailoverProbe>();
  #orphan: FailoverProbe | null = null;
  #client: ZooKeeper | null = null;
  /** Server → first acknowledgement of the epoch waited for. */
  #firstMs = new Map<string, number>();
  #epoch = 0;
  #newestEpoch = 0;

  constructor(cluster: Cluster, network: LoopbackNetwork, logSteps: LogSteps) {
    this.#cluster = cluster;
    this.#network = network;
    this.#logSteps = logSteps;
  }

  /** Starts the ensemble; the probes rest. */
  async open(): Promise<void> {
    for (const id of this.#cluster.ids) this.#cluster.start(id);
    await this.#settled();
    await using zk = openClient(this.#servers());
    await zk.connected(20_000);
    await zk.create(path, "x");
  }

  /** One kill, and the killed server's return. */
  async kill(warmUpMs: number): Promise<Failover> {
    const leader = await this.#cluster.leader();
    if (leader === undefined) throw new Error("There is no leader to kill");
    await this.#begin(leader);
    await Bun.sleep(warmUpMs);

    const logsBefore = new Map(this.#cluster.ids.map((id) => [id, this.#cluster.log(id).length]));
    this.#epoch = this.#newestEpoch + 1;
    this.#firstMs = new Map();
    const killedMs = performance.now();
    const killedAtMs = Date.now();
    void this.#cluster.kill(leader);
    const clientMs = this.#clientWrites(killedMs);
    const survivors = this.#cluster.ids.filter((id) => id !== leader);
    const endMs = killedMs + 30_000;
    const first = () => survivors.map((id) => this.#firstMs.get(String(id))).filter((ms) => ms !== undefined);
    while (first().length === 0 || !this.#firstMs.has("orphan")) {
      if (performance.now() > endMs) throw new Error("No write was acknowledged within 30 s of the kill");
      await Bun.sleep(5);
    }
    const result: Failover = {
      killed: leader,
      survivorMs: Math.min(...first(), this.#firstMs.get("orphan")!) - killedMs,
      orphanMs: this.#firstMs.get("orphan")! - killedMs,
      clientMs: await clientMs,
      steps: this.#stepsOf(survivors, logsBefore, killedAtMs),
    };
    await this.#rest();
    this.#cluster.start(leader);
    await this.#settled();
    return result;
  }

  /** Ends the ensemble. */
  async close(): Promise<void> {
    await this.#rest();
    await this.#cluster.close();
  }

  async #begin(leader: number): Promise<void> {
    const note = (who: string) => ({ atMs, epoch }: { atMs: number; epoch: number }) => {
      if (epoch > this.#newestEpoch) this.#newestEpoch = epoch;
      if (this.#epoch > 0 && epoch >= this.#epoch && !this.#firstMs.has(who)) this.#firstMs.set(who, atMs);
    };
    const target = (id: number): Target => this.#network.statusTarget(id);
    const survivors = this.#cluster.ids.filter((id) => id !== leader);
    this.#epoch = 0;
    for (const id of survivors) {
      this.#probes.set(id, new FailoverProbe([target(id)], path, note(String(id))));
    }
    this.#orphan = new FailoverProbe([leader, ...survivors].map(target), path, note("orphan"));
    // A plain client takes any server: it is drawn anew until it is the leader's.
    const leaderAddress = this.#network.clientAddress(leader);
    for (;;) {
      const client = openClient(this.#servers());
      await client.connected(20_000);
      if (client.server === leaderAddress) {
        this.#client = client;
        break;
      }
      await client.close();
    }
  }

  async #clientWrites(killedMs: number): Promise<number> {
    const client = this.#client!;
    for (;;) {
      try {
        const { mzxid } = await client.setData(path, "x");
        if (Math.floor(mzxid / 0x1_0000_0000) >= this.#epoch) return performance.now() - killedMs;
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
      }
    }
  }

  async #rest(): Promise<void> {
    for (const probe of [...this.#probes.values(), this.#orphan]) probe?.stop();
    this.#probes.clear();
    this.#orphan = null;
    await this.#client?.close();
    this.#client = null;
  }

  async #settled(): Promise<void> {
    const missing = await this.#cluster.settled(60_000);
    if (missing.length > 0) throw new Error(`Server ${missing.join(", ")} does not serve within 60 s`);
  }

  #servers(): string {
    return this.#cluster.ids.map((id) => this.#network.clientAddress(id)).join(",");
  }

  #stepsOf(
    survivors: readonly number[],
    before: ReadonlyMap<number, number>,
    killedAtMs: number,
  ): Record<string, number> {
    const steps: Record<string, number> = {};
    for (const id of survivors) {
      for (const line of this.#cluster.log(id).slice(before.get(id)).split("\n")) {
        const timeMs = this.#logSteps.timeOf(line);
        if (timeMs === null) continue;
        const sinceMs = timeMs - killedAtMs % dayMs;
        if (sinceMs < 0) continue;
        for (const [name, pattern] of this.#logSteps.steps) {
          if (!pattern.test(line)) continue;
          if (steps[name] === undefined || sinceMs < steps[name]) steps[name] = sinceMs;
        }
      }
    }
    return steps;
  }
}
