import type { LogFields, LogLevel } from "../../src/base/log.ts";
import type { TraceEvent } from "../../src/base/trace.ts";
import type { ClientEvent, EndOfProcess } from "./checkers/checker.ts";
import { describe } from "./checkers/acknowledged_writes.ts";
import type { EnsembleListener, SimEnsemble } from "./sim_ensemble.ts";
import type { SimServer } from "./world/sim_server.ts";
import type { SimWorker } from "./world/sim_worker.ts";

/**
 * Writes a simulation down, one line of JSON for each thing that happens: `tick` (virtual ms), `server` (a number, of
 * worker N of it 100 N more; or a client's name), `role`, `epoch`, `zxid`, `message`.
 */
export class TraceWriter implements EnsembleListener {
  readonly #ensemble: SimEnsemble;
  readonly #write: (line: string) => void;

  constructor(ensemble: SimEnsemble, write: (line: string) => void) {
    this.#ensemble = ensemble;
    this.#write = write;
  }

  onTrace(server: SimServer, event: TraceEvent): void {
    this.#line(server, messageOf(event));
  }

  onWorkerTrace(_server: SimServer, { node, zxid }: SimWorker, event: TraceEvent): void {
    this.#write(JSON.stringify({
      tick: this.#tick,
      server: node,
      role: "worker",
      epoch: 0,
      zxid: hex(zxid),
      message: messageOf(event),
    }));
  }

  onLog(server: SimServer, level: LogLevel, message: string, fields: LogFields): void {
    const facts = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`).join("");
    this.#line(server, `${level}: ${message}${facts}`);
  }

  onEnded(server: SimServer, how: EndOfProcess, refused: Error | null): void {
    this.#line(server, refused === null ? how : `${how}: ${refused.message}`);
  }

  onClient(event: ClientEvent): void {
    const [name, zxid, message] = clientMessage(event);
    this.#write(JSON.stringify({ tick: this.#tick, server: name, role: "client", epoch: 0, zxid, message }));
  }

  /** Something that the simulation does. */
  note(message: string): void {
    this.#write(
      JSON.stringify({ tick: this.#tick, server: 0, role: "world", epoch: 0, zxid: "0x0", message }),
    );
  }

  get #tick(): number {
    return Math.round(this.#ensemble.nowMs * 1000) / 1000;
  }

  #line({ id, state, currentEpoch, zxid }: SimServer, message: string): void {
    this.#write(JSON.stringify({
      tick: this.#tick,
      server: id,
      role: state,
      epoch: currentEpoch,
      zxid: hex(zxid),
      message,
    }));
  }
}

function messageOf(event: TraceEvent): string {
  switch (event.kind) {
    case "state":
      return event.state;
    case "acceptedEpoch":
    case "currentEpoch":
    case "established":
      return `${event.kind} ${event.epoch}`;
    case "upToDate":
      return `upToDate ${event.epoch} under ${event.peer}`;
    case "sync":
      return `sync ${event.how} ${hex(event.zxid)} with ${event.peer}`;
    case "send":
    case "receive":
      return `${event.kind} ${event.peer} ${event.packet} ${hex(event.zxid)}`;
    case "load":
      return `load ${hex(event.zxid)} from ${event.from}`;
    case "config":
      return `config ${event.version.toString(16)} ${event.text.replaceAll("\n", " ")}`;
    case "violation":
      return `violation by ${event.peer}: ${event.reason}`;
    default:
      return `${event.kind} ${hex(event.zxid)}`;
  }
}

function clientMessage(event: ClientEvent): [name: string, zxid: string, message: string] {
  switch (event.kind) {
    case "connected":
    case "disconnected":
      return [
        event.client,
        "0x0",
        `${event.kind} ${event.isReadOnly ? "read-only " : ""}server ${event.server} session ${
          hex(event.session)
        }`,
      ];
    case "renewed":
      return [hex(event.session), "0x0", `renewed from ${hex(event.before)}`];
    case "invoked":
    case "lost":
      return [event.operation.client, "0x0", `${event.kind} ${describe(event.operation)}`];
    case "replied": {
      const { operation } = event;
      const value = operation.data ?? operation.created ?? operation.children?.join() ?? "";
      return [
        operation.client,
        hex(operation.zxid),
        `replied ${describe(operation)} ${operation.error} ${value}`.trimEnd(),
      ];
    }
    case "notified": {
      const { type, path, zxid } = event.notification;
      return [hex(event.session), hex(zxid), `event ${type} ${path}`];
    }
    case "ended":
      return [hex(event.session), "0x0", event.how];
    case "broken":
      return [hex(event.session), "0x0", `broken: ${event.reason}`];
  }
}

function hex(value: number | bigint): string {
  return typeof value === "bigint"
    ? `0x${BigInt.asUintN(64, value).toString(16)}`
    : `0x${value.toString(16)}`;
}
