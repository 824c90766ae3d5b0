import { type Load, loadOf } from "./load.ts";
import { tickMs } from "./mix_load.ts";
import { Outcome } from "./outcome.ts";
import { type BenchPlan, sharesOf } from "./plan.ts";
import { RemoteLoad } from "./remote_load.ts";
import type { Tick } from "./tick.ts";

/** What {@linkcode runRound} tells while it runs. */
export interface RoundListener {
  /** All sessions are open; the load begins. */
  onStart?(): void;
  onTick?(tick: Tick): void;
}

/**
 * Runs a plan once, on servers where what it needs is there.
 *
 * @param signal Ends it early; the outcome is then that of the time until then.
 * @throws {Error} When sessions cannot be had.
 */
export async function runRound(
  plan: BenchPlan,
  signal: AbortSignal,
  listener: RoundListener = {},
): Promise<Outcome> {
  const shares = sharesOf(plan);
  const loads: Load[] = plan.workers === 1
    ? [loadOf(plan, shares[0], () => {})]
    : introduced(shares.map((share) => new RemoteLoad(plan, share)));
  const stop = () => {
    for (const load of loads) load.stop();
  };
  signal.addEventListener("abort", stop);
  const outcome = new Outcome(tickMs);
  try {
    await Promise.all(loads.map((load) => load.connect()));
    listener.onStart?.();
    const ends = await Promise.all(loads.map((load) =>
      load.run((tick) => {
        outcome.add(tick);
        listener.onTick?.(tick);
      })
    ));
    outcome.finish(ends);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
    await Promise.all(loads.map((load) => load.close()));
  }
  return outcome;
}

/** Parts of one load that hear each other: the first one all others, and those the first one. */
function introduced(loads: RemoteLoad[]): RemoteLoad[] {
  const [first, ...others] = loads;
  first.onCue = (cue) => {
    for (const other of others) other.hear(cue);
  };
  for (const other of others) other.onCue = (cue) => first.hear(cue);
  return loads;
}
