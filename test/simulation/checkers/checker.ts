import type { TraceEvent } from "../../../src/base/trace.ts";
import type { Operation } from "../clients/operation.ts";
import type { Notification } from "../clients/sim_session.ts";

/** What a client's session goes through. */
export type ClientEvent =
  | {
    readonly kind: "connected" | "disconnected";
    readonly client: string;
    readonly session: bigint;
    readonly server: number;
    /** The server says that it is read-only. */
    readonly isReadOnly: boolean;
  }
  /** What a read-only server had given goes on as another session. */
  | { readonly kind: "renewed"; readonly before: bigint; readonly session: bigint }
  | { readonly kind: "invoked" | "replied" | "lost"; readonly operation: Operation }
  | { readonly kind: "notified"; readonly session: bigint; readonly notification: Notification }
  | {
    readonly kind: "ended";
    readonly session: bigint;
    readonly how: "told expired" | "gave up" | "closed" | "abandoned";
  }
  | { readonly kind: "broken"; readonly session: bigint; readonly reason: string };

/** How a server's process came to its end. */
export type EndOfProcess = "killed" | "power cut" | "stopped";

/** Says what was seen that may never be. */
export type Fail = (message: string) => void;

/** Watches a simulation for one property; hears of everything in the order in which it happens. */
export interface Checker {
  /** The property's name, by which failures are reported. */
  readonly property: string;
  onStarted?(server: number): void;
  onEnded?(server: number, how: EndOfProcess): void;
  /** The server's disk was replaced by an empty one, while it was off. */
  onWiped?(server: number): void;
  onTrace?(server: number, event: TraceEvent): void;
  onClient?(event: ClientEvent): void;
  /** All faults are healed and everything is quiet. */
  onQuiet?(): void;
}

/** Server ids are smaller. */
const nodesPerProcess = 100;

/** @returns The number by which checkers know a worker of a server: it is one more server to most of them. */
export function workerNode(server: number, index: number): number {
  return server + nodesPerProcess * index;
}

/** @returns Whether the number is a worker's. */
export function isWorker(node: number): boolean {
  return node >= nodesPerProcess;
}

/** @returns The server that a worker, or a main process, belongs to. */
export function serverOf(node: number): number {
  return node % nodesPerProcess;
}

/** @returns `0x500000007`. */
export function zxidText(zxid: number): string {
  return `0x${zxid.toString(16)}`;
}
