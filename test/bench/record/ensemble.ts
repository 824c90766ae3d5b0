/** Three servers of each side under gets, sets and the 10:1 mix of them. */
import { byTurns, type CaseResult, type LoadCase, type Turns, warmUp } from "../by_turns.ts";
import { loadOf, prepare } from "../engine.ts";
import { rssBytesOf } from "../processes.ts";
import type { Rig } from "../rig.ts";
import { type Side, startEnsemble } from "../sides.ts";
import { type Spread, spreadOf } from "../statistics.ts";

/** What is measured. */
export interface EnsembleFigures {
  readonly loads: readonly CaseResult<Side>[];
  /** Resident bytes of the three servers after it. */
  readonly rssBytes: Record<Side, Spread>;
}

/** Over all three servers. */
const connections = 48;

const shapes = [
  ["gets, 32 in flight", "get", 32],
  ["gets, closed loop", "get", 1],
  ["sets, 32 in flight", "set", 32],
  ["sets, closed loop", "set", 1],
  ["10:1 mix, 8 in flight", "get=10,set=1", 8],
] as const;

/** Runs all rounds. */
export async function measureEnsemble(
  rig: Rig,
  { roundMs, warmUpMs, ...turns }: Turns & { readonly roundMs: number; readonly warmUpMs: number },
): Promise<EnsembleFigures> {
  const cases: LoadCase[] = shapes.map(([name, mix, inFlight]) => ({
    name,
    load: loadOf({ mix, inFlight, connections, durationMs: roundMs, warmUpMs }),
  }));
  rig.say("starting three servers of each side");
  const ensembles = {
    zoon: await startEnsemble(rig, "zoon", { voters: 3 }),
    apache: await startEnsemble(rig, "apache", { voters: 3 }),
  };
  const contenders = await Promise.all((["zoon", "apache"] as const).map(async (name) => ({
    name,
    servers: ensembles[name].servers,
    pids: ensembles[name].pids,
    root: await prepare(ensembles[name].servers, cases[0].load),
  })));
  await warmUp(contenders, cases, turns);
  const loads = await byTurns<Side>(contenders, cases, turns);
  const rss = ({ pids }: { pids: readonly number[] }) => spreadOf(pids.map((pid) => rssBytesOf(pid) ?? NaN));
  const rssBytes = { zoon: rss(ensembles.zoon), apache: rss(ensembles.apache) };
  for (const ensemble of Object.values(ensembles)) await ensemble.close();
  return { loads, rssBytes };
}
