import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-3104: NEWLEADER was sent before the snapshot's own txns, and a learner served what was not whole. */
export const zookeeper3104: Scenario = {
  name: "zookeeper-3104",
  summary:
    "Writes go on while a snapshot is sent over a narrow link; its receiver serves it only once it is whole",
  run(trace) {
    const stage = new Stage({ trace, committedTxnsKept: 1, snapshotSizeFactor: -1, windowBytes: 16_384 })
      .start();
    const leader = stage.leader;
    const [stale] = stage.others;
    stale.kill();
    const client = stage.client(leader);
    for (let index = 0; index < 300; index++) {
      const path = `/n${index}`;
      client.send({ kind: "create", path, data: "x".repeat(4000), ephemeral: false, sequential: false });
    }
    stage.until("the znodes", () => client.session.pendingCount === 0);
    const order: string[] = [];
    stage.ensemble.listeners.push({
      onTrace: (server, event) => {
        if (server !== stale) return;
        if (event.kind === "load" && event.from === "leader") order.push("tree");
        if (event.kind === "receive" && event.packet === "NEWLEADER") order.push("NEWLEADER");
        if (event.kind === "receive" && event.packet === "COMMIT" && order.at(-1) === "tree") {
          order.push("COMMIT");
        }
      },
    });
    stale.start();
    for (let index = 0; !stale.isServing; index++) {
      const path = `/n${index % 300}`;
      client.send({ kind: "setData", path, data: "y".repeat(4000), version: -1 });
      stage.pass(1);
      stage.expect(index < 5000, "the snapshot never arrives");
    }
    stage.expect(order.join() === "tree,COMMIT,NEWLEADER", `it was sent ${order.join()}`);
    stage.settle();
  },
};
