import { AssertionError } from "../../../src/base/assert.ts";
import { type DiskCall, MemoryDisk } from "../../world/memory_disk.ts";
import { DiskError, type DiskErrorCode } from "../../../src/base/disk.ts";
import type { LogFields, Logger, LogLevel } from "../../../src/base/log.ts";
import { ListenError } from "../../../src/base/network.ts";
import type { TraceEvent } from "../../../src/base/trace.ts";
import { ConfigError } from "../../../src/config/config_error.ts";
import type { ServerConfig } from "../../../src/config/server_config.ts";
import { systemHasher } from "../../../src/io/system_hasher.ts";
import { epochOf } from "../../../src/protocol/zxid.ts";
import { type RunningServer, startServer } from "../../../src/server/server.ts";
import { CorruptLogError, DataDirectoryError, RecoveryError } from "../../../src/storage/errors.ts";
import { ObjectZnodeStore } from "../../../src/tree/object_znode_store.ts";
import { PagedZnodeStore } from "../../../src/tree/paged_znode_store.ts";
import type { ZnodeStore } from "../../../src/tree/znode_store.ts";
import type { Chance } from "./chance.ts";
import type { Scheduler } from "./scheduler.ts";
import { type DiskTimes, SimDisk } from "./sim_disk.ts";
import type { SimHost, SimNetwork } from "./sim_network.ts";
import { type MachineTime, SimProcess } from "./sim_process.ts";
import { doorPort, SimWorker } from "./sim_worker.ts";

/** What a {@link SimServer} tells the simulation. */
export interface SimServerEvents {
  onTrace(server: SimServer, event: TraceEvent): void;
  onLog(server: SimServer, level: LogLevel, message: string, fields: LogFields): void;
  /** A process began. */
  onStarted(server: SimServer): void;
  /** The process is no more. `refused` says why it would not start or go on by itself. */
  onEnded(server: SimServer, how: "killed" | "power cut" | "stopped", refused: Error | null): void;
  /** The server, or a worker of it, broke a rule of its own, or threw what nobody caught. */
  onBug(server: SimServer, error: unknown): void;
  onWorkerTrace(server: SimServer, worker: SimWorker, event: TraceEvent): void;
  onWorkerEnded(server: SimServer, worker: SimWorker): void;
}

/** What a {@link SimServer} is made from. */
export interface SimServerParts {
  readonly id: number;
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly chance: Chance;
  readonly time: MachineTime;
  readonly diskTimes: DiskTimes;
  readonly turnMsMax: number;
  readonly store: "paged" | "object";
  /** Processes beside the main one. */
  readonly workers: number;
  /** Reads the configuration anew, as each start does. */
  config(disk: MemoryDisk): ServerConfig;
  readonly events: SimServerEvents;
}

/** Mean time until a worker that has ended is started again, ms. */
const workerRestartMs = 150;
/** Longest time, in ms, for which workers outlive their main process, or take to stop. */
const workerLeaveMsMax = 5;

/** @returns The name and numeric address of a server's machine. */
export function machineOf(id: number): { name: string; address: string } {
  return { name: `node${id}`, address: `10.0.0.${id}` };
}

/**
 * A machine with a Zoon server on it: the objects that ship, in a world that is not real. Its disk outlives its
 * processes.
 */
export class SimServer {
  readonly id: number;
  readonly host: SimHost;
  readonly disk: MemoryDisk;
  readonly time: MachineTime;
  readonly diskTimes: DiskTimes;
  readonly workers: readonly SimWorker[];
  /** The election state it was last traced in. */
  state: "LOOKING" | "FOLLOWING" | "LEADING" | "OBSERVING" | "OFF" = "OFF";
  /** Whether it serves clients, by the trace. */
  isServing = false;
  /** Whether it serves reads without a leader, by the trace. */
  isReadOnly = false;
  currentEpoch = 0;
  zxid = 0;
  process: SimProcess | null = null;
  running: RunningServer | null = null;
  /** The znodes it holds now. */
  store: ZnodeStore | null = null;
  /** Why it will not start any more, if so. */
  refusal: Error | null = null;
  /** Disk calls until power fails in the middle of one; negative for never. */
  callsUntilPowerCut = -1;
  /** Asked before each disk call that can fail. */
  diskFault: ((call: DiskCall) => DiskErrorCode | null) | null = null;
  /** A disk call of it failed since it started. */
  sawDiskFault = false;
  readonly #parts: SimServerParts;
  #starts = 0;

