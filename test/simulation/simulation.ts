import { counterOf } from "../../src/protocol/zxid.ts";
import { Faults } from "./faults.ts";
import { drawParameters, type FaultKind, type ParameterChanges, type Parameters } from "./parameters.ts";
import { SimEnsemble, type Violation } from "./sim_ensemble.ts";
import { TraceWriter } from "./trace_writer.ts";

/** How a run is watched. */
export interface SimulationOptions {
  readonly changes?: ParameterChanges;
  /** Takes each line of the trace, without its end. */
  readonly trace?: (line: string) => void;
  /** Adds a checker that fails at the first txn, to see that failures are told. */
  readonly alwaysFail?: boolean;
  /** Is shown the ensemble as the run leaves it. */
  readonly inspect?: (ensemble: SimEnsemble) => void;
}

/** What came of a run. */
export interface Outcome {
  readonly parameters: Parameters;
  /** Null when every property held. */
  readonly violation: Violation | null;
  readonly simulatedMs: number;
  /** Events that happened in it. */
  readonly steps: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** Txns that were committed. */
  readonly txns: number;
  /** Leaders that took office. */
  readonly epochs: number;
  /** Too many servers were lost for good to demand that it goes on. */
  readonly isHopeless: boolean;
  /** Equal for two runs of one seed. */
  readonly fingerprint: number;
}

/** Once all is healed, so long may it take until every server serves and every client has written. */
const progressMs = 60_000;
/** And so long until nothing is under way any more. */
const quietMs = 60_000;
const firstLeaderMs = 30_000;

/**
 * Runs one ensemble: faults rage as its seed says while the checkers watch; then everything is healed, and it must
 * go on: a leader, every server serving, a write acknowledged for every client; at last all must hold the same.
 */
export function simulate(seed: number, options: SimulationOptions = {}): Outcome {
  const parameters = drawParameters(seed, options.changes);
  const ensemble = new SimEnsemble(parameters);
  const writer = options.trace === undefined ? null : new TraceWriter(ensemble, options.trace);
  if (writer !== null) ensemble.listeners.push(writer);
  if (options.alwaysFail === true) {
    ensemble.history.onCommitted(() => ensemble.report("AlwaysFails", "this checker always fails"));
  }
  let epochs = 0;
  ensemble.listeners.push({
    onTrace: (_server, event) => {
      if (event.kind === "established") epochs++;
    },
  });
  const faults = new Faults(ensemble, (what) => writer?.note(what));
  ensemble.startAll();
  for (let index = 0; index < parameters.clients; index++) ensemble.addClient();
  // Before the first fault there is something to break.
  ensemble.run(firstLeaderMs, () => ensemble.history.txns.length > 0);
  faults.begin();
  ensemble.run(parameters.chaosMs);
  const isHopeless = heal(ensemble, faults, writer);
  options.inspect?.(ensemble);
  return {
    parameters,
    violation: ensemble.violations[0] ?? null,
    simulatedMs: ensemble.nowMs,
    steps: ensemble.scheduler.steps,
    faults: faults.counts,
    txns: ensemble.history.txns.length,
    epochs,
    isHopeless,
    fingerprint: ensemble.fingerprint,
  };
}

/** @returns Whether there are too few servers left to go on. */
function heal(ensemble: SimEnsemble, faults: Faults, writer: TraceWriter | null): boolean {
  if (ensemble.violations.length > 0) return false;
  writer?.note("everything is healed");
  faults.heal();
  if (isHopeless(ensemble)) faults.startStrangers();
  if (isHopeless(ensemble)) return true;
  const healedMs = ensemble.nowMs;
  const wentOn = ensemble.run(progressMs, () => missingProgress(ensemble, healedMs) === null);
  if (ensemble.violations.length > 0 || isHopeless(ensemble)) return isHopeless(ensemble);
  if (!wentOn) {
    ensemble.report(
      "Progress",
      `${missingProgress(ensemble, healedMs)}, ${progressMs} ms after all was healed`,
    );
    return false;
  }
  for (const client of ensemble.clients) client.rest();
  const isQuiet = ensemble.run(quietMs, () => busyWith(ensemble) === null);
  if (ensemble.violations.length > 0) return false;
  if (isQuiet) ensemble.judgeQuiet();
  else ensemble.report("Progress", `${busyWith(ensemble)}, ${quietMs} ms after the clients came to rest`);
  return false;
}

function isHopeless(ensemble: SimEnsemble): boolean {
  const living = ensemble.servers.filter(({ refusal }) => refusal === null);
  return !ensemble.canGoOn(new Set(living.map(({ id }) => id)));
}

/** @returns Why the ensemble cannot be said to go on, or null. */
function missingProgress(ensemble: SimEnsemble, sinceMs: number): string | null {
  const leader = ensemble.leader();
  if (leader === undefined) return "there is no leader";
  for (const { id } of ensemble.membership.servers) {
    const server = ensemble.server(id);
    if (server.refusal !== null) continue;
    if (!server.isServing) return `server ${id} (${server.state}) does not serve`;
    const idle = server.workers.find(({ isServing }) => !isServing);
    if (idle !== undefined) return `worker ${idle.index} of server ${id} does not serve`;
  }
  for (const client of ensemble.clients) {
    if (client.lastWriteMs <= sinceMs) return `no write of ${client.name} was acknowledged`;
  }
  return null;
}

/** @returns What is still under way, or null. */
function busyWith(ensemble: SimEnsemble): string | null {
  const { lastZxid } = ensemble.history;
  for (const { id } of ensemble.membership.servers) {
    const server = ensemble.server(id);
    if (server.refusal !== null) continue;
    for (const { zxid, isServing } of [server, ...server.workers]) {
      const isThere = zxid === lastZxid || (zxid > lastZxid && counterOf(zxid) === 0);
      if (!isServing || !isThere) {
        return `server ${id} is at 0x${zxid.toString(16)} and not at 0x${lastZxid.toString(16)}`;
      }
    }
  }
  for (const client of ensemble.clients) {
    if ((client.session?.pendingCount ?? 0) > 0) return `${client.name} waits for an answer`;
  }
  return null;
}
