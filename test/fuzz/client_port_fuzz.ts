/**
 * A seeded fuzzer of the client port. Several attackers mistreat the server at once; every so often, and in the
 * end, a sound session must work. When the attackers have left, connections, watches, ephemerals and open files
 * must be back where they were, and memory must not have grown without bound.
 */
import { fourLetterWord } from "../interop/apache_server.ts";
import { Random } from "../differential/random.ts";
import type { Target } from "../wire/connection.ts";
import { WireSession } from "../wire/session.ts";
import { answerPatienceMs, type Attack, attacks, attempt, fuzzRoot } from "./attacks.ts";
import { openFiles, rssMb } from "./process_gauges.ts";

/** Options of {@linkcode fuzzClientPort}. */
export interface FuzzOptions {
  target: Target;
  seed: number;
  /** How long the attacks go on. */
  seconds: number;
  /** Process to watch for memory and open files; only when it runs on this machine. */
  pid?: number;
  /** Most that memory may grow from the middle of the run to its end, in MiB; 128 by default. */
  growthMbMax?: number;
  tell?: (line: string) => void;
}

/** What a run came to. */
export interface FuzzOutcome {
  /** Number of attacks, by name. */
  counts: Map<string, number>;
  /** What went wrong; empty when all is well. */
  faults: string[];
  /** Memory in MiB at the start, in the middle and at the end, when a pid was given. */
  rssMb?: [number, number, number];
}

/** Gauges of mntr that go back to where they were once all attackers have left. */
const settlingGauges = [
  "num_alive_connections",
  "watch_count",
  "ephemerals_count",
  "outstanding_requests",
  "global_sessions",
];

/** Attackers at work at once. */
const attackers = 8;

/** Attacks `options.target` for the given time and reports what it left. */
export async function fuzzClientPort(options: FuzzOptions): Promise<FuzzOutcome> {
  const { target, seed } = options;
  const outcome: FuzzOutcome = { counts: new Map(), faults: [] };
  await prepare(target);
  const before = await gauges(target);
  const filesBefore = openFiles(options.pid);
  const rssStart = rssMb(options.pid);

  const until = performance.now() + options.seconds * 1_000;
  let stop = false;
  const draw: (readonly [number, readonly [string, Attack]])[] = attacks.map((
    [weight, name, attack],
  ) => [weight, [name, attack]]);
  const attacker = async (index: number) => {
    for (let round = 0; !stop && performance.now() < until; round++) {
      // Each round has a seed of its own, so that a fault can be met again without what came before it.
      const roundSeed = (Math.imul(seed, 31) + index * 1_000_003 + round) >>> 0;
      const random = new Random(roundSeed);
      const [name, attack] = random.weighted(draw);
      outcome.counts.set(name, (outcome.counts.get(name) ?? 0) + 1);
      try {
        await attempt(attack, { target, random });
      } catch (error) {
        outcome.faults.push(
          `${name} (seed ${seed}, attacker ${index}, round ${round}): ${(error as Error).message}`,
        );
        stop = outcome.faults.length >= 10;
      }
    }
  };
  let rssMiddle = 0;
  const doctor = async () => {
    while (!stop && performance.now() < until) {
      await Bun.sleep(1_000);
      const fault = await examine(target);
      if (fault !== undefined) {
        outcome.faults.push(fault);
        stop = true;
      }
      if (rssMiddle === 0 && performance.now() > until - options.seconds * 500) {
        rssMiddle = rssMb(options.pid);
      }
      options.tell?.(
        `${[...outcome.counts.values()].reduce((a, b) => a + b, 0)} attacks, ${rssMb(options.pid)} MiB`,
      );
    }
  };
  await Promise.all([doctor(), ...Array.from({ length: attackers }, (_, index) => attacker(index))]);

  const fault = await examine(target);
  if (fault !== undefined) outcome.faults.push(fault);
  else outcome.faults.push(...await settle(target, before, () => openFiles(options.pid), filesBefore));
  if (options.pid !== undefined) {
    const rssEnd = rssMb(options.pid);
    outcome.rssMb = [rssStart, rssMiddle, rssEnd];
    const most = options.growthMbMax ?? 128;
    if (rssMiddle > 0 && rssEnd - rssMiddle > most) {
      outcome.faults.push(
        `Memory grew from ${rssMiddle} MiB in the middle of the run to ${rssEnd} MiB at its end`,
      );
    }
  }
  return outcome;
}

/** Makes the znodes that attacks use. */
async function prepare(target: Target): Promise<void> {
  const session = await WireSession.open(target);
  await session.create(fuzzRoot);
  await session.create(`${fuzzRoot}/large`);
  await session.setData(`${fuzzRoot}/large`, new Uint8Array(200_000).fill(0x7a));
  await session.close();
}

/** Does what a sound client does; returns what failed. */
async function examine(target: Target): Promise<string | undefined> {
  try {
    const word = await fourLetterWord(target, "ruok", answerPatienceMs);
    if (word !== "imok" && !word.includes("not in the whitelist")) {
      return `ruok is answered ${JSON.stringify(word)}`;
    }
    const session = await WireSession.open(target);
    // Attackers may have shut others out of "/"; the superuser may enter where there is one.
    await session.auth("digest", "super:test");
    const path = `/sound-${session.id.toString(16)}`;
    const steps: [string, string][] = [
      ["create", (await session.create(path, { data: "1" })).name],
      ["getData", (await session.getData(path, true)).name],
      ["setData", (await session.setData(path, "2", 0)).name],
      ["event", (await session.takeEvents()).join()],
      ["delete", (await session.delete(path, 1)).name],
    ];
    await session.close();
    const wrong = steps.find(([step, answer]) => answer !== (step === "event" ? `data ${path}` : "OK"));
    return wrong === undefined ? undefined : `A sound session's ${wrong[0]} is answered ${wrong[1]}`;
  } catch (error) {
    return `A sound session fails: ${(error as Error).message}`;
  }
}

/** Waits until the gauges are back; returns those that do not come. */
async function settle(
  target: Target,
  before: Map<string, number>,
  files: () => number,
  filesBefore: number,
): Promise<string[]> {
  // The longest session of an attack lives 4 s, then it waits for its expiry.
  const deadline = performance.now() + 30_000;
  for (;;) {
    const now = await gauges(target);
    const left = settlingGauges.filter((key) => (now.get(key) ?? 0) > (before.get(key) ?? 0))
      .map((key) => `${key} is ${now.get(key)} and was ${before.get(key)}`);
    if (files() > filesBefore + 2) left.push(`open files are ${files()} and were ${filesBefore}`);
    if (left.length === 0) return [];
    if (performance.now() > deadline) return left.map((one) => `Not given back: ${one}`);
    await Bun.sleep(250);
  }
}

async function gauges(target: Target): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const line of (await fourLetterWord(target, "mntr")).split("\n")) {
    const [key, value] = line.split("\t");
    const name = key.replace(/^zk_/, "");
    if (settlingGauges.includes(name)) found.set(name, Number(value));
  }
  return found;
}
