import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/**
 * ZOOKEEPER-3911: a follower acked NEWLEADER before it had synced what the leader had brought it, so that a leader could
 * be established on txns that one disk alone held.
 */
export const zookeeper3911: Scenario = {
  name: "zookeeper-3911",
  summary:
    "Power fails everywhere as a leader is established on a txn that it alone had logged; the txn must be there",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const old = stage.leader;
    const [near, far] = stage.others;
    const client = stage.client(old);
    client.create("/a", "1");
    // Only the leader logs it.
    stage.cut(old);
    client.send({ kind: "create", path: "/tail", data: "2", ephemeral: false, sequential: false });
    stage.pass(5);
    for (const server of stage.ensemble.servers) server.cutPower("order");
    stage.ensemble.network.healAll();
    stage.at(event(old, "established"), () => {
      for (const server of stage.ensemble.servers) server.cutPower("everything");
    });
    old.start();
    near.start();
    stage.until("the old leader to be established", () => !old.isOn);
    near.start();
    far.start();
    stage.until("the other two to serve", () => near.isServing && far.isServing);
    stage.expect(stage.client(far).read("/tail") === "2", "what the established leader began with is lost");
    stage.settle();
  },
};
