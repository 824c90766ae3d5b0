import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-4646: followers acked NEWLEADER and crashed before the txns of the synchronization were on their disks. */
export const zookeeper4646: Scenario = {
  name: "zookeeper-4646",
  summary:
    "Followers lose power the moment they have acked NEWLEADER; what the leader brought them must be there",
  run(trace) {
    const stage = new Stage({ trace, voters: 3 }).start();
    const old = stage.leader;
    const [one, two] = stage.others;
    one.cutPower("everything");
    const client = stage.client(old);
    client.create("/a", "1");
    client.create("/b", "2");
    let acks = 0;
    stage.at(
      (server, happening) =>
        server === one && happening.kind === "send" && happening.packet === "ACK" && ++acks > 0,
      () => one.cutPower("everything"),
    );
    one.start();
    stage.until("the follower to ack", () => acks > 0 && !one.isOn);
    // What the follower acked must not depend on anybody else.
    old.cutPower("everything");
    stage.start(one, two);
    stage.expect(one.zxid >= stage.ensemble.history.lastZxid, "the follower acked what it does not have");
    stage.expect(stage.client(one).read("/b") === "2", "a committed write is gone");
    stage.settle();
  },
};
