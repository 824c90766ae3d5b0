/** An ensemble and the load on it, held against each other while nothing is under way. */
import { ConnectionLost } from "../wire/connection.ts";
import { differences, dumpsOf } from "./ensemble_checks.ts";
import type { MixedEnsemble } from "./mixed_ensemble.ts";
import { until } from "../wire/until.ts";
import { brokenPromises, type StockLoad } from "./stock_load.ts";
import type { TreeDump } from "./tree_dump.ts";

/**
 * Holds all trees against each other, and one against what the load was promised; then the load goes on.
 *
 * @returns What is wrong, in words.
 */
export async function judge(ensemble: MixedEnsemble, load: StockLoad): Promise<string[]> {
  await load.pause();
  const dumps = await until("the trees to be read", () => readTrees(ensemble));
  const [[, tree]] = dumps;
  const broken = [...differences(dumps), ...brokenPromises(load.lines(), tree)];
  load.resume();
  return broken;
}

/** @returns undefined when an election closed a session meanwhile. */
async function readTrees(ensemble: MixedEnsemble): Promise<Map<number, TreeDump> | undefined> {
  await ensemble.settled();
  try {
    return await dumpsOf(ensemble);
  } catch (error) {
    if (error instanceof ConnectionLost) return undefined;
    throw error;
  }
}
