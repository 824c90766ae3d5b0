import { defaults } from "../../src/config/defaults.ts";
import type { Mix } from "./clients/workload.ts";
import { Chance } from "./world/chance.ts";

/** Kinds of faults that come and go while a simulation runs; each in times a simulated minute, on the average. */
export const faultKinds = [
  "cut",
  "cutOneWay",
  "partition",
  "partitionOneWay",
  "isolate",
  "slowLink",
  "reset",
  "garbage",
  "pause",
  "clockStep",
  "kill",
  "powerCut",
  "blackout",
  "crashInCall",
  "stop",
  "failSync",
  "failWrite",
  "fullDisk",
  "reconfig",
  "clientPause",
  "noQuorum",
  "killWorker",
  "pauseWorker",
] as const;

/** One of {@link faultKinds}. */
export type FaultKind = (typeof faultKinds)[number];

/** Those that make sense in some runs only, which have their own odds. */
const specialKinds: ReadonlySet<FaultKind> = new Set(["noQuorum", "killWorker", "pauseWorker"]);

/** How often each kind happens in a run in which nothing fails. */
export const noFaults = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Readonly<
  Record<FaultKind, number>
>;

/** Everything about a run that its seed decides. Times in ms of virtual time. */
export interface Parameters {
  readonly seed: number;
  readonly voters: number;
  readonly observers: number;
  /** Voters in three groups with weights instead of a plain majority. */
  readonly hierarchical: boolean;
  readonly tickMs: number;
  readonly initLimit: number;
  readonly syncLimit: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly windowBytes: number;
  readonly splitChance: number;
  readonly dripChance: number;
  readonly ghostChance: number;
  readonly noNameChance: number;
  readonly turnMsMax: number;
  /** Most by which a machine's clock runs fast or slow, as a share. */
  readonly clockSpread: number;
  readonly syncMs: number;
  readonly slowSyncChance: number;
  /** Power cuts may lose any sectors of what was not synced, not only its end. */
  readonly sectorLoss: boolean;
  readonly snapCount: number;
  readonly preAllocKb: number;
  readonly committedTxnsKept: number;
  readonly snapshotSizeFactor: number;
  readonly purgeEveryMs: number;
  readonly store: "paged" | "object" | "both";
  readonly clients: number;
  readonly thinkMs: number;
  readonly depth: number;
  readonly sessionTicks: number;
  readonly registers: number;
  readonly names: number;
  readonly mix: Mix;
  readonly closeChance: number;
  readonly abandonChance: number;
  readonly moveChance: number;
  /** How long faults rage. */
  readonly chaosMs: number;
  readonly faultMs: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** Nothing fails, no disk is slow beyond measure, and no office ends for want of zxids. */
  readonly isCalm: boolean;
  /** The newest counter of an epoch's zxids. */
  readonly zxidCounterMax: number;
  /** Sessions are their server's alone until they make an ephemeral. */
  readonly localSessions: boolean;
  /** Servers without a leader serve reads, and some clients put up with that. */
  readonly readOnlyMode: boolean;
  /** Processes beside the main one that servers have; and how many servers, the first ones. */
  readonly workers: number;
  readonly serversWithWorkers: number;
}

/** How a run is told apart from what its seed says. */
export type ParameterChanges = Partial<Omit<Parameters, "seed">>;

