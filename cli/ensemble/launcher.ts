import type { ControlReply, ControlRequest, NodeAction, NodeResult } from "./control_protocol.ts";
import type { NodePaths } from "./ensemble_directory.ts";
import type { Display } from "./launcher_event.ts";
import { connectionString, type Layout } from "./layout.ts";
import { Monitor, type MonitoredNode } from "./monitor.ts";
import { NodeProcess } from "./node_process.ts";
import { busyPorts, busyPortText } from "./ports.ts";
import { isLeading, isServing, leaderOf, type NodeView } from "./node_view.ts";
import { chooseNodes } from "./choose_nodes.ts";

/** How long the others may take to follow a leader before the ensemble is called ready without them, in ms. */
const stragglersMs = 2_000;
/** How long a started node is watched before its order is answered, in ms. */
const startWatchMs = 5_000;
/** When to say that there still is no leader, in ms after the start. */
const noLeaderNoticeMs = 15_000;
/** How long a node may take to stop in order, in ms. */
const stopMaxMs = 10_000;

/** What a launcher works on. */
export interface LauncherOptions {
  readonly layout: Layout;
  /** As its user wrote it. */
  readonly dataDir: string;
  readonly pathsOf: (id: number) => NodePaths;
  /** The words that start this program. */
  readonly command: readonly string[];
  readonly display: Display;
}

