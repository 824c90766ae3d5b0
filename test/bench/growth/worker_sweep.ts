/** The same load on one server of several processes. */
import { familyOf } from "../processes.ts";
import { startStandalone, stopStandalone } from "../sides.ts";
import { type GrowthSetting, measureColdStep, type Step, type Sweep, targetOf, tryStep } from "./sweep.ts";

/** Workers listen once they are up to date. */
const settleMs = 1500;

/** 50 connections, 32 in flight; nothing is pinned, for the processes are to have all cores. */
export async function byWorkers(setting: GrowthSetting): Promise<Sweep> {
  const { rig, freeWorker } = setting;
  const steps: Step[] = [];
  const left: string[] = [];
  for (const workers of ["1", "2", "3"]) {
    await tryStep(setting, `${workers} processes`, left, async () => {
      const server = await startStandalone(rig, "zoon", { flags: ["--workers", workers] });
      const target = await targetOf({ servers: [server], pids: [server.pid] });
      await Bun.sleep(settleMs);
      const pids = familyOf(server.pid);
      if (pids.length !== Number(workers)) throw new Error(`${pids.length} of ${workers} processes run`);
      steps.push(await measureColdStep(setting, workers, { ...target, pids }, { inFlight: 32 }, freeWorker));
      await stopStandalone(server);
    });
  }
  return {
    by: "processes of one server",
    what:
      "`zoon server --workers N`, 50 connections, 32 in flight; all processes and the generator share the cores.",
    steps,
    left,
  };
}
