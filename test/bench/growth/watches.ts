/** One server while the watches that it keeps grow: what they cost others, what one costs in memory, and telling all. */
import { keyPath } from "../../../cli/bench/layout.ts";
import { WireSession } from "../../wire/session.ts";
import { drive, loadOf, prepare } from "../engine.ts";
import { countText, numberText, tableText } from "../markdown.ts";
import { rssBytesOf } from "../processes.ts";
import { startStandalone, stopStandalone } from "../sides.ts";
import { whyNot } from "./load_sweeps.ts";
import {
  type GrowthSetting,
  leftText,
  measureStep,
  type Step,
  type Sweep,
  targetOf,
  tryStep,
} from "./sweep.ts";
import { type MemorySlope, memorySlope } from "./tree_sweep.ts";

/** How long it takes until the last of many watchers of one znode is told of its change. */
export interface FanOut {
  readonly rows: readonly {
    readonly watchers: number;
    readonly changes: number;
    readonly p50Ms: number;
    readonly maxMs: number;
  }[];
  readonly left: readonly string[];
}

const sessionCount = 100;
/** Watches that one session asks for at once. */
const atOnce = 500;
const pingMs = 8_000;
/** Before a look at the memory. */
const restMs = 6_000;

/** Sessions that watch znodes, each another one, and stay until they are closed. */
class WatchHolder {
  readonly #sessions: readonly WireSession[];
  readonly #root: string;
  readonly #pings: ReturnType<typeof setInterval>;
  #held = 0;

  private constructor(sessions: readonly WireSession[], root: string) {
    this.#sessions = sessions;
    this.#root = root;
    this.#pings = setInterval(() => {
      for (const session of sessions) void session.ping();
    }, pingMs);
  }

  /** @param root Of keys as the engine of `zoon bench` makes them. */
  static async open(target: { host: string; port: number }, root: string): Promise<WatchHolder> {
    const sessions: WireSession[] = [];
    for (let number = 0; number < sessionCount; number++) {
      sessions.push(await WireSession.open(target, { timeoutMs: 40_000 }));
    }
    return new WatchHolder(sessions, root);
  }

  /** Watches more znodes until there are so many watches; a multiple of the sessions. */
  async hold(count: number): Promise<void> {
    await Promise.all(this.#sessions.map(async (session, number) => {
      for (let from = this.#held / sessionCount; from < count / sessionCount; from += atOnce) {
        const to = Math.min(from + atOnce, count / sessionCount);
        const keys = Array.from({ length: to - from }, (_, at) => (from + at) * sessionCount + number);
        const replies = await Promise.all(
          keys.map((key) => session.getData(keyPath(this.#root, 1, key), true)),
        );
        const wrong = replies.find((reply) => reply.name !== "OK");
        if (wrong !== undefined) throw new Error(`A watch was answered ${wrong.name}`);
      }
    }));
    this.#held = count;
  }

  async close(): Promise<void> {
    clearInterval(this.#pings);
    await Promise.all(this.#sessions.map((session) => session.close()));
  }
}

/** 50 connections, 8 in flight, of znodes that nobody watches; and what watches cost in memory. */
export async function byWatches(
  setting: GrowthSetting,
): Promise<{ sweep: Sweep; memory: MemorySlope | null }> {
  const { rig, cores, quick } = setting;
  const most = quick ? 10_000 : 100_000;
  const server = await startStandalone(rig, "zoon", { cores: cores.server });
  const here = { servers: [server], pids: [server.pid] };
  const watched = await targetOf(here, { keyCount: most });
  const target = await targetOf(here);
  const steps: Step[] = [];
  const left: string[] = [];
  const points: { count: number; rssBytes: number }[] = [];
  const load = (count: number) =>
    tryStep(setting, `${countText(count)} watches`, left, async () => {
      steps.push(await measureStep(setting, countText(count), target, { inFlight: 8 }));
    });
  await load(0);
  const holder = await WatchHolder.open(server, watched.root);
  // No load between looks at the memory: what one leaves behind for a while is more than watches take.
  for (const part of [0, 0.25, 0.5, 1]) {
    await holder.hold(most * part);
    await Bun.sleep(restMs);
    points.push({ count: most * part, rssBytes: rssBytesOf(server.pid) ?? NaN });
  }
  await load(most);
  await holder.close();
  await stopStandalone(server);
  return {
    sweep: {
      by: "watches",
      what: `50 connections, 8 in flight; ${sessionCount} sessions hold the watches, each of another znode.`,
      steps,
      left,
    },
    memory: memorySlope("watch", points),
  };
}

/** One change, all told. */
export async function fanOut(setting: GrowthSetting): Promise<FanOut> {
  const { rig, cores, quick, worker } = setting;
  const rows: { watchers: number; changes: number; p50Ms: number; maxMs: number }[] = [];
  const left: string[] = [];
  const server = await startStandalone(rig, "zoon", { cores: cores.server });
  for (const watchers of quick ? [100, 1000] : [100, 1000, 10_000]) {
    const reason = whyNot(watchers, setting);
    if (reason !== null) {
      left.push(reason);
      continue;
    }
    const words = {
      mix: "watch",
      connections: watchers,
      warmUpMs: 1000,
      durationMs: quick ? 1000 : 5000,
    } as const;
    await tryStep(setting, `${countText(watchers)} watchers`, left, async () => {
      const load = loadOf(words);
      const root = await prepare([server], load);
      const { count, p50Ms, maxMs } = await drive(
        load,
        { servers: [server], root, pids: [server.pid] },
        worker,
      );
      rows.push({ watchers, changes: count, p50Ms, maxMs });
      rig.say(`  ${watchers} watchers told: median ${numberText(p50Ms)} ms, at most ${numberText(maxMs)} ms`);
    });
  }
  await stopStandalone(server);
  return { rows, left };
}

/** The table of it. */
export function fanOutText({ rows, left }: FanOut): string {
  return [
    "**Watch fan-out.** From a change's request until the last watcher, each a connection of its own, is told.",
    tableText(
      ["watchers of one znode", "changes", "median ms", "max ms"],
      rows.map(({ watchers, changes, p50Ms, maxMs }) => [
        countText(watchers),
        String(changes),
        numberText(p50Ms),
        numberText(maxMs),
      ]),
    ),
    ...leftText(left),
  ].join("\n\n");
}
