import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-2845: a leader that lost its quorum kept uncommitted txns in memory and followed the next leader with them. */
export const zookeeper2845: Scenario = {
  name: "zookeeper-2845",
  summary:
    "A leader without its followers logs a write; they go on without it, and it must give the write up",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const old = stage.leader;
    const client = stage.client(old);
    client.create("/a", "1");
    stage.cut(old);
    const lost = client.send({
      kind: "create",
      path: "/lost",
      data: "",
      ephemeral: false,
      sequential: false,
    });
    stage.until(
      "the others to elect",
      () => stage.ensemble.leader() !== old && stage.ensemble.leader() !== undefined,
    );
    const other = stage.client(stage.leader);
    other.create("/b", "2");
    stage.settle();
    stage.expect(lost.outcome !== "replied", "a write was acknowledged without a quorum");
    const reader = stage.client(old);
    stage.expect(reader.read("/lost") === null, "the old leader still has what was never committed");
    stage.expect(reader.read("/b") === "2", "the old leader lacks what was committed without it");
  },
};
