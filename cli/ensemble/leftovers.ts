import { rmSync } from "node:fs";
import { nodePaths, readPid } from "./ensemble_directory.ts";
import type { Layout } from "./layout.ts";
import { runsNode } from "./process_table.ts";

/** How long nodes whose launcher is gone may take to notice, and then to follow a signal, in ms. */
const leaveMs = 2_000;
const stopMs = 5_000;
const checkMs = 20;

/**
 * Ends what is left of an earlier run whose launcher was killed. Nodes leave by themselves soon after it, unless
 * they are paused or hang. A process is only taken for a node if it runs with that node's zoo.cfg.
 *
 * @returns What was done, in sentences.
 */
export async function endLeftovers(directory: string, layout: Layout): Promise<string[]> {
  const ended = await Promise.all(layout.nodes.map(async ({ id }) => {
    const { config, pidFile } = nodePaths(directory, id);
    const pid = readPid(pidFile);
    if (pid === undefined) return [];
    const isThere = () => runsNode(pid, config);
    const there = isThere();
    if (there) await endProcess(pid, isThere);
    rmSync(pidFile, { force: true });
    return there ? [`node ${id} of an earlier run was still there (process ${pid}) and is gone now`] : [];
  }));
  return ended.flat();
}

async function endProcess(pid: number, isThere: () => boolean): Promise<void> {
  signal(pid, "SIGCONT");
  if (await gone(isThere, leaveMs)) return;
  signal(pid, "SIGTERM");
  if (await gone(isThere, stopMs)) return;
  signal(pid, "SIGKILL");
  await gone(isThere, stopMs);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}

async function gone(isThere: () => boolean, withinMs: number): Promise<boolean> {
  for (let waited = 0; waited < withinMs; waited += checkMs) {
    if (!isThere()) return true;
    await Bun.sleep(checkMs);
  }
  return !isThere();
}
