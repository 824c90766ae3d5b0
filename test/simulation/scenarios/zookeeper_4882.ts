import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-4882: a follower whose disk failed once came back with a hole in its log. */
export const zookeeper4882: Scenario = {
  name: "zookeeper-4882",
  summary: "One write of a follower's log fails, then it works again; after a restart nothing is missing",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const leader = stage.leader;
    const [failing] = stage.others;
    const client = stage.client(leader);
    client.create("/before");
    let failures = 1;
    failing.diskFault = ({ operation, path }) =>
      operation === "write" && path.includes("/log.") && failures-- > 0 ? "ENOSPC" : null;
    for (let index = 0; index < 5; index++) client.create(`/a${index}`, String(index));
    failing.diskFault = null;
    for (let index = 5; index < 10; index++) client.create(`/a${index}`, String(index));
    stage.until("the follower to be back", () => failing.isServing && failing.zxid === leader.zxid);
    failing.cutPower("everything");
    stage.start(failing);
    leader.kill();
    stage.until("another leader", () => stage.ensemble.leader() !== undefined);
    stage.settle();
    stage.expect(stage.client(failing).read("/a3") === "3", "the follower's log has a hole");
  },
};
