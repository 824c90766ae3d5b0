import { formatServer } from "../../src/client/connection_string.ts";
import { askServer, type ServerFinding } from "../_server_report.ts";
import type { NodePaths } from "./ensemble_directory.ts";
import { nodeHost, type NodePlan } from "./layout.ts";
import type { NodeProcess } from "./node_process.ts";
import { isServing, type NodeView, stateOfFinding } from "./node_view.ts";
import { rssBytesOf } from "./process_table.ts";

/** How long a node is given to answer, in ms. */
const answerTimeoutMs = 2_000;
/** Time between two questions to one node while states may change at any moment, and else, in ms. */
const busyMs = 50;
const quietMs = 1_000;
/** How long after a change the nodes are watched closely, in ms: elections that end do so sooner. */
const watchfulMs = 10_000;

/** A node's process, its plan and its files. */
export interface MonitoredNode {
  readonly plan: NodePlan;
  readonly paths: NodePaths;
  readonly process: NodeProcess;
}

/** What the monitor needs of its host; replaced in tests. */
export interface MonitorHost {
  /** Monotonic time in ms. */
  now(): number;
  /** Asks a node what it does. */
  ask(plan: NodePlan): Promise<ServerFinding>;
  rssBytes(pid: number): number | null;
  /** Calls `fire` later; the call that is returned takes it back. */
  later(delayMs: number, fire: () => void): () => void;
}

/** Asks over the network, by the system's clock. */
export const systemMonitorHost: MonitorHost = {
  now: () => performance.now(),
  ask: ({ clientPort }) => askServer({ host: nodeHost, port: clientPort }, answerTimeoutMs),
  rssBytes: rssBytesOf,
  later(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

interface Watched extends MonitoredNode {
  view: NodeView;
  /** The question that is under way. */
  asking: Promise<void> | undefined;
  /** The last answer was none. */
  doubted: boolean;
  /** Monotonic ms. */
  askAgainAt: number;
}

/** Knows what each node does, by asking those that run and by hearing of processes that start and end. */
export class Monitor {
  readonly #nodes: readonly Watched[];
  readonly #host: MonitorHost;
  readonly #onChange: (node: NodeView, before: NodeView) => void;
  #changedAt: number;
  #cancelTimer: (() => void) | undefined;
  #ended = false;

  /** @param onChange Called when a node is in another state, and when only its numbers are others. */
  constructor(
    nodes: readonly MonitoredNode[],
    onChange: (node: NodeView, before: NodeView) => void,
    host: MonitorHost = systemMonitorHost,
  ) {
    this.#host = host;
    this.#onChange = onChange;
    this.#changedAt = host.now();
    this.#nodes = nodes.map((node) => ({
      ...node,
      view: firstView(node),
      asking: undefined,
      doubted: false,
      askAgainAt: 0,
    }));
  }

  /** In the order of their ids. */
  get views(): readonly NodeView[] {
    return this.#nodes.map(({ view }) => view);
  }

  viewOf(id: number): NodeView | undefined {
    return this.#find(id)?.view;
  }

  /** A node's process was started, paused or resumed, or something else says that its state may be another. */
  look(id: number): void {
    const node = this.#find(id);
    if (node === undefined) return;
    const { pid, paused } = node.process;
    const { state } = node.view;
    if (pid === undefined) this.#set(node, { state: "down", pid: null, rssBytes: null, connections: null });
    else if (paused) this.#set(node, { state: "paused", pid });
    else if (state === "down") this.#set(node, { state: "starting", reason: null, pid, zxid: null });
    // One that goes on after a pause says itself what it is now.
    node.askAgainAt = 0;
    this.#changedAt = this.#host.now();
    this.#step();
  }

  /** A node's process is gone. */
  ended(id: number, reason: string): void {
    const node = this.#find(id);
    if (node === undefined) return;
    this.#set(node, { state: "down", reason, pid: null, rssBytes: null, connections: null });
    // The others will notice: perhaps it led them.
    for (const each of this.#nodes) each.askAgainAt = 0;
    this.#changedAt = this.#host.now();
    this.#step();
  }

  /** Asks all that run once more, and resolves when they have answered or have not in time. */
  async refresh(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => this.#ask(node)));
  }

  /** Asks no more. */
  end(): void {
    this.#ended = true;
    this.#cancelTimer?.();
  }

  #find(id: number): Watched | undefined {
    return this.#nodes.find(({ plan }) => plan.id === id);
  }

  /** Asks every node whose time has come, and sets the timer for the next. */
  #step(): void {
    if (this.#ended) return;
    this.#cancelTimer?.();
    const now = this.#host.now();
    let next = now + quietMs;
    for (const node of this.#nodes) {
      if (!isAsked(node) || node.asking !== undefined) continue;
      if (node.askAgainAt <= now) void this.#ask(node).then(() => this.#step());
      else next = Math.min(next, node.askAgainAt);
    }
    this.#cancelTimer = this.#host.later(next - now, () => this.#step());
  }

  /** Asks a node, or waits for the answer to the question before. */
  #ask(node: Watched): Promise<void> {
    if (!isAsked(node)) return Promise.resolve();
    return node.asking ??= this.#askNow(node).finally(() => node.asking = undefined);
  }

  async #askNow(node: Watched): Promise<void> {
    const { pid } = node.process;
    const finding = await this.#host.ask(node.plan);
    const isCurrent = pid !== undefined && node.process.pid === pid && !node.process.paused;
    if (isCurrent && !this.#ended) this.#take(node, pid, finding);
    node.askAgainAt = this.#host.now() + (this.#isQuiet() ? quietMs : busyMs);
  }

  #take(node: Watched, pid: number, finding: ServerFinding): void {
    const before = node.view.state;
    const found = stateOfFinding(finding);
    // A port that no longer listens is no new start.
    const state = found === "starting" && before !== "starting" ? "silent" : found;
    // Once is no proof: a process that has just ended answers neither, and will be heard of.
    const doubted = state === "silent" && before !== "silent" && !node.doubted;
    node.doubted = doubted;
    if (doubted) return;
    const rssBytes = this.#host.rssBytes(pid);
    if (finding.kind !== "serving") this.#set(node, { state, rssBytes, connections: null });
    else {
      const { zxid, connections } = finding.report;
      this.#set(node, { state, rssBytes, zxid, connections });
    }
  }

  #isQuiet(): boolean {
    if (this.#host.now() - this.#changedAt > watchfulMs) return true;
    return this.#nodes.every((node) => !isAsked(node) || (isServing(node.view.state) && !node.doubted));
  }

  #set(node: Watched, change: Partial<NodeView>): void {
    const before = node.view;
    node.view = { ...before, ...change };
    if (node.view.state !== before.state) this.#changedAt = this.#host.now();
    this.#onChange(node.view, before);
  }
}

function isAsked({ process }: MonitoredNode): boolean {
  return process.pid !== undefined && !process.paused;
}

function firstView({ plan, paths }: MonitoredNode): NodeView {
  return {
    id: plan.id,
    role: plan.role,
    state: "down",
    reason: null,
    pid: null,
    client: formatServer({ host: nodeHost, port: plan.clientPort }),
    quorumPort: plan.quorumPort,
    electionPort: plan.electionPort,
    zxid: null,
    connections: null,
    rssBytes: null,
    log: paths.log,
  };
}
