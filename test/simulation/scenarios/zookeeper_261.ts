import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-261: a server that had lost its disk won an election and emptied the others. */
export const zookeeper261: Scenario = {
  name: "zookeeper-261",
  summary:
    "The server with the greatest id comes back with an empty disk; it must not lead, and is given everything",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const [one, two, three] = stage.ensemble.servers;
    stage.client(one).create("/a", "1");
    for (const server of [one, two, three]) server.kill();
    stage.ensemble.wipe(three);
    stage.start(one, three);
    stage.expect(stage.leader === one, "a server without data leads");
    stage.expect(stage.client(three).read("/a") === "1", "the emptied server was not given the data");
    stage.settle();
  },
};
