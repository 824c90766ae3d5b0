import type { SimServer } from "../world/sim_server.ts";
import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/** What a follower acked and was then told to cut off again is on no disk of it, and counts no more. */
export const acksBeforeACut: Scenario = {
  name: "acks-before-a-cut",
  summary:
    "A follower acks a txn, connects anew, cuts it off and loses power; then the leader's own disk has it, and no quorum",
  run(trace) {
    // Disks so slow that nobody waits for them in place.
    const stage = new Stage({ trace, syncMs: 2 }).start();
    const { leader } = stage;
    const [follower, other] = stage.others;
    const client = stage.client(leader);
    for (const path of ["/a", "/b", "/c"]) client.create(path);
    const release = [leader, other].map(holdSyncs);
    let isAcked = false;
    stage.at(
      (server, happening) =>
        event(leader, "receive", "ACK")(server, happening) && "peer" in happening &&
        happening.peer === follower.id,
      () => isAcked = true,
    );
    const write = client.send({ kind: "create", path: "/d", data: "", ephemeral: false, sequential: false });
    stage.until("the ack of one follower", () => isAcked);
    stage.at(event(follower, "truncate"), () => follower.cutPower("everything"));
    const { network } = stage.ensemble;
    for (const endpoint of network.connections(follower.host, leader.host)) network.reset(endpoint);
    stage.until("the follower to cut its log", () => !follower.isOn);
    release[0]();
    stage.pass(50);
    stage.expect(write.outcome === "pending", "a write was acknowledged that one disk has");
    release[1]();
    stage.settle();
    stage.expect(stage.client(leader).read("/d") !== null, "the other follower's ack did not count");
  },
};

/** Syncs that do not hold up their server do not end until the returned function is called. */
function holdSyncs({ disk }: SimServer): () => void {
  const { onLater } = disk;
  const held: (() => void)[] = [];
  disk.onLater = (run) => held.push(run);
  return () => {
    disk.onLater = onLater;
    for (const run of held) onLater?.(run);
  };
}
