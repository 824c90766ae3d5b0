/** The launcher over real processes that only stand in for servers: no elections, all else as it is. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodePaths, readPid, writeEnsemble } from "../../../../cli/ensemble/ensemble_directory.ts";
import { Launcher } from "../../../../cli/ensemble/launcher.ts";
import type { LauncherEvent } from "../../../../cli/ensemble/launcher_event.ts";
import { type Layout, planLayout } from "../../../../cli/ensemble/layout.ts";
import type { NodeState } from "../../../../cli/ensemble/node_view.ts";
import { freeBasePort, randomBasePorts } from "../../../../cli/ensemble/ports.ts";

const stub = new URL("./_stub_server.ts", import.meta.url).pathname;

let directory = "";
let ensemble: TestEnsemble;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "zoon-launcher-"));
  const basePort = await freeBasePort({ voters: 2, observers: 1 }, randomBasePorts());
  ensemble = new TestEnsemble(planLayout({ voters: 2, observers: 1, basePort: basePort! }));
});
afterEach(async () => {
  ensemble.launcher.killAll();
  await ensemble.launcher.stop("end of test");
  rmSync(directory, { recursive: true });
});

/** Two voters and an observer; node 2 leads. */
class TestEnsemble {
  readonly layout: Layout;
  readonly launcher: Launcher;
  readonly events: LauncherEvent[] = [];
  #wake = () => {};

  constructor(layout: Layout) {
    this.layout = layout;
    writeEnsemble(directory, layout, []);
    this.setMode(1, "follower");
    this.setMode(2, "leader");
    this.setMode(3, "observer");
    this.launcher = new Launcher({
      layout,
      dataDir: directory,
      pathsOf: (id) => nodePaths(directory, id),
      command: [process.execPath, stub],
      display: {
        tell: (event) => {
          this.events.push(event);
          this.#wake();
        },
        show: () => {},
      },
    });
  }

  setMode(id: number, mode: string): void {
    writeFileSync(join(nodePaths(directory, id).home, "mode"), mode);
  }

  /** Waits for an event; the test's own limit ends the wait. */
  async until(condition: (event: LauncherEvent) => boolean): Promise<LauncherEvent> {
    for (let next = 0;; next++) {
      while (next >= this.events.length) await new Promise<void>((done) => this.#wake = done);
      if (condition(this.events[next])) return this.events[next];
    }
  }

  /** Waits until a node has been in this state. */
  untilState(id: number, state: NodeState): Promise<LauncherEvent> {
    return this.until((event) =>
      event.event === "node" && event.node.id === id && event.node.state === state
    );
  }

  untilReady = () => this.until(({ event }) => event === "ready");

  async order(
    command: "kill" | "stop" | "start" | "pause" | "resume",
    ...nodes: string[]
  ): Promise<string[]> {
    const reply = await this.launcher.handle({ command, nodes });
    if (reply.kind === "refused") return [`refused: ${reply.message}`];
    if (reply.kind !== "results") throw new Error(reply.kind);
    return reply.results.map(({ done, message }) => `${done ? "" : "not done: "}${message}`);
  }

  async states(): Promise<NodeState[]> {
    const reply = await this.launcher.handle({ command: "status" });
    if (reply.kind !== "status") throw new Error(reply.kind);
    return reply.nodes.map(({ state }) => state);
  }
}

/** State of a process as the kernel has it; "" without one. */
function kernelState(pid: number): string {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) ? readFileSync(path, "latin1").replace(/^.*\) /s, "")[0] : "";
}

describe("an ensemble", () => {
  test("is ready once all nodes serve, has a pid file each, and stops with its leader last", async () => {
    const { launcher, events } = ensemble;
    ensemble.setMode(3, "looking");
    launcher.start();
    await ensemble.untilState(3, "looking");
    await ensemble.untilState(2, "leader");
    expect(events.some(({ event }) => event === "ready")).toBe(false);
    ensemble.setMode(3, "observer");
    expect(await ensemble.untilReady()).toMatchObject({ leader: 2, dataDir: directory });
    expect(await ensemble.states()).toEqual(["follower", "leader", "observer"]);
    for (const id of [1, 2, 3]) expect(readPid(nodePaths(directory, id).pidFile)).toBeGreaterThan(0);

    await launcher.stop("SIGINT");
    expect(await launcher.done).toBe("stopped");
    const downs = events.flatMap((event) =>
      event.event === "node" && event.node.state === "down" ? [`${event.node.id} ${event.node.reason}`] : []
    );
    expect(downs).toEqual(["3 stopped", "1 stopped", "2 stopped"]);
    expect(events.at(-1)).toEqual({ event: "stopped" });
    for (const id of [1, 2, 3]) expect(existsSync(nodePaths(directory, id).pidFile)).toBe(false);
  }, 30_000);

  test("stops a leader too that is none any more when its turn comes", async () => {
    const { launcher, events } = ensemble;
    launcher.start();
    await ensemble.untilReady();
    const slow = join(nodePaths(directory, 1).home, "slow");
    writeFileSync(slow, "");
    const stopped = launcher.stop("SIGINT");
    await ensemble.untilState(3, "down");
    ensemble.setMode(2, "looking");
    await ensemble.untilState(2, "looking");
    rmSync(slow);
    await stopped;
    expect(events.filter((event) => event.event === "node" && event.node.state === "down")).toHaveLength(3);
  }, 30_000);

  test("goes on without a node that ends by itself, and says what that logged last", async () => {
    writeFileSync(join(nodePaths(directory, 1).home, "fail"), "");
    ensemble.launcher.start();
    expect(await ensemble.untilState(1, "down")).toMatchObject({
      node: { reason: "ended with code 3: The disk is on fire" },
    });
    expect(await ensemble.untilReady()).toMatchObject({ leader: 2 });
    rmSync(join(nodePaths(directory, 1).home, "fail"));
    expect(await ensemble.order("start", "1")).toEqual(["node 1 is started: follower"]);
  }, 30_000);

  test("in which no node comes up at all has failed", async () => {
    for (const id of [1, 2, 3]) writeFileSync(join(nodePaths(directory, id).home, "fail"), "");
    ensemble.launcher.start();
    expect(await ensemble.launcher.done).toBe("failed");
  }, 30_000);
});

