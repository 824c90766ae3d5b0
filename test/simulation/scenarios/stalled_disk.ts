import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** A disk of a machine in the cloud is quick for weeks, and then takes seconds over one sync. */
export const stalledDisk: Scenario = {
  name: "stalled-disk",
  summary:
    "A leader whose quick disk stalls far beyond syncLimit goes on leading, and others' writes go on with it",
  run(trace) {
    const stage = new Stage({ trace }).start();
    const { leader, others } = stage;
    const { tickMs, syncLimit } = stage.ensemble.parameters;
    const writer = stage.client(others[0]);
    // So many that a server which may wait for its disk knows that it is quick (SyncPacer).
    for (let count = 0; count < 100; count++) writer.create(`/a${count}`);
    const quickMs = leader.diskTimes.syncMs;
    leader.diskTimes.syncMs = 20 * tickMs * syncLimit;
    const write = writer.send({ kind: "setData", path: "/a0", data: "1", version: -1 });
    stage.until("a write that two others log", () => write.outcome === "replied", tickMs);
    stage.pass(2 * tickMs * syncLimit);
    stage.expect(stage.ensemble.leader() === leader, "the leader was given up");
    writer.create("/b");
    leader.diskTimes.syncMs = quickMs;
    stage.settle();
  },
};
