import { describe, expect, test } from "bun:test";
import type { ServerFinding } from "../../../../cli/_server_report.ts";
import { nodePaths } from "../../../../cli/ensemble/ensemble_directory.ts";
import { type NodePlan, planLayout } from "../../../../cli/ensemble/layout.ts";
import { Monitor, type MonitorHost } from "../../../../cli/ensemble/monitor.ts";
import type { NodeProcess } from "../../../../cli/ensemble/node_process.ts";

const refused: ServerFinding = { kind: "unreachable", problem: "connection refused", nobodyHome: true };
const mute: ServerFinding = { kind: "unreachable", problem: "does not answer", nobodyHome: false };
const looking: ServerFinding = { kind: "looking" };
const serving = (mode: "leader" | "follower", zxid = "0x1", connections = 0): ServerFinding => ({
  kind: "serving",
  report: {
    mode,
    version: "3.9.5",
    zxid,
    latencyMs: { min: 0, avg: 0, max: 0 },
    received: 0,
    sent: 0,
    connections,
    outstanding: 0,
    znodes: 5,
  },
});

/** Nodes whose processes and answers are what a test says, in a time of its own. */
class World implements MonitorHost {
  readonly layout = planLayout({ voters: 2, observers: 0, basePort: 2181 });
  readonly processes = this.layout.nodes.map(() => ({ pid: undefined as number | undefined, paused: false }));
  readonly answers: ServerFinding[] = [refused, refused];
  /** `node state`, as they come. */
  readonly states: string[] = [];
  /** Times at which node 1 was asked, in ms. */
  readonly askedAt: number[] = [];
  readonly monitor: Monitor;
  #nowMs = 0;
  #timers: { at: number; fire: () => void }[] = [];

  constructor() {
    const nodes = this.layout.nodes.map((plan, index) => ({
      plan,
      paths: nodePaths("/ensemble", plan.id),
      process: this.processes[index] as unknown as NodeProcess,
    }));
    this.monitor = new Monitor(nodes, (node, before) => {
      if (node.state !== before.state) this.states.push(`${node.id} ${node.state}`);
    }, this);
  }

  now = () => this.#nowMs;
  rssBytes = () => 1024;

  ask({ id }: NodePlan): Promise<ServerFinding> {
    if (id === 1) this.askedAt.push(this.#nowMs);
    return Promise.resolve(this.answers[id - 1]);
  }

  later(delayMs: number, fire: () => void): () => void {
    const timer = { at: this.#nowMs + delayMs, fire };
    this.#timers.push(timer);
    return () => this.#timers = this.#timers.filter((each) => each !== timer);
  }

  start(id: number): void {
    this.processes[id - 1].pid = 100 + id;
    this.monitor.look(id);
  }

  end(id: number, reason: string): void {
    this.processes[id - 1].pid = undefined;
    this.monitor.ended(id, reason);
  }

  /** Lets time pass, and answers arrive. */
  async pass(ms: number): Promise<void> {
    const until = this.#nowMs + ms;
    await settled();
    for (;;) {
      const next = this.#timers.toSorted((left, right) => left.at - right.at)[0];
      if (next === undefined || next.at > until) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#nowMs = Math.max(this.#nowMs, next.at);
      next.fire();
      await settled();
    }
    this.#nowMs = until;
  }
}

/** Promises that are resolved have been heard. */
const settled = () => new Promise((done) => setImmediate(done));

describe("a node", () => {
  test("starts, looks for a leader and follows, each told once", async () => {
    const world = new World();
    world.start(1);
    await world.pass(1_000);
    world.answers[0] = looking;
    await world.pass(1_000);
    world.answers[0] = serving("follower", "0x100000002", 3);
    await world.pass(1_000);
    expect(world.states).toEqual(["1 starting", "1 looking", "1 follower"]);
    expect(world.monitor.viewOf(1)).toMatchObject({
      pid: 101,
      zxid: "0x100000002",
      connections: 3,
      rssBytes: 1024,
      client: "127.0.0.1:2181",
    });
  });

  test("is down as soon as its process is gone, and starts again with nothing left of before", async () => {
    const world = new World();
    world.answers[0] = serving("leader");
    world.start(1);
    await world.pass(100);
    world.end(1, "killed");
    expect(world.monitor.viewOf(1)).toMatchObject({
      state: "down",
      reason: "killed",
      pid: null,
      rssBytes: null,
    });
    world.answers[0] = refused;
    world.start(1);
    expect(world.monitor.viewOf(1)).toMatchObject({ state: "starting", reason: null, pid: 101, zxid: null });
    expect(world.states).toEqual(["1 starting", "1 leader", "1 down", "1 starting"]);
  });

  test("that does not answer once is not called silent yet", async () => {
    const world = new World();
    world.answers[0] = serving("follower");
    world.start(1);
    await world.pass(100);
    world.answers[0] = refused;
    const asked = world.askedAt.length;
    while (world.askedAt.length === asked) await world.pass(10);
    world.answers[0] = serving("follower");
    await world.pass(10_000);
    expect(world.states).toEqual(["1 starting", "1 follower"]);
    world.answers[0] = mute;
    await world.pass(10_000);
    expect(world.states).toEqual(["1 starting", "1 follower", "1 silent"]);
  });

  test("that is paused is not asked, and says itself what it is when it goes on", async () => {
    const world = new World();
    world.answers[0] = serving("leader");
    world.start(1);
    await world.pass(100);
    world.processes[0].paused = true;
    world.monitor.look(1);
    const asked = world.askedAt.length;
    await world.pass(10_000);
    expect(world.askedAt).toHaveLength(asked);
    world.processes[0].paused = false;
    world.answers[0] = serving("follower");
    world.monitor.look(1);
    await world.pass(10);
    expect(world.states).toEqual(["1 starting", "1 leader", "1 paused", "1 follower"]);
  });
});

test("nodes are asked often while something changes, and once a second when all serve", async () => {
  const world = new World();
  world.answers[0] = serving("leader");
  world.start(1);
  world.start(2);
  await world.pass(500);
  const whileStarting = world.askedAt.length;
  expect(whileStarting).toBeGreaterThan(5);
  world.answers[1] = serving("follower");
  await world.pass(100);
  const before = world.askedAt.length;
  await world.pass(5_000);
  expect(world.askedAt.length - before).toBe(5);
});

test("one that stays without a leader is soon asked once a second only", async () => {
  const world = new World();
  world.answers[0] = looking;
  world.start(1);
  await world.pass(20_000);
  const before = world.askedAt.length;
  await world.pass(10_000);
  expect(world.askedAt.length - before).toBe(10);
});

test("the end of one node has the others asked at once", async () => {
  const world = new World();
  world.answers[0] = serving("follower");
  world.answers[1] = serving("leader");
  world.start(1);
  world.start(2);
  await world.pass(20_300);
  world.answers[0] = looking;
  world.end(2, "killed");
  await world.pass(0);
  expect(world.states.slice(-2)).toEqual(["2 down", "1 looking"]);
});

test("an answer that comes after the process was replaced is not believed", async () => {
  const world = new World();
  const late = Promise.withResolvers<ServerFinding>();
  world.ask = () => late.promise;
  world.start(1);
  world.end(1, "killed");
  late.resolve(serving("leader"));
  await world.pass(0);
  expect(world.monitor.viewOf(1)?.state).toBe("down");
});