describe("orders", () => {
  test("kill, stop and start nodes, by id or by the word leader", async () => {
    ensemble.launcher.start();
    await ensemble.untilReady();
    expect(await ensemble.order("kill", "leader", "3")).toEqual(["node 2 is killed", "node 3 is killed"]);
    expect(await ensemble.order("stop", "1")).toEqual(["node 1 is stopped"]);
    expect(await ensemble.states()).toEqual(["down", "down", "down"]);
    expect(await ensemble.order("start", "1", "2")).toEqual([
      "node 1 is started: follower",
      "node 2 is started: leader",
    ]);
    expect(await ensemble.states()).toEqual(["follower", "leader", "down"]);
  }, 30_000);

  test("that cannot be carried out say why, each for its node", async () => {
    ensemble.launcher.start();
    await ensemble.untilReady();
    const pid = readPid(nodePaths(directory, 1).pidFile);
    expect(await ensemble.order("start", "1")).toEqual([
      `not done: node 1 runs already (follower, process ${pid})`,
    ]);
    expect(await ensemble.order("resume", "1")).toEqual(["not done: node 1 is not paused"]);
    await ensemble.order("kill", "1");
    expect(await ensemble.order("pause", "1", "3")).toEqual([
      "not done: node 1 is down; start brings it back",
      "node 3 is paused",
    ]);
    expect(await ensemble.order("pause", "3")).toEqual(["not done: node 3 is paused already"]);
    expect(await ensemble.order("start", "3")).toEqual([
      "not done: node 3 is paused; resume lets it go on",
    ]);
    expect(await ensemble.order("kill", "3", "4")).toEqual([
      "refused: there is no node 4: the nodes are 1, 2, 3",
    ]);
  }, 30_000);

  test("start no node whose port somebody else has taken, and say who", async () => {
    ensemble.launcher.start();
    await ensemble.untilReady();
    await ensemble.order("stop", "1");
    const { electionPort } = ensemble.layout.nodes[0];
    const other = createServer();
    await new Promise<void>((done) => other.listen(electionPort, "127.0.0.1", done));
    const [answer] = await ensemble.order("start", "1");
    expect(answer).toStartWith(
      `not done: node 1 cannot start: port ${electionPort} (node 1, elections) is used by `,
    );
    await new Promise((done) => other.close(done));
    expect(await ensemble.order("start", "1")).toEqual(["node 1 is started: follower"]);
  }, 30_000);

  test("to start the same node twice at once start it once", async () => {
    ensemble.launcher.start();
    await ensemble.untilReady();
    await ensemble.order("stop", "1");
    const answers = await Promise.all([ensemble.order("start", "1"), ensemble.order("start", "1")]);
    expect(answers.flat().sort()).toEqual([
      "node 1 is started: follower",
      expect.stringMatching(/^not done: /),
    ]);
  }, 30_000);

  test.if(process.platform === "linux")(
    "pause stops a process in its tracks, resume lets it go on",
    async () => {
      ensemble.launcher.start();
      await ensemble.untilReady();
      const pid = readPid(nodePaths(directory, 1).pidFile)!;
      expect(await ensemble.order("pause", "1")).toEqual(["node 1 is paused"]);
      while (kernelState(pid) !== "T") await Bun.sleep(1);
      expect((await ensemble.states())[0]).toBe("paused");
      expect(await ensemble.order("resume", "1")).toEqual(["node 1 goes on"]);
      expect((await ensemble.states())[0]).toBe("follower");
      await ensemble.order("pause", "1");
      expect(await ensemble.order("stop", "1")).toEqual(["node 1 is stopped"]);
    },
    30_000,
  );

  test("down stops everything before it is answered, and later orders are refused", async () => {
    ensemble.launcher.start();
    await ensemble.untilReady();
    const down = ensemble.launcher.handle({ command: "down" });
    expect(await ensemble.order("kill", "1")).toEqual(["refused: the ensemble is being stopped"]);
    expect(await down).toEqual({ kind: "down" });
    expect(ensemble.events.at(-1)).toEqual({ event: "stopped" });
  }, 30_000);
});

test("a node that somebody else kills is down with the signal's name", async () => {
  ensemble.launcher.start();
  await ensemble.untilReady();
  process.kill(readPid(nodePaths(directory, 1).pidFile)!, "SIGKILL");
  expect(await ensemble.untilState(1, "down")).toMatchObject({ node: { reason: "ended by SIGKILL" } });
}, 30_000);
