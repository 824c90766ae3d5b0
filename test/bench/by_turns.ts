/** The same loads on several contenders that all run, by turns, so that what disturbs the machine weighs on all. */
import { loadavg } from "node:os";
import { drive, type Load, type Measured, type Target } from "./engine.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** One kind of load. */
export interface LoadCase {
  /** As `gets, 32 in flight`. */
  readonly name: string;
  readonly load: Load;
}

/** Who is loaded, under a name. */
export interface Contender<Name extends string = string> extends Target {
  readonly name: Name;
  /** Cases that are nothing for it. */
  readonly skips?: (load: Load) => boolean;
}

/** All rounds of one case on one contender. */
export interface CaseResult<Name extends string = string> {
  readonly case: string;
  readonly contender: Name;
  /** One for each round, in order. */
  readonly rates: readonly number[];
  readonly opsPerSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly p999Ms: Spread;
  readonly maxMs: Spread;
  readonly generatorCpu: Spread;
  readonly serversCpu: Spread | null;
  readonly cpuUsPerOp: Spread | null;
  /** The kernel's part of it. */
  readonly kernelPart: Spread | null;
}

/** How often and with what. */
export interface Turns {
  readonly rounds: number;
  /** No further round begins once less than this is left, in ms. */
  readonly mayBegin: () => boolean;
  /** What starts a worker of the engine. */
  readonly worker: readonly string[];
  readonly say: (text: string) => void;
}

/** Loads of each kind that the code of a server gets before it is measured: a JVM needs them. */
export async function warmUp(
  contenders: readonly Contender[],
  cases: readonly LoadCase[],
  { worker, say }: Pick<Turns, "worker" | "say">,
): Promise<void> {
  for (const contender of contenders) {
    say(`warming up ${contender.name}`);
    for (const { load } of cases) {
      if (contender.skips?.(load) !== true) {
        await driveTwice({ ...load, durationMs: 2 * load.durationMs }, contender, worker, say);
      }
    }
  }
}

/** Runs every case on every contender in each round; who goes first alternates. */
export async function byTurns<Name extends string>(
  contenders: readonly Contender<Name>[],
  cases: readonly LoadCase[],
  { rounds, mayBegin, worker, say }: Turns,
): Promise<CaseResult<Name>[]> {
  const found = new Map<string, Measured[]>();
  const key = (load: LoadCase, contender: Contender) => `${load.name} ${contender.name}`;
  for (let round = 1; round <= rounds && (round === 1 || mayBegin()); round++) {
    for (const each of cases) {
      const told: string[] = [];
      for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
        if (contender.skips?.(each.load) === true) continue;
        const measured = await driveTwice(each.load, contender, worker, say);
        found.set(key(each, contender), [...found.get(key(each, contender)) ?? [], measured]);
        told.push(`${contender.name} ${Math.round(measured.opsPerSecond)}/s`);
      }
      say(
        `round ${round} of ${rounds}, ${each.name}: ${told.join(", ")} (load average ${
          loadavg()[0].toFixed(1)
        })`,
      );
    }
  }
  return cases.flatMap((each) =>
    contenders.flatMap((contender) => {
      const all = found.get(key(each, contender));
      return all === undefined ? [] : [resultOf(each.name, contender.name, all)];
    })
  );
}

/** What fails once on a busy machine is tried again: a run is long. */
async function driveTwice(
  load: Load,
  target: Contender,
  worker: readonly string[],
  say: (text: string) => void,
): Promise<Measured> {
  try {
    return await drive(load, target, worker);
  } catch (error) {
    say(`${target.name}: ${(error as Error).message}; once more`);
    return await drive(load, target, worker);
  }
}

/** @param all The rounds, at least one. */
export function resultOf<Name extends string>(
  name: string,
  contender: Name,
  all: readonly Measured[],
): CaseResult<Name> {
  const spread = (pick: (one: Measured) => number) => spreadOf(all.map(pick));
  const known = (pick: (one: Measured) => number | null) => {
    const numbers = all.map(pick).filter((one) => one !== null);
    return numbers.length === 0 ? null : spreadOf(numbers);
  };
  return {
    case: name,
    contender,
    rates: all.map((one) => one.opsPerSecond),
    opsPerSecond: spread((one) => one.opsPerSecond),
    p50Ms: spread((one) => one.p50Ms),
    p99Ms: spread((one) => one.p99Ms),
    p999Ms: spread((one) => one.p999Ms),
    maxMs: spread((one) => one.maxMs),
    generatorCpu: spread((one) => one.generatorCpu),
    serversCpu: known((one) => one.serversCpu),
    cpuUsPerOp: known((one) => one.cpuUsPerOp),
    kernelPart: known((one) => one.kernelPart),
  };
}
