import { MemoryDisk } from "../../world/memory_disk.ts";
import type { Network } from "../../../src/base/network.ts";
import type { TraceEvent } from "../../../src/base/trace.ts";
import type { ServerConfig } from "../../../src/config/server_config.ts";
import type { ServerWorld } from "../../../src/server/server.ts";
import { WorkerServer } from "../../../src/server/workers/worker_server.ts";
import type { ZnodeStore } from "../../../src/tree/znode_store.ts";
import { workerNode } from "../checkers/checker.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimHost, SimNetwork } from "./sim_network.ts";
import type { SimProcess } from "./sim_process.ts";

/** Where a server's main process lets its workers in; on a real machine no port, but a file. */
export const doorPort = 1;

/** What a {@link SimWorker} is made from. */
export interface SimWorkerParts {
  /** Which worker of its server it is, from 1 on. */
  readonly index: number;
  readonly serverId: number;
  readonly host: SimHost;
  readonly network: SimNetwork;
  readonly scheduler: Scheduler;
  /** Makes a process; `onBug` hears of what it throws. */
  makeProcess(onBug: (error: unknown) => void): SimProcess;
  /** What every process of the server finds on its machine. */
  makeWorld(process: SimProcess, onStore: (store: ZnodeStore) => void): Omit<ServerWorld, "disk" | "network">;
  /** When a worker that has ended is started again, in ms. */
  restartMs(): number;
  onTrace(worker: SimWorker, event: TraceEvent): void;
  onEnded(worker: SimWorker): void;
  onBug(worker: SimWorker, error: unknown): void;
}

/** A worker of a simulated server: a process on the same machine, which the main process starts and outlives. */
export class SimWorker {
  readonly index: number;
  /** The number by which checkers know it. */
  readonly node: number;
  process: SimProcess | null = null;
  store: ZnodeStore | null = null;
  zxid = 0;
  /** Up to date and listening, by the trace. */
  isServing = false;
  readonly #parts: SimWorkerParts;
  #server: WorkerServer | null = null;
  /** Of the main process that it belongs to; null when there is none. */
  #config: ServerConfig | null = null;

  constructor(parts: SimWorkerParts) {
    this.#parts = parts;
    this.index = parts.index;
    this.node = workerNode(parts.serverId, parts.index);
  }

  /** The main process starts it; from then on it is started again whenever it ends, until {@link dismiss}. */
  employ(config: ServerConfig): void {
    // As it goes from process to process: what other servers are is the main process's alone.
    this.#config = JSON.parse(JSON.stringify({ ...config, ensemble: undefined })) as ServerConfig;
    this.#start();
  }

  /** The main process is gone, or wants it to go: it is not started again. */
  dismiss(): void {
    this.#config = null;
    this.kill();
  }

  /** Asks it to drop its clients, as it does when the main process wants it to go. */
  stop(): void {
    this.process?.take("io", () => this.#server?.stop());
  }

  /** Ends the process. */
  kill(): void {
    const { host, network, scheduler, restartMs, onEnded } = this.#parts;
    const { process } = this;
    if (process === null) return;
    process.end();
    network.onKilled(host, process);
    this.process = null;
    this.#server = null;
    this.store = null;
    this.isServing = false;
    onEnded(this);
    const config = this.#config;
    if (config === null) return;
    scheduler.after(restartMs(), () => {
      if (this.#config === config) this.#start();
    });
  }

  #start(): void {
    if (this.process !== null) return;
    const process = this.#parts.makeProcess((error) => {
      if (this.process !== process) return;
      this.#parts.onBug(this, error);
      this.dismiss();
    });
    this.process = process;
    this.zxid = 0;
    process.take("io", () => this.#boot(process));
  }

  #boot(process: SimProcess): void {
    const { host, network, makeWorld, index } = this.#parts;
    const { listen, dial } = network.for(process, host);
    const local: Network = {
      listen,
      dial: (_host, _port, timeoutMs, open) => dial(host.name, doorPort, timeoutMs, open),
    };
    const server = this.#server = new WorkerServer({
      index,
      config: this.#config!,
      world: {
        ...makeWorld(process, (store) => this.store = store),
        // Nothing is ever kept there.
        disk: new MemoryDisk(0),
        network: local,
        trace: (event) => this.#onTrace(process, event),
      },
    });
    server.failed.then(() => {
      if (this.process === process) this.kill();
    });
    server.start();
  }

  #onTrace(process: SimProcess, event: TraceEvent): void {
    if (this.process !== process) return;
    if (event.kind === "state") this.isServing = false;
    else if (event.kind === "upToDate") this.isServing = true;
    else if (event.kind === "apply" || event.kind === "load") this.zxid = event.zxid;
    // To a worker the main process has no number.
    this.#parts.onTrace(this, "peer" in event ? { ...event, peer: this.#parts.serverId } : event);
    process.checkAlive();
  }
}
