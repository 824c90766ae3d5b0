import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/** A server without weight has a txn that nobody else is left with, and always speaks before a quorum has. */
export const weightlessAhead: Scenario = {
  name: "weightless-ahead",
  summary: "A voter without weight that is ahead of all others does not keep them from having a leader",
  run(trace) {
    const stage = new Stage({ trace, voters: 5, hierarchical: true }).start();
    const { ensemble, leader } = stage;
    // See memberLines.
    const weightless = stage.server(5);
    const others = stage.others.filter((server) => server !== weightless);
    const client = stage.client(leader);
    client.create("/a", "1");
    stage.cut(leader, ...others);
    let isAhead = false;
    stage.at(event(weightless, "durable"), () => isAhead = true);
    client.send({ kind: "setData", path: "/a", data: "2", version: -1 });
    stage.until("the server without weight to be ahead", () => isAhead);
    leader.cutPower("everything");

    for (const one of others) {
      for (const other of others) {
        if (one !== other) ensemble.network.link(one.host, other.host).latencyMs *= 10;
      }
    }
    stage.until("one of the others to lead", () => others.some((server) => server === ensemble.leader()));
    stage.expect(stage.client(others[0]).read("/a") === "1", "a write that no quorum had is there");
    stage.settle();
  },
};
