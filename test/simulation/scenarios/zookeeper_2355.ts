import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-2355: a follower that failed while it read the proposal that ends a session kept the session's ephemerals. */
export const zookeeper2355: Scenario = {
  name: "zookeeper-2355",
  summary:
    "A follower's link breaks at the proposal that ends a session; its ephemeral is gone from it all the same",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const leader = stage.leader;
    const [broken] = stage.others;
    const client = stage.client(leader);
    client.create("/e", "", true);
    stage.until("all to have it", () => stage.ensemble.servers.every(({ zxid }) => zxid === leader.zxid));
    stage.at(
      (server, happening) =>
        server === leader && happening.kind === "send" && happening.packet === "PROPOSAL",
      () => stage.cut(leader, broken),
    );
    client.ask({ kind: "closeSession", path: "" });
    const [endpoint] = stage.ensemble.network.connections(leader.host, broken.host);
    stage.ensemble.network.reset(endpoint);
    stage.heal(leader, broken);
    stage.settle();
    leader.kill();
    stage.until("another leader", () => stage.ensemble.leader() !== undefined);
    stage.until("the follower to serve again", () => broken.isServing);
    stage.expect(stage.client(broken).read("/e") === null, "an ephemeral outlives its session");
    stage.settle();
  },
};
