import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/** ZOOKEEPER-790: a leader that never had a quorum counted its new epoch as its newest zxid, and won again by that. */
export const zookeeper790: Scenario = {
  name: "zookeeper-790",
  summary:
    "A leader fails before anybody has acked NEWLEADER; the next vote goes by what is logged, not by its epoch",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const old = stage.leader;
    const client = stage.client(old);
    client.create("/a", "1");
    const others = stage.others;
    const votes: number[] = [];
    for (const server of others) {
      stage.at(event(server, "receive", "NEWLEADER"), () => stage.cut(server));
    }
    stage.ensemble.listeners.push({
      onLog: (_server, _level, message, fields) => {
        if (message === "Now looking for a leader") votes.push(Number(fields.zxid));
      },
    });
    old.kill();
    stage.until("an office without a quorum to end", () => votes.length >= 4);
    const { lastZxid } = stage.ensemble.history;
    stage.expect(
      votes.every((zxid) => zxid <= lastZxid),
      `somebody stands for ${Math.max(...votes).toString(16)}`,
    );
    stage.settle();
  },
};
