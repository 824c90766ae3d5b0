import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-764, -769: observers and voters without weight were elected, or kept others from being elected. */
export const zookeeper764: Scenario = {
  name: "zookeeper-764",
  summary: "Leaders die one after the other among observers with the greatest ids; no observer ever leads",
  run(trace) {
    const stage = new Stage({ trace, voters: 3, observers: 2 }).start();
    const client = stage.client(stage.server(5));
    client.create("/a", "1");
    for (let round = 0; round < 4; round++) {
      const old = stage.leader;
      old.kill();
      stage.until("another leader", () => stage.ensemble.leader() !== undefined);
      stage.expect(stage.leader.id <= 3, `observer ${stage.leader.id} leads`);
      stage.start(old);
      stage.until("all to serve", () => stage.ensemble.servers.every(({ isServing }) => isServing));
    }
    stage.expect(stage.client(stage.server(4)).read("/a") === "1", "an observer lacks the write");
    stage.settle();
  },
};