  constructor(parts: SimServerParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.time = parts.time;
    this.diskTimes = parts.diskTimes;
    const { name, address } = machineOf(parts.id);
    this.host = parts.network.addHost(name, address);
    this.disk = new MemoryDisk(parts.chance.uint32());
    this.disk.fault = (call) => {
      const code = this.diskFault?.(call) ?? null;
      if (code !== null) this.sawDiskFault = true;
      return code;
    };
    this.workers = Array.from({ length: parts.workers }, (_, index) => this.#makeWorker(index + 1));
  }

  get isOn(): boolean {
    return this.process !== null;
  }

  /** Powers the machine on if need be, and starts the server. */
  start(): void {
    if (this.process !== null) return;
    const { network, events } = this.#parts;
    network.powerOn(this.host);
    // Those of a main process that has just ended would keep the port.
    for (const worker of this.workers) worker.dismiss();
    this.#starts++;
    const process = this.#makeProcess((error) => {
      if (this.process !== process) return;
      events.onBug(this, error);
      this.#end("stopped", null);
    });
    this.process = process;
    this.state = "LOOKING";
    events.onStarted(this);
    process.take("io", () => this.#boot(process));
  }

  /** kill -9: what was written stays with the machine, synced or not. */
  kill(): void {
    if (this.process !== null) this.#end("killed", null);
  }

  /** Power fails: of what was not synced any part may be gone. */
  cutPower(loss: "order" | "sectors" | "everything"): void {
    const { network, chance } = this.#parts;
    const process = this.process;
    this.process?.end();
    for (const worker of this.workers) worker.dismiss();
    network.powerOff(this.host);
    if (loss === "everything") this.disk.loseUnsynced();
    else this.disk.crash(chance, loss);
    if (process !== null) this.#forget("power cut", null);
  }

  /** Asks the server to stop in order, and ends the process when it says that it has. */
  stop(): void {
    const { process, running } = this;
    if (process === null || running === null) return this.kill();
    const stop = () =>
      process.take("io", () => {
        running.stop().then(() => {
          if (this.process === process) this.#end("stopped", null);
        });
      });
    if (this.workers.length === 0) return stop();
    for (const worker of this.workers) worker.stop();
    this.#dismissSoon(stop);
  }

  #dismissSoon(andThen: () => void = () => {}): void {
    const { scheduler, chance } = this.#parts;
    const starts = this.#starts;
    scheduler.after(chance.between(0, workerLeaveMsMax), () => {
      // Another start has seen to it already.
      if (starts !== this.#starts) return;
      for (const worker of this.workers) worker.dismiss();
      andThen();
    });
  }

