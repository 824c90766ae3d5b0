import { seededRandom } from "../../src/base/random.ts";
import { ConnectLoad } from "./connect_load.ts";
import type { Cue } from "./cue.ts";
import { FanOutLoad, FanOutPart } from "./fan_out_load.ts";
import { MixLoad } from "./mix_load.ts";
import type { BenchPlan, Share } from "./plan.ts";
import { Requests } from "./requests.ts";
import type { Tick, WorkerEnd } from "./tick.ts";

/** One worker's part of a plan. */
export interface Load {
  /** Opens its sessions. Rejects when they cannot be had. */
  connect(): Promise<void>;
  /** Runs to its end; tells a few times a second what was measured. */
  run(onTick: (tick: Tick) => void): Promise<WorkerEnd>;
  /** What other workers' parts tell this one; where none has to know of the others there is nothing to hear. */
  hear?(cue: Cue): void;
  /** Ends a run early, or an attempt to connect. */
  stop(): void;
  /** Ends the sessions. */
  close(): Promise<void>;
}

/**
 * Makes the load that a plan describes.
 *
 * @param say Tells the other workers' parts, or the first one.
 */
export function loadOf(plan: BenchPlan, share: Share, say: (cue: Cue) => void): Load {
  const random = seededRandom(plan.seed + Math.imul(share.index, 0x9e3779b9));
  switch (plan.mix[0].operation) {
    case "connect":
      return new ConnectLoad(plan, share);
    case "watch":
      return new (share.index === 0 ? FanOutLoad : FanOutPart)(plan, share, new Requests(plan, random), say);
    default:
      return new MixLoad(plan, share, new Requests(plan, random), random);
  }
}
