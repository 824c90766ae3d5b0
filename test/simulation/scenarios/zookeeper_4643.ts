import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/**
 * ZOOKEEPER-4643: a follower made the new epoch current before its txns were on the disk; after a crash between the two
 * it won the next election with the epoch, without the txns, and had them cut off everywhere.
 */
export const zookeeper4643: Scenario = {
  name: "zookeeper-4643",
  summary:
    "A follower loses power right after it made the epoch of NEWLEADER current, then leads; nothing may be lost",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const old = stage.leader;
    const [stale, other] = stage.others;
    stale.cutPower("everything");
    const client = stage.client(old);
    const last = client.create("/a", "1");
    // A new epoch, to which the stale follower comes with DIFF.
    old.kill();
    other.kill();
    stage.start(old, other);
    const epoch = stage.leader.currentEpoch;
    stage.at(
      (server, happening) =>
        server === stale && happening.kind === "currentEpoch" && happening.epoch === epoch,
      () => stale.cutPower("everything"),
    );
    stale.start();
    stage.until("the stale follower to lose power", () => !stale.isOn);
    stage.leader.cutPower("everything");
    stage.start(...stage.ensemble.servers.filter((server) => server !== old));
    stage.expect(stage.ensemble.history.committed(last) !== undefined, "the write is not committed");
    stage.expect(stage.client(stale).read("/a") === "1", "a committed write was cut off");
    stage.settle();
  },
};