  #boot(process: SimProcess): void {
    const { scheduler, network, chance, diskTimes } = this.#parts;
    let config: ServerConfig;
    try {
      config = this.#parts.config(this.disk);
    } catch (error) {
      return this.#refuse(process, error);
    }
    const sockets = network.for(process, this.host);
    const world = {
      ...this.#worldOf(process, (made) => {
        if (this.process === process) this.store = made;
      }),
      disk: new SimDisk({
        disk: this.disk,
        process,
        scheduler,
        chance: chance.fork(),
        times: diskTimes,
        beforeCall: () => {
          if (this.callsUntilPowerCut >= 0 && this.callsUntilPowerCut-- === 0) this.cutPower("order");
        },
      }),
      network: sockets,
      trace: (event: TraceEvent) => this.#onTrace(process, event),
      workers: this.workers.length === 0 ? undefined : {
        listen: (accept: Parameters<typeof sockets.listen>[2]) => sockets.listen("", doorPort, accept),
        onSilent: (index: number) => this.workers[index - 1].kill(),
      },
    };
    startServer(config, world).then((running) => {
      if (this.process !== process) return;
      this.running = running;
      for (const worker of this.workers) worker.employ(config);
      running.failed.then((error) => {
        if (this.process === process) this.#end("stopped", error);
      });
    }, (error) => this.#refuse(process, error));
  }

  #makeProcess(onBug: (error: unknown) => void): SimProcess {
    const { scheduler, chance, turnMsMax } = this.#parts;
    return new SimProcess({ scheduler, chance: chance.fork(), time: this.time, turnMsMax, onBug });
  }

  /** What every process of the server finds on its machine. */
  #worldOf(process: SimProcess, onStore: (store: ZnodeStore) => void) {
    const { chance, store } = this.#parts;
    const identity = `${this.id} ${this.#starts}`;
    return {
      clock: process,
      hasher: systemHasher,
      random: chance.fork(),
      logger: this.#logger(process),
      process: {
        version: "simulated",
        environment: () => [],
        openFiles: () => this.disk.openFiles,
        openFilesMax: () => 1024,
      },
      lockHolder: { identity, isRunning: (other: string) => other === identity },
      absolutePath: (path: string) => path,
      makeStore: (ownerRules: ConstructorParameters<typeof ObjectZnodeStore>[0]["ownerRules"]) => {
        const made = store === "paged"
          ? new PagedZnodeStore({ ownerRules, random: chance.fork() })
          : new ObjectZnodeStore({ ownerRules });
        onStore(made);
        return made;
      },
      packerFor: () => null,
    };
  }

  #makeWorker(index: number): SimWorker {
    const { network, scheduler, chance, events } = this.#parts;
    return new SimWorker({
      index,
      serverId: this.id,
      host: this.host,
      network,
      scheduler,
      makeProcess: (onBug) => this.#makeProcess(onBug),
      makeWorld: (process, onStore) => this.#worldOf(process, onStore),
      restartMs: () => chance.exponential(workerRestartMs),
      onTrace: (worker, event) => events.onWorkerTrace(this, worker, event),
      onEnded: (worker) => events.onWorkerEnded(this, worker),
      onBug: (_worker, error) => events.onBug(this, error),
    });
  }

  #refuse(process: SimProcess, error: unknown): void {
    if (this.process !== process) return;
    if (isOutsideTrouble(error)) return this.#end("stopped", error);
    process.onThrown(error);
  }

  #end(how: "killed" | "stopped", refused: Error | null): void {
    const { network, chance } = this.#parts;
    const process = this.process!;
    process.end();
    network.onKilled(this.host, process);
    this.disk.kill(chance);
    if (this.workers.length > 0) this.#dismissSoon();
    this.#forget(how, refused);
  }

  #forget(how: "killed" | "power cut" | "stopped", refused: Error | null): void {
    this.process = null;
    this.running = null;
    this.state = "OFF";
    this.isServing = false;
    this.isReadOnly = false;
    this.sawDiskFault = false;
    this.callsUntilPowerCut = -1;
    this.#parts.events.onEnded(this, how, refused);
  }

  #onTrace(process: SimProcess, event: TraceEvent): void {
    if (this.process !== process) return;
    switch (event.kind) {
      case "state":
        this.state = event.state;
        this.isReadOnly = false;
        if (event.state === "LOOKING") this.isServing = false;
        break;
      case "established":
      case "upToDate":
        this.isServing = true;
        break;
      case "readOnly":
        this.isReadOnly = true;
        break;
      case "currentEpoch":
        this.currentEpoch = event.epoch;
        break;
      case "apply":
      case "load":
        this.zxid = event.zxid;
        if (event.kind === "load") this.currentEpoch = Math.max(this.currentEpoch, epochOf(event.zxid));
        break;
    }
    this.#parts.events.onTrace(this, event);
    // A scenario may have ended the process at this very event.
    process.checkAlive();
  }

  #logger(process: SimProcess): Logger {
    const log = (level: LogLevel) => (message: string, fields: LogFields = {}) => {
      if (process.isAlive) this.#parts.events.onLog(this, level, message, fields);
    };
    return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  }
}

/** What a start may be refused for without a fault of the program. */
function isOutsideTrouble(error: unknown): error is Error {
  return !(error instanceof AssertionError) && (
    error instanceof DiskError || error instanceof ListenError || error instanceof RecoveryError ||
    error instanceof CorruptLogError || error instanceof DataDirectoryError || error instanceof ConfigError
  );
}
