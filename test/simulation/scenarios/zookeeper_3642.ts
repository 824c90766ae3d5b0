import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/** ZOOKEEPER-3642: a leader crashed after the snapshot and before NEWLEADER; the learner went on with half a history. */
export const zookeeper3642: Scenario = {
  name: "zookeeper-3642",
  summary:
    "The leader dies when a follower has its snapshot and not yet NEWLEADER; the follower gives the tree up",
  run(trace) {
    const stage = new Stage({ trace, committedTxnsKept: 1, snapshotSizeFactor: -1 }).start();
    const old = stage.leader;
    const [stale, other] = stage.others;
    stale.kill();
    const client = stage.client(old);
    for (let index = 0; index < 10; index++) client.create(`/a${index}`, String(index));
    const before = stale.zxid;
    stage.at(
      (server, happening) => server === stale && happening.kind === "load" && happening.from === "leader",
      () => old.cutPower("everything"),
    );
    // NEWLEADER and what else is on its way is lost with the leader.
    stage.at(
      event(old, "send", "SNAP"),
      () => stage.ensemble.network.link(old.host, stale.host).latencyMs = 5,
    );
    stale.start();
    stage.until("the leader to die", () => !old.isOn);
    stage.until("the two others to serve", () => stale.isServing && other.isServing);
    stage.expect(stage.leader === other, "the one that holds everything leads");
    stage.expect(stale.zxid > before, "the follower has not caught up");
    stage.settle();
    stage.expect(stage.client(stale).read("/a9") === "9", "a write is lost");
  },
};
