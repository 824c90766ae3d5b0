/** A light load on an ensemble, and a judgement of everything its clients were told. */
import { connect } from "../../mod.ts";
import { seededRandom } from "../../src/base/random.ts";
import { checkAll } from "../chaos/checkers/check_all.ts";
import { dumpTree } from "../chaos/dump.ts";
import { GapMeter } from "../chaos/gaps.ts";
import { History, type Tree } from "../chaos/history.ts";
import { insist, within } from "../chaos/insist.ts";
import { folders, type Layout, LoadClient } from "../chaos/load_client.ts";
import { layOut } from "../chaos/round_layout.ts";

/** What an {@linkcode EnsembleLoad} needs to know. */
export interface EnsembleLoadOptions {
  /** `host:port` of each server. */
  readonly addresses: readonly string[];
  readonly tickMs: number;
  readonly seed: number;
}

const clientCount = 3;
const thinkMs = 30;
/** Ticks that a session lasts without a word. */
const sessionTicks = 8;
/** For whatever an ensemble owes while nothing disturbs it, ms. */
const patienceMs = 40_000;

/** See the head of this file. */
export class EnsembleLoad {
  readonly gaps = new GapMeter();
  readonly #options: EnsembleLoadOptions;
  readonly #history = new History();
  readonly #clients: LoadClient[] = [];
  #layout: Layout | null = null;

  constructor(options: EnsembleLoadOptions) {
    this.#options = options;
  }

  /** Writes acknowledged so far. */
  get acknowledged(): number {
    return this.#history.ops.filter(({ outcome, kind }) =>
      outcome === "ok" && kind !== "read" && kind !== "syncRead"
    ).length;
  }

  get #servers(): string {
    return this.#options.addresses.join(",");
  }

  /** Begins. */
  async start(): Promise<void> {
    const { tickMs, seed } = this.#options;
    this.#layout = await layOut(this.#servers, "load", this.#history, patienceMs);
    for (let index = 0; index < clientCount; index++) {
      const client = new LoadClient({
        name: `c${index}`,
        servers: this.#servers,
        sessionTimeoutMs: tickMs * sessionTicks,
        layout: this.#layout,
        history: this.#history,
        random: seededRandom(seed + index),
        lanes: 2,
        thinkMs,
        onAcknowledged: () => this.gaps.acknowledge(performance.now()),
      });
      this.#clients.push(client);
      client.start();
    }
  }

  /** An office may have ended: who held it may answer for a while without knowing. */
  disturb(name: string): { endedMs: number } {
    const disturbance = { name, beganMs: performance.now(), endedMs: Infinity };
    this.#history.disturbances.push(disturbance);
    return disturbance;
  }

  /**
   * Ends the load, waits until sessions that are gone can have expired, and judges.
   *
   * @returns What was broken.
   */
  async judge(): Promise<string[]> {
    const { addresses, tickMs } = this.#options;
    this.gaps.pause();
    try {
      await within(
        patienceMs,
        "the answers to all requests",
        Promise.all(this.#clients.map((one) => one.stop())),
      );
      await Promise.all(
        this.#clients.map((one) => insist(patienceMs, "a round trip of every session", () => one.settle())),
      );
      await this.#outliveSessions();
      const trees = new Map<string, Tree>();
      for (const [index, address] of addresses.entries()) {
        trees.set(
          `server ${index + 1}`,
          await insist(patienceMs, `a dump of server ${index + 1}`, () => dumpTree(address)),
        );
      }
      const evidence = { history: this.#history, trees, tickMs, staleMs: null };
      const { violations } = checkAll(evidence, folders.map((folder) => `${this.#layout!.root}/${folder}`));
      return violations.slice(0, 10).map(({ property, message }) => `${property}: ${message}`);
    } catch (error) {
      return [(error as Error).message];
    } finally {
      await Promise.all(this.#clients.map((one) => one.close()));
    }
  }

  /** A new leader gives each session its full time. */
  async #outliveSessions(): Promise<void> {
    const live = new Set(this.#history.sessions.filter(({ how }) => how === "live").map(({ id }) => id));
    const root = `${this.#layout!.root}/ephemeral`;
    const untilMs = performance.now() + this.#options.tickMs * (sessionTicks * 3 + 4);
    const countLeft = async () => {
      await using zk = await connect(this.#servers, { connectTimeoutMs: 20_000 });
      await zk.sync("/");
      const { children } = await zk.getChildren(root);
      const stats = await Promise.all(children.map((name) => zk.exists(`${root}/${name}`)));
      return stats.filter((stat) => stat !== null && !live.has(stat.ephemeralOwner)).length;
    };
    while (await insist(patienceMs, "a look at the ephemerals", countLeft) > 0) {
      if (performance.now() > untilMs) return;
      await Bun.sleep(200);
    }
  }
}
