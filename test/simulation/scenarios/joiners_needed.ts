import { ConfigError } from "../../../src/config/config_error.ts";
import { noFaults } from "../parameters.ts";
import { serverLine } from "../sim_config.ts";
import type { SimServer } from "../world/sim_server.ts";
import type { Scenario } from "./scenario.ts";
import { event, Stage } from "./stage.ts";

/** Syncs of the change's txn: one of each server. */
const syncs = 5;

/**
 * A change leaves one old server, the leader, among two new ones: while it is not committed, those of the old and those
 * of the new must elect, and the new are no members yet.
 */
export const joinersNeeded: Scenario = {
  name: "joiners-needed",
  summary: "Power fails everywhere while a change is decided that needs servers which are no members yet",
  run(trace) {
    for (let sync = 1; sync <= syncs; sync++) failsAfter(sync, trace);
  },
};

function failsAfter(sync: number, trace: ((line: string) => void) | undefined): void {
  const stage = new Stage({ trace, voters: 5, faults: { ...noFaults, reconfig: 1 } }).start();
  const { ensemble, leader } = stage;
  const joiners = stage.others.slice(0, 2);
  const old = stage.others.slice(2);
  const lines = joiners.map(({ id }) => serverLine(id, "participant"));
  const client = stage.client(leader);
  const { error } = client.ask({ kind: "reconfig", path: "", joining: null, leaving: idsOf(joiners) });
  stage.expect(error === 0, `the removal answers ${error}`);
  for (const joiner of joiners) {
    joiner.kill();
    ensemble.writeIn(joiner, ...lines);
  }
  stage.start(...joiners);
  client.create("/a", "1");

  let left = sync;
  const onDurable = () => {
    if (--left > 0) stage.at(event(null, "durable"), onDurable);
    else for (const server of ensemble.servers) server.cutPower("everything");
  };
  stage.at(event(null, "durable"), onDurable);
  client.send({ kind: "reconfig", path: "", joining: lines.join(), leaving: idsOf(old) });
  stage.until("the power to fail", () => !leader.isOn);

  for (const server of ensemble.servers) server.start();
  stage.pass(100);
  for (const joiner of joiners) {
    // Without having heard of the change it does not start before an operator does what it asks for.
    if (!(joiner.refusal instanceof ConfigError)) continue;
    ensemble.writeIn(joiner, ...lines);
    joiner.start();
  }
  stage.until("a leader", () => ensemble.leader() !== undefined);
  stage.settle();
}

function idsOf(servers: readonly SimServer[]): string {
  return servers.map(({ id }) => id).join();
}
