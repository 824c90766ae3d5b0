import { noFaults } from "../parameters.ts";
import { ports } from "../sim_config.ts";
import { machineOf } from "../world/sim_server.ts";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** A change of the membership moves a server's clients to another address and leaves them the port, which workers have. */
export const workersKeepThePort: Scenario = {
  name: "workers-keep-the-port",
  summary: "A server whose workers listen on the port is open to clients at another address with that port",
  run(trace) {
    const stage = new Stage({
      trace,
      workers: 1,
      serversWithWorkers: 3,
      faults: { ...noFaults, reconfig: 1 },
    }).start();
    const [moved] = stage.others;
    const processes = () => (moved.host.listeners.get(ports.client) ?? []).map(({ process }) => process);
    const areAllOpen = () => processes().includes(moved.process!) && processes().length === 2;
    stage.until("its worker to serve", areAllOpen);
    const { name, address } = machineOf(moved.id);
    const change = stage.client(stage.leader).ask({
      kind: "reconfig",
      path: "",
      joining:
        `server.${moved.id}=${name}:${ports.quorum}:${ports.election}:participant;${address}:${ports.client}`,
      leaving: null,
    });
    stage.expect(change.error === 0, `the change answers ${change.error}`);
    stage.pass(1000);
    stage.expect(areAllOpen(), `${processes().length} of its 2 processes listen at the new address`);
    stage.client(moved).create("/a");
    stage.settle();
  },
};
