import { seededRandom } from "../../src/base/random.ts";
import { ConnectLoad } from "./connect_load.ts";
import { FanOutLoad } from "./fan_out_load.ts";
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
  /** Ends a run early, or an attempt to connect. */
  stop(): void;
  /** Ends the sessions. */
  close(): Promise<void>;
}

/** Makes the load that a plan describes. */
export function loadOf(plan: BenchPlan, share: Share): Load {
  const random = seededRandom(plan.seed + Math.imul(share.index, 0x9e3779b9));
  switch (plan.mix[0].operation) {
    case "connect":
      return new ConnectLoad(plan, share);
    case "watch":
      return new FanOutLoad(plan, share, new Requests(plan, random));
    default:
      return new MixLoad(plan, share, new Requests(plan, random), random);
  }
}
