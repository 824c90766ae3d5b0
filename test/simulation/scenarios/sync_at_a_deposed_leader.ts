import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZooKeeper's guide: "sync is not currently a quorum operation"; Jepsen called sync and a read not linearizable for it. */
export const syncAtADeposedLeader: Scenario = {
  name: "sync-at-a-deposed-leader",
  summary:
    "A leader cut off with one follower does not know yet that the others have another: neither answers a sync from the past",
  run(trace) {
    const stage = new Stage({ trace, voters: 5, syncLimit: 30 }).start();
    const { leader } = stage;
    const [companion, ...others] = stage.others;
    const cutOff = [leader, companion].map((server) => stage.client(server));
    cutOff[0].create("/a", "1");
    for (const server of [leader, companion]) stage.cut(server, ...others);
    // Nobody hears of their end: what they were to the leader, they are until its syncLimit is over.
    for (const server of others) server.kill();
    stage.start(...others);
    const writer = stage.client(others[0]);
    stage.expect(writer.ask({ kind: "setData", path: "/a", data: "2", version: -1 }).error === 0, "no write");
    stage.expect(leader.isServing && companion.isServing, "the old office is over already");
    const syncs = cutOff.map((client) => client.send({ kind: "sync", path: "/a" }));
    stage.until("the old office to end", () => !leader.isServing && !companion.isServing);
    stage.expect(syncs.every(({ outcome }) => outcome === "lost"), "a sync was answered from the past");
    stage.settle();
    const synced = stage.client(leader);
    synced.ask({ kind: "sync", path: "/a" });
    stage.expect(synced.read("/a") === "2", "a sync did not bring what was acknowledged before");
  },
};
