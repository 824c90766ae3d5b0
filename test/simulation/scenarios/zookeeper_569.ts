import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-569: when an elected leader failed at once, the others kept following a leader that was not there. */
export const zookeeper569: Scenario = {
  name: "zookeeper-569",
  summary:
    "Three times in a row the leader dies in the moment of its election; the rest must not wait for the dead",
  run(trace) {
    const stage = new Stage({ trace, voters: 5 }).start();
    stage.client(stage.leader).create("/a", "1");
    let deaths = 0;
    const die = () =>
      stage.at(
        (_server, happening) => happening.kind === "state" && happening.state === "LEADING",
        () => {
          const elected = stage.ensemble.servers.find(({ state }) => state === "LEADING")!;
          elected.kill();
          stage.ensemble.scheduler.after(300, () => elected.start());
          if (++deaths < 3) die();
        },
      );
    die();
    stage.leader.kill();
    stage.until("three leaders to die", () => deaths === 3);
    stage.until("a leader that lives", () => stage.ensemble.leader() !== undefined);
    stage.settle();
    stage.expect(stage.client(stage.leader).read("/a") === "1", "the write is gone");
  },
};
