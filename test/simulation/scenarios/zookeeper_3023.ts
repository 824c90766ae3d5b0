import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/** ZOOKEEPER-3023: the leader was established before the followers' disks had what made it true. */
export const zookeeper3023: Scenario = {
  name: "zookeeper-3023",
  summary: "Power fails for all, with everything unsynced lost, in the moment each new leader is established",
  run(trace) {
    const stage = new Stage({ trace }).start();
    stage.client(stage.leader).create("/a", "1");
    for (let round = 0; round < 5; round++) {
      for (const server of stage.ensemble.servers) server.cutPower("everything");
      let isDark = false;
      stage.at(event(null, "established"), () => {
        isDark = true;
        for (const server of stage.ensemble.servers) server.cutPower("everything");
      });
      for (const server of stage.ensemble.servers) server.start();
      stage.until("a leader to be established", () => isDark);
    }
    stage.start();
    stage.expect(stage.client(stage.leader).read("/a") === "1", "the write is lost");
    stage.settle();
  },
};
