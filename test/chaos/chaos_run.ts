/**
 * Chaos in rounds on one ensemble: load and faults for a while, then all is healed, must serve again within a
 * bound, and what clients were told is judged. Data and logs of earlier rounds stay, so later rounds begin on
 * used disks.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../mod.ts";
import { type Random, randomBelow, seededRandom } from "../../src/base/random.ts";
import { abandonSessions } from "./abandoned_sessions.ts";
import type { ChaosNetwork } from "./chaos_network.ts";
import { checkAll } from "./checkers/check_all.ts";
import { Cluster, type Flavor } from "./cluster.ts";
import { dumpTree } from "./dump.ts";
import { type Fault, FaultDeck, type FaultWorld } from "./faults.ts";
import { GapMeter } from "./gaps.ts";
import { type Evidence, History, type Tree, type Violation } from "./history.ts";
import { insist, within } from "./insist.ts";
import { folders, type Layout, LoadClient } from "./load_client.ts";
import { clear, layOut, loadBallast } from "./round_layout.ts";
import type { SmallDisk } from "./small_disk.ts";

/** What a run is to be. */
export interface ChaosOptions {
  readonly flavor: Flavor;
  readonly servers: number;
  /** How many of them observe; the last ones do. */
  readonly observers: number;
  readonly seed: number;
  /** Faults rage for so long in all, in ms. */
  readonly durationMs: number;
  /** Faults of one round, in ms. */
  readonly roundMs: number;
  readonly tickMs: number;
  readonly clients: number;
  readonly binary: string;
  /** Processes of each server, 1 as a rule. */
  readonly workers: number;
  readonly network: ChaosNetwork;
  /** Where a server's data is on a disk that can be filled. */
  readonly smallDisks: ReadonlyMap<number, SmallDisk>;
  /** Data, configurations, logs and the histories of rounds that failed. */
  readonly dir: string;
  readonly chosen: (fault: Fault) => boolean;
  readonly say: (line: string) => void;
}

/** What a run came to. */
export interface ChaosReport {
  seed: number;
  flavor: Flavor;
  servers: number;
  observers: number;
  network: string;
  faultMinutes: number;
  rounds: number;
  passed: number;
  failed: number;
  violations: { round: number; property: string; message: string }[];
  faults: Record<string, number>;
  operations: { ok: number; fail: number; unknown: number; writesAcknowledged: number };
  sessions: { opened: number; expired: number; closed: number; abandoned: number };
  elections: number;
  syncsExcused: number;
  /** From the end of the last fault until every server served, in ms. */
  healMs: { median: number; max: number };
  gaps: Record<string, number>;
  gapsByFault: Record<string, { count: number; medianMs: number; maxMs: number }>;
}

/** Limits as in Apache's sample zoo.cfg, in ticks. */
const initLimit = 10;
const syncLimit = 5;
/** On top of the limits of configuration: processes start, disks sync and the machine is small. */
const healSlackMs = 40_000;
/** Sessions that still expire while trees are read make them be read again, so often at most. */
const dumpAttemptsMax = 5;
/** Kept from each property of a round. */
const messagesMax = 5;

