/** A server with very many znodes: filling it, its memory, its restart, its snapshots. */
import { LatencyHistogram } from "../../../cli/bench/latency_histogram.ts";
import type { Tick } from "../../../cli/bench/tick.ts";
import type { RunningServer } from "../../interop/apache_server.ts";
import { drive, loadOf, prepare } from "../engine.ts";
import { type Cores, movePid, rssBytesOf } from "../processes.ts";
import type { Rig } from "../rig.ts";
import { type Side, startStandalone, stopStandalone } from "../sides.ts";

/** Latencies of a writer with one request in flight, in ms. */
export interface WriterLatency {
  readonly writes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What is measured, once. */
export interface LargeTree {
  readonly znodes: number;
  readonly createsPerSecond: number;
  readonly cpuUsPerCreate: number | null;
  /** Right behind the last create. */
  readonly rssFilledBytes: number;
  /** After a rest. */
  readonly rssBytes: number;
  readonly restartMs: number;
  readonly rssRestartedBytes: number;
  /** Null when none fell into the time of the writes as a whole. */
  readonly snapshot: Snapshot | null;
}

/** A snapshot beside a lone writer. */
export interface Snapshot {
  readonly ms: number;
  /** The writer up to the snapshot, and during it. */
  readonly before: WriterLatency;
  readonly during: WriterLatency;
}

/** Between the last create and the look at the memory. */
export const restMs = 10_000;
/** After a start with much to replay a server may take a snapshot: it is waited for so long. */
const afterStartMs = 5_000;
/** Of the lone writer. */
const writingMs = 15_000;
/** Without a doubt before the snapshot that is due. */
const quietMs = 2_000;

/** How each server's log tells that a snapshot is done, and how long it took. */
const snapshotDone: Record<Side, RegExp> = {
  zoon: /A snapshot is written .*\bms=(\d+)/g,
  apache: /Snapshot taken in (\d+) ms/g,
};

/** Measures one side. */
export async function measureLargeTree(
  rig: Rig,
  side: Side,
  { znodes, cores, worker }: {
    readonly znodes: number;
    readonly cores: Cores;
    readonly worker: readonly string[];
  },
): Promise<LargeTree> {
  rig.say(`${side}: ${znodes} znodes`);
  const dataDir = rig.directory(side);
  const first = await startStandalone(rig, side, { dataDir, cores: cores.server });
  const creates = loadOf({ mix: "create", inFlight: 32, ops: znodes, warmUpMs: 0, keyCount: 1 });
  const root = await prepare([first], creates, "/bench");
  const target = { servers: [first], root, pids: [first.pid] };
  const fill = await drive(creates, target, worker);
  await Bun.sleep(1000);
  const rssFilledBytes = rssBytesOf(first.pid) ?? NaN;
  await Bun.sleep(restMs);
  const rssBytes = rssBytesOf(first.pid) ?? NaN;
  const lone = { mix: "set", connections: 1, inFlight: 1, keyCount: 100, warmUpMs: 200 } as const;
  const loneRoot = await prepare([first], loadOf(lone), "/lone");
  const probe = await drive(loadOf({ ...lone, durationMs: 1000 }), { ...target, root: loneRoot }, worker);
  await stopStandalone(first);

  // A roll comes after half of snapCount to all of it: not before some quiet seconds of its writes.
  const snapCount = 2 * Math.ceil(probe.opsPerSecond * quietMs / 1000);
  const beganMs = performance.now();
  const second = await startStandalone(rig, side, { dataDir, cfg: { snapCount: String(snapCount) } });
  const restartMs = performance.now() - beganMs;
  movePid(second.pid, cores.server);
  await Bun.sleep(afterStartMs);
  const rssRestartedBytes = rssBytesOf(second.pid) ?? NaN;
  rig.say(`${side}: a lone writer and a snapshot`);
  const writer = loadOf({ ...lone, durationMs: writingMs });
  const snapshot = await writeThroughSnapshot(
    side,
    second,
    (onTick) => drive(writer, { servers: [second], root: loneRoot, pids: [] }, worker, onTick).then(() => {}),
  );
  await stopStandalone(second);
  return {
    znodes,
    createsPerSecond: fill.opsPerSecond,
    cpuUsPerCreate: fill.cpuUsPerOp,
    rssFilledBytes,
    rssBytes,
    restartMs,
    rssRestartedBytes,
    snapshot,
  };
}

async function writeThroughSnapshot(
  side: Side,
  server: RunningServer,
  write: (onTick: (tick: Tick) => void) => Promise<void>,
): Promise<Snapshot | null> {
  const done = () => [...server.log().matchAll(snapshotDone[side])];
  const before = done().length;
  const ticks: { readonly fromMs: number; readonly toMs: number; readonly tick: Tick }[] = [];
  const snapshots: { readonly fromMs: number; readonly toMs: number }[] = [];
  let lastMs = performance.now();
  const look = setInterval(() => {
    const all = done();
    if (all.length > before + snapshots.length) {
      const toMs = performance.now();
      snapshots.push({ fromMs: toMs - Number(all[before + snapshots.length][1]), toMs });
    }
  }, 5);
  try {
    await write((tick) => {
      const toMs = performance.now();
      ticks.push({ fromMs: lastMs, toMs, tick });
      lastMs = toMs;
    });
  } finally {
    clearInterval(look);
  }
  const whole = snapshots.find(({ fromMs }) => ticks.length > 0 && fromMs > ticks[0].toMs);
  if (whole === undefined) return null;
  const overlaps = ({ fromMs, toMs }: { fromMs: number; toMs: number }) =>
    snapshots.some((each) => fromMs < each.toMs && toMs > each.fromMs);
  return {
    ms: whole.toMs - whole.fromMs,
    before: latencyOf(
      ticks.filter((each) => each.toMs <= whole.fromMs && !overlaps(each)).map(({ tick }) => tick),
    ),
    during: latencyOf(ticks.filter(overlaps).map(({ tick }) => tick)),
  };
}

function latencyOf(ticks: readonly Tick[]): WriterLatency {
  const all = new LatencyHistogram();
  for (const { operations } of ticks) for (const { latencies } of operations) all.add(latencies);
  return { writes: all.total, p50Ms: all.quantileMs(0.5), p99Ms: all.quantileMs(0.99), maxMs: all.maxMs };
}
