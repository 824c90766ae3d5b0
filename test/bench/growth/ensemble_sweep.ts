/** The same load on ensembles of several sizes. */
import { startEnsemble, startStandalone, stopStandalone } from "../sides.ts";
import { type GrowthSetting, measureColdStep, type Step, type Sweep, targetOf, tryStep } from "./sweep.ts";

const words = { connections: 48, inFlight: 8 };

/** 48 connections over all servers, 8 in flight; nothing is pinned, for there are more processes than cores. */
export async function byServers(setting: GrowthSetting): Promise<Sweep> {
  const { rig, freeWorker } = setting;
  const steps: Step[] = [];
  const left: string[] = [];
  const alone = await startStandalone(rig, "zoon");
  const one = await targetOf({ servers: [alone], pids: [alone.pid] });
  steps.push(await measureColdStep(setting, "1", one, words, freeWorker));
  await stopStandalone(alone);
  for (const [at, voters, observers] of [["3", 3, 0], ["5", 5, 0], ["3 + 2 observers", 3, 2]] as const) {
    await tryStep(setting, `${at} servers`, left, async () => {
      const ensemble = await startEnsemble(rig, "zoon", { voters, observers });
      const target = await targetOf(ensemble);
      steps.push(await measureColdStep(setting, at, target, words, freeWorker));
      await ensemble.close();
    });
  }
  return {
    by: "servers",
    what: "48 connections over all of them, 8 in flight; servers and generator share the cores.",
    steps,
    left,
  };
}