/** See the head of this file. */
export class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #deck: FaultDeck;
  readonly #gaps = new GapMeter();
  readonly #report: ChaosReport;
  readonly #healMs: number[] = [];
  readonly #startMs = performance.now();
  #deaths: string[] = [];
  #round = 0;

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const has = { delays: options.network.canDelay, "small disks": options.smallDisks.size > 0 };
    this.#deck = new FaultDeck(this.#random, (need) => has[need], options.chosen);
    this.#cluster = new Cluster({
      flavor: options.flavor,
      size: options.servers,
      observers: options.observers,
      dir: options.dir,
      binary: options.binary,
      flags: options.workers > 1 ? ["--workers", String(options.workers)] : [],
      network: options.network,
      cfg: {
        tickTime: String(options.tickMs),
        initLimit: String(initLimit),
        syncLimit: String(syncLimit),
        // Logs roll and snapshots run all the time; what a server misses in a while is not in memory any more.
        snapCount: String(500 + randomBelow(this.#random, 4000)),
      },
      onDeath: (id, how) => this.#deaths.push(`server ${id} ${how}`),
    });
    this.#report = {
      seed: options.seed,
      flavor: options.flavor,
      servers: options.servers,
      observers: options.observers,
      network: options.network.kind,
      faultMinutes: 0,
      rounds: 0,
      passed: 0,
      failed: 0,
      violations: [],
      faults: {},
      operations: { ok: 0, fail: 0, unknown: 0, writesAcknowledged: 0 },
      sessions: { opened: 0, expired: 0, closed: 0, abandoned: 0 },
      elections: 0,
      syncsExcused: 0,
      healMs: { median: 0, max: 0 },
      gaps: {},
      gapsByFault: {},
    };
  }

  /** Runs all rounds; a round that fails to heal is the last. */
  async run(): Promise<ChaosReport> {
    const { durationMs, roundMs } = this.#options;
    try {
      for (const id of this.#cluster.ids) this.#cluster.start(id);
      if (!await this.#heal(this.#healBoundMs())) return this.#end();
      await loadBallast(this.#servers(), this.#healBoundMs());
      const rounds = Math.ceil(durationMs / roundMs);
      for (let round = 0; round < rounds; round++) {
        if (!await this.#playRound(durationMs / rounds)) break;
      }
    } catch (error) {
      this.#fail("progress", error instanceof Error ? error.message : String(error));
    } finally {
      await this.#cluster.close();
    }
    return this.#end();
  }

  async #playRound(lengthMs: number): Promise<boolean> {
    const round = ++this.#round;
    const history = new History();
    const epochBefore = await this.#epoch();
    const layout = await layOut(this.#servers(), `round-${round}`, history, this.#healBoundMs());
    const clients = Array.from({ length: this.#options.clients }, (_, index) =>
      new LoadClient({
        name: `r${round}c${index}`,
        servers: this.#servers(),
        sessionTimeoutMs: this.#sessionTimeoutMs() * (1 + index % 3) / 2,
        layout,
        history,
        random: seededRandom(this.#random.uint32()),
        lanes: 1 + index % 4,
        thinkMs: 10,
        onAcknowledged: () => this.#gaps.acknowledge(performance.now()),
      }));
    for (const client of clients) client.start();

    const endMs = performance.now() + lengthMs;
    const abandoning = abandonSessions({
      servers: this.#cluster.ids.map((id) => this.#options.network.clientAddress(id)),
      folder: `${layout.root}/ephemeral`,
      timeoutMs: this.#sessionTimeoutMs(),
      history,
      random: this.#random,
    }, endMs);
    await this.#rage(history, endMs);
    await abandoning;
    this.#gaps.pause();
    this.#report.faultMinutes += lengthMs / 60_000;

    const healed = await this.#heal(this.#healBoundMs());
    const verdict = healed ? await this.#judge(history, clients, layout) : [];
    this.#count(history);
    if (healed) this.#report.elections += await this.#epoch() - epochBefore;
    if (verdict.length > 0) {
      this.#keep(round, history, verdict);
    }
    await Promise.all(clients.map((client) => client.close()));
    if (healed && verdict.length === 0) await clear(this.#servers(), layout, this.#healBoundMs());
    this.#report.rounds++;
    this.#say(
      `round ${round}: ${history.ops.length} operations, ${history.sessions.length} sessions, ` +
        (verdict.length === 0
          ? (healed ? "all checks passed" : "did not heal")
          : `${verdict.length} VIOLATIONS`),
    );
    return healed;
  }

  /** Faults one after another until the time is up. */
  async #rage(history: History, endMs: number): Promise<void> {
    const { network, tickMs, smallDisks } = this.#options;
    const left = () => endMs - performance.now();
    const sleep = (ms: number) => Bun.sleep(Math.max(0, Math.min(ms, left())));
    await sleep(500);
    while (left() > 0) {
      const fault = this.#deck.draw();
      this.#report.faults[fault.name] = (this.#report.faults[fault.name] ?? 0) + 1;
      this.#gaps.begin(fault.name, performance.now());
      const said: string[] = [];
      const world: FaultWorld = {
        cluster: this.#cluster,
        network,
        random: this.#random,
        smallDisks,
        syncMs: tickMs * syncLimit,
        sleep,
        get over() {
          return left() <= 0;
        },
        disturb(name) {
          const disturbance = { name, beganMs: performance.now(), endedMs: Infinity };
          history.disturbances.push(disturbance);
          return disturbance;
        },
        say: (text) => said.push(text),
      };
      await fault.run(world);
      // Most often the next fault waits until writes go on; else it meets an ensemble still finding itself.
      const undoneMs = performance.now();
      const endWaitMs = randomBelow(this.#random, 4) === 0 ? undoneMs : undoneMs + this.#healBoundMs();
      while ((this.#gaps.lastMs ?? 0) < undoneMs && performance.now() < endWaitMs) await Bun.sleep(5);
      await sleep(200 + randomBelow(this.#random, 2000));
      const gapMs = this.#gaps.end(performance.now());
      this.#say(
        `${fault.name} (${said.join("; ")}): ${
          GapMeter.isSeen(gapMs) ? `no write acknowledged for ${Math.round(gapMs)} ms` : "writes went on"
        }`,
      );
    }
  }

  /** Undoes everything and waits until every server serves. */
  async #heal(boundMs: number): Promise<boolean> {
    const { network, smallDisks } = this.#options;
    const beganMs = performance.now();
    await network.setBlocked(new Set());
    network.setDelay(new Set(), 0);
    for (const disk of smallDisks.values()) disk.free();
    for (const id of this.#cluster.ids) {
      if (this.#cluster.isPaused(id)) this.#cluster.resume(id);
      this.#cluster.start(id);
    }
    const missing = await this.#cluster.settled(boundMs);
    for (const death of this.#deaths.splice(0)) this.#fail("servers run until they are stopped", death);
    if (missing.length > 0) {
      this.#fail("progress", `server ${missing.join(", ")} serves nobody ${boundMs} ms after all was healed`);
      return false;
    }
    this.#report.passed++;
    this.#healMs.push(performance.now() - beganMs);
    return true;
  }

  async #judge(history: History, clients: LoadClient[], layout: Layout): Promise<readonly Violation[]> {
    // Writes must go through every server, and load clients must come back by themselves.
    const boundMs = this.#sessionTimeoutMs() * 3 + healSlackMs;
    let trees: ReadonlyMap<string, Tree>;
    try {
      await Promise.all(
        this.#cluster.ids.map((id) => insist(boundMs, `a write through server ${id}`, () => this.#touch(id))),
      );
      await within(
        boundMs,
        "the answers to all requests",
        Promise.all(clients.map((client) => client.stop())),
      );
      trees = await this.#dumpQuiet(history, clients, layout, boundMs);
    } catch (error) {
      this.#fail("progress", error instanceof Error ? error.message : String(error));
      return [];
    }
    this.#report.passed++;
    const { tickMs, flavor } = this.#options;
    const staleMs = flavor === "apache" ? tickMs * (syncLimit + 2) : null;
    const evidence: Evidence = { history, trees, tickMs, staleMs };
    const roots = folders.map((folder) => `${layout.root}/${folder}`);
    const { violations, checks, syncsExcused } = checkAll(evidence, roots);
    this.#report.syncsExcused += syncsExcused;
    const broken = new Set(violations.map(({ property }) => property));
    this.#report.passed += Math.max(0, checks.length - broken.size);
    for (const property of broken) {
      const found = violations.filter((one) => one.property === property);
      for (const { message } of found.slice(0, messagesMax)) {
        this.#say(`VIOLATION of ${property}: ${message}`);
      }
      this.#fail(property, `${found.length} times, first: ${found[0].message}`);
    }
    return violations;
  }

  /** Every server's tree, in a time in which no session ended: on a busy machine one may still expire. */
  async #dumpQuiet(
    history: History,
    clients: readonly LoadClient[],
    layout: Layout,
    boundMs: number,
  ): Promise<ReadonlyMap<string, Tree>> {
    const liveCount = async () => {
      await Promise.all(
        clients.map((one) => insist(boundMs, "a round trip of every live session", () => one.settle())),
      );
      return history.sessions.filter(({ how }) => how === "live").length;
    };
    for (let attempt = 1;; attempt++) {
      const before = await liveCount();
      await this.#outliveSessions(history, layout);
      const trees = new Map<string, Tree>();
      for (const id of this.#cluster.ids) {
        const dump = () => dumpTree(this.#options.network.clientAddress(id));
        trees.set(`server ${id}`, await insist(boundMs * 2, `a dump of server ${id}`, dump));
      }
      if (await liveCount() === before || attempt === dumpAttemptsMax) return trees;
    }
  }

  /** Waits until sessions that ended without a word can have expired; a new leader gives each its full time. */
  async #outliveSessions(history: History, layout: Layout): Promise<void> {
    const live = new Set(history.sessions.filter(({ how }) => how === "live").map(({ id }) => id));
    const address = this.#options.network.clientAddress(this.#cluster.ids[0]);
    const endMs = performance.now() + this.#sessionTimeoutMs() * 3 + this.#options.tickMs * 4 + 5000;
    const root = `${layout.root}/ephemeral`;
    const countLeft = async () => {
      await using zk = await connect(address, { connectTimeoutMs: 20_000 });
      await zk.sync("/");
      const { children } = await zk.getChildren(root);
      const owners = await Promise.all(children.map((name) => zk.exists(`${root}/${name}`)));
      return owners.filter((stat) => stat !== null && !live.has(stat.ephemeralOwner)).length;
    };
    while (
      await insist(healSlackMs, "a look at the ephemerals", countLeft) > 0 && performance.now() < endMs
    ) {
      await Bun.sleep(200);
    }
  }

  async #touch(id: number): Promise<void> {
    await using zk = await connect(this.#options.network.clientAddress(id), {
      connectTimeoutMs: healSlackMs,
    });
    await zk.setData("/ballast", `touched through ${id}`);
  }

  /** The epoch of the newest txn; each election that led to a leader raised it. */
  async #epoch(): Promise<number> {
    return await insist(this.#healBoundMs(), "a write for its epoch", async () => {
      await using zk = await connect(this.#servers(), { connectTimeoutMs: 20_000 });
      return Math.floor((await zk.setData("/", null)).mzxid / 0x1_0000_0000);
    });
  }

  #servers(): string {
    return this.#cluster.ids.map((id) => this.#options.network.clientAddress(id)).join(",");
  }

  #sessionTimeoutMs(): number {
    return this.#options.tickMs * 8;
  }

  #healBoundMs(): number {
    return this.#options.tickMs * (initLimit + syncLimit) * 2 + healSlackMs;
  }

  #count(history: History): void {
    const { operations, sessions } = this.#report;
    for (const op of history.ops) {
      if (op.outcome === "pending") continue;
      operations[op.outcome]++;
      if (op.outcome === "ok" && op.kind !== "read" && op.kind !== "syncRead") {
        operations.writesAcknowledged++;
      }
    }
    for (const { how } of history.sessions) {
      sessions.opened++;
      if (how !== "live") sessions[how]++;
    }
  }

  #fail(property: string, message: string): void {
    this.#report.failed++;
    this.#report.violations.push({ round: this.#round, property, message });
    this.#say(`FAILED ${property}: ${message}`);
  }

  /** Leaves what is needed to look into a failed round. */
  #keep(round: number, history: History, violations: readonly Violation[]): void {
    mkdirSync(this.#options.dir, { recursive: true });
    const line = (value: unknown) =>
      JSON.stringify(value, (_, field) => typeof field === "bigint" ? `0x${field.toString(16)}` : field);
    const lines = [
      ...violations,
      ...history.disturbances,
      ...history.sessions,
      ...history.watches,
      ...history.ops,
    ];
    writeFileSync(
      join(this.#options.dir, `round-${round}.ndjson`),
      lines.map((one) => `${line(one)}\n`).join(""),
    );
  }

  #end(): ChaosReport {
    const sorted = this.#healMs.toSorted((a, b) => a - b).map(Math.round);
    this.#report.healMs = { median: sorted[sorted.length >> 1] ?? 0, max: sorted.at(-1) ?? 0 };
    this.#report.gaps = this.#gaps.histogram();
    this.#report.gapsByFault = this.#gaps.byFault();
    return this.#report;
  }

  #say(text: string): void {
    this.#options.say(`[${((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(6)} s] ${text}`);
  }
}
