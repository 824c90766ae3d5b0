/** An ensemble of the compiled executable on loopback, for tests that stop and start its servers. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster } from "../chaos/cluster.ts";
import { LoopbackNetwork } from "../chaos/loopback_network.ts";
import { fourLetterWord, zoonBinary } from "../interop/apache_server.ts";
import { binaryVariable } from "../interop/mixed_ensemble.ts";
import type { Target } from "../wire/connection.ts";
import { until, untilPatienceMs } from "../wire/until.ts";

/** The executable under test. */
export const binary: string = process.env[binaryVariable] ?? zoonBinary;

/** Ticks that make sessions short and are still kept on a busy machine. */
const quickCfg: Record<string, string> = {
  tickTime: "500",
  initLimit: "20",
  syncLimit: "8",
  minSessionTimeout: "1000",
  maxSessionTimeout: "60000",
};

/** What {@linkcode TestEnsemble.start} may be told. */
export interface EnsembleOptions {
  /** 3 by default. */
  readonly size?: number;
  /** How many of them observe; none by default. */
  readonly observers?: number;
  /** More flags of `zoon server`. */
  readonly flags?: readonly string[];
  /** Lines of zoo.cfg. */
  readonly cfg?: Record<string, string>;
}

/** See the head of this file. */
export class TestEnsemble {
  readonly cluster: Cluster;
  readonly #network: LoopbackNetwork;
  readonly #dir: string;

  private constructor(
    network: LoopbackNetwork,
    dir: string,
    { size = 3, observers, flags, cfg }: EnsembleOptions,
  ) {
    this.#network = network;
    this.#dir = dir;
    this.cluster = new Cluster({
      flavor: "zoon",
      size,
      observers,
      dir,
      binary,
      network,
      flags,
      cfg: { ...quickCfg, ...cfg },
      onDeath: (id, how) => console.error(`server ${id} ${how}:\n${this.cluster.log(id)}`),
    });
  }

  /** Starts one and waits until all of it serves. */
  static async start(options: EnsembleOptions = {}): Promise<TestEnsemble> {
    const dir = mkdtempSync(join(tmpdir(), "zoon-e2e-ensemble-"));
    const ensemble = new TestEnsemble(await LoopbackNetwork.open(options.size ?? 3), dir, options);
    for (const id of ensemble.cluster.ids) ensemble.cluster.start(id);
    await ensemble.serving();
    return ensemble;
  }

  /** Waits until every server that runs serves under a leader. */
  async serving(): Promise<void> {
    const missing = await this.cluster.settled(untilPatienceMs);
    if (missing.length > 0) throw new Error(`Servers ${missing} do not serve within ${untilPatienceMs} ms`);
  }

  /** The id of the leader. */
  leader(): Promise<number> {
    return until("a leader", () => this.cluster.leader());
  }

  /** A server that follows, other than those given. */
  async follower(...except: number[]): Promise<number> {
    const modes = await this.cluster.modes();
    const found = this.cluster.ids.find((id) => modes.get(id) === "follower" && !except.includes(id));
    if (found === undefined) throw new Error(`No follower in ${[...modes]}`);
    return found;
  }

  target(id: number): Target {
    return this.#network.statusTarget(id);
  }

  address(id: number): string {
    return this.#network.clientAddress(id);
  }

  /** What clients connect to: all of it. */
  get addresses(): string {
    return this.cluster.ids.map((id) => this.address(id)).join(",");
  }

  /** Asks a server; empty while it does not answer. */
  ask(id: number, word: string): Promise<string> {
    return fourLetterWord(this.target(id), word, 2000).catch(() => "");
  }

  /** A figure of a server's `mntr`. */
  async figure(id: number, name: string): Promise<number> {
    const line = new RegExp(`^zk_${name}\\t(.*)$`, "m").exec(await this.ask(id, "mntr"));
    if (line === null) throw new Error(`mntr of server ${id} has no ${name}`);
    return Number(line[1]);
  }

  /** Every file of a server's data directory by its name and contents. */
  files(id: number): Map<string, string> {
    const data = join(this.#dir, String(id), "data", "version-2");
    return new Map(
      readdirSync(data).sort().map((name) => [name, readFileSync(join(data, name)).toString("base64")]),
    );
  }

  /** Ends all of it and removes its files. */
  async close(): Promise<void> {
    await this.cluster.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
