import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** Behaviour 40 of the sheet: what clients of a leader without a quorum may still see, and for how long. */
export const lonelyLeader: Scenario = {
  name: "lonely-leader",
  summary:
    "A leader cut off from all others acknowledges no write, and stops to answer within syncLimit and two ticks",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const leader = stage.leader;
    const client = stage.client(leader);
    client.create("/a", "1");
    stage.cut(leader);
    const cutMs = stage.ensemble.nowMs;
    const { tickMs, syncLimit } = stage.ensemble.parameters;
    const write = client.send({ kind: "setData", path: "/a", data: "2", version: -1 });
    stage.until("the leader to give up", () => !leader.isServing, tickMs * (syncLimit + 2));
    stage.expect(write.outcome !== "replied", "a write was acknowledged without a quorum");
    stage.expect(stage.ensemble.nowMs > cutMs, "the office ended before it was cut off");
    stage.settle();
  },
};