/** Runs the nodes of an ensemble as children of this process and carries out orders. */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #nodes: readonly MonitoredNode[];
  readonly #monitor: Monitor;
  readonly #done = Promise.withResolvers<"stopped" | "failed">();
  /** Called at every change, until they answer true. */
  readonly #waiting = new Set<() => boolean>();
  #leaderSeenAt: number | undefined;
  #ready = false;
  /** An order was carried out. */
  #ordered = false;
  #stopping: Promise<void> | undefined;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.#nodes = options.layout.nodes.map((plan) => {
      const paths = options.pathsOf(plan.id);
      const process = new NodeProcess(paths, options.command, {
        onReady: () => this.#monitor.look(plan.id),
        onEnd: (reason) => this.#monitor.ended(plan.id, reason),
      });
      return { plan, paths, process };
    });
    this.#monitor = new Monitor(this.#nodes, (node, before) => this.#onChange(node, before));
  }

  /** Resolves when all nodes are down and nothing more will happen: as asked, or since none of them came up. */
  get done(): Promise<"stopped" | "failed"> {
    return this.#done.promise;
  }

  /** Starts all nodes. */
  start(): void {
    const { display, layout, dataDir } = this.#options;
    display.tell({ event: "ensemble", layout, dataDir });
    for (const node of this.#nodes) this.#start(node);
    setTimeout(() => this.#tellLeaderless(), noLeaderNoticeMs).unref();
  }

  /** Stops all nodes: observers first, then followers, and the leader last, so that none is elected in between. */
  stop(reason: string): Promise<void> {
    return this.#stopping ??= this.#stopAll(reason);
  }

  /** Ends all nodes at once. */
  killAll(): void {
    for (const { process } of this.#nodes) process.kill();
  }

  /** Carries out an order from another terminal. Never rejects. */
  async handle(request: ControlRequest): Promise<ControlReply> {
    switch (request.command) {
      case "status":
        await this.#monitor.refresh();
        return {
          kind: "status",
          pid: process.pid,
          upMs: Math.round(performance.now()),
          nodes: [...this.#monitor.views],
        };
      case "down":
        await this.stop("zoon ensemble down");
        return { kind: "down" };
      default: {
        const chosen = chooseNodes(request.nodes, this.#monitor.views);
        if (typeof chosen === "string") return { kind: "refused", message: chosen };
        if (this.#stopping !== undefined) {
          return { kind: "refused", message: "the ensemble is being stopped" };
        }
        return {
          kind: "results",
          results: await Promise.all(chosen.map((id) => this.#act(request.command, id))),
        };
      }
    }
  }

  async #act(action: NodeAction, id: number): Promise<NodeResult> {
    const node = this.#nodes.find(({ plan }) => plan.id === id);
    const refusal = node === undefined ? `there is no node ${id}` : refusalOf(action, node, this.#monitor);
    if (node === undefined || refusal !== undefined) return { node: id, done: false, message: refusal ?? "" };
    this.#ordered = true;
    switch (action) {
      case "kill":
        node.process.kill();
        await node.process.ended;
        return { node: id, done: true, message: `node ${id} is killed` };
      case "stop":
        node.process.stop();
        if (await endsWithin(node.process, stopMaxMs)) {
          return { node: id, done: true, message: `node ${id} is stopped` };
        }
        return {
          node: id,
          done: false,
          message: `node ${id} has not stopped within ${stopMaxMs / 1000} s; kill ends it`,
        };
      case "pause":
        node.process.pause();
        this.#monitor.look(id);
        return { node: id, done: true, message: `node ${id} is paused` };
      case "resume":
        node.process.resume();
        this.#monitor.look(id);
        return { node: id, done: true, message: `node ${id} goes on` };
      case "start": {
        // Whatever listens there would be taken for the node.
        const [busy] = await busyPorts({ ...this.#options.layout, nodes: [node.plan] });
        if (busy !== undefined) {
          return { node: id, done: false, message: `node ${id} cannot start: ${busyPortText(busy)}` };
        }
        const late = this.#stopping === undefined
          ? refusalOf(action, node, this.#monitor)
          : "the ensemble is being stopped";
        if (late !== undefined) return { node: id, done: false, message: late };
        this.#start(node);
        await this.#until(
          () => isServing(this.#viewOf(id).state) || node.process.pid === undefined,
          startWatchMs,
        );
        return startResult(this.#viewOf(id));
      }
    }
  }

  #start(node: MonitoredNode): void {
    node.process.start();
    this.#monitor.look(node.plan.id);
  }

  #viewOf(id: number): NodeView {
    return this.#monitor.viewOf(id)!;
  }

  #onChange(node: NodeView, before: NodeView): void {
    const { display } = this.#options;
    if (node.state !== before.state) display.tell({ event: "node", node });
    display.show(this.#monitor.views);
    for (const check of this.#waiting) if (check()) this.#waiting.delete(check);
    if (!this.#ready && this.#stopping === undefined) this.#maybeReady();
  }

  #maybeReady(): void {
    const views = this.#monitor.views;
    // Nobody had the time to ask for it: there is something wrong with all of them.
    if (!this.#ordered && views.every(({ state }) => state === "down")) {
      this.#options.display.tell({
        event: "notice",
        message: "no node has come up; there is nothing to run",
      });
      this.#done.resolve("failed");
      return;
    }
    const leader = leaderOf(views);
    if (leader === undefined) {
      this.#leaderSeenAt = undefined;
      return;
    }
    if (this.#leaderSeenAt === undefined) {
      this.#leaderSeenAt = performance.now();
      setTimeout(() => this.#ready || this.#stopping || this.#maybeReady(), stragglersMs).unref();
    }
    const all = views.every(({ state }) => isServing(state) || state === "down" || state === "paused");
    if (!all && performance.now() - this.#leaderSeenAt < stragglersMs) return;
    this.#ready = true;
    this.#options.display.tell({
      event: "ready",
      connectionString: connectionString(this.#options.layout),
      leader,
      dataDir: this.#options.dataDir,
      startMs: Math.round(performance.now()),
    });
  }

  #tellLeaderless(): void {
    if (this.#ready || this.#stopping !== undefined) return;
    const states = this.#monitor.views.map(({ id, state }) => `node ${id} ${state}`).join(", ");
    const message = `no leader yet: ${states}. Their logs are ${this.#options.dataDir}/<node>/zoon.log`;
    this.#options.display.tell({ event: "notice", message });
  }

  async #stopAll(reason: string): Promise<void> {
    const { display } = this.#options;
    display.tell({ event: "stopping", reason });
    // Decided beforehand: a leader whose followers are gone is none any more.
    const waves: NodeProcess[][] = [[], [], []];
    for (const { plan, process } of this.#nodes) {
      const { state, role } = this.#viewOf(plan.id);
      waves[isLeading(state) ? 2 : role === "observer" ? 0 : 1].push(process);
    }
    for (const wave of waves) await Promise.all(wave.map(stopOrKill));
    this.#monitor.end();
    display.tell({ event: "stopped" });
    this.#done.resolve("stopped");
  }

  /** Resolves once a condition holds, or after some time. */
  #until(condition: () => boolean, maxMs: number): Promise<void> {
    return new Promise((done) => {
      const check = () => {
        if (!condition()) return false;
        clearTimeout(timer);
        done();
        return true;
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        done();
      }, maxMs);
      if (!check()) this.#waiting.add(check);
    });
  }
}

/** Why an order cannot be carried out now; undefined when it can. */
function refusalOf(
  action: NodeAction,
  { plan, process }: MonitoredNode,
  monitor: Monitor,
): string | undefined {
  const { id } = plan;
  if (process.pid === undefined) {
    return action === "start" ? undefined : `node ${id} is down; start brings it back`;
  }
  switch (action) {
    case "start":
      return process.paused
        ? `node ${id} is paused; resume lets it go on`
        : `node ${id} runs already (${monitor.viewOf(id)?.state}, process ${process.pid})`;
    case "pause":
      return process.paused ? `node ${id} is paused already` : undefined;
    case "resume":
      return process.paused ? undefined : `node ${id} is not paused`;
    default:
      return undefined;
  }
}

function startResult({ id, state, reason, log }: NodeView): NodeResult {
  if (state === "down") return { node: id, done: false, message: `node ${id} ${reason}; its log is ${log}` };
  if (isServing(state)) return { node: id, done: true, message: `node ${id} is started: ${state}` };
  return { node: id, done: true, message: `node ${id} is started, and ${state} so far` };
}

async function stopOrKill(process: NodeProcess): Promise<void> {
  process.stop();
  if (await endsWithin(process, stopMaxMs)) return;
  process.kill();
  await process.ended;
}

async function endsWithin(process: NodeProcess, maxMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), maxMs);
  const ended = await Promise.race([process.ended.then(() => true), late.promise]);
  clearTimeout(timer);
  return ended;
}
