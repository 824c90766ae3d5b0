import type { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";

/** ZOOKEEPER-3125, -3127, -3144, -3249, -3306: replay over a snapshot that was taken while writes went on. */
export const fuzzySnapshot: Scenario = {
  name: "fuzzy-snapshot",
  summary: "Servers restart again and again from snapshots written among creates, deletes and multis",
  run(trace) {
    const stage = new Stage({ trace, snapCount: 6, syncMs: 3 }).start();
    for (let round = 0; round < 6; round++) {
      const client = stage.client(stage.leader);
      for (let index = 0; index < 40; index++) {
        const path = `/n${index % 7}`;
        const kind = (index + round) % 4;
        if (kind === 0) client.send({ kind: "create", path, data: "a", ephemeral: false, sequential: false });
        else if (kind === 1) client.send({ kind: "delete", path, version: -1 });
        else if (kind === 2) {
          client.send({ kind: "create", path: "/s-", data: "", ephemeral: false, sequential: true });
        } else {
          client.send({
            kind: "multi",
            path: "/",
            parts: [
              { kind: "setData", path: "/", data: String(index), version: -1 },
              { kind: "create", path: `/m${round}-${index}`, data: "", version: -1 },
              { kind: "delete", path: `/m${round}-${index}`, data: null, version: -1 },
            ],
          });
        }
        stage.pass(1);
      }
      stage.until("the answers", () => client.session.pendingCount === 0);
      const [first, second] = stage.others;
      first.kill();
      second.cutPower("everything");
      stage.start(first, second);
      stage.settle();
    }
  },
};
