/** An ensemble under more load than it can take, which must not lose its leader over it. */
import { connect } from "../../mod.ts";
import { drive, loadOf, type LoadWords, type Measured, prepare, sourceWorker } from "../bench/engine.ts";
import { Cluster, type Flavor, type Mode } from "./cluster.ts";
import type { LoopbackNetwork } from "./loopback_network.ts";

/** What a run is to be. */
export interface SaturationOptions {
  readonly flavor: Flavor;
  readonly servers: number;
  readonly durationMs: number;
  readonly tickMs: number;
  readonly binary: string;
  readonly network: LoopbackNetwork;
  readonly dir: string;
  readonly say: (line: string) => void;
}

/** What a run came to. */
export interface SaturationReport {
  flavor: Flavor;
  minutes: number;
  /** Elections after the first, by the epoch of the newest txn. */
  elections: number;
  /** Times a server was seen in another mode than at the beginning. */
  modeChanges: number;
  writes: number;
  reads: number;
  writesPerSecond: { median: number; min: number; max: number };
  /** Longest wait for the answer to a write, in ms. */
  worstWriteMs: number;
  /** Connections lost, servers dead: none is to be. */
  troubles: string[];
}

const sliceMsMax = 30_000;
/** Writers and readers on every server: connections, and requests in flight on each. */
const writers: LoadWords = { mix: "set", connections: 16, inFlight: 32 };
const readers: LoadWords = { mix: "get", connections: 4, inFlight: 8 };

/**
 * Runs it.
 *
 * @throws {Error} The ensemble does not come up.
 */
export async function saturate(options: SaturationOptions): Promise<SaturationReport> {
  const { flavor, servers, durationMs, tickMs, network, say } = options;
  const report: SaturationReport = {
    flavor,
    minutes: durationMs / 60_000,
    elections: 0,
    modeChanges: 0,
    writes: 0,
    reads: 0,
    writesPerSecond: { median: 0, min: 0, max: 0 },
    worstWriteMs: 0,
    troubles: [],
  };
  const cluster = new Cluster({
    ...options,
    size: servers,
    cfg: { tickTime: String(tickMs), initLimit: "10", syncLimit: "5" },
    onDeath: (id, how) => report.troubles.push(`server ${id} ${how}`),
  });
  try {
    for (const id of cluster.ids) cluster.start(id);
    const missing = await cluster.settled(60_000);
    if (missing.length > 0) throw new Error(`Server ${missing.join(", ")} does not serve within 60 s`);
    const address = network.clientAddress(1);
    const root = await prepare([network.statusTarget(1)], loadOf(writers));
    const epochBefore = await epochOf(address);
    const modesBefore = await cluster.modes();
    const rates: number[] = [];
    const slices = Math.max(1, Math.ceil(durationMs / sliceMsMax));
    for (let slice = 1; slice <= slices; slice++) {
      const loads = cluster.ids.flatMap((id) =>
        [writers, readers].map((words) => {
          const load = loadOf({ ...words, durationMs: Math.round(durationMs / slices) });
          return drive(load, { servers: [network.statusTarget(id)], root, pids: [] }, sourceWorker)
            .catch((error: Error) => {
              throw new Error(`load on server ${id}: ${error.message}`);
            });
        })
      );
      const done = Promise.allSettled(loads);
      let running = true;
      void done.then(() => running = false);
      while (running) {
        await Promise.race([done, Bun.sleep(1000)]);
        report.modeChanges += changed(modesBefore, await cluster.modes());
      }
      let writesPerSecond = 0;
      for (const one of await done) {
        if (one.status === "rejected") {
          report.troubles.push(String(one.reason.message));
          continue;
        }
        const { outcome, count, opsPerSecond, maxMs }: Measured = one.value;
        if (outcome.operations[0].operation === "get") report.reads += count;
        else {
          report.writes += count;
          writesPerSecond += opsPerSecond;
          report.worstWriteMs = Math.max(report.worstWriteMs, maxMs);
        }
      }
      rates.push(writesPerSecond);
      report.elections = await epochOf(address) - epochBefore;
      say(
        `${slice}/${slices}: ${Math.round(writesPerSecond)} writes/s, worst ${
          Math.round(report.worstWriteMs)
        } ms, ` +
          `elections ${report.elections}, troubles ${report.troubles.length}`,
      );
    }
    rates.sort((a, b) => a - b);
    report.writesPerSecond = {
      median: Math.round(rates[rates.length >> 1]),
      min: Math.round(rates[0]),
      max: Math.round(rates.at(-1)!),
    };
  } finally {
    await cluster.close();
  }
  return report;
}

/** Under load an answer may be late: only one that says something else counts. */
function changed(before: ReadonlyMap<number, Mode>, now: ReadonlyMap<number, Mode>): number {
  return [...now].filter(([id, mode]) => mode !== "silent" && mode !== before.get(id)).length;
}

async function epochOf(address: string): Promise<number> {
  await using zk = await connect(address, { connectTimeoutMs: 60_000, sessionTimeoutMs: 40_000 });
  return Math.floor((await zk.setData("/", null)).mzxid / 0x1_0000_0000);
}
