/**
 * A walk of an ensemble through random misfortunes and changes of implementation, under a load, by a seed.
 */
import { type Random, randomBelow, seededRandom } from "../../src/base/random.ts";
import { judge } from "./judgement.ts";
import { MixedEnsemble } from "./mixed_ensemble.ts";
import { figuresOf, type LoadFigures, StockLoad } from "./stock_load.ts";
import type { Flavor } from "./target.ts";

/** What to walk through. */
export interface WanderOptions {
  seed: number;
  /** Misfortunes, each followed by recovery. */
  steps: number;
  /** What members may be; each begins as one of them. */
  flavors: readonly Flavor[];
  /** Told of each step before it is done. */
  say: (line: string) => void;
}

/** What came of a walk. */
export interface WanderReport {
  load: LoadFigures;
  /** Promises that were not kept and trees that differ, in words. */
  broken: string[];
}

/** Writes that must be acknowledged between two steps. */
const progressWrites = 40;
/** Steps between two looks at all trees. */
const lookEvery = 4;
/** A step that takes longer is worth a look at what the members logged. */
const slowStepMs = 8_000;
/** Longest pause of a member: past what its peers wait for it. */
const pauseMsMax = 5_000;

type Step = (
  ensemble: MixedEnsemble,
  random: Random,
  flavors: readonly Flavor[],
) => [string, () => Promise<void>];

/** Each with how it is called and how it is done; all end with every member started again. */
const steps: readonly Step[] = [
  (ensemble, random) => {
    const member = oneOf(ensemble.members, random);
    return [`kill ${member.label}`, async () => {
      await member.kill();
      await member.start();
    }];
  },
  (ensemble, random) => {
    const member = oneOf(ensemble.members, random);
    return [`stop ${member.label}`, async () => {
      await member.stop();
      await member.start();
    }];
  },
  (ensemble, random) => {
    const member = oneOf(ensemble.members, random);
    const ms = 200 + randomBelow(random, pauseMsMax);
    return [`pause ${member.label} for ${ms} ms`, async () => {
      await member.pause();
      await Bun.sleep(ms);
      member.resume();
    }];
  },
  (ensemble, random, flavors) => {
    const member = oneOf(ensemble.members, random);
    const flavor = oneOf(flavors, random);
    const fresh = randomBelow(random, 2) === 0;
    const how = randomBelow(random, 2) === 0 ? "kill" : "stop";
    return [
      `${how} ${member.label}, go on as ${flavor}${fresh ? " on an empty directory" : ""}`,
      async () => {
        await member[how]();
        member.become(flavor, { fresh });
        if (fresh) await ensemble.settled();
        await member.start();
      },
    ];
  },
  (ensemble, random, flavors) => {
    const spared = oneOf(ensemble.members, random);
    const others = ensemble.members.filter((member) => member !== spared);
    const flavor = oneOf(flavors, random);
    return [`kill all but ${spared.label}, one goes on as ${flavor}`, async () => {
      await Promise.all(others.map((member) => member.kill()));
      others[0].become(flavor);
      for (const member of others) await member.start();
    }];
  },
  (ensemble, random, flavors) => {
    const next = ensemble.members.map(() => oneOf(flavors, random));
    return [`kill everyone, go on as ${next.join(", ")}`, async () => {
      await Promise.all(ensemble.members.map((member) => member.kill()));
      for (const [i, member] of ensemble.members.entries()) member.become(next[i]);
      for (const member of ensemble.members) await member.start();
    }];
  },
];

function oneOf<T>(all: readonly T[], random: Random): T {
  return all[randomBelow(random, all.length)];
}

/** Walks; throws, with what the members logged, when the ensemble or the load does not come back. */
export async function wander(options: WanderOptions): Promise<WanderReport> {
  const random = seededRandom(options.seed);
  const specs = [1, 2, 3].map((id) => ({ id, flavor: oneOf(options.flavors, random) }));
  await using ensemble = await MixedEnsemble.create(specs);
  try {
    await ensemble.start();
    options.say(`seed ${options.seed}: ${ensemble.members.map((member) => member.label).join(", ")}`);
    using load = await StockLoad.start(ensemble.connectString);
    const broken: string[] = [];
    for (let step = 1; step <= options.steps && broken.length === 0; step++) {
      await load.progress(progressWrites);
      const [name, run] = oneOf(steps, random)(ensemble, random, options.flavors);
      options.say(`${step}. ${name}`);
      const began = performance.now();
      await run();
      await ensemble.settled();
      await load.progress(progressWrites);
      for (const member of ensemble.members) {
        if (!member.isRunning) throw new Error(`Member ${member.label} has ended`);
      }
      const tookMs = Math.round(performance.now() - began);
      if (tookMs > slowStepMs) options.say(`that took ${tookMs} ms; ${await ensemble.describe(10_000)}`);
      broken.push(...load.lines().filter((line) => line.kind === "violation").map((line) => line.what ?? ""));
      if (step % lookEvery === 0 || step === options.steps) broken.push(...await judge(ensemble, load));
    }
    if (broken.length > 0) options.say(await ensemble.describe());
    const journal = await load.finish();
    broken.push(...journal.filter((line) => line.kind === "violation").map((line) => line.what ?? ""));
    return { load: figuresOf(journal), broken: [...new Set(broken)] };
  } catch (error) {
    options.say(await ensemble.describe());
    throw error;
  }
}
