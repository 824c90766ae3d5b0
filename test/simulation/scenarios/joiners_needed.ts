import { ConfigError } from "../../../src/config/config_error.ts";
import { membershipLines } from "../../../src/quorum/membership.ts";
import { noFaults } from "../parameters.ts";
import { installConfig, serverSpec } from "../sim_config.ts";
import type { SimServer } from "../world/sim_server.ts";
import type { Scenario } from "./scenario.ts";
import { event, Stage, type StageClient } from "./stage.ts";

/**
 * A change leaves one old server, the leader, among two new ones: while it is not committed, those of the old and those
 * of the new must elect, and the new are no members yet.
 */
export const joinersNeeded: Scenario = {
  name: "joiners-needed",
  summary: "Power fails everywhere while a change is decided that needs servers which are no members yet",
  run(trace) {
    for (let syncs = 1; syncs <= 5; syncs++) failsAfter(syncs, trace);
  },
};

/** @param syncs Of the change's txn, one of each server. */
function failsAfter(syncs: number, trace: ((line: string) => void) | undefined): void {
  const change = new Change(trace);
  const { stage } = change;
  let left = syncs;
  const onDurable = () => {
    if (--left > 0) stage.at(event(null, "durable"), onDurable);
    else change.cutPower();
  };
  stage.at(event(null, "durable"), onDurable);
  change.propose();
  stage.until("the power to fail", () => !change.leader.isOn);
  change.startAll();
  stage.settle();
}

/** Five servers of which two were removed, and wait to be let in. */
class Change {
  readonly stage: Stage;
  readonly leader: SimServer;
  readonly joiners: readonly SimServer[];
  /** Who is to leave. */
  readonly old: readonly SimServer[];
  readonly client: StageClient;
  readonly #lines: readonly string[];

  constructor(trace: ((line: string) => void) | undefined) {
    const stage = this.stage = new Stage({ trace, voters: 5, faults: { ...noFaults, reconfig: 1 } }).start();
    this.leader = stage.leader;
    this.joiners = stage.others.slice(0, 2);
    this.old = stage.others.slice(2);
    this.client = stage.client(this.leader);
    this.#lines = this.joiners.map(({ id }) => `server.${id}=${serverSpec(id, "participant")}`);
    const { error } = this.client.ask({
      kind: "reconfig",
      path: "",
      joining: null,
      leaving: idsOf(this.joiners),
    });
    stage.expect(error === 0, `the removal answers ${error}`);
    for (const joiner of this.joiners) {
      joiner.kill();
      this.#writeIn(joiner);
    }
    stage.start(...this.joiners);
    this.client.create("/a", "1");
  }

  propose(): void {
    this.client.send({
      kind: "reconfig",
      path: "",
      joining: this.#lines.join(),
      leaving: idsOf(this.old),
    });
  }

  cutPower(): void {
    for (const server of this.stage.ensemble.servers) if (server.isOn) server.cutPower("everything");
  }

  /** A joiner that has not heard of the change does not start before an operator does what it asks for. */
  startAll(): void {
    const { ensemble } = this.stage;
    ensemble.network.healAll();
    for (const server of ensemble.servers) {
      server.callsUntilPowerCut = -1;
      server.start();
    }
    this.stage.pass(100);
    for (const joiner of this.joiners) {
      if (!(joiner.refusal instanceof ConfigError)) continue;
      this.#writeIn(joiner);
      joiner.refusal = null;
      joiner.start();
    }
    this.stage.until("a leader", () => ensemble.leader() !== undefined);
  }

  #writeIn({ disk }: SimServer): void {
    const { parameters, membership } = this.stage.ensemble;
    installConfig(disk, parameters, [...membershipLines(membership), ...this.#lines]);
  }
}

function idsOf(servers: readonly SimServer[]): string {
  return servers.map(({ id }) => id).join();
}
