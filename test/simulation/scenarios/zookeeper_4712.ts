import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/**
 * ZOOKEEPER-4712 (-4541): a follower that lost its leader voted with what its memory held, while its log still had txns
 * to sync: the vote and the disk told different things.
 */
export const zookeeper4712: Scenario = {
  name: "zookeeper-4712",
  summary:
    "The leader dies while its followers still sync what they logged; they vote with what their disks hold",
  run(trace) {
    const stage = new Stage({ trace, syncMs: 20 }).start();
    const old = stage.leader;
    const client = stage.client(old);
    client.create("/a", "1");
    for (let index = 0; index < 20; index++) {
      client.send({ kind: "create", path: `/b${index}`, data: "", ephemeral: false, sequential: false });
      stage.pass(3);
    }
    const others = stage.others;
    old.kill();
    stage.until("another leader", () => stage.ensemble.leader() !== undefined);
    stage.until("both to serve", () => others.every((server) => server.isServing));
    for (const server of others) server.cutPower("everything");
    stage.start(...others);
    stage.settle();
  },
};
