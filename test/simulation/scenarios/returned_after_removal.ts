import { noFaults } from "../parameters.ts";
import { serverLine } from "../sim_config.ts";
import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/**
 * A server that was removed comes back by an operator's hand, with its old data and a zoo.cfg that lists it, and meets
 * first the one that has not written down its removal. Both together were a quorum once, and are none any more.
 */
export const returnedAfterRemoval: Scenario = {
  name: "returned-after-removal",
  summary:
    "A removed server that an operator brings back does not count by a membership from before its removal",
  run(trace) {
    const stage = new Stage({ trace, faults: { ...noFaults, reconfig: 1 } }).start();
    const { ensemble, leader } = stage;
    const [removed, slow] = stage.others;
    const client = stage.client(leader);
    // Power fails before its first step of writing down what it is told.
    stage.at(event(slow, "receive", "COMMITANDACTIVATE"), () => slow.callsUntilPowerCut = 0);
    let isAhead = false;
    stage.at(
      (server, { kind }) => server === removed && kind === "durable" && !slow.isOn,
      () => isAhead = true,
    );
    const removal = client.send({
      kind: "reconfig",
      path: "",
      joining: null,
      leaving: String(removed.id),
    });
    stage.until("the power to fail", () => !slow.isOn);
    client.send({ kind: "create", path: "/a", data: "", ephemeral: false, sequential: false });
    stage.until("the removed server to log more than the other", () => isAhead);
    stage.expect(removal.outcome === "replied" && removal.error === 0, "the removal is not in force");
    leader.cutPower("everything");
    removed.kill();

    ensemble.writeIn(removed, serverLine(removed.id, "participant"));
    removed.start();
    slow.start();
    stage.pass(5000);
    stage.expect(ensemble.leader() === undefined, "servers lead and follow without a quorum");
    // Nor after both begin once more: with what they have on their disks by now.
    for (const server of [removed, slow]) server.kill();
    removed.start();
    slow.start();
    stage.pass(5000);
    stage.expect(
      ensemble.leader() === undefined,
      "servers lead and follow without a quorum, started once more",
    );
    stage.settle();
  },
};
