import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/**
 * ZOOKEEPER-4394: a COMMIT between NEWLEADER and UPTODATE, of a proposal from before NEWLEADER, crashed the learner.
 * ZOOKEEPER-4685: the first ack of a learner is NEWLEADER's, whatever was proposed meanwhile.
 */
export const zookeeper4394: Scenario = {
  name: "zookeeper-4394",
  summary:
    "A follower is told a commit between NEWLEADER and UPTODATE, and acks NEWLEADER before any proposal",
  run(trace) {
    const stage = new Stage({ trace, latencyMs: 3, voters: 3 }).start();
    const leader = stage.leader;
    const [joining] = stage.others;
    const client = stage.client(leader);
    let commits = 0;
    let isBetween = false;
    let firstAck = -1;
    stage.ensemble.listeners.push({
      onTrace: (server, event) => {
        if (server !== joining) return;
        if (event.kind === "receive" && event.packet === "NEWLEADER") isBetween = true;
        if (event.kind === "receive" && event.packet === "UPTODATE") isBetween = false;
        if (event.kind === "receive" && event.packet === "COMMIT" && isBetween) commits++;
        if (event.kind === "send" && event.packet === "ACK" && firstAck < 0) firstAck = event.zxid;
      },
    });
    for (let round = 0; round < 20 && commits === 0; round++) {
      joining.kill();
      firstAck = -1;
      joining.start();
      while (!joining.isServing) {
        client.send({ kind: "setData", path: "/", data: "x", version: -1 });
        stage.pass(1);
      }
      stage.expect(firstAck % 0x100000000 === 0, `the first ack is of ${firstAck.toString(16)}`);
    }
    stage.expect(commits > 0, "no commit came between NEWLEADER and UPTODATE");
    stage.settle();
  },
};
