import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/**
 * ZOOKEEPER-4925: txns that came with the synchronization were missing from the learner's committed log, and the learners
 * that it led later never got them.
 */
export const zookeeper4925: Scenario = {
  name: "zookeeper-4925",
  summary:
    "A follower that was brought up by DIFF comes to lead, and brings up a third that lacks the same txns",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const old = stage.leader;
    const [stale, second] = stage.others;
    stage.client(old).create("/before");
    stale.kill();
    stage.client(old).create("/one", "1");
    second.kill();
    stale.start();
    stage.until("the first to be brought up", () => stale.isServing);
    const client = stage.client(old);
    client.create("/two", "2");
    client.create("/three", "3");
    stale.kill();
    second.start();
    stage.until("the second to be brought up", () => second.isServing);
    stage.client(old).create("/four", "4");
    old.kill();
    stage.start(stale, second);
    stage.expect(stage.leader === second, "the one that holds more leads");
    const reader = stage.client(stale);
    for (const [path, data] of [["/one", "1"], ["/two", "2"], ["/three", "3"], ["/four", "4"]]) {
      stage.expect(reader.read(path) === data, `the third lacks ${path}`);
    }
    stage.settle();
  },
};
