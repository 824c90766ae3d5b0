/** What `npm run bench:failover` finds. */
import { resolve } from "node:path";
import type { Failover } from "../../chaos/failover_run.ts";
import type { Rig } from "../rig.ts";
import type { Side } from "../sides.ts";
import { type Spread, spreadOf } from "../statistics.ts";

const source = resolve(import.meta.dir, "../../../scripts/failover.ts");
/** A kill, the return of the killed server, and the same of the other side. */
const roundMaxMs = 60_000;

/** From kill -9 of the leader to the next acknowledged write on a survivor, in ms. */
export async function measureFailover(rig: Rig, kills: number): Promise<Record<Side, Spread>> {
  rig.say(`failover, ${kills} kills a side`);
  const words = ["--kills", String(kills), "--binary", rig.binary, "--dir", rig.scratch, "--json"];
  // It exits with 1 when its own target is missed.
  const output = await rig.output([process.execPath, source, ...words], 60_000 + kills * roundMaxMs, {
    codes: [0, 1],
    tell: (line) => rig.say(line),
  });
  const report = JSON.parse(output) as { kills: Record<Side, readonly Failover[]> };
  const survivors = (side: Side) => spreadOf(report.kills[side].map(({ survivorMs }) => survivorMs));
  return { zoon: survivors("zoon"), apache: survivors("apache") };
}
