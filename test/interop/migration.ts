/**
 * Rolling migration: the servers of an ensemble are replaced by another implementation one at a time, followers
 * first and the leader last, while a stock client goes on writing.
 */
import { lastSync, type SyncKind } from "./ensemble_checks.ts";
import { judge } from "./judgement.ts";
import { type Member, MixedEnsemble, type Mode } from "./mixed_ensemble.ts";
import { figuresOf, type LoadFigures, type StockClient, StockLoad } from "./stock_load.ts";
import type { Flavor } from "./target.ts";

/** What to do. */
export interface MigrationPlan {
  from: Flavor;
  to: Flavor;
  /** Each new server begins with an empty data directory and not with the old one's. */
  fresh: boolean;
  /** Go the same way back afterwards. */
  back: boolean;
  /** Whose sessions have to live on. */
  client: StockClient;
}

/** One server that was replaced. */
export interface MigrationStep {
  id: number;
  from: Flavor;
  to: Flavor;
  /** What the old server was. */
  role: Mode;
  /** How the new one caught up, where an Apache server tells. */
  sync: SyncKind | undefined;
  /** What the new one became. */
  became: Mode;
  /** From the old one's last moment to the new one's serving, in ms. */
  downMs: number;
}

/** What came of it. */
export interface MigrationReport {
  steps: MigrationStep[];
  load: LoadFigures;
  /** What should not be, in words: promises of servers that were not kept, and trees that differ. */
  broken: string[];
}

/** How many writes must be acknowledged between two steps. */
const progressWrites = 60;

/** Runs a migration of three servers on this machine from its start to its judgement. */
export async function migrate(plan: MigrationPlan, say: (line: string) => void): Promise<MigrationReport> {
  await using ensemble = await MixedEnsemble.create([1, 2, 3].map((id) => ({ id, flavor: plan.from })));
  const leader = await ensemble.start();
  say(`three ${plan.from} servers serve at ${ensemble.connectString}; ${leader.id} leads`);
  using load = await StockLoad.start(ensemble.connectString, plan.client);
  await load.progress(progressWrites);
  say(`${plan.client} writes through ${figuresOf(load.lines()).sessions} sessions`);
  const steps: MigrationStep[] = [];
  const broken: string[] = [];
  try {
    const ways = plan.back ? [plan.to, plan.from] : [plan.to];
    for (const to of ways) {
      steps.push(...await replaceAll(ensemble, load, { to, fresh: plan.fresh }, say));
      broken.push(...await judge(ensemble, load));
      say(broken.length === 0 ? "all trees are equal, every promise is kept" : broken.join("\n"));
    }
    const journal = await load.finish();
    broken.push(...journal.filter((line) => line.kind === "violation").map((line) => `${line.what}`));
    return { steps, load: figuresOf(journal), broken: [...new Set(broken)] };
  } catch (error) {
    say(await ensemble.describe());
    throw error;
  }
}

/** Replaces every member, one at a time: each must have caught up before the next one goes. */
async function replaceAll(
  ensemble: MixedEnsemble,
  load: StockLoad,
  how: { to: Flavor; fresh: boolean },
  say: (line: string) => void,
): Promise<MigrationStep[]> {
  const leader = await ensemble.settled();
  const order = [...ensemble.members.filter((member) => member !== leader), leader];
  const steps: MigrationStep[] = [];
  for (const member of order) {
    const role = await member.serves();
    const step = await replace(ensemble, member, role, how);
    steps.push(step);
    await load.progress(progressWrites);
    say(
      `server ${step.id}, ${step.role}: ${step.from} → ${step.to} as ${step.became} ` +
        `after ${step.downMs} ms${step.sync === undefined ? "" : `, caught up by ${step.sync}`}`,
    );
  }
  return steps;
}

async function replace(
  ensemble: MixedEnsemble,
  member: Member,
  role: Mode,
  how: { to: Flavor; fresh: boolean },
): Promise<MigrationStep> {
  const from = member.flavor;
  const start = performance.now();
  await member.stop();
  member.become(how.to, { fresh: how.fresh });
  // A member with an empty directory must not vote before the others have a leader among them.
  await ensemble.settled();
  await member.start();
  const became = await member.serves();
  const downMs = Math.round(performance.now() - start);
  const leader = await ensemble.settled();
  const sync = leader === member ? undefined : lastSync(member, leader);
  return { id: member.id, from, to: how.to, role, sync, became, downMs };
}
