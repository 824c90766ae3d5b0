import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/** Disk calls of a synchronization after which power is cut, one after the other, until there are no more. */
const callsMax = 200;

/**
 * ZOOKEEPER-4785: between a DIFF's txns, the epoch file and the ack there were moments at which a crash lost txns. Power
 * fails in every disk call that a follower makes from NEWLEADER to UPTODATE, one run for each.
 */
export const zookeeper4785: Scenario = {
  name: "zookeeper-4785",
  summary: "A follower loses power in every single disk call of its synchronization; no write is ever lost",
  run(trace) {
    for (let calls = 0; calls < callsMax; calls++) if (!crashesAt(calls, trace)) return;
  },
};

/** @returns Whether the synchronization made so many disk calls. */
function crashesAt(calls: number, trace: ((line: string) => void) | undefined): boolean {
  const stage = new Stage({ trace }).start();
  const old = stage.leader;
  const [stale, other] = stage.others;
  stale.kill();
  const client = stage.client(old);
  for (let index = 0; index < 5; index++) client.create(`/a${index}`, String(index));
  stage.at(event(stale, "receive", "LEADERINFO"), () => stale.callsUntilPowerCut = calls);
  stale.start();
  stage.until("the follower to lose power or to serve", () => !stale.isOn || stale.isServing);
  const hasCrashed = !stale.isOn;
  stale.callsUntilPowerCut = -1;
  if (hasCrashed) {
    // The two that are left must know all of it, whoever leads.
    old.cutPower("everything");
    stage.start(stale, other);
    stage.expect(
      stage.client(other).read("/a4") === "4",
      `a write is lost after a crash in disk call ${calls}`,
    );
  }
  stage.settle();
  return hasCrashed;
}
