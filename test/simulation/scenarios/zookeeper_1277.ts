import { ErrorCode } from "../../../src/protocol/error_code.ts";
import { counterOf, epochOf } from "../../../src/protocol/zxid.ts";
import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** What stands for 2^32 here: nobody makes so many txns in a simulation. */
const zxidCounterMax = 25;
const epochsWanted = 4;

/**
 * ZOOKEEPER-1277: a zxid's counter ran over into its epoch, in which nobody was a leader; what followed went lost with the
 * next election.
 */
export const zookeeper1277: Scenario = {
  name: "zookeeper-1277",
  summary:
    "A leader gives up its office before its epoch's counter is at its end; the next epoch has all that was written",
  run(trace) {
    const stage = new Stage({
      trace,
      tune: (_id, config) => ({ ...config, ensemble: { ...config.ensemble!, zxidCounterMax } }),
    }).start();
    const { history } = stage.ensemble;
    const acknowledged = new Map<string, string>();
    const began = epochOf(history.lastZxid);
    while (epochOf(history.lastZxid) < began + epochsWanted) {
      stage.until(
        "a leader and its followers",
        () => stage.ensemble.servers.every(({ isServing }) => isServing),
      );
      const { leader, others } = stage;
      // A follower's requests are on their way to the leader when it gives up.
      const clients = [stage.client(leader), stage.client(others[0])];
      for (let round = 0; clients.every(({ session }) => session.isEstablished); round++) {
        const writes = clients.map((client, index) => {
          const path = `/n${epochOf(history.lastZxid)}-${round}-${index}`;
          return client.send({ kind: "create", path, data: path, ephemeral: false, sequential: false });
        });
        stage.until(
          "answers, or an end of the connections",
          () => writes.every(({ outcome }) => outcome !== "pending"),
        );
        for (const { request, outcome, error } of writes) {
          if (outcome !== "replied" || error === ErrorCode.connectionLoss) continue;
          stage.expect(error === ErrorCode.ok, `a create answers ${error}`);
          if (request.kind === "create") acknowledged.set(request.path, request.data);
        }
      }
    }
    const counters = history.txns.map(({ zxid }) => counterOf(zxid));
    stage.expect(Math.max(...counters) <= zxidCounterMax, "a counter went beyond its end");
    stage.expect(counters.includes(zxidCounterMax), "no epoch came to its end");
    stage.settle();
    const reader = stage.client(stage.leader);
    for (const [path, data] of acknowledged) stage.expect(reader.read(path) === data, `${path} is lost`);
  },
};
