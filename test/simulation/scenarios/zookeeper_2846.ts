import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/**
 * ZOOKEEPER-2846: a server that was once sent a snapshot has a hole in its log; as a leader it served a learner from
 * the log, across the hole.
 */
export const zookeeper2846: Scenario = {
  name: "zookeeper-2846",
  summary:
    "A leader whose log has a hole, from a snapshot it was sent, synchronizes one that stands before the hole",
  run(trace) {
    const stage = new Stage({
      trace,
      committedTxnsKept: 1,
      // Snapshots for whoever lags behind the first leader, the log for the rest.
      tune: (id, config) => ({
        ...config,
        storage: { ...config.storage, snapshotSizeFactor: id === 3 ? -1 : 1 },
      }),
    }).start();
    stage.expect(stage.leader.id === 3, "server 3 leads, as the greatest");
    const [one, two, three] = stage.ensemble.servers;
    const client = stage.client(three);
    client.create("/before", "1");
    one.kill();
    client.create("/early", "2");
    two.kill();
    // One of the others is back, and takes all by a snapshot.
    one.start();
    stage.until("server 1 to be sent a snapshot", () => one.isServing);
    for (let index = 0; index < 5; index++) stage.client(three).create(`/hole${index}`);
    two.start();
    stage.until("server 2 to be sent a snapshot", () => two.isServing);
    one.kill();
    const writer = stage.client(three);
    for (let index = 0; index < 5; index++) writer.create(`/late${index}`);
    three.kill();
    stage.start(one, two);
    stage.expect(stage.leader === two, "server 2 leads, as it holds more");
    stage.expect(stage.client(one).read("/late4") === "", "server 1 lacks what its leader has");
    stage.settle();
  },
};