/** Draws a run's parameters from its seed; the same seed gives the same ones. */
export function drawParameters(seed: number, changes: ParameterChanges = {}): Parameters {
  const chance = new Chance(seed);
  const servers = chance.pick([3, 3, 3, 4, 5, 5, 6, 7]);
  const observers = servers > 3 ? chance.pick([0, 0, 1, 1, 2].filter((count) => servers - count >= 3)) : 0;
  const latencyMs = chance.pick([0.05, 0.2, 1, 5]);
  const jitterMs = chance.pick([0, 0.1, 1, 5]);
  // Timeouts that a healthy network cannot keep would only show that.
  const tickMs = chance.pick([50, 100, 200, 400].filter((ms) => ms >= 40 * (latencyMs + jitterMs)));
  const faults = { ...noFaults };
  // A few kinds at a time, each often or rarely: all of them together would hide what two alone bring about.
  const violence = chance.pick([0, 10, 20, 40, 80, 160]);
  for (const kind of faultKinds) {
    if (!specialKinds.has(kind) && chance.happens(0.35)) faults[kind] = violence * chance.between(0.2, 1);
  }
  const drawn = {
    seed,
    voters: servers - observers,
    observers,
    hierarchical: servers - observers >= 5 && chance.happens(0.2),
    tickMs,
    initLimit: chance.whole(4, 10),
    syncLimit: chance.whole(2, 6),
    latencyMs,
    jitterMs,
    windowBytes: chance.pick([2048, 16_384, 65_536, 262_144]),
    splitChance: chance.pick([0, 0.02, 0.3]),
    dripChance: chance.pick([0, 0, 0.05]),
    ghostChance: chance.pick([0, 0, 0.05, 0.3]),
    noNameChance: chance.pick([0, 0, 0.02, 0.2]),
    turnMsMax: chance.pick([0, 0.1, 1, 5]),
    clockSpread: chance.pick([0, 0, 0.02, 0.1]),
    syncMs: chance.pick([0.05, 0.5, 2, 8]),
    slowSyncChance: chance.pick([0, 0, 0.01, 0.05]),
    sectorLoss: chance.happens(0.2),
    snapCount: chance.pick([2, 10, 50, 300, 10_000]),
    preAllocKb: chance.pick([0, 4, 64]),
    committedTxnsKept: chance.pick([1, 5, 20, 100, 500]),
    snapshotSizeFactor: chance.pick([0.33, 0.33, -1, 1]),
    purgeEveryMs: chance.pick([0, 500, 3000]),
    store: chance.pick(["paged", "object", "both"] as const),
    clients: chance.whole(2, 6),
    thinkMs: chance.pick([5, 20, 60, 200]),
    depth: chance.whole(1, 5),
    sessionTicks: chance.whole(4, 20),
    registers: chance.whole(1, 6),
    names: chance.whole(1, 8),
    mix: drawMix(chance),
    closeChance: chance.pick([0, 0.005, 0.03]),
    abandonChance: chance.pick([0, 0.002, 0.01]),
    moveChance: chance.pick([0, 0.005, 0.03]),
    chaosMs: chance.pick([6_000, 12_000, 20_000]),
    faultMs: tickMs * chance.pick([1, 4, 12, 40]),
    faults,
  };
  // An office that is over before others have found it would say nothing of real ones.
  const officeMsMin = chance.pick([Infinity, Infinity, 2000, 6000]);
  const txns = Math.ceil(100 + officeMsMin * drawn.clients / drawn.thinkMs);
  const localSessions = chance.happens(0.25);
  const mix = { ...drawn.mix, addWatch: chance.pick([0, 0, 1, 3]) };
  const readOnlyMode = chance.happens(0.25);
  // Without it hardly any server would be without a leader for long enough.
  if (readOnlyMode) faults.noQuorum = chance.between(2, 8);
  // Sessions that one process alone knows do not go with several (`zoon server --workers`).
  const workers = localSessions ? 0 : chance.pick([0, 0, 0, 0, 1, 2]);
  if (workers > 0) {
    faults.killWorker = chance.pick([0, 10, 60]);
    faults.pauseWorker = chance.pick([0, 10, 60]);
  }
  const isCalm = chance.happens(0.05);
  return {
    ...drawn,
    faults: isCalm ? noFaults : faults,
    // A follower whose disk takes longer than syncLimit is dropped, as it must be.
    slowSyncChance: isCalm ? 0 : drawn.slowSyncChance,
    isCalm,
    zxidCounterMax: isCalm ? defaults.zxidCounterMax : Math.min(defaults.zxidCounterMax, txns),
    localSessions,
    mix,
    readOnlyMode,
    workers,
    serversWithWorkers: workers === 0 ? 0 : chance.whole(1, servers),
    ...changes,
  };
}

function drawMix(chance: Chance): Omit<Mix, "addWatch"> {
  const share = () => chance.pick([0, 1, 1, 3, 8]);
  return {
    setData: 1 + share(),
    compareAndSet: 1 + share(),
    read: 1 + share(),
    watch: share(),
    create: share(),
    createEphemeral: share(),
    createSequential: chance.pick([0, 0, 1]),
    delete: share(),
    multi: chance.pick([0, 1, 3]),
    sync: chance.pick([0, 0, 1, 4]),
  };
}

/** @returns The parameters on a few lines, those that say that something is off left out. */
export function parametersText(parameters: Parameters): string {
  const { seed: _seed, faults, mix, ...rest } = parameters;
  const list = (values: object) =>
    Object.entries(values).filter(([, value]) => value !== 0 && value !== false).map(([name, value]) =>
      `${name}=${typeof value === "number" ? Math.round(value * 1000) / 1000 : value}`
    ).join(" ");
  return `  ${list(rest)}\n  clients do: ${list(mix)}\n  faults a minute: ${list(faults) || "none"}`;
}
